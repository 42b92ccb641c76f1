"""
From an imported name to the files of the repository it means, language by language.

What lies outside the repository (a standard library, a package) resolves to nothing.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from graph.manifests import Manifests
from graph.parsed import ParsedFile
from graph.resolve_types import PACKAGED, TypeResolver, mentions, nearest
from graph.resolve_web import LANGUAGES as WEB
from graph.resolve_web import WebResolver

Verdict = Literal["inside", "apart", "outside", "missing"]
"""
What an import is: of a file that was found, of one that is kept apart (a test, vendored, generated, no source), of
something outside the repository, or of something that should be in it and was not found.
"""

_C_LIKE = frozenset({"c", "cpp", "objc"})
_C_HEADERS = (
    "assert ctype errno fcntl fenv float inttypes limits locale math poll pthread setjmp signal stdalign stdarg"
    " stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string threads time uchar unistd wchar wctype"
)
_C_LIBRARY = frozenset(f"{name}.h" for name in _C_HEADERS.split())
"""Headers of C and POSIX: in angle brackets they mean those, whatever a repository calls its own files."""


class ImportResolver:
    """
    Knows all files of a snapshot and finds what an import in one of them means.
    """

    def __init__(
        self,
        files: Sequence[ParsedFile],
        *,
        package: str = "",
        manifests: Manifests | None = None,
        others: Collection[str] = (),
    ) -> None:
        """
        Index the files.

        Args:
            files: All parsed files.
            package: Name of the Python package that the root folder itself is, if it is one.
            manifests: What go.mod, package.json, tsconfig.json and Cargo.toml say.
            others: Paths of the snapshot that were not parsed.
        """
        files = sorted(files, key=lambda file: file.path)
        manifests = manifests or Manifests()
        self._paths = {file.path for file in files}
        self._others, self._other_names = frozenset(others), _names_of(others)
        self._top_folders: frozenset[str] | None = None
        self._go_modules = manifests.go_modules
        self._python = _python_names(self._paths, package)
        self._python_tops = {name.split(".", 1)[0] for name in self._python}
        self._types = TypeResolver(files)
        self._web = WebResolver(self._paths, manifests)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, dict[str, str]] = defaultdict(dict)
        self._go_packages = _go_packages(files)
        self._crates = _crates(self._paths, manifests.crates)
        self._targets = _swift_targets(self._paths)
        self.verdicts: dict[str, Counter[Verdict]] = defaultdict(Counter)
        """Language → how many imports were what."""
        for file in files:
            self._by_name[posixpath.basename(file.path)].append(file.path)
            if file.language == "go":
                folder = posixpath.dirname(file.path)
                for symbol in file.symbols:
                    self._folders[folder].setdefault(symbol.name, file.path)
                self._folders[folder].setdefault("", file.path)

    def resolve(self, file: ParsedFile) -> tuple[str, ...]:
        """
        Give the paths a file imports, or needs without having to say so, sorted, without itself.
        """
        found: set[str] = set()
        counts = self.verdicts[file.language]
        for name in file.imports:
            targets = self._resolve_one(file, name)
            found.update(targets)
            counts["inside" if targets else self.judge(file, name)] += 1
        found.update(self._types.mentioned(file))
        if file.language == "go":
            found.update(self._go_neighbours(file))
        found.discard(file.path)
        return tuple(sorted(found))

    def judge(self, file: ParsedFile, name: str) -> Verdict:
        """
        Say what an import is that no file was found for.
        """
        language = file.language
        if language == "python":
            inside = name.startswith(".") or name.split(".", 1)[0] in self._python_tops
            *_, outer, home, last = "", "", *name.split(".")
            if inside and home and {outer, home} <= self._other_names:
                return "apart"  # something in a module that is kept apart
            last = last or name
        elif language == "php" and name.startswith("./"):
            inside = "vendor" not in name.split("/")
            last = posixpath.basename(name)
        elif language in PACKAGED:
            inside = self._types.is_inside(file, name)
            if inside and self._types.is_package(name):
                return "inside"  # nothing of it is mentioned, as far as that is known
            last = name.removesuffix(".*").rpartition(".")[2]
        elif language in _C_LIKE:
            inside = not name.startswith("<") and name not in _C_LIBRARY and self._is_known_folder(name)
            last = posixpath.basename(name.strip("<>"))
        elif language in WEB:
            inside = self._web.is_inside(name)
            if not self._others.isdisjoint(self._web.places(file.path, name)):
                return "apart"
            last = posixpath.basename(name).split(".", 1)[0]
        elif language == "go":
            inside = any(name == module or name.startswith(module + "/") for module in self._go_modules.values())
            last = posixpath.basename(name)
        elif language == "rust":
            inside = name.split("::", 1)[0] in {"crate", "self", "super", *self._crates} or name.startswith("mod ")
            last = name.split(" ")[-1].rsplit("::", 1)[-1]
        elif language == "ruby":
            inside = name.startswith("./") or f"{name}.rb" in self._other_names
            last = f"{posixpath.basename(name).removesuffix('.rb')}.rb"
        else:
            return "inside" if name in self._targets else "outside"
        if not inside:
            return "outside"
        return "apart" if last in self._other_names else "missing"

    def _resolve_one(self, file: ParsedFile, name: str) -> tuple[str, ...]:
        if file.language == "python":
            return tuple(self._python_import(file.path, name))
        if file.language == "php" and name.startswith("./"):
            return tuple(self._include(file.path, name))
        if file.language in PACKAGED:
            return tuple(self._types.find(file, name))
        if file.language in _C_LIKE:
            return tuple(self._c_include(file, name))
        if file.language in WEB:
            found = self._web.find(file.path, name)
            return (found,) if found else ()
        if file.language == "go":
            return tuple(self._go_import(file, name))
        if file.language == "rust":
            return tuple(self._rust_import(file, name))
        if file.language == "ruby":
            return tuple(self._ruby_import(file.path, name))
        return ()

    def _python_import(self, path: str, name: str) -> Iterable[str]:
        dots = len(name) - len(name.lstrip("."))
        if dots:
            folders = path.split("/")[:-1]
            if dots - 1 > len(folders):
                return ()
            kept = folders[: len(folders) - (dots - 1)]
            return self._python_module(".".join([*kept, *filter(None, name[dots:].split("."))]), self._python_by_place)
        if found := self._python_module(name, self._python):
            return found
        folder = path[: path.rfind("/") + 1]
        beside = f"{folder}{name.split('.', 1)[0]}.py"
        return (beside,) if beside in self._paths and f"{folder}__init__.py" not in self._paths else ()

    @property
    def _python_by_place(self) -> dict[str, str]:
        if not hasattr(self, "_places"):
            self._places = {_dotted(path): path for path in sorted(self._paths) if path.endswith((".py", ".pyi"))}
        return self._places

    def _python_module(self, name: str, names: Mapping[str, str]) -> tuple[str, ...]:
        for candidate in (name, name.rpartition(".")[0]):
            if candidate in names and (candidate or name == ""):
                return (names[candidate],)
        if "." not in name and names is not self._python and "" in names:
            return (names[""],)
        return ()

    def _c_include(self, file: ParsedFile, name: str) -> Iterable[str]:
        clean = name.strip("<>")
        if clean != name and clean in _C_LIBRARY:
            return ()
        found = self._include(file.path, clean)
        framework, slash, header = clean.partition("/")
        if found or file.language != "objc" or not slash:
            return found
        # A framework's headers are built into one folder of its name, wherever they lie below its sources.
        below = [known for known in self._by_name.get(header, ()) if framework in known.split("/")[:-1]]
        return (nearest(below, file.path),) if below else ()

    def _is_known_folder(self, name: str) -> bool:
        """
        Tell whether an include path begins with a folder of the repository; one without folders might.
        """
        if self._top_folders is None:
            folders = {posixpath.dirname(path) for path in (*self._paths, *self._others)}
            self._top_folders = frozenset(part for folder in folders for part in folder.split("/"))
        head, slash, _ = name.partition("/")
        return not slash or head in self._top_folders or head.startswith(".")

    def _include(self, path: str, name: str) -> Iterable[str]:
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        if beside in self._paths:
            return (beside,)
        clean = posixpath.normpath(name).lstrip("./")
        matches = [
            known
            for known in self._by_name.get(posixpath.basename(clean), ())
            if known == clean or known.endswith("/" + clean)
        ]
        if not matches:
            return ()

        def distance(known: str) -> tuple[int, bool, int, str]:
            return -len(posixpath.commonpath([known, path])), "include" not in known.split("/"), len(known), known

        return (min(matches, key=distance),)

    def _go_import(self, file: ParsedFile, name: str) -> Iterable[str]:
        for folder, module in self._go_modules.items():
            if name == module or name.startswith(module + "/"):
                place = posixpath.normpath(posixpath.join(folder, name[len(module) :].lstrip("/")))
                symbols = self._folders.get("" if place == "." else place)
                if symbols:
                    used = {symbols[symbol] for symbol in mentions(file) & symbols.keys()}
                    return used or (symbols[""],)
        return ()

    def _go_neighbours(self, file: ParsedFile) -> Iterable[str]:
        """
        Give the files of the same package whose types are mentioned or whose functions are called.
        """
        types, functions = self._go_packages[posixpath.dirname(file.path), file.package]
        yield from (types[name] for name in mentions(file) & types.keys())
        yield from (functions[name] for name in functions.keys() & set(file.calls))

    def _rust_import(self, file: ParsedFile, name: str) -> Iterable[str]:
        path = file.path
        folder, stem = posixpath.dirname(path), posixpath.basename(path).removesuffix(".rs")
        own = folder if stem in ("mod", "lib", "main") else posixpath.join(folder, stem)
        if name.startswith("mod "):
            return self._rust_path(own, [name[4:]])
        parts = name.split("::")
        if parts[0] == "crate":
            return self._rust_path(self._crate_of(path), parts[1:])
        if parts[0] == "self":
            return self._rust_path(own, parts[1:])
        if parts[0] == "super":
            start = own
            while parts and parts[0] == "super":
                start, parts = posixpath.dirname(start), parts[1:]
            return self._rust_path(start, parts)
        if f"mod {parts[0]}" in file.imports:  # a module that this file declares is nearer than any crate
            return self._rust_path(own, parts, least=1)
        if parts[0] in self._crates:
            return self._rust_path(self._crates[parts[0]], parts[1:])
        return ()

    def _crate_of(self, path: str) -> str:
        holders = [folder for folder in self._crates.values() if path.startswith(folder + "/") or not folder]
        return max(holders, key=len, default=posixpath.dirname(path))

    def _rust_path(self, start: str, parts: Sequence[str], *, least: int = 0) -> Iterable[str]:
        for size in range(len(parts), least - 1, -1):
            base = posixpath.join(start, *parts[:size])
            for candidate in (
                f"{base}.rs",
                f"{base}/mod.rs",
                *((f"{base}/lib.rs", f"{base}/main.rs") if size == 0 else ()),
            ):
                if candidate.lstrip("/") in self._paths:
                    return (candidate.lstrip("/"),)
        return ()

    def _ruby_import(self, path: str, name: str) -> Iterable[str]:
        if name.startswith("./"):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name[2:]))
            return [found for found in (target, f"{target}.rb") if found in self._paths][:1]
        return self._include(path, name if name.endswith(".rb") else f"{name}.rb")


def _dotted(path: str) -> str:
    name = path.rsplit(".", 1)[0].replace("/", ".")
    return "" if name == "__init__" else name.removesuffix(".__init__")


def _python_names(paths: set[str], package: str) -> dict[str, str]:
    """
    Give the importable name of every Python file, seen from each folder that packages lie in.
    """
    names: dict[str, str] = {}
    sources = sorted(path for path in paths if path.endswith((".py", ".pyi")))
    heads = {posixpath.dirname(path) for path in sources if posixpath.basename(path) == "__init__.py"}
    roots = {posixpath.dirname(head) for head in heads if head and posixpath.dirname(head) not in heads}
    for root in sorted({"", "src", "lib", *roots}, key=lambda root: (len(root), root)):
        for path in sources:
            if not root or path.startswith(root + "/"):
                names.setdefault(_dotted(path[len(root) + 1 :] if root else path), path)
    if package:
        names |= {f"{package}.{name}" if name else package: path for name, path in names.items()}
    names.pop("", None)
    return names


def _go_packages(files: Sequence[ParsedFile]) -> dict[tuple[str, str], tuple[dict[str, str], dict[str, str]]]:
    """
    Give the types and the functions of every Go package, by folder and name: (name → path, name → path).

    What also names a method there is left out of the functions: a call does not tell which of them it means.
    """
    found: dict[tuple[str, str], tuple[dict[str, str], dict[str, str]]] = defaultdict(lambda: ({}, {}))
    methods: dict[tuple[str, str], set[str]] = defaultdict(set)
    for file in files:
        if file.language == "go":
            key = posixpath.dirname(file.path), file.package
            types, functions = found[key]
            for symbol in file.symbols:
                if symbol.kind in ("class", "interface", "type"):
                    types.setdefault(symbol.name, file.path)
                elif symbol.kind == "function":
                    functions.setdefault(symbol.name, file.path)
                elif symbol.kind == "method":
                    methods[key].add(symbol.name)
    for key, (_, functions) in found.items():
        for name in methods[key] | {"init", "main"}:
            functions.pop(name, None)
    return found


def _crates(paths: set[str], named: Mapping[str, str]) -> dict[str, str]:
    """
    Give the folder of the root file of every crate, by the name that code uses.
    """
    found = {name: posixpath.dirname(root) for name, root in sorted(named.items()) if f"{root}.rs" in paths}
    known = set(found.values())
    for path in sorted(paths):
        if posixpath.basename(path) in ("lib.rs", "main.rs"):
            folder = posixpath.dirname(path)
            owner = posixpath.dirname(folder) if posixpath.basename(folder) == "src" else folder
            if folder not in known:
                found.setdefault(posixpath.basename(owner).replace("-", "_") or "crate", folder)
    return found


def _swift_targets(paths: set[str]) -> set[str]:
    """
    Name the targets of Swift packages: the folders below ``Sources``.
    """
    parts = (path.split("/") for path in paths if path.endswith(".swift"))
    return {after for found in parts for before, after in pairwise(found[:-1]) if before in ("Sources", "Source")}


def _names_of(paths: Iterable[str]) -> frozenset[str]:
    """
    Give the names of files, with and without their endings, and of the folders they are in.
    """
    parts = [path.rsplit("/", 2) for path in paths]
    names = {part[-1] for part in parts}
    names.update([name.split(".", 1)[0] for name in names])
    names.update([part[-2] for part in parts if len(part) > 1])
    names.discard("")
    return frozenset(names)
