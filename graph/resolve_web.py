"""
What an import of JavaScript or TypeScript means: relative paths, path aliases, workspace packages.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator

from graph.manifests import Alias, Manifests

LANGUAGES = frozenset({"javascript", "typescript", "tsx", "vue", "svelte"})
_ENDINGS = ("", ".ts", ".tsx", ".d.ts", ".mts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte", ".scss", ".css")
_INDEX = ("/index.ts", "/index.tsx", "/index.js", "/index.jsx", "/index.mjs", "/index.vue")
_BUILT = re.compile(r"^(?:\./)?(?:dist|lib|build|out|es|esm|cjs|umd|types|prod|dev)/(?:(?:esm|cjs|es|types|src)/)?")


class WebResolver:
    """
    Finds the file behind an import, as bundlers and TypeScript do.
    """

    def __init__(self, paths: Collection[str], manifests: Manifests) -> None:
        self._paths, self._manifests = paths, manifests

    def find(self, path: str, name: str) -> str | None:
        """
        Give the file that *name* means in the file at *path*, or None for what lies outside.
        """
        name = name.split("?", 1)[0]
        if not name.startswith("."):
            name = name.split("!")[-1] or name
        return next((file for base in self._bases(path, name) if (file := self._file(base)) is not None), None)

    def is_inside(self, name: str) -> bool:
        """
        Tell whether an import that was not found would have to be in the repository.
        """
        return name.startswith((".", "@/", "~/")) or self._package_of(name) is not None or name.startswith("#")

    def places(self, path: str, name: str) -> list[str]:
        """
        Give the paths (without endings, perhaps) that an import could mean.
        """
        return [base.lstrip("/") for base in self._bases(path, name.split("?", 1)[0])]

    def _bases(self, path: str, name: str) -> Iterator[str]:
        folder = posixpath.dirname(path)
        if name.startswith("."):
            yield posixpath.normpath(posixpath.join(folder, name))
            return
        for alias in self._manifests.aliases:
            if not alias.scope or path.startswith(alias.scope + "/"):
                yield from _aliased(alias, name)
        if (package := self._package_of(name)) is not None:
            home, entries = self._manifests.npm_packages[package]
            yield from _in_package(home, entries, name[len(package) :].lstrip("/"))
        if name.startswith(("@/", "~/")):
            top = path.split("/src/", 1)[0] + "/src" if "/src/" in path else "src"
            yield f"{top}/{name[2:]}"
        elif "/" in name:
            yield name.lstrip("/")
            yield f"src/{name}"

    def _package_of(self, name: str) -> str | None:
        parts = name.split("/")
        package = "/".join(parts[: 2 if name.startswith("@") else 1])
        return package if package in self._manifests.npm_packages else None

    def _file(self, base: str) -> str | None:
        base = base.lstrip("/")
        swapped = re.sub(r"\.([cm]?)jsx?$", "", base)
        for start in dict.fromkeys((base, swapped)):
            for ending in (*_ENDINGS, *_INDEX):
                if start + ending in self._paths:
                    return start + ending
        return None


def _aliased(alias: Alias, name: str) -> Iterator[str]:
    head, star, tail = alias.pattern.partition("*")
    if not star:
        if name == alias.pattern:
            yield from alias.targets
        return
    if name.startswith(head) and name.endswith(tail) and len(name) >= len(head) + len(tail):
        middle = name[len(head) : len(name) - len(tail)]
        yield from (target.replace("*", middle) for target in alias.targets)


def _in_package(home: str, entries: tuple[str, ...], rest: str) -> Iterator[str]:
    if rest:
        yield posixpath.join(home, rest)
        yield posixpath.join(home, "src", rest)
        yield posixpath.join(home, "lib", rest)
        return
    for entry in entries:
        yield posixpath.normpath(posixpath.join(home, entry))
        # What is built is not in the repository: its source is.
        built = re.sub(r"\.(?:d\.)?[cm]?[jt]sx?$", "", _BUILT.sub("", entry)).removeprefix("./")
        yield posixpath.normpath(posixpath.join(home, "src", built))
        yield posixpath.normpath(posixpath.join(home, built))
    for place in ("src/index", "index", "src/main", "lib/index", "src/lib", "src"):
        yield posixpath.join(home, place)
