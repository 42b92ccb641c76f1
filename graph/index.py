"""
A snapshot → its catalog and its code knowledge graph.
"""

from __future__ import annotations

import gc
import logging
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.cache import ParseCache, cache_key
from graph.cards import make_cards
from graph.entry import Entry
from graph.languages.registry import language_of
from graph.links import Links, link_files
from graph.manifests import read_manifests
from graph.modules import ModuleFiles, SizedFile, assign_modules
from graph.overrides import Overrides, apply_overrides, read_overrides
from graph.parsed import ParsedFile, unpack
from graph.parsing import Source, parse_apart
from graph.resolve import ImportResolver, Verdict
from graph.selection import LARGEST_FILE, reason_apart, reason_unreadable
from graph.snapshot import Snapshot
from graph.values import Catalog, Progress, RepositoryError

if TYPE_CHECKING:
    from graph.knowledge import Graph

log = logging.getLogger("signpost.graph")

_EXPECTED = frozenset({"generated", "minified"})


@dataclass(frozen=True, slots=True)
class Skipped:
    """
    A file that looks like source and was left out, with the reason in a few words.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Index:
    """
    What came out of indexing one snapshot.

    Attributes:
        catalog: Modules and files.
        links: Imports, inheritance and calls.
        skipped: Source-like files that were left out, sorted by path.
        apart: (reason, number of files) kept apart from the modules: tests, documentation, vendored code …
        verdicts: Language → how many of its imports are of what, see `graph.resolve.Verdict`.
    """

    catalog: Catalog
    links: Links
    skipped: tuple[Skipped, ...]
    apart: tuple[tuple[str, int], ...]
    verdicts: Mapping[str, Mapping[Verdict, int]] = field(default_factory=dict)
    _made: dict[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def graph(self) -> Graph:
        """
        The code knowledge graph, see `graph.knowledge`. It is built when it is first asked for (networkx alone takes as
        long to load as a small change to index), and is the same one from then on: relations may be added to it.
        """
        if "graph" not in self._made:
            from graph.knowledge import build_graph

            self._made["graph"] = build_graph(self.catalog, self.links)
        graph: Graph = self._made["graph"]
        return graph


def index_snapshot(
    snapshot: Snapshot,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    modules: Mapping[str, Sequence[str]] | None = None,
    previous: Catalog | None = None,
    overrides: Overrides | None = None,
) -> Index:
    """
    Parse a snapshot and build its catalog and graph. The same snapshot (and *previous*) always gives the same index.

    Args:
        snapshot: An open snapshot.
        cache: A folder for parse results, shared by any number of repositories; nothing is kept when None.
        progress: Told about each file.
        modules: Module id → its files, for labels that were made with another module rule than ours: exactly these
            modules and files are indexed, whatever the files look like. One that cannot be read counts by its path.
        previous: An earlier catalog of the same repository: modules that moved since keep their ids, see
            `graph.continuity`.
        overrides: What people say about the modules; the snapshot's own `signpost.toml` when None.

    Raises:
        RepositoryError: There is no source file in it, or its `signpost.toml` is not understood.
    """
    with _without_collector():
        if modules is not None:
            return _index_given(snapshot, modules, cache, progress)
        overrides = read_overrides(snapshot) if overrides is None else overrides
        return _index_by_rule(snapshot, cache, progress, previous, overrides)


@contextmanager
def _without_collector() -> Iterator[None]:
    """
    Keep the garbage collector from looking again and again through a hundred thousand values of which none is garbage.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _index_by_rule(
    snapshot: Snapshot,
    cache: Path | None,
    progress: Progress | None,
    previous: Catalog | None,
    overrides: Overrides,
) -> Index:
    apart: Counter[str] = Counter()
    candidates: list[Entry] = []
    for entry in snapshot.files:
        reason = "excluded" if overrides.excludes(entry.path) else reason_apart(entry.path)
        if reason is None:
            candidates.append(entry)
        else:
            apart[reason] += 1
    files, skipped = _parse_all(snapshot, candidates, cache, progress)
    if not files:
        raise RepositoryError(
            f"{snapshot.location} has no source file that can be indexed "
            f"({len(snapshot.files)} files, {len(skipped)} skipped): give the folder of a code base"
        )
    log.info(
        "%s at %s: %d source files, kept apart: %s",
        snapshot.repository,
        snapshot.commit,
        len(files),
        dict(apart),
    )
    return _assemble(snapshot, _Parsed(files, skipped, apart), overrides, previous)


