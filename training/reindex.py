"""
Look at the newest commit of a repository and say how far the serving release is behind it.

    from training.reindex import reindex
    reindex(location, name="valhalla", home=home, serving=Path(release.folder), report=report)

Files that did not change come from the parse cache, so that this takes seconds where the
first index took minutes. A release keeps the catalog that its weights, its calibration and
its scorecard belong to: what changed is answered for by the next training, not before.
This tells whether one is worth it, and saves that training the parsing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graph.values import Catalog
from training.corpus import Report, index_newest

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Reindexed:
    """
    The newest commit, compared with what the serving release knows.

    Args:
        modules: How many modules the newest commit has.
        serving_commit: What the release was made from; empty when there is none.
        new: How many modules the release has never heard of; `new_names` has the first of them.
        gone: How many modules it still names that exist no more; `gone_names` likewise.
        changed: How many modules it knows under an older description.
    """

    commit: str
    modules: int
    serving_commit: str = ""
    new: int = 0
    gone: int = 0
    changed: int = 0
    new_names: tuple[str, ...] = ()
    gone_names: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """
        The JSON form, kept in SQL.
        """
        return {**asdict(self), "new_names": list(self.new_names), "gone_names": list(self.gone_names)}


def reindex(location: Path | str, *, name: str, home: Path, serving: Path | None, report: Report) -> Reindexed:
    """
    Index the newest commit, keep it for the next training, and compare it with a release.

    Args:
        serving: Folder of the release that answers now; None when there is none.

    Raises:
        graph.values.RepositoryError: the repository, or the release's catalog, cannot be read.
    """
    newest = index_newest(location, name=name, home=home, report=report)
    if serving is None:
        return Reindexed(newest.commit, len(newest.modules))
    return compare(newest, Catalog.load(serving / "catalog.json"))


def compare(newest: Catalog, served: Catalog) -> Reindexed:
    """
    How far *served* is behind *newest*. A module that moved keeps its id, or is an alias, and is not new.
    """
    known = {newest.current_id(id) or id for id in served.module_ids}
    new = [card for card in newest.modules if card.id not in known]
    gone = [card for card in served.modules if newest.current_id(card.id) is None]
    before = {newest.current_id(card.id): card for card in served.modules}
    changed = sum(card.id in before and before[card.id] != card for card in newest.modules)
    return Reindexed(
        commit=newest.commit,
        modules=len(newest.modules),
        serving_commit=served.commit,
        new=len(new),
        gone=len(gone),
        changed=changed,
        new_names=tuple(card.path or card.id for card in new[:_NAMED]),
        gone_names=tuple(card.path or card.id for card in gone[:_NAMED]),
    )
