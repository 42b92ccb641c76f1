"""
The benchmark: every ranker on real requirements, from a folder of rows and the repository's git objects.

    signpost bench DIR --repo GIT_DIR --out OUT           # the whole run
    signpost bench DIR --repo GIT_DIR --quick             # newest training rows only, fewer controls

Fit on train, tuned on dev, read on test and issues. Code is read at the snapshot commit only. `OUT/results.json` is
{set: {ranker: {"all" | "no_name": score}}}, `OUT/details.json` holds the rest, `OUT/report.html` shows it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog, Progress, write_atomically
from inference.classifier import TextClassifier
from inference.embedding import VectorCache
from inference.fusion import Fusion, HeldOut
from inference.labelled import LabelledText, known_only
from inference.meaning import MEANING_FEATURES
from inference.ranker import best_first
from inference.shortlist import FEATURES, FROM_PAST, MEASURED, Shortlist, neutral_where_unknown
from training.bench_report import render_report
from training.bench_set import BenchRow, BenchSet, read_bench_set
from training.code_rag import CodeRag, read_sources
from training.corpus import Report, stage_of
from training.metrics import expected_calibration_error, hit_at_k, mcnemar, score, strict_at_k

Floats = npt.NDArray[np.float32]
SINGLE_FEATURES = {"bm25": "bm25", "past": "past", "classifier": "classifier"}
COMPARED_WITH = ("bm25", "code-rag", "shortlist")
QUICK_ROWS = 3_000
WORST_MISSES = 30


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


def run_bench(
    folder: Path,
    *,
    repository: Path,
    out: Path | None,
    cache: Path,
    vectors: VectorCache | None = None,
    quick: bool = False,
    code_rag: bool = True,
    report: Report = lambda stage, done, total, detail: None,
) -> dict[str, Any]:
    """
    Run one benchmark folder.

    Args:
        folder: In the format of `training.bench_set`.
        repository: Its git directory, bare or not; only objects of the snapshot commit are read.
        out: Where the results are written; nothing is when None.
        cache: Folder for parse results.
        vectors: A sentence encoder with its cache; None goes without.
        quick: Fit on the newest rows only.
        code_rag: Measure retrieval over code snippets, too: most of the time where nothing is cached. Not when quick.
        report: Receives progress.

    Returns:
        {"results": as in results.json, "details": the rest}.

    Raises:
        BenchError, graph.values.RepositoryError: one sentence about what is wrong with the input.
    """
    began = time.monotonic()
    bench = read_bench_set(folder)
    catalog = index_given_modules(bench, repository, cache=cache, progress=stage_of(report, "index"))
    past = known_only(bench.texts("train"), catalog)
    past = past[-QUICK_ROWS:] if quick else past
    report("fit the shortlist", 0, 1, f"{len(past)} past requirements, {len(catalog.modules)} modules")
    fitting = time.monotonic()
    shortlist = Shortlist.fit(catalog, past, vectors=vectors)
    fitted = time.monotonic() - fitting
    stranger = Shortlist.fit(catalog, (), vectors=vectors)
    report("fit the shortlist", 1, 1, "")
    dev = measure(shortlist, bench.splits["dev"], progress=stage_of(report, "features of dev rows"))
    fusion = Fusion.fit(FEATURES, held_out(dev, catalog))
    control = TextClassifier.fit(shuffled_labels(past[-QUICK_ROWS:]))
    snippets = None
    if vectors is not None and code_rag and not quick:
        sources = read_sources(repository, catalog)
        snippets = CodeRag.fit(catalog, sources, vectors, progress=stage_of(report, "code snippets"))
    results: dict[str, Any] = {}
    details: dict[str, Any] = {"name": bench.name, "snapshot": bench.snapshot, "sets": {}}
    for split in ("test", "issues"):
        if split in bench.splits:
            measured = measure(shortlist, bench.splits[split], progress=stage_of(report, f"features of {split} rows"))
            scores = rankers_of(measured, fusion, past=past, catalog=catalog, control=control, snippets=snippets)
            scores["zero-shot"] = untuned(measure(stranger, bench.splits[split]))
            results[split], details["sets"][split] = summarise(measured, scores, fusion, catalog)
            if not quick:
                stage = stage_of(report, f"ablations on {split}")
                details["sets"][split]["ablations"] = ablations(shortlist, dev, measured, catalog, progress=stage)
    details |= {
        "fusion": fusion.to_json(),
        "seconds": {"fit": round(fitted, 1), "all": round(time.monotonic() - began, 1)},
        "rows": {"train": len(past), **{name: len(rows) for name, rows in bench.splits.items() if name != "train"}},
        "modules": len(catalog.modules),
        "encoder": vectors is not None,
        "quick": quick,
    }
    if out is not None:
        write_atomically(out / "results.json", json.dumps(results, indent=1).encode())
        write_atomically(out / "details.json", json.dumps(details, indent=1, ensure_ascii=False).encode())
        write_atomically(out / "report.html", render_report(results, details).encode())
    return {"results": results, "details": details}


def index_given_modules(bench: BenchSet, repository: Path, *, cache: Path, progress: Progress | None = None) -> Catalog:
    """
    Index the snapshot of a benchmark with its own modules, so that its labels mean the same.

    Raises:
        graph.values.RepositoryError: no such repository or commit, or another one.
    """
    with open_snapshot(repository, commit=bench.snapshot, name=bench.name) as snapshot:
        return index_snapshot(snapshot, cache=cache, progress=progress, modules=bench.modules).catalog


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
) -> dict[str, list[Floats]]:
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
    return rankers


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
        {feature, or "the encoder" or "history": {"hit@1", "hit@3", "no_name hit@1"}}, with "nothing" for all features.
    """
    groups = {
        "nothing": (),
        **{name: (name,) for name in MEASURED},
        "the encoder": MEANING_FEATURES,
        "history": FROM_PAST,
    }
    found = {}
    for done, (name, left_out) in enumerate(groups.items(), start=1):
        silent = [MEASURED.index(feature) for feature in left_out]
        fusion = Fusion.fit(FEATURES, held_out(_without(shortlist, dev, silent), catalog))
        fused = [fusion.probabilities(features) for features in _without(shortlist, measured, silent).features]
        rankings = [[catalog.module_ids[i] for i in best_first(row)] for row in fused]
        hits = [
            [hit_at_k(ranking, row.labelled.modules, k) for ranking, row in zip(rankings, measured.rows, strict=True)]
            for k in (1, 3)
        ]
        bare = [hit for hit, row in zip(hits[0], measured.rows, strict=True) if row.no_name]
        found[name] = {"hit@1": _mean(hits[0]), "hit@3": _mean(hits[1]), "no_name hit@1": _mean(bare)}
        progress(done, len(groups), name)
    return found


