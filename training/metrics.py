"""
Scores of rankings against labels, with intervals and paired tests.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


def hit_at_k(ranking: Sequence[str], relevant: Collection[str], k: int) -> float:
    """
    Score one answer: did any relevant module make the first *k* places?

    Args:
        ranking: Module ids, best first, no repeats. May be shorter than *k*.
        relevant: Module ids named by the label, in any order.
        k: How many places are read, from 1.

    Returns:
        1.0 or 0.0.

    Raises:
        ValueError: *k* is below 1, or *relevant* is empty: an unlabelled requirement has no score, and counting it
            as a miss would lower the mean unseen.

    Source:
        TREC calls this measure Success@k.

    >>> hit_at_k(["billing.tax", "billing.invoice"], {"billing.invoice"}, k=1)
    0.0
    >>> hit_at_k(["billing.tax", "billing.invoice"], {"billing.invoice"}, k=2)
    1.0
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if not relevant:
        raise ValueError("relevant is empty: leave unlabelled requirements out")
    return 1.0 if any(module in relevant for module in ranking[:k]) else 0.0


def strict_at_k(ranking: Sequence[str], relevant: Collection[str], k: int) -> float:
    """
    Score one answer: did all relevant modules make the first *k* places?

    >>> strict_at_k(["a", "b", "c"], {"a", "c"}, k=2)
    0.0
    """
    return 1.0 if all(module in ranking[:k] for module in relevant) else 0.0


def reciprocal_rank(ranking: Sequence[str], relevant: Collection[str]) -> float:
    """
    1 / place of the first relevant module; 0 when none is ranked.

    >>> reciprocal_rank(["a", "b"], {"b"})
    0.5
    """
    return next((1.0 / place for place, module in enumerate(ranking, start=1) if module in relevant), 0.0)


@dataclass(frozen=True, slots=True)
class Score:
    """
    Means over held-out requirements, from 0 to 1, with the 95 % interval of hit@1 and hit@3.
    """

    n: int
    hit1: float
    hit3: float
    hit5: float
    mrr: float
    strict3: float
    hit1_interval: tuple[float, float]
    hit3_interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "hit@1": self.hit1,
            "hit@3": self.hit3,
            "hit@5": self.hit5,
            "mrr": self.mrr,
            "strict@3": self.strict3,
            "hit@1_95": list(self.hit1_interval),
            "hit@3_95": list(self.hit3_interval),
        }


def score(rankings: Sequence[Sequence[str]], relevant: Sequence[Collection[str]]) -> Score:
    """
    Average all measures over the rows; all zero when there is no row.
    """
    if not rankings:
        return Score(0, 0.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0), (0.0, 0.0))
    pairs = list(zip(rankings, relevant, strict=True))
    hits = {k: [hit_at_k(ranking, truth, k) for ranking, truth in pairs] for k in (1, 3, 5)}
    return Score(
        n=len(pairs),
        hit1=mean(hits[1]),
        hit3=mean(hits[3]),
        hit5=mean(hits[5]),
        mrr=mean([reciprocal_rank(ranking, truth) for ranking, truth in pairs]),
        strict3=mean([strict_at_k(ranking, truth, 3) for ranking, truth in pairs]),
        hit1_interval=bootstrap_interval(hits[1]),
        hit3_interval=bootstrap_interval(hits[3]),
    )


