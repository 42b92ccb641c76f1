"""
One repository as training reads it: code and history, as of now and as of the held-out requirements.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from graph.history import commit_before_newest, read_history, read_later_history, with_recent
from graph.index import index_snapshot
from graph.knowledge import save_graph
from graph.overrides import read_overrides
from graph.owners import save_owners, with_owners
from graph.relations import add_relations, read_relations
from graph.snapshot import open_snapshot
from graph.values import Catalog, PastRequirement, Progress, RepositoryError, save_history
from training.config import TrainingConfig
from training.dataset import MIN_HISTORY, held_out_count

log = logging.getLogger("signpost.training")

Report = Callable[[str, int, int, str], None]
"""Called with (stage, done, total, detail)."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """
    One repository, read twice: as of now for serving, and as of the held-out rows for honest evaluation.

    Args:
        catalog: Newest commit.
        history: Past requirements labelled by *catalog*, oldest first.
        past_catalog: The snapshot before the first held-out requirement; *catalog* when no history is held out.
        past_history: The same past requirements labelled by *past_catalog*: first what came before that snapshot, then
            what came after it.
        held_out: How many of the last of *past_history* are held out. Where there is a snapshot these are all that
            came after it: by what is reachable, not by date.
    """

    catalog: Catalog
    history: tuple[PastRequirement, ...]
    past_catalog: Catalog
    past_history: tuple[PastRequirement, ...]
    held_out: int


def read_corpus(
    location: Path | str, *, name: str, home: Path, config: TrainingConfig, report: Report, commit: str | None = None
) -> Corpus:
    """
    Index the repository and read its history; catalog, graph and history are also kept under *home*.

    *config* limits how many requirements are held out, and so how old the code may be that they are asked of.

    Raises:
        graph.values.RepositoryError: it cannot be read.
    """
    kept = home / "repositories" / name
    catalog = index_newest(location, name=name, home=home, commit=commit, report=report)
    history = read_history(location, commit=catalog.commit, catalog=catalog, progress=stage_of(report, "history"))
    save_history(kept / "history.jsonl", history)
    catalog = with_recent(catalog, history)
    catalog.save(kept / "catalog.json")
    if len(history) < MIN_HISTORY:
        return Corpus(catalog, history, catalog, history, 0)
    held_out = held_out_count(len(history), config)
    try:
        before = commit_before_newest(location, {row.id for row in history}, count=held_out, until=catalog.commit)
    except RepositoryError as problem:
        log.warning("held-out requirements are asked of the code as it is now: %s", problem)
        return Corpus(catalog, history, catalog, history, held_out)
    # The way back, too: a module has one id in both, so what is learned from the past reaches its row of today.
    past_catalog = _index(location, before, name=name, home=home, report=report, previous=catalog)
    earlier = read_history(location, commit=before, catalog=past_catalog)
    later = read_later_history(location, commit=before, until=catalog.commit, catalog=past_catalog)
    if not later:  # titles of merges tell what was asked, the commits behind them do not
        log.warning("held-out requirements are asked of the code as it is now: no commit after %s tells any", before)
        return Corpus(catalog, history, catalog, history, held_out)
    return Corpus(catalog, history, past_catalog, (*earlier, *later), len(later))


def index_newest(location: Path | str, *, name: str, home: Path, report: Report, commit: str | None = None) -> Catalog:
    """
    Index the newest commit, or *commit*; modules keep the ids of the last time, and catalog and graph are kept under
    *home*.

    Raises:
        graph.values.RepositoryError: it cannot be read.
    """
    kept = home / "repositories" / name
    before_this = _kept_catalog(kept / "catalog.json")
    return _index(location, commit, name=name, home=home, report=report, previous=before_this, keep=kept)


def _index(
    location: Path | str,
    commit: str | None,
    *,
    name: str,
    home: Path,
    report: Report,
    previous: Catalog | None,
    keep: Path | None = None,
) -> Catalog:
    cache = home / "cache"
    with open_snapshot(location, name=name, cache=cache) as newest:
        overrides = read_overrides(newest)  # today's cut counts for the past, too
    with open_snapshot(location, commit=commit, name=name, cache=cache) as snapshot:
        index = index_snapshot(
            snapshot, cache=cache, progress=stage_of(report, "index"), previous=previous, overrides=overrides
        )
        if keep is None:
            return index.catalog
        relations = read_relations(snapshot, index.catalog)
    add_relations(index.graph, relations)
    save_graph(keep / "graph.json", index.graph)
    save_owners(keep / "owners.json", relations.owners)
    return with_owners(index.catalog, relations.owners)


def _kept_catalog(path: Path) -> Catalog | None:
    """
    Read the catalog of the last time, so that modules keep their ids; a damaged one is as good as none.
    """
    try:
        return Catalog.load(path) if path.exists() else None
    except RepositoryError as error:
        log.warning("module ids start afresh: %s", error)
        return None


def stage_of(report: Report, stage: str) -> Progress:
    """
    Narrow *report* to the progress of one stage.
    """
    return lambda done, total, label: report(stage, done, total, label)
