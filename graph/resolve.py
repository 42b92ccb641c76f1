"""
From an imported name to the files of the repository it means, language by language.

What lies outside the repository (a standard library, a package) resolves to nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from graph.values import ParsedFile

_JVM_LIKE = frozenset({"java", "kotlin", "scala", "csharp", "php"})
_C_LIKE = frozenset({"c", "cpp", "objc"})
_WEB = frozenset({"javascript", "typescript", "tsx", "vue", "svelte"})
_WEB_ENDINGS = ("", ".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte", ".scss", ".css")
_WEB_INDEX = ("/index.ts", "/index.tsx", "/index.js", "/index.jsx")


class ImportResolver:
    """
    Knows all files of a snapshot and finds what an import in one of them means.
    """

    def __init__(
        self, files: Sequence[ParsedFile], *, package: str = "", go_modules: Mapping[str, str] | None = None
    ) -> None:
        """
        Index the files.

        Args:
            files: All parsed files.
            package: Name of the Python package that the root folder itself is, if it is one.
            go_modules: Folder of each ``go.mod`` → the module path it declares.
        """
        self._paths = {file.path for file in files}
        self._package = package
        self._go_modules = dict(go_modules or {})
        self._python = _python_names(self._paths, package)
        self._types: dict[str, str] = {}
        self._packages: dict[str, dict[str, str]] = defaultdict(dict)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, dict[str, str]] = defaultdict(dict)
        self._crates = _crates(self._paths)
        for file in sorted(files, key=lambda file: file.path):
            self._index(file)

    def _index(self, file: ParsedFile) -> None:
        self._by_name[posixpath.basename(file.path)].append(file.path)
        outer = [symbol.name for symbol in file.symbols if "." not in symbol.qualified]
        if file.language in _JVM_LIKE:
            stem = posixpath.basename(file.path).split(".", 1)[0]
            for name in dict.fromkeys([*outer, stem]):
                self._types.setdefault(f"{file.package}.{name}" if file.package else name, file.path)
                self._packages[file.package].setdefault(name, file.path)
        if file.language == "go":
            folder = posixpath.dirname(file.path)
            for symbol in file.symbols:
                self._folders[folder].setdefault(symbol.name, file.path)
            self._folders[folder].setdefault("", file.path)

    def resolve(self, file: ParsedFile) -> tuple[str, ...]:
        """
        Give the paths a file imports, sorted, without itself.
        """
        found: set[str] = set()
        for name in file.imports:
            found.update(self._resolve_one(file, name))
        found.discard(file.path)
        return tuple(sorted(found))

    def _resolve_one(self, file: ParsedFile, name: str) -> Iterable[str]:
        if file.language == "python":
            return self._python_import(file.path, name)
        if file.language in _JVM_LIKE:
            return self._jvm_import(file, name)
        if file.language in _C_LIKE:
            return self._include(file.path, name)
        if file.language in _WEB:
            return self._web_import(file.path, name)
        if file.language == "go":
            return self._go_import(file, name)
        if file.language == "rust":
            return self._rust_import(file.path, name)
        if file.language == "ruby":
            return self._ruby_import(file.path, name)
        return ()

    def _python_import(self, path: str, name: str) -> Iterable[str]:
        dots = len(name) - len(name.lstrip("."))
        if dots:
            folder = posixpath.dirname(path).split("/") if posixpath.dirname(path) else []
            if dots - 1 > len(folder):
                return ()
            kept = folder[: len(folder) - (dots - 1)]
            return self._python_module(".".join([*kept, *filter(None, name[dots:].split("."))]), self._python_by_place)
        beside = posixpath.join(posixpath.dirname(path), name.split(".", 1)[0] + ".py")
        found = self._python_module(name, self._python)
        if (
            not found
            and beside in self._paths
            and posixpath.join(posixpath.dirname(path), "__init__.py") not in self._paths
        ):
            return (beside,)
        return found

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

    def _jvm_import(self, file: ParsedFile, name: str) -> Iterable[str]:
        stem = name.removesuffix(".*")
        parts = stem.split(".")
        for size in range(len(parts), max(0, len(parts) - 3), -1):
            if (path := self._types.get(".".join(parts[:size]))) is not None:
                return (path,)
        if (name.endswith(".*") or file.language == "csharp") and stem in self._packages:
            mentioned = {*file.identifiers, *file.calls, *(base for _, base in file.bases)}
            return [path for type_name, path in self._packages[stem].items() if type_name in mentioned]
        return ()

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

    def _web_import(self, path: str, name: str) -> Iterable[str]:
        if name.startswith("."):
            bases = [posixpath.normpath(posixpath.join(posixpath.dirname(path), name))]
        elif name.startswith(("@/", "~/")):
            top = path.split("/src/", 1)[0] + "/src" if "/src/" in path else "src"
            bases = [f"{top}/{name[2:]}"]
        else:
            bases = [name, f"src/{name}"] if "/" in name else []
        for base in bases:
            swapped = re.sub(r"\.[cm]?js$", "", base)
            for ending in (*_WEB_ENDINGS, *_WEB_INDEX):
                for candidate in (base + ending, swapped + ending):
                    if candidate in self._paths:
                        return (candidate,)
        return ()

    def _go_import(self, file: ParsedFile, name: str) -> Iterable[str]:
        for folder, module in self._go_modules.items():
            if name == module or name.startswith(module + "/"):
                place = posixpath.normpath(posixpath.join(folder, name[len(module) :].lstrip("/")))
                symbols = self._folders.get("" if place == "." else place)
                if symbols:
                    used = {
                        path for symbol, path in symbols.items() if symbol in file.calls or symbol in file.identifiers
                    }
                    return used or (symbols[""],)
        return ()

    def _rust_import(self, path: str, name: str) -> Iterable[str]:
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
        if parts[0] in self._crates:
            return self._rust_path(self._crates[parts[0]], parts[1:])
        return ()

    def _crate_of(self, path: str) -> str:
        holders = [folder for folder in self._crates.values() if path.startswith(folder + "/") or not folder]
        return max(holders, key=len, default=posixpath.dirname(path))

    def _rust_path(self, start: str, parts: Sequence[str]) -> Iterable[str]:
        for size in range(len(parts), -1, -1):
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


def _crates(paths: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(paths):
        if posixpath.basename(path) in ("lib.rs", "main.rs"):
            folder = posixpath.dirname(path)
            owner = posixpath.dirname(folder) if posixpath.basename(folder) == "src" else folder
            found.setdefault(posixpath.basename(owner).replace("-", "_") or "crate", folder)
    return found
