"""
What a release knows about its modules, for people who read answers: names, owners, search.

The catalog of a release is a large file, most of it about single definitions; what is kept
here of the releases used last is a few lines per module.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from graph.values import Catalog, RepositoryError

log = logging.getLogger("signpost.catalogs")


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """
    One module as people see it. *owners* are names, best first.
    """

    id: str
    path: str
    title: str
    purpose: str = ""
    owners: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """
        A short name for buttons and menus, where an id may be too long.
        """
        return module_key(self.id)


@dataclass(frozen=True, slots=True)
class ModuleDirectory:
    """
    The modules of one release by id, in the catalog's order.
    """

    modules: Mapping[str, ModuleFacts]

    def by_key(self, key: str) -> ModuleFacts | None:
        """
        The module of this key, None when it is of another release.
        """
        return next((facts for facts in self.modules.values() if facts.key == key), None)

    def search(self, words: str, *, first: Iterable[str] = (), limit: int = 50) -> list[ModuleFacts]:
        """
        The modules that *words* may mean, best first.

        Every word must occur in a module's id, path or title. Names that begin with the words
        come first, then those where a part of the path does, shorter ones before longer ones.

        Args:
            first: Ids to put first when nothing was typed yet: those of the answer.
        """
        asked = words.casefold().split()
        if not asked:
            top = [self.modules[id] for id in dict.fromkeys(first) if id in self.modules]
            seen = {facts.id for facts in top}
            return [*top, *(facts for facts in self.modules.values() if facts.id not in seen)][:limit]
        found = []
        for facts in self.modules.values():
            text = f"{facts.id} {facts.path} {facts.title}".casefold()
            if all(word in text for word in asked):
                parts = facts.id.casefold().replace(".", "/").split("/")
                place = (
                    not facts.id.casefold().startswith(asked[0]),
                    not any(part.startswith(asked[0]) for part in parts),
                    len(facts.id),
                    facts.id,
                )
                found.append((place, facts))
        return [facts for _, facts in sorted(found, key=lambda one: one[0])][:limit]


def module_key(module_id: str) -> str:
    """
    >>> module_key("core/routing")
    'abf583ab3cab2d11'
    """
    return hashlib.sha256(module_id.encode()).hexdigest()[:16]


class Directories:
    """
    Directories of the releases used last, read when they are first asked for.
    """

    def __init__(self, *, keep: int = 4) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._read: OrderedDict[str, ModuleDirectory | None] = OrderedDict()

    def of_release(self, folder: str) -> ModuleDirectory | None:
        """
        The modules of the release in *folder*; None when its catalog cannot be read.
        """
        with self._lock:
            if folder not in self._read:
                self._read[folder] = _read(Path(folder))
                while len(self._read) > self._keep:
                    self._read.popitem(last=False)
            self._read.move_to_end(folder)
            return self._read[folder]


def _read(folder: Path) -> ModuleDirectory | None:
    try:
        catalog = Catalog.load(folder / "catalog.json")
    except RepositoryError as error:
        log.warning("module names and owners are left out: %s", error)
        return None
    facts = (ModuleFacts(card.id, card.path, card.title, card.purpose, card.owners) for card in catalog.modules)
    return ModuleDirectory({one.id: one for one in facts})
