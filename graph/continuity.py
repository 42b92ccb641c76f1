"""
What became of each module between two catalogs: kept, moved, renamed, split, merged, added, removed.

Nothing here reads a repository. Files are matched by path, by contents (object ids, where known), by git's renames
(where known) and by what they define; what a file defines is followed one by one where a file was taken apart. Modules
then are paired by how many of their lines they have in common.
"""

from __future__ import annotations

import math
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from graph.values import Catalog, FileCard, ModuleCard

FateKind = Literal["kept", "moved", "renamed", "split", "merged", "added", "removed"]

SAME_FILE = 0.35
"""Weighted overlap of what two files define and mention, from which one is taken for the other under a new name."""
SAME_FILE_OF_A_MOVED_FOLDER = 0.15
SAME_MODULE = 0.3
"""Share of common lines from which a module is taken for another one's successor."""
PART = 0.15
"""A new module with less of an old one's lines is no part of it worth telling."""
_RARE = 24
_MOST_HOMES = 2
_LINES_COUNTED = 4000
_REWRITTEN = 0.5
_PREFERENCE_FOR_THE_SAME_ID = 0.25


@dataclass(frozen=True, slots=True)
class FileMatch:
    """
    One file and what it is called in the other catalog, with how much of it is the same, from 0 to 1.
    """

    old: str
    new: str
    similarity: float


