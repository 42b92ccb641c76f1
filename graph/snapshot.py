"""
A repository at one commit, as a list of files that can be read: from git's objects, or from a plain folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from graph.git import BlobReader, git_directory, renames_between, resolve_commit, run_git
from graph.values import RepositoryError

LARGEST_HASHED = 4 << 20
"""Larger files of a plain folder are known by their size alone: no source file is that large."""

_NOT_ENTERED = frozenset({".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", "venv", ".tox", ".mypy_cache"})


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One file of a snapshot: its path with forward slashes, its git object id, its size in bytes.
    """

    path: str
    blob: str
    size: int


class Snapshot:
    """
    A repository at one commit. Use it as a context manager, or close it.

    Attributes:
        repository: Its name.
        commit: Full commit id; for a plain folder ``tree-`` and a hash of its contents.
        is_git: Whether there is history behind it.
        location: Where it is.
        files: Its regular files, sorted by path. Symbolic links and submodules are not among them.
    """

    def __init__(
        self,
        *,
        repository: str,
        commit: str,
        location: Path,
        files: tuple[Entry, ...],
        store: _GitStore | _FolderStore,
    ) -> None:
        self.repository, self.commit, self.location, self.files = repository, commit, location, files
        self.is_git = isinstance(store, _GitStore)
        self._store = store
        self._entries = {entry.path: entry for entry in files}

    def read(self, path: str) -> bytes:
        """
        Give the contents of one file.

        Raises:
            KeyError: The snapshot has no such file.
            RepositoryError: It cannot be read any more.
        """
        return self._store.read(self._entries[path])

    def since(self, commit: str) -> tuple[dict[str, str], dict[str, str]]:
        """
        Say what git knows about an earlier commit.

        Returns:
            Path → object id of its files, and old path → new path of renamed ones; both empty when the commit is
            unknown here or there is no git.
        """
        return self._store.since(commit, self.commit)

    def close(self) -> None:
        """
        Let go of the process or the files behind it.
        """
        self._store.close()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_snapshot(location: str | Path, *, commit: str | None = None, name: str | None = None) -> Snapshot:
    """
    Open a repository at a commit.

    Args:
        location: A git checkout, a bare git folder, or a folder without git.
        commit: A commit id, tag or branch; what is checked out when None. Uncommitted changes are never seen.
        name: What to call it; the folder's name when None.

    Raises:
        RepositoryError: It is missing, no folder, empty, has no commits yet or not that commit.
    """
    place = Path(location).expanduser()
    if not place.exists():
        raise RepositoryError(f"{location} does not exist: give the folder of a checkout")
    if not place.is_dir():
        raise RepositoryError(f"{location} is not a folder: give the folder of a checkout, not a file in it")
    place = place.resolve()
    directory = git_directory(place)
    if directory is not None:
        return _open_git(place, directory, commit, name)
    if commit is not None:
        raise RepositoryError(f"{location} has no git history, so there is no commit {commit!r}: leave the commit out")
    return _open_folder(place, name)


class _GitStore:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._reader: BlobReader | None = None

    def read(self, entry: Entry) -> bytes:
        if self._reader is None:
            self._reader = BlobReader(self._directory)
        return self._reader.read(entry.blob)

    def since(self, old: str, new: str) -> tuple[dict[str, str], dict[str, str]]:
        listing = run_git(self._directory, ["ls-tree", "-r", "-z", "-l", "--full-tree", old], check=False)
        if listing is None:
            return {}, {}
        blobs = {entry.path: entry.blob for entry in _tree_entries(listing)}
        return blobs, renames_between(self._directory, old, new)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class _FolderStore:
    def __init__(self, places: dict[str, str]) -> None:
        self._places = places

    def read(self, entry: Entry) -> bytes:
        try:
            with open(self._places[entry.path], "rb") as file:
                data = file.read()
        except OSError as error:
            raise RepositoryError(f"{entry.path} cannot be read any more ({error.strerror}): index again") from error
        if entry.size <= LARGEST_HASHED and _hashed(data) != entry.blob:
            # Kept in the cache under the old id it would come back for ever.
            raise RepositoryError(f"{entry.path} changed while it was read: index again")
        return data

    def since(self, _old: str, _new: str) -> tuple[dict[str, str], dict[str, str]]:
        return {}, {}

    def close(self) -> None:
        return None


def _open_git(place: Path, directory: Path, commit: str | None, name: str | None) -> Snapshot:
    found = resolve_commit(directory, commit)
    listing = run_git(directory, ["ls-tree", "-r", "-z", "-l", "--full-tree", found]) or b""
    files = tuple(sorted(_tree_entries(listing), key=lambda entry: entry.path))
    if not files:
        raise RepositoryError(f"{place} holds no files at commit {found[:12]}: there is nothing to index")
    return Snapshot(
        repository=name or _repository_name(place),
        commit=found,
        location=place,
        files=files,
        store=_GitStore(directory),
    )


def _tree_entries(listing: bytes) -> Iterator[Entry]:
    for record in listing.split(b"\0"):
        head, tab, path = record.partition(b"\t")
        if not tab:
            continue
        mode, kind, blob, size = head.split()
        if kind == b"blob" and mode != b"120000":
            # A file missing from a partial clone has the size "-": reading it will say so.
            yield Entry(path.decode("utf-8", "replace"), blob.decode("ascii"), int(size) if size.isdigit() else 0)


def _repository_name(place: Path) -> str:
    if place.name in (".git", "repo") and place.parent.name:
        return place.parent.name.rsplit("+", 1)[-1]
    return place.name.removesuffix(".git") or "repository"


def _open_folder(place: Path, name: str | None) -> Snapshot:
    places: dict[str, str] = {}
    files: list[Entry] = []
    for path, real, size in _walk(str(place)):
        try:
            files.append(Entry(path, _blob_id(real, size), size))
        except OSError:
            continue
        places[path] = real
    if not files:
        raise RepositoryError(f"{place} is empty: give the folder of a checkout")
    files.sort(key=lambda entry: entry.path)
    digest = hashlib.sha256("\n".join(f"{entry.blob} {entry.path}" for entry in files).encode("utf-8", "replace"))
    return Snapshot(
        repository=name or place.name or "repository",
        commit=f"tree-{digest.hexdigest()[:40]}",
        location=place,
        files=tuple(files),
        store=_FolderStore(places),
    )


def _walk(top: str) -> Iterator[tuple[str, str, int]]:
    """
    Give (path below *top*, real path, size) of regular files. Links are not followed, so no loop can be
    entered.
    """
    waiting = [(top, "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                items = sorted(scan, key=lambda item: item.name)
        except OSError:
            continue
        for item in items:
            path = prefix + os.fsencode(item.name).decode("utf-8", "replace")
            if item.is_symlink():
                continue
            if item.is_dir(follow_symlinks=False):
                if item.name not in _NOT_ENTERED:
                    waiting.append((item.path, path + "/"))
            elif item.is_file(follow_symlinks=False):
                yield path, item.path, item.stat(follow_symlinks=False).st_size


def _blob_id(real: str, size: int) -> str:
    if size > LARGEST_HASHED:
        return hashlib.sha1(f"large {size}".encode(), usedforsecurity=False).hexdigest()
    with open(real, "rb") as file:
        return _hashed(file.read())


def _hashed(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
