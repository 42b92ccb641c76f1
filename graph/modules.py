"""
The module rule: from the paths and sizes of source files to modules with readable ids.

``docs/modules.md`` describes it for people, with examples. In short: a folder is a module; tiny folders
join their parent; a folder that would be a giant gives its largest files modules of their own; ids are paths
without the boilerplate of source folders.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ROOT = "(root)"
SIZE_COUNTED = 60_000
"""Bytes of one file that count: a table of data must not make its folder a giant."""

_SOURCE_ROOT = re.compile(
    r"(?:^|/)(src/(?:[a-z]\w*[mM]ain|main|debug|release|commonMain)/"
    r"(?:java|kotlin|scala|groovy|resources|webapp|cpp|c|jni|swift|python|ts|js)|"
    r"src|Sources|include)(?=/)"
)
_SHARE_OF_PREFIX = 0.9
_GIANT = 3.5
_ALWAYS_A_GIANT = 8.0
_FEW_FILES = 3
_LARGE = 2.5
_LARGE_IN_A_GIANT = 4.0
_LARGEST_SHARE = 0.1
_MANY_NAMES = 8
_FAR_TOO_MANY = 1.6
_NEVER_ALONE = frozenset({"__init__", "__main__", "index", "mod", "lib", "main", "package-info", ""})
_STYLE_SHEETS = frozenset({"html", "css", "shell", "sql"})


@dataclass(frozen=True, slots=True)
class SizedFile:
    """
    One source file: its path, its size in bytes, its language.
    """

    path: str
    size: int
    language: str


@dataclass(frozen=True, slots=True)
class ModuleFiles:
    """
    One module before it has a card: its id, the folder or file it stands for, its files sorted.
    """

    id: str
    path: str
    files: tuple[str, ...]


def assign_modules(files: Sequence[SizedFile], *, package: str = "") -> tuple[ModuleFiles, ...]:
    """
    Divide source files into modules.

    Args:
        files: The source files of a repository, each once, in any order.
        package: Name of the package the repository's root folder itself is, if it is one; it names the
            module of the root's own files.

    Returns:
        Modules sorted by id. Every file is in exactly one.

    >>> [module.id for module in assign_modules([
    ...     SizedFile(f"src/main/java/com/shop/{folder}/{name}.java", 9000, "java")
    ...     for folder in ("tax", "cart") for name in ("A", "B", "C")])]
    ['cart', 'tax']
    """
    places, root = _logical_places(files)
    weights = {file.path: _weight(file) for file in files}
    wanted = wanted_modules(len(files))
    groups = _joined(_by_folder(places), weights, wanted)
    groups = _split_giants(groups, weights, wanted)
    groups = _split_by_letters(groups, weights, wanted)
    return _named(groups, root or package or ROOT)


def wanted_modules(files: int) -> int:
    """
    Say how many modules make a useful catalog: growing with the square root of the number of files.

    >>> [wanted_modules(count) for count in (3, 20, 200, 1200, 5000, 20000)]
    [1, 5, 45, 111, 226, 453]
    """
    return max(1, min(files // 4, round(3.2 * math.sqrt(files))))


def _most_modules(wanted: int) -> float:
    return wanted + min(wanted / 3, 24)


def _weight(file: SizedFile) -> float:
    size = min(file.size, SIZE_COUNTED) + 300
    return size / 2 if file.language in _STYLE_SHEETS else size


def _logical_places(files: Sequence[SizedFile]) -> tuple[dict[str, str], str]:
    """
    Give each file its path without boilerplate, and the name of a folder that was dropped because it holds
    all.
    """
    heads: dict[str, tuple[str, str, str]] = {file.path: _without_source_root(file.path) for file in files}
    weights = {file.path: float(min(file.size, SIZE_COUNTED) + 300) for file in files}
    by_root: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, (owner, marker, _) in heads.items():
        by_root[owner, marker].append(path)
    places: dict[str, str] = {}
    root = ""
    for (owner, marker), paths in by_root.items():
        rests = {path: heads[path][2] for path in paths}
        prefix = _main_prefix(rests, weights, _SHARE_OF_PREFIX if marker.count("/") else 1.0) if marker else ""
        root = root if owner else prefix.rstrip("/").rsplit("/", 1)[-1] or root
        for path, rest in rests.items():
            kept = rest[len(prefix) :] if rest.startswith(prefix) else rest
            places[path] = f"{owner}/{kept}" if owner else kept
    whole = _main_prefix(places, weights, _SHARE_OF_PREFIX)
    if not whole or _would_collide(places, whole):
        return places, root
    return {path: place.removeprefix(whole) for path, place in places.items()}, whole.rstrip("/").rsplit("/", 1)[-1]


def _without_source_root(path: str) -> tuple[str, str, str]:
    """
    Split a path at its source root.

    >>> _without_source_root("core/src/main/java/com/shop/Tax.java")
    ('core', 'src/main/java', 'com/shop/Tax.java')
    """
    match = _SOURCE_ROOT.search(path)
    if match is None:
        return "", "", path
    return path[: match.start(1)].rstrip("/"), match[1], path[match.end(1) + 1 :]


def _main_prefix(places: Mapping[str, str], weights: Mapping[str, float], share: float) -> str:
    """
    Give the deepest folder (with its final slash) that holds at least *share* of the weight; empty when none
    does.
    """
    total = sum(weights[path] for path in places)
    prefix = ""
    while True:
        below: dict[str, float] = defaultdict(float)
        for path, place in places.items():
            rest = place[len(prefix) :] if place.startswith(prefix) else ""
            if "/" in rest:
                below[rest.split("/", 1)[0]] += weights[path]
        name, weight = max(below.items(), key=lambda item: (item[1], item[0]), default=("", 0.0))
        if not name or weight < share * total:
            return prefix
        prefix += name + "/"


def _would_collide(places: Mapping[str, str], prefix: str) -> bool:
    inside = {place[len(prefix) :].split("/", 1)[0] for place in places.values() if place.startswith(prefix)}
    outside = {place.split("/", 1)[0] for place in places.values() if not place.startswith(prefix)}
    return not inside.isdisjoint(outside)


@dataclass(slots=True)
class _Group:
    """
    Files on their way to become a module: *place* is the logical path it will be named by.
    """

    place: str
    files: list[tuple[str, str]]  # (path, logical path)

    def weight(self, weights: Mapping[str, float]) -> float:
        return sum(weights[path] for path, _ in self.files)


def _by_folder(places: Mapping[str, str]) -> dict[str, _Group]:
    groups: dict[str, _Group] = {}
    for path, place in sorted(places.items()):
        folder = _parent(place)
        groups.setdefault(folder, _Group(folder, [])).files.append((path, place))
    return groups


def _joined(groups: dict[str, _Group], weights: Mapping[str, float], wanted: int) -> dict[str, _Group]:
    """
    Let tiny folders join their parents, harder while there are far too many modules.
    """
    average = sum(weights.values()) / wanted
    dust = average / 6
    joined = _join_once(groups, weights, dust, average)
    while len(joined) > wanted + 3:
        dust *= 1.25
        harder = _join_once(groups, weights, dust, average)
        if len(joined) <= _FAR_TOO_MANY * wanted and _grows_giants(joined, harder, weights, average):
            return joined
        joined = harder
    return joined


def _grows_giants(
    before: dict[str, _Group], after: dict[str, _Group], weights: Mapping[str, float], average: float
) -> bool:
    """
    Tell whether joining harder made a giant out of small folders: hundreds of equals, say, under one parent.
    """
    limit = _GIANT * average
    return any(
        group.weight(weights) > limit and (place not in before or before[place].weight(weights) < limit)
        for place, group in after.items()
    )


def _join_once(
    groups: dict[str, _Group], weights: Mapping[str, float], dust: float, average: float
) -> dict[str, _Group]:
    waiting = {place: _Group(place, list(group.files)) for place, group in groups.items()}
    order = sorted(_with_parents(waiting), key=lambda name: (-_depth(name), name))
    done: dict[str, _Group] = {}
    for place in order:
        group = waiting.get(place)
        if group is None:
            continue
        weight = group.weight(weights)
        tiny = weight < dust or (len(group.files) < _FEW_FILES and weight < average / 2)
        if tiny and place and not (_depth(place) == 1 and weight >= dust / 2):
            parent = _parent(place)
            waiting.setdefault(parent, _Group(parent, [])).files.extend(group.files)
        else:
            done[place] = group
    return done


def _with_parents(groups: Mapping[str, _Group]) -> set[str]:
    names = set(groups)
    for name in groups:
        while name:
            name = _parent(name)
            names.add(name)
    return names


def _split_giants(groups: dict[str, _Group], weights: Mapping[str, float], wanted: int) -> dict[str, _Group]:
    """
    Take the largest files out of folders that hold several times the weight of an average module.
    """
    average = sum(weights.values()) / wanted
    split = _split_once(groups, weights, average, _GIANT)
    factor = _GIANT
    while len(split) < 0.6 * wanted and factor > 1.5:
        factor *= 0.8
        split = _split_once(groups, weights, average, factor)
    factor = _GIANT
    while len(split) > max(len(groups), _most_modules(wanted)) and factor < _ALWAYS_A_GIANT:
        factor *= 1.25
        split = _split_once(groups, weights, average, factor)
    return split


def _split_once(
    groups: dict[str, _Group], weights: Mapping[str, float], average: float, factor: float
) -> dict[str, _Group]:
    split: dict[str, _Group] = {}
    for place, group in groups.items():
        weight = group.weight(weights)
        if weight > factor * average and len(group.files) > 1:
            taken = set(groups) | set(split)
            split |= _split(group, weights, average, factor * average, taken)
        else:
            split[place] = group
    return split


def _split(
    group: _Group, weights: Mapping[str, float], average: float, limit: float, taken: set[str]
) -> dict[str, _Group]:
    """
    Split one giant: its largest files (with their headers or style sheets) stand alone until the rest is below *limit*.

    Small files are taken out only as long as that is needed; there is an end to it too, so that a flat folder of a
    thousand small files stays readable.
    """
    stems = _by_stem(group)
    sizes = {stem: sum(weights[path] for path, _ in files) for stem, files in stems.items()}
    left = sum(sizes.values())
    budget = 2 + math.ceil(2 * left / average)
    split: dict[str, _Group] = {}
    for stem in sorted(sizes, key=lambda stem: (-sizes[stem], stem)):
        place = f"{group.place}/{stem}" if group.place else stem
        smallest = average / (_LARGE if left <= limit else _LARGE_IN_A_GIANT)
        if sizes[stem] < smallest or len(split) >= budget:
            break
        if place not in taken and stem not in _NEVER_ALONE:
            split[place] = _Group(place, stems.pop(stem))
            left -= sizes[stem]
    rest = [item for files in stems.values() for item in files]
    if rest:
        split[group.place] = _Group(group.place, rest)
    return split


def _split_by_letters(groups: dict[str, _Group], weights: Mapping[str, float], wanted: int) -> dict[str, _Group]:
    """
    Divide what still is a large share of everything, because it has very many small folders or files, by their names.

    Letters are no topics, but ``plugins/a-c`` is a better answer than one module that is half of the repository.
    """
    total = sum(weights.values())
    average = total / wanted
    limit = max(_LARGEST_SHARE * total, _GIANT * average)
    split: dict[str, _Group] = {}
    for place, group in groups.items():
        stems = _by_stem(group)
        if group.weight(weights) <= limit or len(stems) < _MANY_NAMES:
            split.setdefault(place, group)
            continue
        own = [item for stem in sorted(stems) if stem in _NEVER_ALONE for item in stems[stem]]
        sizes = {
            stem: sum(weights[path] for path, _ in files) for stem, files in stems.items() if stem not in _NEVER_ALONE
        }
        taken = set(groups) | set(split)
        for label, names in _runs(sorted(sizes, key=lambda stem: (stem.lower(), stem)), sizes, 1.5 * average):
            files = [item for name in names for item in stems[name]]
            below = f"{place}/{label}" if place else label
            if below in taken:
                own += files
            else:
                split[below] = _Group(below, files)
                taken.add(below)
        if own:
            split[place] = _Group(place, own)
    return split


def _runs(names: Sequence[str], sizes: Mapping[str, float], most: float, depth: int = 1) -> list[tuple[str, list[str]]]:
    """
    Cut sorted names where their beginnings change, into runs of about equal size.

    A cut is between letters, not after so many names, so that one more name moves no other.

    >>> _runs(["apple", "avocado", "banana", "cherry", "date"], dict.fromkeys(
    ...     ("apple", "avocado", "banana", "cherry", "date"), 1.0), 2.0)
    [('a', ['apple', 'avocado']), ('b-c', ['banana', 'cherry']), ('d', ['date'])]
    """
    buckets: dict[str, list[str]] = defaultdict(list)
    for name in names:
        buckets[name[:depth].lower()].append(name)
    runs: list[tuple[str, str, list[str]]] = []
    weight = 0.0
    for key, found in buckets.items():
        size = sum(sizes[name] for name in found)
        if size > most and len(found) > 1 and depth < max(map(len, found)):
            inner = _runs(found, sizes, most, depth + 1)
            runs += [(label, "", inside) for label, inside in inner]
            weight = most
        elif runs and runs[-1][1] and weight + size <= most:
            runs[-1] = (runs[-1][0], key, [*runs[-1][2], *found])
            weight += size
        else:
            runs.append((key, key, list(found)))
            weight = size
    return [(f"{first}-{last}" if last not in ("", first) else first, inside) for first, last, inside in runs]


def _by_stem(group: _Group) -> dict[str, list[tuple[str, str]]]:
    """
    Put together what has the same name before its endings; a folder that joined from below is one name.

    A leading underscore does not count: ``_solver.py`` is what stands behind ``solver.py``.
    """
    stems: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, place in group.files:
        rest = place[len(group.place) :].lstrip("/")
        stem = rest.split("/", 1)[0].split(".", 1)[0]
        stems[stem if stem.startswith("__") else stem.lstrip("_") or stem].append((path, place))
    return stems


def _named(groups: Mapping[str, _Group], root: str) -> tuple[ModuleFiles, ...]:
    named: dict[str, ModuleFiles] = {}
    for place, group in sorted(groups.items()):
        id = place or (root if root not in groups else ROOT)
        paths = tuple(sorted(path for path, _ in group.files))
        named[id] = ModuleFiles(id, _home(place, group), paths)
    return tuple(named[id] for id in sorted(named))


def _home(place: str, group: _Group) -> str:
    """
    Say which folder a module stands for: the one that most of its own files are in; for one file, that file.
    """
    if len(group.files) == 1:
        return group.files[0][0]
    direct = [path for path, where in group.files if _parent(where) == place] or [path for path, _ in group.files]
    counts = Counter(_parent(path) for path in direct)
    return max(sorted(counts), key=lambda folder: counts[folder])


def _parent(place: str) -> str:
    return place.rsplit("/", 1)[0] if "/" in place else ""


def _depth(place: str) -> int:
    return place.count("/") + 1 if place else 0
