"""
Held-out evaluation: every ranker on the same rows, with the same labels, in one table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.values import Progress
from inference.belonging import set_f1
from inference.fusion import Fusion, HeldOut
from inference.ranker import ALL_FEATURES, Ranker, best_first, readable
from inference.shortlist import FEATURES
from training.dataset import Example
from training.metrics import expected_calibration_error, hit_at_k, mcnemar, reliability, risk_coverage, score

Floats = npt.NDArray[np.float32]
SINGLE_COLUMNS = {
    "bm25": "bm25",
    "past": "past",
    "classifier": "classifier",
    "model rows": "model_rows",
    "model cards": "model_cards",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """
    Held-out rows with all their features, computed once.

    Args:
        examples: The rows.
        features: One array a row.  # (modules, len(ALL_FEATURES))
        relevant: Positions of each row's true modules.
    """

    examples: tuple[Example, ...]
    features: tuple[Floats, ...]
    relevant: tuple[tuple[int, ...], ...]

    def held_out(self, columns: Sequence[str]) -> list[HeldOut]:
        """
        The rows as the fusion wants them, with only some feature columns.
        """
        picked = [ALL_FEATURES.index(name) for name in columns]
        return [HeldOut(f[:, picked], r) for f, r in zip(self.features, self.relevant, strict=True)]


def prepare(
    ranker: Ranker,
    examples: Sequence[Example],
    *,
    in_batches: bool = False,
    progress: Progress = lambda done, total, label: None,
) -> Prepared:
    """
    Compute the features of held-out rows with the ranker as it will be served.

    Args:
        in_batches: Ask the model in batches: several times faster, but values may differ from what is served in their
            last bits. For rows that something is fitted on, not for those it is measured on.
    """
    place = {module: i for i, module in enumerate(ranker.catalog.module_ids)}
    asked = [readable(example.requirement) for example in examples]
    states = ranker.model.hidden_in_batches([ranker.prompt(text) for text in asked]) if in_batches else None
    features = []
    for done, text in enumerate(asked, start=1):
        features.append(ranker.features(text, state=states[done - 1] if states is not None else None))
        progress(done, len(examples), "held-out requirements")
    relevant = tuple(tuple(place[module] for module in example.modules) for example in examples)
    return Prepared(tuple(examples), tuple(features), relevant)


def scorecard(
    ranker: Ranker,
    dev: Prepared,
    test: Prepared,
    *,
    train: Sequence[Example],
    closed_book_rows: int,
    symbols: Sequence[Example] = (),
    progress: Progress = lambda done, total, label: None,
) -> dict[str, Any]:
    """
    Measure the system and its baselines on the test rows.

    Args:
        symbols: Test rows of another kind: texts from symbols that the ranker's catalog does not know.

    Returns:
        {"rankers": {name: {"all": score, "no_name": score}}, "dev": the same of the system on the rows its fusion was
        fitted on, "symbols": of all rankers on *symbols*, or {}, "ece", "reliability", "risk_coverage", "threshold",
        "coverage", "precision_when_sure", "set_f1": {"predicted", "top 1", "top 3"}, "mcnemar_system_vs_shortlist",
        "rows": {"dev", "test"}}, values from 0 to 1; "closed-book ids" is measured on the first *closed_book_rows* test
        rows only and says so in its n.
    """
    ids = ranker.catalog.module_ids
    shortlist = Fusion.fit(FEATURES, dev.held_out(FEATURES))
    rankings = _rankings(ranker, shortlist, test.features, train=train)
    probabilities = [ranker.fusion.probabilities(f) for f in test.features]
    apart = prepare(ranker, symbols, progress=progress)
    of_symbols = _rankings(ranker, shortlist, apart.features, train=train)
    closed = []
    for done, example in enumerate(test.examples[:closed_book_rows], start=1):
        closed.append(_named(ranker.closed_book(example.requirement), ids))
        progress(done, min(closed_book_rows, len(test.examples)), "closed-book ids")
    rankings["closed-book ids"] = closed
    truth = [frozenset(example.modules) for example in test.examples]
    hits = {
        name: [hit_at_k(r, t, 1) for r, t in zip(rankings[name], truth, strict=True)]
        for name in ("system", "shortlist")
    }
    confidences = [float(p.max()) for p in probabilities]
    sure = [confidence >= ranker.fusion.threshold for confidence in confidences]
    return {
        "rankers": {name: _slices(rows, test.examples) for name, rows in rankings.items()},
        "ece": expected_calibration_error(confidences, hits["system"]),
        "reliability": reliability(confidences, hits["system"]),
        "risk_coverage": risk_coverage(confidences, hits["system"]),
        "dev": _slices([_named(ranker.fusion.probabilities(f), ids) for f in dev.features], dev.examples),
        "symbols": {name: _slices(rows, symbols) for name, rows in of_symbols.items()} if symbols else {},
        "threshold": ranker.fusion.threshold,
        "coverage": round(float(np.mean(sure)), 4) if sure else 0.0,
        "precision_when_sure": round(float(np.mean([h for h, s in zip(hits["system"], sure, strict=True) if s])), 4)
        if any(sure)
        else None,
        "set_f1": _set_f1(ranker, probabilities, test),
        "mcnemar_system_vs_shortlist": round(mcnemar(hits["system"], hits["shortlist"]), 4),
        "rows": {"train": len(train), "dev": len(dev.examples), "test": len(test.examples)},
        "system_hits": {example.id: hit for example, hit in zip(test.examples, hits["system"], strict=True)},
        "system_hits3": {
            e.id: hit_at_k(r, t, 3) for e, r, t in zip(test.examples, rankings["system"], truth, strict=True)
        },
    }


def _rankings(
    ranker: Ranker, shortlist: Fusion, features: Sequence[Floats], *, train: Sequence[Example]
) -> dict[str, list[list[str]]]:
    """
    What each ranker makes of every row's features: majority, single columns, *shortlist*, and the system.
    """
    ids = ranker.catalog.module_ids
    rankings = {"majority": _majority(train, ids, len(features))}
    for name, column in SINGLE_COLUMNS.items():
        at = ALL_FEATURES.index(column)
        rankings[name] = [_named(f[:, at], ids) for f in features]
    columns = [ALL_FEATURES.index(name) for name in FEATURES]
    rankings["shortlist"] = [_named(shortlist.probabilities(f[:, columns]), ids) for f in features]
    rankings["system"] = [_named(ranker.fusion.probabilities(f), ids) for f in features]
    return rankings


def _set_f1(ranker: Ranker, probabilities: Sequence[Floats], test: Prepared) -> dict[str, float]:
    """
    F1 of the modules said to belong, against always the first one and always the first three.
    """
    if not probabilities:
        return {}
    pairs = list(zip(probabilities, test.relevant, strict=True))
    rules: dict[str, Callable[[Floats], Sequence[int]]] = {
        "predicted": ranker.belonging.first,
        "top 1": lambda p: best_first(p)[:1],
        "top 3": lambda p: best_first(p)[:3],
    }
    return {
        name: round(float(np.mean([set_f1(first(p), relevant) for p, relevant in pairs])), 4)
        for name, first in rules.items()
    }


def _slices(rankings: Sequence[list[str]], examples: Sequence[Example]) -> dict[str, Any]:
    rows = list(zip(rankings, examples, strict=False))  # closed-book has fewer rankings than there are examples
    slices: dict[str, Callable[[Example], bool]] = {
        "all": lambda e: True,
        "no_name": lambda e: not e.names_module,
    }
    return {
        name: score([r for r, e in rows if keep(e)], [frozenset(e.modules) for _, e in rows if keep(e)]).to_json()
        for name, keep in slices.items()
    }


def _majority(train: Sequence[Example], ids: Sequence[str], rows: int) -> list[list[str]]:
    counts = Counter(module for example in train for module in example.modules)
    order = sorted(ids, key=lambda module: (-counts[module], module))
    return [order] * rows


def _named(scores: Floats, ids: Sequence[str]) -> list[str]:
    return [ids[i] for i in best_first(scores)]
