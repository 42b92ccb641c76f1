"""
How much should a repository's own held-out rows decide? Asked of repositories that nothing was learned from.

    python -m training.localizer.tuning_trial SHARDS                            # five networks, then a table
    python -m training.localizer.tuning_trial SHARDS --pull 0.2 4 --most 30     # the small variant

The shards are dealt into five parts; the network that scores one part was trained on the other four. Of each
repository, the code and the history lie before all rows; the earlier half of the rows tunes the fusion, the later half
measures it. So every shard is measured on, and time runs as it does in serving.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from inference.fusion import Fusion, HeldOut
from inference.shortlist import FEATURES, z_scored
from training.localizer.reranker_training import Network, read_lessons, train_reranker
from training.localizer.shards import load_shard
from training.metrics import calibration_error_by_chance, expected_calibration_error

Floats = npt.NDArray[np.float32]
PARTS = 5
PULLS = (0.02, 0.2, 1.0, 4.0, 16.0, 1e6)
LEAST_SURE = 15
"""Sure answers of a repository that say anything about their precision."""
LEAST_PRECISION = 0.8


@dataclass(frozen=True, slots=True)
class Tried:
    """
    What the fusion answered to the later rows of one repository.

    Args:
        hits: Whether a true module came first, and within the first three.  # (rows, 2)
        named: Which rows name what they touch.  # (rows,)
        confidences: Of the first module.  # (rows,)
        sure: Which answers were called sure.  # (rows,)
    """

    hits: npt.NDArray[np.bool_]
    named: npt.NDArray[np.bool_]
    confidences: Floats
    sure: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Strange:
    """
    The rows of a repository as the fusion sees them, scored by a network that knew nothing of it.
    """

    rows: tuple[HeldOut, ...]
    named: npt.NDArray[np.bool_]


def read_strange(paths: Sequence[Path], kind: str, *, network: Network) -> list[Strange]:
    """
    Score the shards of *paths* that have this kind of columns, see `reranker_training.KINDS`.
    """
    found = []
    lessons = [(path, lesson) for path in paths for lesson in read_lessons([path]) if lesson.kind == kind]
    for shard, lesson in lessons:
        with torch.inference_mode():
            scores = network(lesson.inputs.float(), lesson.context).numpy()
        features = [
            np.hstack([z_scored(columns.astype(np.float32)), (row - row.mean())[:, None]])
            for columns, row in zip(load_shard(shard)[kind], scores, strict=True)
        ]
        relevant = [tuple(map(int, np.flatnonzero(row))) for row in lesson.truth.numpy()]
        found.append(Strange(tuple(map(HeldOut, features, relevant)), lesson.named))
    return found


def try_pull(repository: Strange, pull: float) -> Tried:
    """
    Tune on the earlier half of the rows, answer the later half.
    """
    half = len(repository.rows) // 2
    fusion = Fusion.fit(FEATURES, repository.rows[:half], pull=pull)
    later = repository.rows[half:]
    answers = [fusion.probabilities(row.features) for row in later]
    first = [np.argsort(-p, kind="stable")[:3] for p in answers]
    true = [np.isin(places, row.relevant) for places, row in zip(first, later, strict=True)]
    confidences = np.array([p.max() for p in answers], dtype=np.float32)
    hits = np.array([(places[0], places.any()) for places in true])
    return Tried(hits, repository.named[half:], confidences, confidences >= fusion.threshold)


def table_row(tried: Sequence[Tried], untuned: Sequence[Tried]) -> str:
    """
    Write what one pull gives: hits, what it gains over the untuned network, calibration, and "sure".
    """
    hits, bare = np.concatenate([t.hits for t in tried]), ~np.concatenate([t.named for t in tried])
    gains = np.array([t.hits.mean(axis=0) - u.hits.mean(axis=0) for t, u in zip(tried, untuned, strict=True)])
    draws = np.random.default_rng(0).integers(0, len(gains), size=(2_000, len(gains)))
    gained = 100 * np.stack([gains.mean(axis=0), *np.percentile(gains[draws].mean(axis=1), [2.5, 97.5], axis=0)])
    confidences = np.concatenate([t.confidences for t in tried]).tolist()
    each = np.mean([expected_calibration_error(t.confidences.tolist(), t.hits[:, 0].tolist()) for t in tried])
    chance = np.mean([calibration_error_by_chance(t.confidences.tolist(), draws=5) for t in tried])
    sure = np.concatenate([t.sure for t in tried])
    precise = [t.hits[t.sure, 0].mean() >= LEAST_PRECISION for t in tried if t.sure.sum() >= LEAST_SURE]
    return " | ".join(
        (
            _percent(hits.mean(axis=0)),
            _percent(hits[bare].mean(axis=0)),
            " / ".join(f"{value:+.1f} ({least:+.1f} to {most:+.1f})" for value, least, most in gained.T),
            f"{expected_calibration_error(confidences, hits[:, 0].tolist()):.3f}",
            f"{each:.3f} ({chance:.3f})",
            _percent((hits[sure, 0].mean() if sure.any() else 0.0, sure.mean())),
            f"{sum(precise)} of {len(precise)}",
        )
    )


def _percent(values: Sequence[float] | npt.NDArray[np.float64]) -> str:
    return " / ".join(f"{100 * value:.1f}" for value in values)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Print one row a pull: how the later rows of repositories are answered that nothing was learned from.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--kind", default="warm", help="which columns: warm, cold, warm_meaning or cold_meaning")
    parser.add_argument("--pull", type=float, nargs="+", default=PULLS)
    parser.add_argument("--most", type=int, help="as many repositories at most")
    chosen = parser.parse_args(arguments)
    paths = sorted(chosen.shards.glob("*.json.gz"))
    random.Random(3).shuffle(paths)  # noqa: S311
    paths = paths[: chosen.most]
    strange: list[Strange] = []
    for part in range(min(PARTS, len(paths))):
        others = [path for i, path in enumerate(paths) if i % PARTS != part]
        strange += read_strange(paths[part::PARTS], chosen.kind, network=train_reranker(read_lessons(others)))
    sys.stdout.write(
        f"{len(strange)} repositories, {chosen.kind}; percent, calibration error from 0 to 1\n\n"
        "| pull | hit@1 / hit@3 | unnamed | gain over the untuned network, mean of repositories (95 %) "
        "| calibration error, all rows | of a repository (by chance) | sure: precision / coverage "
        "| repositories with 80 % |\n|---|---|---|---|---|---|---|---|\n"
    )
    untuned = [try_pull(repository, PULLS[-1]) for repository in strange]
    for pull in chosen.pull:
        row = table_row([try_pull(repository, pull) for repository in strange], untuned)
        sys.stdout.write(f"| {pull:g} | {row} |\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
