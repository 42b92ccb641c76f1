"""
A repository at one commit, as a list of files that can be read: from git's objects, or from a plain folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from graph.entry import Entry, readable_path
from graph.folder import FolderStore, read_folder
from graph.git import BlobReader, git_directory, renames_between, resolve_commit, run_git
from graph.values import RepositoryError


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
        store: _GitStore | FolderStore,
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


def open_snapshot(
    location: str | Path, *, commit: str | None = None, name: str | None = None, cache: Path | None = None
) -> Snapshot:
    """
    Open a repository at a commit.

    Args:
        location: A git checkout, a bare git folder, or a folder without git.
        commit: A commit id, tag or branch; what is checked out when None. Uncommitted changes are never seen.
        name: What to call it; the folder's name when None.
        cache: A folder to remember in what the files of a plain folder hold, so that only those are read again whose
            size or times have changed; nothing is remembered when None.

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
    files, digest, store = read_folder(place, cache)
    if not files:
        raise RepositoryError(f"{place} is empty: give the folder of a checkout")
    return Snapshot(
        repository=name or place.name or "repository",
        commit=f"tree-{digest[:40]}",
        location=place,
        files=files,
        store=store,
    )


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
            yield Entry(readable_path(path), blob.decode("ascii"), int(size) if size.isdigit() else 0)


def _repository_name(place: Path) -> str:
    if place.name in (".git", "repo") and place.parent.name:
        return place.parent.name.rsplit("+", 1)[-1]
    return place.name.removesuffix(".git") or "repository"
