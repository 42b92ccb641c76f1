"""
The benchmark: every ranker on real requirements, from a folder of rows and the repository's git objects.

    signpost bench DIR --repo GIT_DIR --out OUT           # the whole run
    signpost bench DIR --repo GIT_DIR --quick             # newest training rows only, fewer controls, no model

Fit on train, tuned on dev, read on test and issues. Code is read at the snapshot commit only. `OUT/results.json` is
{set: {ranker: {"all" | "no_name": score}}}, `OUT/details.json` holds the rest, `OUT/report.html` shows it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog, Progress, write_atomically
from inference.classifier import TextClassifier
from inference.embedding import VectorCache
from inference.fusion import Fusion
from inference.labelled import known_only
from inference.shortlist import FEATURES, Shortlist
from training.bench_model import BenchModel
from training.bench_rankers import (
    Measured,
    ablations,
    everywhere,
    held_out,
    in_order,
    measure,
    rankers_of,
    shuffled_labels,
    trained_weekly,
    untuned,
)
from training.bench_report import render_report
from training.bench_scorers import TunedModel, read_model, tune_model
from training.bench_set import READ, BenchSet, read_bench_set, without_rows
from training.bench_summary import summarise
from training.code_rag import CodeRag, read_sources
from training.corpus import Report, stage_of

QUICK_ROWS = 3_000

ModelSource = Callable[..., BenchModel]
"""Called with (shortlist, report=report): the language model to measure, trained on what the shortlist knows or not."""


@dataclass(frozen=True, slots=True)
class _Fitted:
    """
    Everything that is fitted before the first test row is read.
    """

    catalog: Catalog
    shortlist: Shortlist
    stranger: Shortlist
    control: TextClassifier | None
    snippets: CodeRag | None
    dev: Measured
    fusion: Fusion
    model: TunedModel | None


def run_bench(
    folder: Path,
    *,
    repository: Path,
    out: Path | None,
    cache: Path,
    vectors: VectorCache | None = None,
    model: ModelSource | None = None,
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
        model: Where the language model comes from; None measures none.
        quick: Fit on the newest rows only.
        code_rag: Measure retrieval over code snippets, too: most of the time where nothing is cached. Not when quick,
            nor where symbols are held out: the snippets would still hold them.
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
    fit_seconds = time.monotonic() - fitting
    report("fit the shortlist", 1, 1, "")
    language_model = model(shortlist, report=report) if model is not None else None
    if language_model is not None:
        bench, language_model = _unseen(bench, language_model)
    code_rag = code_rag and vectors is not None and not quick and not bench.held_out
    sources = read_sources(repository, catalog) if code_rag else None
    fitted = _fit(bench, shortlist, language_model, sources=sources, vectors=vectors, report=report)
    results: dict[str, Any] = {}
    details: dict[str, Any] = {"name": bench.name, "snapshot": bench.snapshot, "sets": {}}
    for split in READ:
        if split in bench.splits:
            results[split], details["sets"][split] = _read(bench, split, fitted, controls=not quick, report=report)
    details |= {
        "fusion": fitted.fusion.to_json(),
        "model": fitted.model.about if fitted.model else None,
        "seconds": {"fit": round(fit_seconds, 1), "all": round(time.monotonic() - began, 1)},
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
    Index the snapshot of a benchmark with its own modules, so that its labels mean the same, and without the symbols
    that it holds out.

    Raises:
        graph.values.RepositoryError: no such repository or commit, or another one.
    """
    with open_snapshot(repository, commit=bench.snapshot, name=bench.name) as snapshot:
        catalog = index_snapshot(snapshot, cache=cache, progress=progress, modules=bench.modules).catalog
    return catalog.without_symbols(bench.held_out)


def _unseen(bench: BenchSet, model: BenchModel) -> tuple[BenchSet, BenchModel]:
    """
    Leave out the rows that a model has seen, and note how many.
    """
    unseen = without_rows(bench, model.seen, whose=model.name)
    gone = {name: len(rows) - len(unseen.splits.get(name, ())) for name, rows in bench.splits.items()}
    noted = {"left out": {name: count for name, count in gone.items() if count}}
    return unseen, replace(model, about=model.about | (noted if any(gone.values()) else {}))


def _fit(
    bench: BenchSet,
    shortlist: Shortlist,
    model: BenchModel | None,
    *,
    sources: Mapping[str, str] | None,
    vectors: VectorCache | None,
    report: Report,
) -> _Fitted:
    catalog, past = shortlist.catalog, shortlist.past
    dev = measure(shortlist, bench.splits["dev"], progress=stage_of(report, "features of dev rows"))
    snippets = None
    if sources is not None and vectors is not None:
        snippets = CodeRag.fit(catalog, sources, vectors, progress=stage_of(report, "code snippets"))
    return _Fitted(
        catalog=catalog,
        shortlist=shortlist,
        stranger=Shortlist.fit(catalog, (), vectors=vectors),
        control=TextClassifier.fit(shuffled_labels(past[-QUICK_ROWS:])),
        snippets=snippets,
        dev=dev,
        fusion=Fusion.fit(FEATURES, held_out(dev, catalog)),
        model=tune_model(model, dev, report=report) if model is not None else None,
    )


def _read(
    bench: BenchSet, split: str, fitted: _Fitted, *, controls: bool, report: Report
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Measure one set: what results.json says of it, and what details.json says.
    """
    catalog, rows = fitted.catalog, bench.splits[split]
    measured = measure(fitted.shortlist, rows, progress=stage_of(report, f"features of {split} rows"))
    scores = rankers_of(
        measured,
        fitted.fusion,
        past=fitted.shortlist.past,
        catalog=catalog,
        control=fitted.control,
        snippets=fitted.snippets,
    )
    scores["zero-shot"] = everywhere(untuned(measure(fitted.stranger, rows)))
    if controls and split == "test" and in_order(rows):
        stage = stage_of(report, "test rows, learned week by week")
        learned = trained_weekly(fitted.shortlist, bench.splits["dev"], rows, progress=stage)
        scores["trained weekly"] = everywhere([fitted.fusion.probabilities(features) for features in learned])
    ways: dict[str, Any] = {}
    if fitted.model is not None:
        said, ways = read_model(fitted.model, measured, scores["shortlist"], report=report, split=split)
        scores |= said
    results, details = summarise(measured, scores, fitted.fusion, catalog)
    if ways:
        details["scorers"] = ways
    if controls:
        stage = stage_of(report, f"ablations on {split}")
        details["ablations"] = ablations(fitted.shortlist, fitted.dev, measured, catalog, progress=stage)
    return results, details
