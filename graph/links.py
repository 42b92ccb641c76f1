"""
What files have to do with each other: imports, inheritance and calls, found before there is a graph.

Kept apart from `graph.knowledge` because an index is often made only for its catalog, or to see what changed: these few
tuples hold all that was resolved, and the networkx graph is built from them when somebody asks for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from graph.values import ParsedFile

CLASSES = frozenset({"class", "interface", "enum", "type", "module"})
FUNCTIONS = frozenset({"function", "method", "constructor", "macro"})
_MEMBERS = frozenset({"method", "constructor"})
_SHORTEST_CALL = 4

Place = tuple[str, str]
"""A definition: the path of its file and its qualified name."""


@dataclass(frozen=True, slots=True)
class Links:
    """
    Everything that was resolved between files, sorted.

    Attributes:
        imports: Path → paths it imports.
        inherits: (class, the class it inherits from).
        calls: (path of the caller, function or class of another file).
    """

    imports: Mapping[str, tuple[str, ...]]
    inherits: tuple[tuple[Place, Place], ...]
    calls: tuple[tuple[str, Place], ...]


def link_files(files: Mapping[str, ParsedFile], imports: Mapping[str, tuple[str, ...]]) -> Links:
    """
    Find what the names in files mean.

    Args:
        files: Parsed files by path.
        imports: Paths that each file imports.
    """
    paths = sorted(files)
    classes: dict[str, list[Place]] = defaultdict(list)
    callables: dict[str, list[Place]] = defaultdict(list)
    for path in paths:
        for symbol in files[path].symbols:
            kind = symbol.kind
            if kind in CLASSES:
                classes[symbol.name].append((path, symbol.qualified))
            elif kind not in FUNCTIONS or kind in _MEMBERS:
                continue
            callables[symbol.name].append((path, symbol.qualified))
    inherits: dict[tuple[Place, Place], None] = {}
    calls: dict[tuple[str, Place], None] = {}
    for path in paths:
        file, near = files[path], {path, *imports.get(path, ())}
        if file.bases:
            own = {symbol.qualified for symbol in file.symbols if symbol.kind in CLASSES or symbol.kind in FUNCTIONS}
            for inner, base in file.bases:
                found = _nearest(classes[base], near, path) if base in classes else None
                if found and inner in own and found != (path, inner):
                    inherits[(path, inner), found] = None
        for name in file.calls:
            if name not in callables or len(name) < _SHORTEST_CALL:
                continue
            found = _nearest(callables[name], near, path)
            if found and found[0] != path:
                calls[path, found] = None
    return Links({path: imports[path] for path in sorted(imports)}, tuple(inherits), tuple(calls))


def _nearest(candidates: Sequence[Place], near: Set[str], path: str) -> Place | None:
    """
    Choose what a name means: in the same file, else in an imported one, else the only one there is.
    """
    imported = None
    for found in candidates:
        if found[0] == path:
            return found
        if imported is None and found[0] in near:
            imported = found
    return imported or (candidates[0] if len(candidates) == 1 else None)