def _index_given(
    snapshot: Snapshot, modules: Mapping[str, Sequence[str]], cache: Path | None, progress: Progress | None
) -> Index:
    wanted = {path for paths in modules.values() for path in paths}
    files, skipped = _parse_all(snapshot, [entry for entry in snapshot.files if entry.path in wanted], cache, progress)
    if not files:
        raise RepositoryError(
            f"{snapshot.location} has none of the {len(wanted)} files of the given modules at commit "
            f"{snapshot.commit[:12]}: do the modules belong to another repository or commit?"
        )
    for path in sorted(wanted - set(files)):
        files[path] = ParsedFile(path, "", language_of(path) or "text", 0, "", (), (), (), ())
    given = [
        ModuleFiles(id, _folder_of(id, paths), tuple(sorted(set(paths))))
        for id, paths in sorted(modules.items())
        if paths
    ]
    parsed = _Parsed(files, skipped, Counter())
    return _assemble(snapshot, parsed, Overrides(), None, given)


def _folder_of(id: str, paths: Sequence[str]) -> str:
    """
    Name the place a given module stands for: its only file, or the folder that holds all its files.
    """
    if len(paths) == 1:
        return paths[0]
    return posixpath.commonpath([posixpath.dirname(path) for path in paths]) or id


@dataclass(frozen=True, slots=True)
class _Parsed:
    """
    What parsing gave: files by path, what was skipped, what was kept apart and how often.
    """

    files: dict[str, ParsedFile]
    skipped: list[Skipped]
    apart: Counter[str]


def _assemble(
    snapshot: Snapshot,
    parsed: _Parsed,
    overrides: Overrides,
    previous: Catalog | None,
    given: Sequence[ModuleFiles] | None = None,
) -> Index:
    files = parsed.files
    package = _root_package(snapshot, files)
    sizes = {entry.path: entry.size for entry in snapshot.files}
    sized = [SizedFile(path, sizes.get(path, 0), file.language) for path, file in files.items()]
    cut = given if given is not None else assign_modules(sized, package=package)
    modules, aliases = apply_overrides(tuple(cut), overrides)
    others = [entry.path for entry in snapshot.files if entry.path not in files]
    resolver = ImportResolver(list(files.values()), package=package, manifests=read_manifests(snapshot), others=others)
    imports = {path: resolver.resolve(file) for path, file in files.items()}
    told = _readmes(snapshot, {module.path for module in modules})
    cards, file_cards = make_cards(modules, files, imports, told, described=overrides.describe)
    cards = tuple(replace(card, aliases=aliases.get(card.id, ())) for card in cards)
    catalog = Catalog(snapshot.repository, snapshot.commit, cards, file_cards)
    if previous is not None:
        catalog = with_lasting_ids(catalog, previous, snapshot, given=overrides.given_ids)
    return Index(
        catalog=catalog,
        links=link_files(files, imports),
        verdicts={language: dict(sorted(counts.items())) for language, counts in sorted(resolver.verdicts.items())},
        skipped=tuple(sorted(parsed.skipped, key=lambda item: item.path)),
        apart=tuple(sorted(parsed.apart.items())),
    )


