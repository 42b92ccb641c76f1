"""
The rankers of a benchmark: what each says about the rows of one split.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from graph.values import Catalog, Progress
from inference.classifier import TextClassifier
from inference.fusion import Fusion, HeldOut
from inference.labelled import LabelledText, days_of, known_only
from inference.meaning import MEANING_FEATURES
from inference.ranker import best_first
from inference.shortlist import FEATURES, FROM_PAST, MEASURED, Shortlist, neutral_where_unknown
from training.bench_set import BenchRow
from training.code_rag import CodeRag
from training.metrics import hit_at_k, mean

Floats = npt.NDArray[np.float32]
SINGLE_FEATURES = {"bm25": "bm25", "past": "past", "classifier": "classifier"}


@dataclass(frozen=True, slots=True)
class Measured:
    """
    Rows of one split with everything the rankers said about them.

    Args:
        rows: The requirements.
        columns: The shortlist's features as they are computed, one array a row.  # (modules, len(MEASURED))
        features: What the fusion sees.  # (modules, len(FEATURES))
        milliseconds: What the features of each row took.
    """

    rows: tuple[BenchRow, ...]
    columns: tuple[Floats, ...]
    features: tuple[Floats, ...]
    milliseconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """
    What a ranker said of some rows of a split.

    Args:
        at: Positions of the rows, ascending.
        scores: One array a row.  # (modules,)
        milliseconds: What each took; empty where nobody measured it.
    """

    at: tuple[int, ...]
    scores: tuple[Floats, ...]
    milliseconds: tuple[float, ...] = ()

    def only(self, at: Sequence[int]) -> list[Floats]:
        """
        The scores of the rows *at*, which must be among its own.
        """
        place = {position: i for i, position in enumerate(self.at)}
        return [self.scores[place[position]] for position in at]


def everywhere(scores: Sequence[Floats], milliseconds: Sequence[float] = ()) -> Said:
    """
    What a ranker said that was asked about every row.
    """
    return Said(tuple(range(len(scores))), tuple(scores), tuple(milliseconds))


def measure(
    shortlist: Shortlist, rows: Sequence[BenchRow], *, progress: Progress = lambda done, total, label: None
) -> Measured:
    """
    Compute the features of every row, one at a time as in serving.
    """
    columns, features, milliseconds = [], [], []
    for done, row in enumerate(rows, start=1):
        began = time.perf_counter()
        columns.append(shortlist.columns(row.labelled.text))
        features.append(shortlist.weigh(columns[-1]))
        milliseconds.append(1_000 * (time.perf_counter() - began))
        progress(done, len(rows), "requirements")
    return Measured(tuple(rows), tuple(columns), tuple(features), tuple(milliseconds))


def in_order(rows: Sequence[BenchRow]) -> bool:
    """
    Whether every row has a date and none is older than the one before it.
    """
    if not all(row.labelled.date for row in rows):
        return False
    return all(days_of(a.labelled.date) <= days_of(b.labelled.date) for a, b in pairwise(rows))


def trained_weekly(
    shortlist: Shortlist,
    dev: Sequence[BenchRow],
    rows: Sequence[BenchRow],
    *,
    progress: Progress = lambda done, total, label: None,
) -> list[Floats]:
    """
    What the fusion sees of each row when the shortlist learns once a week what was asked until then: the dev rows, then
    *rows* of the weeks before. No other ranker may: it is what a team gets whose release is trained every week.

    Args:
        rows: Dated, oldest first.

    Returns:
        One array a row.  # (modules, len(FEATURES))
    """
    seen = shortlist.with_more(known_only([row.labelled for row in dev], shortlist.catalog))
    weeks = [int(days_of(row.labelled.date) // 7) for row in rows]
    features: list[Floats] = []
    learned = 0
    for done, row in enumerate(rows, start=1):
        until = bisect_left(weeks, weeks[done - 1])
        seen = seen.with_more(known_only([row.labelled for row in rows[learned:until]], shortlist.catalog))
        learned = max(learned, until)
        features.append(seen.features(row.labelled.text))
        progress(done, len(rows), "requirements")
    return features


def held_out(measured: Measured, catalog: Catalog) -> list[HeldOut]:
    """
    The rows as the fusion wants them; labels outside the catalog teach nothing.
    """
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    pairs = [
        (features, tuple(place[m] for m in row.labelled.modules if m in place))
        for row, features in zip(measured.rows, measured.features, strict=True)
    ]
    return [HeldOut(features, relevant) for features, relevant in pairs if relevant]


def shuffled_labels(past: Sequence[LabelledText]) -> tuple[LabelledText, ...]:
    """
    The control: the same texts and the same labels in another order, which teach nothing but how common modules are.
    """
    order = np.random.default_rng(0).permutation(len(past))
    return tuple(replace(row, modules=past[int(i)].modules) for row, i in zip(past, order, strict=True))


def rankers_of(
    measured: Measured,
    fusion: Fusion,
    *,
    past: Sequence[LabelledText],
    catalog: Catalog,
    control: TextClassifier | None,
    snippets: CodeRag | None = None,
) -> dict[str, Said]:
    """
    Give each ranker's scores of all modules, a row each; those of "shortlist" and "system" are probabilities.

    "untuned" is what the shipped network makes of the features before anything was fitted on dev.
    """
    counts = Counter(module for row in past for module in row.modules)
    majority = np.array([counts[module] for module in catalog.module_ids], dtype=np.float32)
    fused = [fusion.probabilities(features) for features in measured.features]
    rankers = {"system": fused, "shortlist": fused}
    for name, feature in SINGLE_FEATURES.items():
        at = FEATURES.index(feature)
        rankers[name] = [features[:, at] for features in measured.features]
    rankers["untuned"] = untuned(measured)
    if snippets is not None:
        rankers["code-rag"] = [snippets.scores(row.labelled.text) for row in measured.rows]
    rankers["majority"] = [majority] * len(measured.rows)
    if control is not None:
        columns = [catalog.module_ids.index(module) for module in control.module_ids]
        rankers["shuffled labels"] = []
        for row in measured.rows:
            scores = np.full(len(majority), np.nan, dtype=np.float32)
            scores[columns] = control.scores(row.labelled.text)
            rankers["shuffled labels"].append(neutral_where_unknown(scores))
    return {name: everywhere(scores) for name, scores in rankers.items()}


def untuned(measured: Measured) -> list[Floats]:
    """
    What the shipped network makes of the features; without past requirements, what a repository gets at first.
    """
    return [features[:, FEATURES.index("reranked")] for features in measured.features]


def ablations(
    shortlist: Shortlist,
    dev: Measured,
    measured: Measured,
    catalog: Catalog,
    *,
    progress: Progress = lambda done, total, label: None,
) -> dict[str, dict[str, float]]:
    """
    Measure the shortlist without each of its features: the column says nothing, and the fusion is fitted again.

    Returns:
        {feature, or "the encoder", "history" or "the network": {"hit@1", "hit@3", "no_name hit@1"}}, with "nothing" for
        all features. Without the network the features are summed with weights from dev alone.
    """
    groups = {
        "nothing": (),
        **{name: (name,) for name in MEASURED},
        "the encoder": MEANING_FEATURES,
        "history": FROM_PAST,
        "the network": ("reranked",),
    }
    found = {}
    for done, (name, left_out) in enumerate(groups.items(), start=1):
        fusion = Fusion.fit(FEATURES, held_out(_without(shortlist, dev, left_out), catalog))
        fused = [fusion.probabilities(features) for features in _without(shortlist, measured, left_out).features]
        rankings = [[catalog.module_ids[i] for i in best_first(row)] for row in fused]
        hits = [
            [hit_at_k(ranking, row.labelled.modules, k) for ranking, row in zip(rankings, measured.rows, strict=True)]
            for k in (1, 3)
        ]
        bare = [hit for hit, row in zip(hits[0], measured.rows, strict=True) if row.no_name]
        found[name] = {"hit@1": mean(hits[0]), "hit@3": mean(hits[1]), "no_name hit@1": mean(bare)}
        progress(done, len(groups), name)
    return found


def _without(shortlist: Shortlist, measured: Measured, left_out: Sequence[str]) -> Measured:
    if not left_out:
        return measured
    silent = [MEASURED.index(feature) for feature in left_out if feature in MEASURED]
    columns = tuple(_quiet(row, silent) for row in measured.columns)
    after = [FEATURES.index(feature) for feature in left_out if feature not in MEASURED]
    return replace(measured, columns=columns, features=tuple(_quiet(shortlist.weigh(row), after) for row in columns))


def _quiet(values: Floats, columns: Sequence[int]) -> Floats:
    quiet = values.copy()
    quiet[:, columns] = 0.0
    return quiet
