"""
A finished release as it is deployed: do its answers stay the same, how long do they take, how much room do they need?

    python -m training.deployed RELEASE ASKED.json FOUND.json MODELS    # in a process that knows nothing of training

The release is loaded from its folder by the ranker that serves. ASKED.json holds {"texts", "passes", "seed"}.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from graph.values import Progress
from inference.ranker import Ranker
from inference.release import ReleaseError
from training.fresh import FreshProcessError, run_fresh

MEGABYTE = 1e6


def measure_deployed(
    folder: Path,
    texts: Sequence[str],
    *,
    models: Path,
    progress: Progress = lambda done, total, label: None,
) -> dict[str, Any]:
    """
    Ask a complete release *texts* in two new processes: in three orders, cold and warm.

    Args:
        folder: The release, with its `release.json`.
        texts: Readable requirements.
        models: Folder with the sentence encoder.

    Returns:
        {"stability": {"requirements", "rankings", "identical"}, "latency_ms": {part: {"p50", "p95"}}, "memory_mb":
        {"peak", "disk"}, "loaded_in_s", "loaded_as"}; *identical* is the share of requirements whose every ranking was
        the same to the last digit.

    Raises:
        inference.release.ReleaseError: the release does not load there.
    """
    progress(0, 2, "as deployed")
    first = _ask_fresh(folder, texts, passes=2, seed=0, models=models)
    progress(1, 2, "as deployed")
    second = _ask_fresh(folder, texts, passes=1, seed=1, models=models)
    progress(2, 2, "as deployed")
    rankings = [[*one, *other] for one, other in zip(first.pop("rankings"), second["rankings"], strict=True)]
    return {"stability": stability(rankings), **first}


def stability(rankings: Sequence[Sequence[str]]) -> dict[str, float]:
    """
    Count the requirements that always got the same ranking.

    >>> stability([["a", "a"], ["b", "c"]])
    {'requirements': 2, 'rankings': 2, 'identical': 0.5}
    """
    same = [len(set(row)) == 1 for row in rankings]
    return {
        "requirements": len(rankings),
        "rankings": len(rankings[0]) if rankings else 0,
        "identical": round(sum(same) / len(same), 4) if same else 1.0,
    }


def _ask_fresh(folder: Path, texts: Sequence[str], *, passes: int, seed: int, models: Path) -> dict[str, Any]:
    with TemporaryDirectory(prefix="signpost-deployed-") as scratch:
        asked, found = Path(scratch) / "asked.json", Path(scratch) / "found.json"
        asked.write_text(json.dumps({"texts": list(texts), "passes": passes, "seed": seed}), encoding="utf-8")
        try:
            run_fresh("training.deployed", [folder, asked, found, models])
        except FreshProcessError as error:
            raise ReleaseError(
                f"The finished release does not answer in a process of its own ({error}): nothing was released."
            ) from error
        value: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return value


def ask(ranker: Ranker, texts: Sequence[str], *, passes: int, seed: int) -> dict[str, Any]:
    """
    Rank *texts* in another order at each pass, then time the parts.

    Returns:
        {"rankings": the digests of each text's rankings, "latency_ms": {"answer", "shortlist", "model"}}, *answer*
        until the ranking stands, over all passes; the reasoning is written after it.
    """
    rankings: list[list[str]] = [[] for _ in texts]
    whole: list[float] = []
    for number in range(passes):
        order = list(range(len(texts)))
        random.Random(f"{seed} {number}").shuffle(order)  # noqa: S311
        for i in order:
            began = time.perf_counter()
            ranking = ranker.rank(texts[i])
            whole.append(time.perf_counter() - began)
            said = json.dumps(ranking.to_json(), sort_keys=True)
            rankings[i].append(hashlib.sha256(said.encode()).hexdigest())
    shortlist = [_seconds(ranker.shortlist.features, text) for text in texts]
    features = [_seconds(ranker.features, text) for text in texts]
    model = [max(0.0, both - one) for both, one in zip(features, shortlist, strict=True)]
    parts = {"answer": whole, "shortlist": shortlist, "model": model}
    return {"rankings": rankings, "latency_ms": {name: _percentiles(seconds) for name, seconds in parts.items()}}


def _seconds(function: Callable[[str], object], text: str) -> float:
    began = time.perf_counter()
    function(text)
    return time.perf_counter() - began


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """
    >>> _percentiles([0.1, 0.2, 0.3])
    {'n': 3, 'p50': 200.0, 'p95': 290.0}
    """
    if not seconds:
        return {"n": 0}
    p50, p95 = (round(float(value) * 1_000, 1) for value in np.percentile(seconds, [50, 95]))
    return {"n": len(seconds), "p50": p50, "p95": p95}


def _peak_megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / MEGABYTE if sys.platform == "darwin" else peak * 1_024 / MEGABYTE, 1)  # bytes there, KiB here


def main(arguments: Sequence[str]) -> None:
    folder, asked, found, models = map(Path, arguments)
    question = json.loads(asked.read_text(encoding="utf-8"))
    began = time.perf_counter()
    ranker = Ranker.load(folder, models=models)
    loaded = round(time.perf_counter() - began, 2)
    answer = ask(ranker, question["texts"], passes=question["passes"], seed=question["seed"])
    disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    answer |= {
        "memory_mb": {"peak": _peak_megabytes(), "disk": round(disk / MEGABYTE, 1)},
        "loaded_in_s": loaded,
        "loaded_as": f"{str(ranker.model.model.dtype).removeprefix('torch.')} on {ranker.model.device.type}",
    }
    found.write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