@dataclass(frozen=True, slots=True)
class ModuleFate:
    """
    What became of one module.

    Attributes:
        kind: In one word. Merged is what went into modules that continue other ones, or have too little of it.
        old: Its id in the old catalog; empty when it was added.
        new: Its id in the new catalog, or that of the module that has most of it; empty when it was removed.
        similarity: Lines that both have in common, over the mean of their sizes.
        parts: New modules that hold some of it, with the share of its lines, largest first. Of an added module: the old
            ones it was made from, with the share of *its* lines.
    """

    kind: FateKind
    old: str
    new: str
    similarity: float
    parts: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    Everything known about the way from one catalog to another.

    Attributes:
        fates: One for every old module and one for every added one, sorted by old id, then new id.
        files: Old path → its match; a path that is not there was not found again.
        homes: (old path, qualified name) → new path, for what a file defined and another file defines now.
    """

    fates: tuple[ModuleFate, ...]
    files: Mapping[str, FileMatch]
    homes: Mapping[tuple[str, str], str]


def compare_catalogs(
    old: Catalog,
    new: Catalog,
    *,
    renames: Mapping[str, str] | None = None,
    blobs: tuple[Mapping[str, str], Mapping[str, str]] | None = None,
) -> Comparison:
    """
    Say what became of each module.

    Args:
        old: The earlier catalog.
        new: The later one.
        renames: Old path → new path as git found them, where there is git.
        blobs: Object ids of the files by path, before and after, where they are known.
    """
    files = match_files(old, new, renames=renames or {}, blobs=blobs or ({}, {}))
    homes = _homes(old, new, files)
    flow = _flow(old, new, files, homes, blobs or ({}, {}))
    return Comparison(_fates(old, new, flow), files, homes)


def match_files(
    old: Catalog,
    new: Catalog,
    *,
    renames: Mapping[str, str],
    blobs: tuple[Mapping[str, str], Mapping[str, str]],
) -> dict[str, FileMatch]:
    """
    Find every old file again, each new file at most once: see `compare_catalogs`.
    """
    marks = _Marks((*old.files, *new.files))
    known = {card.path for card in old.files}
    found: dict[str, FileMatch] = {}
    free = {card.path: card for card in new.files}

    def take(source: str, target: str, similarity: float) -> None:
        found[source] = FileMatch(source, target, round(similarity, 4))
        del free[target]

    for card in old.files:
        if card.path in free:
            same = blobs[0].get(card.path, "?") == blobs[1].get(card.path)
            take(card.path, card.path, 1.0 if same else marks.similarity(card, free[card.path]))
    for source, target in _same_contents(old, found, free, blobs):
        take(source, target, 1.0)
    for source, target in sorted(renames.items()):
        if source not in found and target in free and source in known:
            take(source, target, max(0.5, marks.similarity(old.file(source), free[target])))
    for _ in range(2):
        for source, target in _of_moved_folders(old, found, free):
            if target in free and (alike := marks.similarity(old.file(source), free[target])) >= (
                SAME_FILE_OF_A_MOVED_FOLDER
            ):
                take(source, target, alike)
        for alike, source, target in marks.alike([card for card in old.files if card.path not in found], free.values()):
            if source not in found and target in free:
                take(source, target, alike)
    return found


def keep_ids(
    previous: Catalog,
    cards: Sequence[ModuleCard],
    files: Sequence[FileCard],
    comparison: Comparison,
    *,
    given: frozenset[str] = frozenset(),
) -> tuple[tuple[ModuleCard, ...], tuple[FileCard, ...]]:
    """
    Give modules the ids they had before, with their new names as aliases.

    A module that went into another one leaves its id there as an alias, too: what was said about it still arrives. An
    alias never is the id of another module.

    Args:
        previous: The catalog whose ids count.
        cards: Cards of the new commit under the ids the module rule gives.
        files: Its file cards.
        comparison: Of *previous* and the new commit.
        given: New ids that people chose: those stay, and the old one becomes the alias.
    """
    ids = _lasting_ids([card.id for card in cards], comparison, given)
    taken = set(ids.values())
    aliases: dict[str, list[str]] = defaultdict(list)
    for card in cards:
        if ids[card.id] != card.id:
            aliases[ids[card.id]].append(card.id)
        aliases[ids[card.id]] += card.aliases
    for fate in comparison.fates:
        if fate.old and fate.new:
            before = previous.card(fate.old)
            aliases[ids[fate.new]] += [before.id, *before.aliases]
    named = {
        id: tuple(name for name in dict.fromkeys(names) if name != id and name not in taken)
        for id, names in aliases.items()
    }
    renamed = tuple(
        replace(
            card,
            id=ids[card.id],
            imports=_renamed(card.imports, ids),
            imported_by=_renamed(card.imported_by, ids),
            aliases=named.get(ids[card.id], ()),
        )
        for card in cards
    )
    return renamed, tuple(replace(file, module=ids[file.module]) for file in files)


def _lasting_ids(natural: Sequence[str], comparison: Comparison, given: frozenset[str]) -> dict[str, str]:
    heirs = {fate.new: fate.old for fate in comparison.fates if fate.old and fate.new and fate.kind != "merged"}
    ids = {id: id for id in natural if id in given}
    taken = set(ids)
    for new, old in heirs.items():
        if new not in ids and old not in taken:
            ids[new] = old
            taken.add(old)
    for id in natural:
        if id not in ids:
            ids[id] = next(name for name in _variants(id) if name not in taken)
            taken.add(ids[id])
    return ids


def _variants(id: str) -> Iterable[str]:
    yield id
    number = 2
    while True:
        yield f"{id}~{number}"
        number += 1


def _renamed(edges: Iterable[tuple[str, int]], ids: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(((ids[id], count) for id, count in edges), key=lambda edge: (-edge[1], edge[0])))


class _Marks:
    """
    What files define and mention, each mark weighing more the fewer files have it.
    """

    def __init__(self, cards: Sequence[FileCard]) -> None:
        counts = Counter(mark for card in cards for mark in self._of(card))
        total = len(cards) + 1
        self._weights = {mark: math.log(1 + total / count) for mark, count in counts.items()}
        self._counts = counts

    @staticmethod
    def _of(card: FileCard) -> set[str]:
        return {f"def {symbol.qualified}" for symbol in card.symbols} | set(card.identifiers)

    def similarity(self, one: FileCard, other: FileCard) -> float:
        """
        Weighted overlap of two files; 1 for two files without any mark.
        """
        mine, theirs = self._of(one), self._of(other)
        if not mine and not theirs:
            return 1.0
        both = sum(self._weights[mark] for mark in sorted(mine & theirs))
        return both / sum(self._weights[mark] for mark in sorted(mine | theirs))

    def alike(self, sources: Iterable[FileCard], targets: Iterable[FileCard]) -> list[tuple[float, str, str]]:
        """
        Give (similarity, source, target) of files that are alike enough, best first. A name in common counts a little.
        """
        holders: dict[str, list[FileCard]] = defaultdict(list)
        for target in sorted(targets, key=lambda card: card.path):
            for mark in self._of(target):
                holders[mark].append(target)
        found: list[tuple[float, str, str]] = []
        for source in sources:
            met: Counter[str] = Counter()
            near: dict[str, FileCard] = {}
            for mark in self._of(source):
                if 0 < len(holders.get(mark, ())) <= _RARE:
                    for target in holders[mark]:
                        met[target.path] += 1
                        near[target.path] = target
            best = sorted(met, key=lambda path: (-met[path], path))[:8]
            for path in best:
                same_name = posixpath.basename(source.path) == posixpath.basename(path)
                alike = self.similarity(source, near[path]) + (0.1 if same_name else 0.0)
                if alike >= SAME_FILE:
                    found.append((min(alike, 1.0), source.path, path))
        return sorted(found, key=lambda item: (-item[0], item[1], item[2]))


def _same_contents(
    old: Catalog,
    found: Mapping[str, FileMatch],
    free: Mapping[str, FileCard],
    blobs: tuple[Mapping[str, str], Mapping[str, str]],
) -> list[tuple[str, str]]:
    targets: dict[str, list[str]] = defaultdict(list)
    for path, card in sorted(free.items()):
        if card.lines and path in blobs[1]:
            targets[blobs[1][path]].append(path)
    pairs: list[tuple[str, str]] = []
    for card in old.files:
        there = targets.get(blobs[0].get(card.path, ""), [])
        if card.path not in found and there:
            best = max(there, key=lambda path: (_common_end(path, card.path), path))
            there.remove(best)
            pairs.append((card.path, best))
    return pairs


def _common_end(one: str, other: str) -> int:
    ends = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return next((depth for depth, (a, b) in enumerate(ends) if a != b), min(one.count("/"), other.count("/")) + 1)


def _of_moved_folders(
    old: Catalog, found: Mapping[str, FileMatch], free: Mapping[str, FileCard]
) -> list[tuple[str, str]]:
    """
    Guess that a file went with its folder, where other files of the folder did.
    """
    moves: dict[str, Counter[str]] = defaultdict(Counter)
    for match in found.values():
        folders = posixpath.dirname(match.old), posixpath.dirname(match.new)
        if folders[0] != folders[1]:
            moves[folders[0]][folders[1]] += 1
    guesses = []
    for card in old.files:
        folder, name = posixpath.split(card.path)
        if card.path in found or folder not in moves:
            continue
        target = max(sorted(moves[folder]), key=lambda place: moves[folder][place])
        if (path := posixpath.join(target, name)) in free:
            guesses.append((card.path, path))
    return guesses


def _homes(old: Catalog, new: Catalog, files: Mapping[str, FileMatch]) -> dict[tuple[str, str], str]:
    """
    Follow definitions into files that did not have them before.
    """
    had = {match.new: {symbol.qualified for symbol in old.file(match.old).symbols} for match in files.values()}
    fresh: dict[str, list[str]] = defaultdict(list)
    has: dict[str, set[str]] = {}
    for card in new.files:
        has[card.path] = {symbol.qualified for symbol in card.symbols}
        for name in sorted(has[card.path] - had.get(card.path, set())):
            fresh[name].append(card.path)
    homes: dict[tuple[str, str], str] = {}
    for card in old.files:
        match = files.get(card.path)
        for symbol in card.symbols:
            if match and symbol.qualified in has[match.new]:
                homes[card.path, symbol.qualified] = match.new
            elif 1 <= len(places := fresh.get(symbol.qualified, [])) <= _MOST_HOMES and len(symbol.qualified) > 3:
                homes[card.path, symbol.qualified] = max(places, key=lambda path: (_near(path, card.path), path))
    return homes


def _near(one: str, other: str) -> int:
    same = zip(one.split("/"), other.split("/"), strict=False)
    return next((depth for depth, (a, b) in enumerate(same) if a != b), 99)


def _flow(
    old: Catalog,
    new: Catalog,
    files: Mapping[str, FileMatch],
    homes: Mapping[tuple[str, str], str],
    blobs: tuple[Mapping[str, str], Mapping[str, str]],
) -> dict[tuple[str, str], float]:
    """
    Count lines that went from each old module to each new one.

    A file's lines follow what it defines; lines whose definitions are gone count half for where the file is now, for
    rewriting a file in place does not make it another one.
    """
    flow: dict[tuple[str, str], float] = defaultdict(float)
    for card in old.files:
        match = files.get(card.path)
        size = _lines(card)
        unchanged = match and blobs[0].get(card.path, "?") == blobs[1].get(match.new)
        if match and (unchanged or not card.symbols):
            flow[card.module, new.module_of(match.new) or ""] += size * (1.0 if unchanged else match.similarity)
            continue
        if not card.symbols:
            continue
        places = Counter(homes.get((card.path, symbol.qualified), "") for symbol in card.symbols)
        for path, count in sorted(places.items()):
            share = size * count / len(card.symbols)
            if path:
                flow[card.module, new.module_of(path) or ""] += share
            elif match:
                flow[card.module, new.module_of(match.new) or ""] += share * _REWRITTEN
    return dict(flow)


def _lines(card: FileCard) -> float:
    return float(min(max(card.lines, 1), _LINES_COUNTED))


def _sizes(catalog: Catalog) -> dict[str, float]:
    sizes: dict[str, float] = defaultdict(float)
    for card in catalog.files:
        sizes[card.module] += _lines(card)
    return sizes


def _fates(old: Catalog, new: Catalog, flow: Mapping[tuple[str, str], float]) -> tuple[ModuleFate, ...]:
    before, after = _sizes(old), _sizes(new)
    alike = {pair: 2 * lines / (before[pair[0]] + after[pair[1]]) for pair, lines in flow.items() if pair[1]}
    heirs = _pair(old, flow, before, alike)
    out: dict[str, list[tuple[str, float]]] = defaultdict(list)
    into: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for (source, target), lines in flow.items():
        out[source].append((target, lines / before[source]))
        into[target].append((source, min(1.0, lines / after[target])))
    sources = {id: _told(shares) for id, shares in into.items()}
    fates = [_fate(card, _told(out[card.id]), heirs, alike, sources) for card in old.modules]
    known = set(heirs.values())
    fates += [ModuleFate("added", "", id, 0.0, sources.get(id, ())) for id in new.module_ids if id not in known]
    return tuple(sorted(fates, key=lambda fate: (fate.old or fate.new, fate.new)))


def _told(shares: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    rounded = [(id, round(min(share, 1.0), 3)) for id, share in shares if share >= PART]
    return tuple(sorted(rounded, key=lambda item: (-item[1], item[0])))


def _pair(
    old: Catalog,
    flow: Mapping[tuple[str, str], float],
    before: Mapping[str, float],
    alike: Mapping[tuple[str, str], float],
) -> dict[str, str]:
    """
    Give each old module at most one successor and each new module at most one predecessor: old id → new id.
    """
    names = {card.id: {card.id, *card.aliases} for card in old.modules}

    def rank(pair: tuple[str, str]) -> tuple[float, str, str]:
        same_end = pair[0].rsplit("/", 1)[-1] == pair[1].rsplit("/", 1)[-1]
        bonus = _PREFERENCE_FOR_THE_SAME_ID if pair[1] in names[pair[0]] else 0.1 * same_end
        return -round(alike[pair] + bonus, 6), *pair

    heirs: dict[str, str] = {}
    taken: set[str] = set()
    for pair in sorted(alike, key=rank):
        source, target = pair
        enough = alike[pair] >= SAME_MODULE or flow[pair] / before[source] >= (0.1 if target in names[source] else 0.7)
        if enough and source not in heirs and target not in taken:
            heirs[source] = target
            taken.add(target)
    return heirs


def _fate(
    card: ModuleCard,
    parts: tuple[tuple[str, float], ...],
    heirs: Mapping[str, str],
    alike: Mapping[tuple[str, str], float],
    sources: Mapping[str, tuple[tuple[str, float], ...]],
) -> ModuleFate:
    heir = heirs.get(card.id)
    if heir is None:
        if not parts:
            return ModuleFate("removed", card.id, "", 0.0)
        return ModuleFate("merged", card.id, parts[0][0], round(alike[card.id, parts[0][0]], 3), parts)
    own_parts = [id for id, _ in parts if id != heir and (sources.get(id) or (("", 0.0),))[0][0] == card.id]
    if own_parts:
        kind: FateKind = "split"
    elif heir in (card.id, *card.aliases):
        kind = "kept"
    else:
        kind = "moved" if heir.rsplit("/", 1)[-1] == card.id.rsplit("/", 1)[-1] else "renamed"
    return ModuleFate(kind, card.id, heir, round(min(alike[card.id, heir], 1.0), 3), parts)