def with_lasting_ids(catalog: Catalog, previous: Catalog, snapshot: Snapshot, *, given: frozenset[str]) -> Catalog:
    """
    Give the modules of *catalog*, which was made of *snapshot*, the ids they had in *previous*, but for *given* ones.
    """
    from graph.continuity import compare_catalogs, keep_ids

    blobs, renames = snapshot.since(previous.commit)
    now = {entry.path: entry.blob for entry in snapshot.files}
    comparison = compare_catalogs(previous, catalog, renames=renames, blobs=(blobs, now))
    cards, files = keep_ids(previous, catalog.modules, catalog.files, comparison, given=given)
    return replace(catalog, modules=cards, files=files)


def _parse_all(
    snapshot: Snapshot, entries: list[Entry], cache: Path | None, progress: Progress | None
) -> tuple[dict[str, ParsedFile], list[Skipped]]:
    if cache is None:
        return _parse_with(snapshot, entries, None, progress)
    with ParseCache(cache) as store:
        return _parse_with(snapshot, entries, store, progress)


def _parse_with(
    snapshot: Snapshot, entries: list[Entry], store: ParseCache | None, progress: Progress | None
) -> tuple[dict[str, ParsedFile], list[Skipped]]:
    keys = {entry.path: cache_key(entry.blob, language_of(entry.path) or "") for entry in entries}
    known = store.load(set(keys.values())) if store else {}
    files: dict[str, ParsedFile] = {}
    for entry in entries:
        if (parsed := _from_cache(entry.path, known.get(keys[entry.path]))) is not None:
            files[entry.path] = parsed
    missing = [entry for entry in entries if entry.path not in files]
    fresh: dict[str, str] = {}
    skipped: list[Skipped] = []
    done = len(files)
    try:
        for packed in parse_apart((_source(snapshot, entry) for entry in missing), count=len(missing)):
            if progress:
                progress(done, len(entries), packed.path)
            done += 1
            if packed.value is None:
                skipped.append(_skip(packed.path, packed.reason))
                continue
            files[packed.path] = unpack(packed.path, packed.value)
            if store:
                fresh[keys[packed.path]] = packed.value
    finally:
        if store and fresh:
            store.store(fresh)
    if progress:
        progress(len(entries), len(entries), "parsed")
    return {entry.path: files[entry.path] for entry in entries if entry.path in files}, skipped


def _skip(path: str, reason: str) -> Skipped:
    log.log(logging.INFO if reason in _EXPECTED else logging.WARNING, "skipped %s: %s", path, reason)
    return Skipped(path, reason)


def _from_cache(path: str, value: str | None) -> ParsedFile | None:
    if value is None:
        return None
    try:
        return unpack(path, value)
    except (ValueError, TypeError):
        return None


def _source(snapshot: Snapshot, entry: Entry) -> Source:
    """
    Read one file; whatever is wrong with it costs that file only.
    """
    if entry.size > LARGEST_FILE:
        return Source(entry.path, entry.blob, None, "generated or too large")
    try:
        data = snapshot.read(entry.path)
    except RepositoryError as error:
        return Source(entry.path, entry.blob, None, f"unreadable: {error}")
    reason = reason_unreadable(entry.path, data)
    return Source(entry.path, entry.blob, None if reason else data, reason or "")


def _root_package(snapshot: Snapshot, files: dict[str, ParsedFile]) -> str:
    """
    Name the Python package that the root folder itself is (an installed package is indexed so), or nothing.
    """
    name = snapshot.location.name
    return name if "__init__.py" in files and name.isidentifier() else ""


def _readmes(snapshot: Snapshot, folders: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in snapshot.files:
        folder, _, name = entry.path.rpartition("/")
        if _is_readme(name) and folder in folders and folder not in found and entry.size < 200_000:
            try:
                found[folder] = snapshot.read(entry.path).decode("utf-8", "replace")
            except RepositoryError:
                continue
    return found


def _is_readme(name: str) -> bool:
    return name[:6].lower() == "readme" and name[6:].lower() in ("", ".md", ".rst", ".txt", ".markdown")
