"""
What a benchmark says about one set: every ranker's score, paired tests, calibration and the rows that were missed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph.values import Catalog
from inference.fusion import Fusion
from inference.ranker import best_first
from training.bench_rankers import Measured, Said
from training.bench_set import BenchRow
from training.metrics import (
    calibration_error_by_chance,
    expected_calibration_error,
    hit_at_k,
    mcnemar,
    mean,
    reliability,
    risk_coverage,
    score,
    strict_at_k,
)

WEEKLY = "trained weekly"
COMPARED_WITH = (
    "bm25",
    "past",
    "classifier",
    "code-rag",
    "majority",
    "shortlist",
    "with model",
    "model alone",
    WEEKLY,
)
WORST_MISSES = 30
LONGEST_MISS = 400
"""Characters of a missed requirement that are shown."""


def summarise(
    measured: Measured, scores: Mapping[str, Said], fusion: Fusion, catalog: Catalog
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Score every ranker on one set.

    Args:
        scores: By ranker; "system" must have been asked about every row. Its scores are probabilities, as are those of
            "trained weekly", if there are any.
        fusion: Behind "system".

    Returns:
        What results.json says of the set, and what details.json says.
    """
    ids = catalog.module_ids
    rows = measured.rows
    truth = [frozenset(row.labelled.modules) for row in rows]
    rankings = {
        name: {i: [ids[place] for place in best_first(row)] for i, row in zip(said.at, said.scores, strict=True)}
        for name, said in scores.items()
    }
    results = {name: _score(found, truth, rows) for name, found in rankings.items()}
    system = [rankings["system"][i] for i in range(len(rows))]
    confidences = [float(row.max()) for row in scores["system"].scores]
    correct = [hit_at_k(ranking, true, 1) for ranking, true in zip(system, truth, strict=True)]
    details = {
        "paired": {
            name: _paired(rankings["system"], rankings[name], truth) for name in COMPARED_WITH if name in rankings
        },
        "latency_ms": {f"p{p}": round(float(np.percentile(measured.milliseconds, p)), 1) for p in (50, 95)},
        "unknown": sum(true.isdisjoint(ids) for true in truth),  # they count as misses of every ranker
        "recall@20": mean([hit_at_k(r, t, 20) for r, t in zip(system, truth, strict=True)]),
        "by_modules": _by_modules(system, truth),
        "ece": expected_calibration_error(confidences, correct),
        "ece_by_chance": calibration_error_by_chance(confidences),
        "reliability": reliability(confidences, correct, bins=15),
        "risk_coverage": risk_coverage(confidences, correct, points=20),
        "sure": _sure(confidences, correct, fusion.threshold),
        "confusions": _confusions(system, rows),
        "misses": _misses(system, confidences, rows),
    }
    if WEEKLY in scores:
        said = [float(row.max()) for row in scores[WEEKLY].scores]
        right = [hit_at_k(rankings[WEEKLY][i], true, 1) for i, true in enumerate(truth)]
        details["trained_weekly"] = {
            "recall@20": mean([hit_at_k(rankings[WEEKLY][i], true, 20) for i, true in enumerate(truth)]),
            "ece": expected_calibration_error(said, right),
            "ece_by_chance": calibration_error_by_chance(said),
            "sure": _sure(said, right, fusion.threshold),
        }
    return results, details


def _score(
    found: Mapping[int, Sequence[str]], truth: Sequence[frozenset[str]], rows: Sequence[BenchRow]
) -> dict[str, Any]:
    parts = {"all": list(found), "no_name": [i for i in found if rows[i].no_name]}
    return {part: score([found[i] for i in at], [truth[i] for i in at]).to_json() for part, at in parts.items()}


def _paired(
    system: Mapping[int, Sequence[str]], other: Mapping[int, Sequence[str]], truth: Sequence[frozenset[str]]
) -> dict[str, Any]:
    """
    McNemar on the rows that both were asked about.
    """
    hits = {k: [[hit_at_k(ranker[i], truth[i], k) for i in other] for ranker in (system, other)] for k in (1, 3)}
    return {"n": len(other), **{f"hit@{k}": round(mcnemar(*pair), 5) for k, pair in hits.items()}}


def _by_modules(rankings: Sequence[Sequence[str]], truth: Sequence[frozenset[str]]) -> dict[str, Any]:
    found = {}
    for count in sorted({len(modules) for modules in truth}):
        picked = [(r, t) for r, t in zip(rankings, truth, strict=True) if len(t) == count]
        found[str(count)] = {
            "n": len(picked),
            **{f"hit@{k}": mean([hit_at_k(r, t, k) for r, t in picked]) for k in (1, 3)},
            "strict@3": mean([strict_at_k(r, t, 3) for r, t in picked]),
        }
    return found


def _sure(confidences: Sequence[float], correct: Sequence[float], threshold: float) -> dict[str, Any]:
    sure = [c for confidence, c in zip(confidences, correct, strict=True) if confidence >= threshold]
    most = round(0.8 * len(confidences))
    best = np.lexsort((np.arange(len(confidences)), -np.asarray(confidences)))[:most]
    return {
        "threshold": round(threshold, 4),
        "coverage": round(len(sure) / len(confidences), 4),
        "precision": mean(sure) if sure else None,
        "accuracy_at_80_coverage": mean([correct[i] for i in best]) if most else None,
        "accuracy": mean(correct),
    }


def _confusions(rankings: Sequence[Sequence[str]], rows: Sequence[BenchRow], *, limit: int = 20) -> list[list[Any]]:
    """
    (true module, module put first, how often), commonest first.
    """
    counts = Counter(
        (row.labelled.modules[0], ranking[0])
        for ranking, row in zip(rankings, rows, strict=True)
        if ranking[0] not in row.labelled.modules
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return [[*pair, count] for pair, count in ordered]


def _misses(
    rankings: Sequence[Sequence[str]], confidences: Sequence[float], rows: Sequence[BenchRow]
) -> list[dict[str, Any]]:
    """
    The misses with the worst place of the first true module, the most confident ones first among equals; the place is
    None where no true module is ranked at all.
    """
    found: list[dict[str, Any]] = []
    for ranking, confidence, row in zip(rankings, confidences, rows, strict=True):
        true = set(row.labelled.modules)
        place = next((i for i, module in enumerate(ranking, start=1) if module in true), len(ranking) + 1)
        if place > 1:
            found.append(
                {
                    "id": row.labelled.id,
                    "text": shorten(row.labelled.text),
                    "true": list(row.labelled.modules),
                    "ranked": list(ranking[:3]),
                    "place": place if place <= len(ranking) else None,
                    "confidence": round(confidence, 3),
                }
            )
    found.sort(key=lambda miss: (-(miss["place"] or math.inf), -miss["confidence"], miss["id"]))
    return found[:WORST_MISSES]


def shorten(text: str) -> str:
    """
    Give the beginning of a long text, cut between words.
    """
    if len(text) <= LONGEST_MISS:
        return text
    return f"{text[:LONGEST_MISS].rsplit(maxsplit=1)[0]} …"