def bootstrap_interval(values: Sequence[float], *, draws: int = 2_000, seed: int = 0) -> tuple[float, float]:
    """
    95 % percentile interval of the mean, rows drawn with replacement.
    """
    sample = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, len(sample), size=(draws, len(sample)))
    low, high = np.percentile(sample[picks].mean(axis=1), [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def mcnemar(first: Sequence[float], second: Sequence[float]) -> float:
    """
    Two-sided exact McNemar p-value for two systems' hits on the same rows; 1.0 when they never differ.

    In whole numbers to the end: as a float, the number of outcomes overflows from 1,024 differing rows on.

    >>> round(mcnemar([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0]), 4)
    0.0312
    """
    wins = sum(1 for a, b in zip(first, second, strict=True) if a > b)
    losses = sum(1 for a, b in zip(first, second, strict=True) if a < b)
    total, few = wins + losses, min(wins, losses)
    if total == 0:
        return 1.0
    tail = ways = 1  # outcomes with no more than `few` wins (or losses), and those with exactly so many
    for i in range(few):
        ways = ways * (total - i) // (i + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << total))


def expected_calibration_error(confidences: Sequence[float], correct: Sequence[float], *, bins: int = 15) -> float:
    """
    ECE over equal-mass bins: mean gap between confidence and accuracy, weighted by the rows in each bin.

    Source:
        Guo et al. 2017, with equal-mass instead of equal-width bins.
    """
    if not confidences:
        return 0.0
    order = np.argsort(np.asarray(confidences), kind="stable")
    gap = 0.0
    for part in np.array_split(order, min(bins, len(order))):
        gap += len(part) * abs(float(np.mean([confidences[i] - correct[i] for i in part])))
    return round(gap / len(order), 4)


def calibration_error_by_chance(
    confidences: Sequence[float], *, bins: int = 15, draws: int = 200, seed: int = 0
) -> float:
    """
    What `expected_calibration_error` would be if every confidence were exactly right: never 0 with few rows a bin.

    Answers are drawn as right with the confidence they have; the mean of several draws.
    """
    random = np.random.default_rng(seed)
    drawn = random.random((draws, len(confidences))) < np.asarray(confidences)
    errors = [expected_calibration_error(confidences, correct.tolist(), bins=bins) for correct in drawn]
    return round(float(np.mean(errors)), 4)


def reliability(confidences: Sequence[float], correct: Sequence[float], *, bins: int = 10) -> list[dict[str, float]]:
    """
    Said against seen: mean confidence and accuracy in bins of equal mass, from the least sure answers to the surest.

    >>> reliability([0.2, 0.4, 0.9, 0.7], [0, 1, 1, 1], bins=2)
    [{'n': 2, 'confidence': 0.3, 'accuracy': 0.5}, {'n': 2, 'confidence': 0.8, 'accuracy': 1.0}]
    """
    if not confidences:
        return []
    order = np.argsort(np.asarray(confidences), kind="stable")
    return [
        {
            "n": len(part),
            "confidence": mean([confidences[i] for i in part]),
            "accuracy": mean([correct[i] for i in part]),
        }
        for part in np.array_split(order, min(bins, len(order)))
    ]


def risk_coverage(confidences: Sequence[float], correct: Sequence[float], *, points: int = 10) -> dict[str, Any]:
    """
    How right is it when it answers only the surest share of the questions?

    Returns:
        {"area": mean error over all shares, 0 is best, "points": [{"coverage", "threshold", "accuracy"}, …]}, from the
        surest answers to all of them.

    Source:
        Geifman and El-Yaniv 2017; the area is their AURC.

    >>> risk_coverage([0.9, 0.5], [1, 0], points=2)["points"]
    [{'coverage': 0.5, 'threshold': 0.9, 'accuracy': 1.0}, {'coverage': 1.0, 'threshold': 0.5, 'accuracy': 0.5}]
    """
    if not confidences:
        return {"area": 0.0, "points": []}
    order = np.argsort(-np.asarray(confidences), kind="stable")
    accuracy = np.cumsum([correct[i] for i in order]) / np.arange(1, len(order) + 1)
    counts = sorted({math.ceil(len(order) * i / points) for i in range(1, points + 1)})
    return {
        "area": round(float(np.mean(1.0 - accuracy)), 4),
        "points": [
            {
                "coverage": round(count / len(order), 4),
                "threshold": round(float(confidences[order[count - 1]]), 4),
                "accuracy": round(float(accuracy[count - 1]), 4),
            }
            for count in counts
        ],
    }


def mean(values: Sequence[float]) -> float:
    """
    Average to four digits; 0.0 of nothing.
    """
    return round(sum(values) / len(values), 4) if values else 0.0
