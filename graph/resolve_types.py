"""
Languages whose files know each other by what they declare: packages and namespaces, and types that need no import.

In a package of Java, Kotlin or Scala, in a namespace of C# or PHP, in all of a Swift target, and where Ruby loads by
name, a type is used without any import: there, mentioning a type is what says that one file needs another.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from graph.parsed import ParsedFile

PACKAGED = frozenset({"java", "kotlin", "scala", "csharp", "php"})
MENTIONED = frozenset({"swift", "ruby"})
_TYPES = frozenset({"class", "interface", "enum", "type", "module"})
_SHORTEST_TYPE = 4


class TypeResolver:
    """
    Knows what all files declare.
    """

    def __init__(self, files: Iterable[ParsedFile]) -> None:
        self._types: dict[str, list[str]] = defaultdict(list)
        self._packages: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._inner: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._extensions: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._declared: dict[tuple[str, str], set[str]] = defaultdict(set)
        for file in files:
            if file.language in PACKAGED:
                self._add_packaged(file)
            elif file.language in MENTIONED:
                for name in filter(None, file.package.split(".")):  # a namespace is of many files, and of none of them
                    self._declared[file.language, name].update((file.path, ""))
                for symbol in file.symbols:
                    if symbol.kind in _TYPES and len(symbol.name) >= _SHORTEST_TYPE:
                        self._declared[file.language, symbol.name].add(file.path)

    def _add_packaged(self, file: ParsedFile) -> None:
        package = file.package
        outer = [symbol.name for symbol in file.symbols if "." not in symbol.qualified]
        stem = posixpath.basename(file.path).split(".", 1)[0]
        # Java knows what stands outside all classes of a Kotlin file as members of a class of this name.
        facade = [f"{stem[:1].upper()}{stem[1:]}Kt"] if file.language == "kotlin" and stem else []
        for name in dict.fromkeys([*outer, stem, *facade]):
            self._types[f"{package}.{name}" if package else name].append(file.path)
            self._packages[package][name].append(file.path)
        for symbol in file.symbols:
            if "." in symbol.qualified:
                self._inner[package][symbol.name].append(file.path)
        if file.language == "csharp":
            static = {symbol.qualified for symbol in file.symbols if " static class " in f" {symbol.signature} "}
            for symbol in file.symbols:
                if symbol.qualified.rpartition(".")[0] in static:
                    self._extensions[file.package][symbol.name].append(file.path)

    def find(self, file: ParsedFile, name: str) -> Iterable[str]:
        """
        Give the files behind an imported name: a type, a member of one, or the mentioned part of a package.
        """
        found = self._find_whole(file, name)
        if found or file.language != "scala":
            return found
        # A name of Scala may begin in any of the packages around it.
        head, package = name.split(".", 1)[0], file.package
        while package and not found:
            if f"{package}.{head}" in self._types or f"{package}.{head}" in self._packages:
                found = self._find_whole(file, f"{package}.{name}")
            package = package.rpartition(".")[0]
        return found

    def _find_whole(self, file: ParsedFile, name: str) -> tuple[str, ...]:
        stem = name.removesuffix(".*")
        if not (file.language == "csharp" and stem in self._packages):
            parts = stem.split(".")
            for size in range(len(parts), max(0, len(parts) - 3), -1):
                if found := self._types.get(".".join(parts[:size])):
                    return (nearest(found, file.path),)
            # A grammar that is behind its language may have put a definition into the one before it.
            package, _, last = stem.rpartition(".")
            if found := self._inner.get(package, {}).get(last):
                return (nearest(found, file.path),)
        if (name.endswith(".*") or file.language == "csharp") and stem in self._packages:
            return tuple(self._of_package(file, stem))
        return ()

    def is_inside(self, file: ParsedFile, name: str) -> bool:
        """
        Tell whether a name that was not found belongs to a package of the repository: is one, or lies in one.
        """
        stem = name.removesuffix(".*")
        above = stem.rpartition(".")[0]
        if re.search(r"\.(?:R|BuildConfig)(?:\.\w+)?$|\.databinding\.", stem):
            return False  # made by the Android build
        home, _, outer = above.rpartition(".")
        # The last two may be a type and a member of it, com.shop.Tax.LOW; com.shop.tax.LOW is of another package.
        near = (stem, above, home) if file.language not in ("csharp", "php") and outer[:1].isupper() else (stem, above)
        return any(package in self._packages for package in near if package)

    def is_package(self, name: str) -> bool:
        """
        Tell whether a name is that of a whole package of the repository.
        """
        return name.removesuffix(".*") in self._packages

    def mentioned(self, file: ParsedFile) -> Iterable[str]:
        """
        Give the files whose types are used without an import.
        """
        if file.language in MENTIONED:
            for name in mentions(file):
                found = self._declared.get((file.language, name), ())
                if len(found) == 1:
                    yield from found
        elif file.language in PACKAGED and file.package:
            yield from self._of_package(file, file.package)
            outer = file.package.rpartition(".")[0] if file.language == "csharp" else ""
            while outer:  # C# sees what the namespaces around its own declare
                yield from self._of_package(file, outer)
                outer = outer.rpartition(".")[0]

    def _of_package(self, file: ParsedFile, package: str) -> Iterable[str]:
        said = mentions(file)
        for names in (self._packages.get(package, {}), self._extensions.get(package, {})):
            for name in said & names.keys():
                yield nearest(names[name], file.path)


def mentions(file: ParsedFile) -> set[str]:
    """
    Give the names a file uses, as far as they are kept.
    """
    return {*file.identifiers, *file.calls, *file.mentions, *(base for _, base in file.bases)}


def nearest(paths: Sequence[str], path: str) -> str:
    """
    Choose among files that declare the same name the one that lies closest.

    >>> nearest(["app/src/A.kt", "lib/src/A.kt"], "lib/test/B.kt")
    'lib/src/A.kt'
    """
    if len(paths) == 1:
        return paths[0]

    def distance(known: str) -> tuple[int, int, str]:
        return -len(posixpath.commonpath([known, path])), len(known), known

    return min(paths, key=distance)
