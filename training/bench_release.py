"""
A release under test: its language model and rows on a benchmark folder, without the rows it was trained on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graph.values import Catalog
from inference.ranker import load_release_model, load_release_parts
from inference.release import ReleaseInfo, read_release
from inference.rows import ModuleRows
from inference.shortlist import Shortlist
from training.bench_model import BenchModel
from training.bench_scores import KeptScores
from training.bench_set import BenchError
from training.config import TrainingConfig
from training.corpus import Report
from training.dataset import load_dataset
from training.fitting import fit_rows
from training.origins import text_key
from training.rows import card_rows


def release_model(shortlist: Shortlist, *, folder: Path, config: TrainingConfig, report: Report) -> BenchModel:
    """
    Take the model of a release, with its own learned rows where it knows every module of the benchmark by name.

    Where it cuts the repository into other modules, rows are fitted anew with its model on the folder's train rows.

    Args:
        folder: Of the release, in a home that still has its dataset.

    Raises:
        BenchError: its training rows are gone, so that nobody could say which test rows it has seen.
        inference.release.ReleaseError: it is damaged, or learned from other prompts.
    """
    info = read_release(folder)
    seen = seen_by(info, folder)
    model = load_release_model(folder, info)
    own, _ = load_release_parts(folder, info)
    catalog = replace(shortlist.catalog, repository=info.repository)
    known = set(catalog.module_ids) <= set(own.module_ids)
    if known:
        # Learned rows by name; cards from the snapshot, since the release's tell of code after it.
        learned = rows_by_id(ModuleRows.load(folder / "rows.safetensors"), own, catalog)
        rows = replace(learned, cards=card_rows(model, catalog, memory={}).cards)
    else:
        past = shortlist.past[-config.max_encoded :]
        rows = fit_rows(model, catalog, past, memory={}, report=report)
    about = {
        "release": info.id,
        "base model": info.base_model["name"],
        "module rows": "learned ones of the release" if known else "fitted on the folder's train rows",
        "code it was trained on": info.evaluated_commit,
    }
    return BenchModel(model, catalog, rows, about, KeptScores(None), name=f"Release {info.id}", seen=seen)


def seen_by(info: ReleaseInfo, folder: Path) -> frozenset[str]:
    """
    Ids and text keys of every row that had a part in the release: it was trained on train rows and stopped by dev rows.

    Raises:
        BenchError: its dataset is not in the home that holds the release, or is another one.
    """
    kept = folder.resolve().parent.parent / "datasets" / info.dataset_hash[:16]
    try:
        dataset = load_dataset(kept)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(
            f"The training rows of release {info.id} cannot be read at {kept} ({error}): without them nobody can say "
            "which test rows it has seen. Name the release in the home it was trained in."
        ) from error
    rows = [row for row in dataset.examples if row.split != "test"]
    return frozenset(name for row in rows for name in (row.id, text_key(row.requirement)))


def rows_by_id(rows: ModuleRows, own: Catalog, wanted: Catalog) -> ModuleRows:
    """
    Put the rows of *own* modules into the order of *wanted*, whose modules must all be among them.
    """
    place = {module: i for i, module in enumerate(own.module_ids)}
    at = [place[module] for module in wanted.module_ids]
    return replace(rows, cards=rows.cards[at], learned=rows.learned[at], bias=rows.bias[at], known=rows.known[at])
