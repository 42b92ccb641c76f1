"""
Two releases side by side: their scorecards, and a paired test over the requirements that both were held out on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.release import ReleaseInfo, read_release
from training.metrics import mcnemar

HITS = "hits.json"
# Where a scorecard has what was measured as deployed; older ones have not.
DEPLOYED = {
    "asked again, identical": ("stability", "identical"),
    "put otherwise, same first": ("paraphrases", "top1"),
    "answer ms, p50": ("latency_ms", "answer", "p50"),
    "answer ms, p95": ("latency_ms", "answer", "p95"),
    "memory MB, peak": ("memory_mb", "peak"),
    "disk MB": ("memory_mb", "disk"),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """
    One measure on the held-out rows that two releases share.

    Args:
        rows: How many they share.
        first, second: Their means over those rows.
        p: Of the exact McNemar test.
    """

    measure: str
    rows: int
    first: float
    second: float
    p: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    Args:
        infos: What the releases are made of.
        figures: (name, value of the first, value of the second); None where a release has none.
        pairs: Paired tests; empty when no held-out row is in both.
        reason: Why there is no paired test; "" when there is one.
    """

    infos: tuple[ReleaseInfo, ReleaseInfo]
    figures: tuple[tuple[str, float | None, float | None], ...]
    pairs: tuple[Pair, ...]
    reason: str


def compare_releases(first: Path, second: Path) -> Comparison:
    """
    Compare two release folders, each verified first.

    Raises:
        inference.release.ReleaseError: one of them is damaged.
    """
    infos = (read_release(first), read_release(second))
    cards = [json.loads((folder / "scorecard.json").read_text(encoding="utf-8")) for folder in (first, second)]
    values = [_figures(card) for card in cards]
    names = dict.fromkeys([*values[0], *values[1]])
    figures = tuple((name, values[0].get(name), values[1].get(name)) for name in names)
    lacking = [info.id for info, folder in zip(infos, (first, second), strict=True) if not (folder / HITS).is_file()]
    if lacking:
        return Comparison(infos, figures, (), f"{lacking[0]} was made before hits were kept per row: train it again.")
    hits = [json.loads((folder / HITS).read_text(encoding="utf-8")) for folder in (first, second)]
    pairs = tuple(pair for measure in ("hit@1", "hit@3") if (pair := _pair(measure, hits[0], hits[1])))
    return Comparison(infos, figures, pairs, "" if pairs else "They have no held-out requirement in common.")


def _pair(measure: str, first: dict[str, dict[str, float]], second: dict[str, dict[str, float]]) -> Pair | None:
    rows = sorted(set(first[measure]) & set(second[measure]))
    if not rows:
        return None
    one, other = ([hits[measure][row] for row in rows] for hits in (first, second))
    return Pair(measure, len(rows), sum(one) / len(rows), sum(other) / len(rows), mcnemar(one, other))


def _figures(card: dict[str, Any]) -> dict[str, float]:
    found = {
        f"{ranker} {measure}{suffix}": slices[kind][measure]
        for ranker, slices in card["rankers"].items()
        for kind, suffix in (("all", ""), ("no_name", ", no name"))
        for measure in ("hit@1", "hit@3")
        if slices[kind]["n"]
    }
    for measure in ("hit@1", "hit@3"):
        if card.get("symbols"):
            found[f"system {measure}, held-out symbols"] = card["symbols"]["system"]["all"][measure]
    for name in ("ece", "coverage", "precision_when_sure"):
        if card.get(name) is not None:
            found[name.replace("_", " ")] = card[name]
    for name, path in DEPLOYED.items():
        value: Any = card
        for key in path:
            value = value.get(key, {})
        if isinstance(value, (int, float)):
            found[name] = value
    return found