def _without(shortlist: Shortlist, measured: Measured, silent: Sequence[int]) -> Measured:
    if not silent:
        return measured
    columns = []
    for row in measured.columns:
        quiet = row.copy()
        quiet[:, silent] = 0.0
        columns.append(quiet)
    return replace(measured, columns=tuple(columns), features=tuple(map(shortlist.weigh, columns)))


def summarise(
    measured: Measured, scores: dict[str, list[Floats]], fusion: Fusion, catalog: Catalog
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Score every ranker on one set.

    Returns:
        What results.json says of the set, and what details.json says.
    """
    ids = catalog.module_ids
    rows = measured.rows
    truth = [frozenset(row.labelled.modules) for row in rows]
    rankings = {name: [[ids[i] for i in best_first(row)] for row in found] for name, found in scores.items()}
    kept = {"all": range(len(rows)), "no_name": [i for i, row in enumerate(rows) if row.no_name]}
    results = {
        name: {part: score([found[i] for i in at], [truth[i] for i in at]).to_json() for part, at in kept.items()}
        for name, found in rankings.items()
    }
    hits = {
        name: {k: [hit_at_k(r, t, k) for r, t in zip(found, truth, strict=True)] for k in (1, 3)}
        for name, found in rankings.items()
    }
    confidences = [float(row.max()) for row in scores["system"]]
    details = {
        "paired": {
            other: {f"hit@{k}": round(mcnemar(hits["system"][k], hits[other][k]), 5) for k in (1, 3)}
            for other in COMPARED_WITH
            if other in hits
        },
        "latency_ms": {f"p{p}": round(float(np.percentile(measured.milliseconds, p)), 1) for p in (50, 95)},
        "recall@20": _mean([hit_at_k(r, t, 20) for r, t in zip(rankings["system"], truth, strict=True)]),
        "by_modules": _by_modules(rankings["system"], truth),
        "ece": expected_calibration_error(confidences, hits["system"][1]),
        "reliability": _reliability(confidences, hits["system"][1]),
        "risk_coverage": _risk_coverage(confidences, hits["system"][1]),
        "sure": _sure(confidences, hits["system"][1], fusion.threshold),
        "confusions": _confusions(rankings["system"], rows),
        "misses": _misses(rankings["system"], confidences, rows),
    }
    return results, details


def _by_modules(rankings: Sequence[Sequence[str]], truth: Sequence[frozenset[str]]) -> dict[str, Any]:
    found = {}
    for count in sorted({len(modules) for modules in truth}):
        picked = [(r, t) for r, t in zip(rankings, truth, strict=True) if len(t) == count]
        found[str(count)] = {
            "n": len(picked),
            **{f"hit@{k}": _mean([hit_at_k(r, t, k) for r, t in picked]) for k in (1, 3)},
            "strict@3": _mean([strict_at_k(r, t, 3) for r, t in picked]),
        }
    return found


def _reliability(confidences: Sequence[float], correct: Sequence[float], *, bins: int = 15) -> list[list[float]]:
    """
    Mean confidence, accuracy and rows of each of the equal-mass bins.
    """
    order = np.argsort(np.asarray(confidences), kind="stable")
    return [
        [_mean([confidences[i] for i in part]), _mean([correct[i] for i in part]), float(len(part))]
        for part in np.array_split(order, min(bins, len(order)))
    ]


def _risk_coverage(confidences: Sequence[float], correct: Sequence[float], *, points: int = 50) -> list[list[float]]:
    """
    Share of rows answered, most confident first, and the share of wrong ones among them.
    """
    order = np.lexsort((np.arange(len(confidences)), -np.asarray(confidences)))
    wrong = np.cumsum(1.0 - np.asarray(correct)[order]) / np.arange(1, len(order) + 1)
    steps = sorted({max(1, round(len(order) * step / points)) for step in range(1, points + 1)})
    return [[round(step / len(order), 4), round(float(wrong[step - 1]), 4)] for step in steps]


def _sure(confidences: Sequence[float], correct: Sequence[float], threshold: float) -> dict[str, Any]:
    sure = [c for confidence, c in zip(confidences, correct, strict=True) if confidence >= threshold]
    most = round(0.8 * len(confidences))
    best = np.lexsort((np.arange(len(confidences)), -np.asarray(confidences)))[:most]
    return {
        "threshold": round(threshold, 4),
        "coverage": round(len(sure) / len(confidences), 4),
        "precision": _mean(sure) if sure else None,
        "accuracy_at_80_coverage": _mean([correct[i] for i in best]) if most else None,
        "accuracy": _mean(correct),
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
    The misses with the worst place of the first true module, the most confident ones first among equals.
    """
    found: list[dict[str, Any]] = []
    for ranking, confidence, row in zip(rankings, confidences, rows, strict=True):
        true = set(row.labelled.modules)
        place = next((i for i, module in enumerate(ranking, start=1) if module in true), len(ranking) + 1)
        if place > 1:
            found.append(
                {
                    "id": row.labelled.id,
                    "text": row.labelled.text[:400],
                    "true": list(row.labelled.modules),
                    "ranked": list(ranking[:3]),
                    "place": place,
                    "confidence": round(confidence, 3),
                }
            )
    found.sort(key=lambda miss: (-miss["place"], -miss["confidence"], miss["id"]))
    return found[:WORST_MISSES]


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4) if len(values) else 0.0
