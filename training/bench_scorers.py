"""
The three ways of scoring with a language model as rankers of a benchmark, and what they add to the shortlist.

Module rows cost one forward pass a requirement and are measured on every row; closed-book ids and candidates cost ten
times that and are measured on some rows, spread over the split. All comparisons are on these same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.values import Catalog, Progress
from inference.fusion import FOLDS, Fusion, HeldOut, fit_temperature, softmax
from inference.ranker import ALL_FEATURES, best_first
from inference.scorers import MOST_CANDIDATES, CandidateScorer, IdScorer, RowScorer, flip_rate
from inference.shortlist import FEATURES
from training.bench_model import BenchModel
from training.bench_rankers import Measured, Said, everywhere, untuned
from training.bench_scores import KeptScorer
from training.bench_set import BenchRow
from training.corpus import Report, stage_of
from training.metrics import expected_calibration_error, hit_at_k, mcnemar, mean

Floats = npt.NDArray[np.float32]
ROWS, IDS, CANDIDATES = "model rows", "model ids", "model candidates"
SCORERS = (ROWS, IDS, CANDIDATES)
WITH_MODEL, ALONE = "with model", "model alone"
COMPARED_ROWS = 60
SCORED_IDS = 9_000
"""Rows of a split on which all ways are measured, and ids scored there: each row costs a second or two."""
FLIPPED_ROWS, ORDERS = 20, 3


@dataclass(frozen=True, slots=True)
class TunedModel:
    """
    A language model and what was fitted around it on dev rows.

    Args:
        model: Under test.
        fusion: Of the shortlist's features and the model's.
        temperatures: One a way of scoring.
        alone: The best way on dev rows.
        about: For details.json.
    """

    model: BenchModel
    fusion: Fusion
    temperatures: Mapping[str, float]
    alone: str
    about: dict[str, Any]


def tune_model(model: BenchModel, dev: Measured, *, report: Report) -> TunedModel:
    """
    Ask the model about the dev rows, fit the fusion with it, and choose the best way of scoring.
    """
    catalog = model.catalog
    columns, said = _ask(model, dev, report=report, split="dev")
    relevant = relevant_positions(dev, catalog)
    rows = [HeldOut(features, r) for features, r in zip(with_model(dev, columns), relevant, strict=True) if r]
    temperatures = fit_temperatures(said, relevant)
    alone = best_scorer(said, dev, catalog)
    report("re-order candidates", 0, 1, "")
    about = {
        **model.about,
        "alone": alone,
        "flips": flips(model, dev),
        "dev": compare_scorers(said, everywhere(untuned(dev)), dev, catalog, temperatures=temperatures),
        "fusion on dev": cross_validated(rows),
    }
    report("re-order candidates", 1, 1, "")
    return TunedModel(model, Fusion.fit(ALL_FEATURES, rows), temperatures, alone, about)


def read_model(
    tuned: TunedModel, measured: Measured, shortlist: Said, *, split: str, report: Report
) -> tuple[dict[str, Said], dict[str, Any]]:
    """
    Ask the model about a set.

    Args:
        shortlist: What the model is compared with.

    Returns:
        Its rankers, and the comparison of its ways with the shortlist.
    """
    columns, said = _ask(tuned.model, measured, report=report, split=split)
    fused = [tuned.fusion.probabilities(features) for features in with_model(measured, columns)]
    ways = compare_scorers(said, shortlist, measured, tuned.model.catalog, temperatures=tuned.temperatures)
    return {WITH_MODEL: everywhere(fused), **said, ALONE: said[tuned.alone]}, ways


def _ask(
    model: BenchModel, measured: Measured, *, split: str, report: Report
) -> tuple[tuple[Floats, ...], dict[str, Said]]:
    columns, milliseconds = row_columns(model, measured.rows, progress=stage_of(report, f"model rows on {split}"))
    rows = everywhere([pair.sum(axis=1) for pair in columns], milliseconds)
    model.kept.save()
    others = compared(model, measured, progress=stage_of(report, f"ids and candidates on {split}"))
    model.kept.save()
    return columns, {ROWS: rows, **others}


def spread(count: int, most: int) -> tuple[int, ...]:
    """
    Pick at most *most* of *count* positions, evenly.

    >>> spread(10, 4)
    (0, 3, 6, 9)
    >>> spread(2, 4)
    (0, 1)
    """
    return tuple(int(i) for i in np.linspace(0, count - 1, min(count, most)).round())


def row_columns(
    model: BenchModel,
    rows: Sequence[BenchRow],
    *,
    progress: Progress = lambda done, total, label: None,
) -> tuple[tuple[Floats, ...], tuple[float, ...]]:
    """
    Give the model's two columns of every row, one at a time as in serving, and the milliseconds of each.
    """
    scorer = RowScorer(model.model, model.catalog, model.rows)
    columns, milliseconds = [], []
    for done, row in enumerate(rows, start=1):
        text = row.labelled.text
        pair, took = model.kept.scores(ROWS, text, (), partial(scorer.features, text))  # (modules, 2)
        columns.append(pair)
        milliseconds.append(took)
        progress(done, len(rows), "requirements")
    return tuple(columns), tuple(milliseconds)


def with_model(measured: Measured, columns: Sequence[Floats]) -> list[Floats]:
    """
    Put the model's columns beside the shortlist's, as `ALL_FEATURES` names them.
    """
    return [np.hstack(pair) for pair in zip(measured.features, columns, strict=True)]


def compared(
    model: BenchModel,
    measured: Measured,
    *,
    progress: Progress = lambda done, total, label: None,
) -> dict[str, Said]:
    """
    Ask closed-book ids and candidates about some rows, fewer where there are many ids to score.
    """
    catalog = model.catalog
    at = spread(len(measured.rows), max(1, min(COMPARED_ROWS, SCORED_IDS // len(catalog.modules))))
    order = candidates(measured)
    ways = {
        IDS: KeptScorer(IDS, IdScorer(model.model, catalog), model.kept),
        CANDIDATES: KeptScorer(CANDIDATES, CandidateScorer(model.model, catalog), model.kept),
    }
    found = {}
    for step, (name, scorer) in enumerate(ways.items()):
        scores, milliseconds = [], []
        for done, position in enumerate(at, start=1):
            said, took = scorer.timed(measured.rows[position].labelled.text, order[position])
            scores.append(said)
            milliseconds.append(took)
            progress(step * len(at) + done, len(ways) * len(at), name)
        found[name] = Said(at, tuple(scores), tuple(milliseconds))
    return found


def candidates(measured: Measured) -> list[list[int]]:
    """
    The modules of every row, best first by what nobody tuned here; the first ten, for a prompt, in the catalog's order.

    Shown best first, a model that has learned nothing and always says "A" would repeat the shortlist and look as good.
    """
    orders = map(best_first, untuned(measured))
    return [[*sorted(order[:MOST_CANDIDATES]), *order[MOST_CANDIDATES:]] for order in orders]


def flips(model: BenchModel, measured: Measured) -> dict[str, Any]:
    """
    Measure how often another order of the candidates makes another module the first one.
    """
    at = spread(len(measured.rows), FLIPPED_ROWS)
    order = candidates(measured)
    asked = [(measured.rows[i].labelled.text, order[i]) for i in at]
    scorer = KeptScorer(CANDIDATES, CandidateScorer(model.model, model.catalog), model.kept)
    rate = flip_rate(scorer, asked, orders=ORDERS)
    model.kept.save()
    return {"rate": round(rate, 4), "requirements": len(at), "orders": ORDERS}


def best_scorer(said: Mapping[str, Said], measured: Measured, catalog: Catalog) -> str:
    """
    Name the way with the best hit@1, then hit@3, on the rows that all ways were asked about.
    """
    at = common_rows(said)
    hits = {name: [_hits(one.only(at), measured, at, catalog, k) for k in (1, 3)] for name, one in said.items()}
    return max(hits, key=lambda name: [mean(row) for row in hits[name]])


def common_rows(said: Mapping[str, Said]) -> tuple[int, ...]:
    """
    Positions of the rows that everybody was asked about.
    """
    return tuple(sorted(set.intersection(*(set(one.at) for one in said.values()))))


def compare_scorers(
    said: Mapping[str, Said],
    shortlist: Said,
    measured: Measured,
    catalog: Catalog,
    *,
    temperatures: Mapping[str, float],
) -> dict[str, Any]:
    """
    Compare every way with the shortlist, on the same rows.

    Returns:
        {"n", "rankers": {name: {"hit@1", "hit@3", "p" of McNemar against the shortlist, "ece", "p50_ms"}}}.
    """
    at = common_rows(said)
    first = _hits(shortlist.only(at), measured, at, catalog, 1)
    third = _hits(shortlist.only(at), measured, at, catalog, 3)
    found: dict[str, Any] = {"shortlist": {"hit@1": mean(first), "hit@3": mean(third)}}
    for name, one in said.items():
        hits = _hits(one.only(at), measured, at, catalog, 1)
        confidences = [float(softmax(row / temperatures[name]).max()) for row in one.only(at)]
        found[name] = {
            "hit@1": mean(hits),
            "hit@3": mean(_hits(one.only(at), measured, at, catalog, 3)),
            "p": round(mcnemar(hits, first), 4),
            "ece": expected_calibration_error(confidences, hits),
            "p50_ms": round(float(np.median(one.milliseconds or [0.0])), 1),
        }
    return {"n": len(at), "rankers": found}


def fit_temperatures(said: Mapping[str, Said], relevant: Sequence[tuple[int, ...]]) -> dict[str, float]:
    """
    Fit one temperature a way on dev rows, so that its scores can be read as probabilities; 1 where there is no row.

    Args:
        relevant: Positions of the true modules of every row of the split.
    """
    rows = {
        name: [(row, relevant[i]) for i, row in zip(one.at, one.scores, strict=True) if relevant[i]]
        for name, one in said.items()
    }
    return {name: fit_temperature(known) if known else 1.0 for name, known in rows.items()}


def relevant_positions(measured: Measured, catalog: Catalog) -> list[tuple[int, ...]]:
    """
    Positions of each row's true modules in the catalog; empty where it has none of them.
    """
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    return [tuple(place[m] for m in row.labelled.modules if m in place) for row in measured.rows]


def cross_validated(rows: Sequence[HeldOut]) -> dict[str, Any]:
    """
    Say what the model adds to the fusion on dev rows: each fifth judged by weights fitted on the others.

    Args:
        rows: With `ALL_FEATURES`, dev rows in the order of time.

    Returns:
        {"n", "shortlist": {"hit@1", "hit@3"}, "with model": {…}, "p": McNemar of hit@1}; n is 0 below one row a fold.
    """
    if len(rows) < FOLDS:
        return {"n": 0}
    forms = {"shortlist": FEATURES, "with model": ALL_FEATURES}
    hits = {name: _held_out_hits(rows, features) for name, features in forms.items()}
    means = {name: {f"hit@{k}": mean([row[k] for row in found]) for k in (1, 3)} for name, found in hits.items()}
    p = mcnemar(*([row[1] for row in found] for found in hits.values()))
    return {"n": len(rows), **means, "p": round(p, 4)}


def _held_out_hits(rows: Sequence[HeldOut], features: Sequence[str]) -> list[dict[int, float]]:
    columns = [ALL_FEATURES.index(name) for name in features]
    cut = [HeldOut(row.features[:, columns], row.relevant) for row in rows]
    hits: list[dict[int, float]] = [{} for _ in rows]
    for fold in range(FOLDS):
        fusion = Fusion.fit(features, [row for i, row in enumerate(cut) if i % FOLDS != fold])
        for i in range(fold, len(cut), FOLDS):
            order = best_first(fusion.probabilities(cut[i].features))
            hits[i] = {k: float(any(place in cut[i].relevant for place in order[:k])) for k in (1, 3)}
    return hits


def _hits(scores: Sequence[Floats], measured: Measured, at: Sequence[int], catalog: Catalog, k: int) -> list[float]:
    ids = catalog.module_ids
    return [
        hit_at_k([ids[place] for place in best_first(row)[:k]], measured.rows[i].labelled.modules, k)
        for i, row in zip(at, scores, strict=True)
    ]
