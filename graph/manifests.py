"""
What manifests say about names: which folder is meant by a Go module, an npm package, a path alias or a crate.

A manifest that cannot be read is left out with a warning: it costs some edges, never the index.
"""

from __future__ import annotations

import json
import logging
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.selection import reason_of_folder
from graph.snapshot import Snapshot
from graph.values import RepositoryError

log = logging.getLogger("signpost.graph")

_LARGEST = 200_000
_COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\\n])*")|,(?=\s*[\]}])')
_NAMES = ("go.mod", "package.json", "Cargo.toml")


@dataclass(frozen=True, slots=True)
class Alias:
    """
    A name that stands for paths, for the files below *scope*: ``@app/*`` → ``("web/src/*",)``.
    """

    scope: str
    pattern: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifests:
    """
    Names that manifests give to folders and files.

    Attributes:
        go_modules: Folder of each ``go.mod`` → the module path it declares, longest path first.
        npm_packages: Name of each workspace package → (its folder, entry points as its package.json names them).
        aliases: Paths of tsconfig.json and imports of package.json, the deepest scope first.
        crates: Name of each crate, as code writes it → path of its root file without ``.rs``.
    """

    go_modules: Mapping[str, str] = field(default_factory=dict)
    npm_packages: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    aliases: tuple[Alias, ...] = ()
    crates: Mapping[str, str] = field(default_factory=dict)


def read_manifests(snapshot: Snapshot) -> Manifests:
    """
    Read all manifests of a snapshot but those of tests, examples and vendored code.
    """
    go: dict[str, str] = {}
    npm: dict[str, tuple[str, tuple[str, ...]]] = {}
    aliases: list[Alias] = []
    crates: dict[str, str] = {}
    for entry in snapshot.files:
        if not entry.path.endswith((".json", "go.mod", "Cargo.toml")) or entry.size > _LARGEST:
            continue
        folder, _, name = entry.path.rpartition("/")
        if name not in _NAMES and not re.match(r"[jt]sconfig[\w.-]*\.json$", name):
            continue
        if reason_of_folder(folder) is not None:
            continue
        try:
            text = snapshot.read(entry.path).decode("utf-8-sig", "replace")
            if name == "go.mod":
                go |= _go_module(folder, text)
            elif name == "Cargo.toml":
                crates |= {crate: path for crate, path in _crate(folder, text).items() if crate not in crates}
            elif name == "package.json":
                npm |= {known: told for known, told in _npm_package(folder, text).items() if known not in npm}
                aliases += _npm_imports(folder, text)
            else:
                aliases += _typescript_paths(folder, text)
        except (RepositoryError, ValueError, TypeError, AttributeError) as error:
            log.warning("%s is not understood (%s): imports by its names are not followed", entry.path, error)
    return Manifests(
        dict(sorted(go.items(), key=lambda item: (-len(item[1]), item[0]))),
        npm,
        tuple(sorted(aliases, key=lambda alias: (-len(alias.scope), -len(alias.pattern), alias.pattern))),
        crates,
    )


def _go_module(folder: str, text: str) -> dict[str, str]:
    match = re.search(r"^module\s+(\S+)", text, re.MULTILINE)
    return {folder: match[1].strip('"')} if match else {}


def _crate(folder: str, text: str) -> dict[str, str]:
    import tomllib

    value = tomllib.loads(text)
    name = value.get("package", {}).get("name")
    if not isinstance(name, str):
        return {}
    library = value.get("lib", {})
    path = str(library.get("path", "src/lib.rs"))
    said = str(library.get("name", name)).replace("-", "_")
    return {said: posixpath.normpath(posixpath.join(folder, path)).removesuffix(".rs")}


def _npm_package(folder: str, text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    value = json.loads(text)
    name = value.get("name")
    if not isinstance(name, str) or not name:
        return {}
    main = [value.get(key) for key in ("source", "types", "typings", "module", "main")]
    entries = [*_leaves(_root_export(value.get("exports"))), *(text for text in main if isinstance(text, str))]
    return {name: (folder, tuple(dict.fromkeys(entries)))}


def _root_export(exports: Any) -> Any:
    return exports.get(".", exports) if isinstance(exports, dict) else exports


def _leaves(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() if not str(key).startswith("./") for leaf in _leaves(inner)]
    return []


def _npm_imports(folder: str, text: str) -> list[Alias]:
    imports = json.loads(text).get("imports")
    if not isinstance(imports, dict):
        return []
    return [
        Alias(folder, str(name), tuple(posixpath.normpath(posixpath.join(folder, leaf)) for leaf in _leaves(target)))
        for name, target in imports.items()
    ]


def _typescript_paths(folder: str, text: str) -> list[Alias]:
    value = json.loads(without_comments(text))
    options = value.get("compilerOptions") or {}
    base = posixpath.normpath(posixpath.join(folder, str(options.get("baseUrl", "."))))
    base = "" if base == "." else base
    found = [
        Alias(folder, str(name), tuple(_below(base, str(target)) for target in targets))
        for name, targets in (options.get("paths") or {}).items()
        if name != "*"
    ]
    return [*found, Alias(folder, "*", (_below(base, "*"),))] if "baseUrl" in options else found


def _below(base: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(base, path))


def without_comments(text: str) -> str:
    """
    Take comments and trailing commas out of the JSON that people write for tools.

    >>> without_comments('{"a": "//x", /* b */ "c": [1, 2,]} // d')
    '{"a": "//x",  "c": [1, 2]} '
    """
    kept = _COMMENT.sub(lambda match: match[1] or "", text)
    return _LAST_COMMA.sub(lambda match: match[1] or "", kept)
