"""
A plain folder as a snapshot: its regular files, each with the object id that git would give it.

Reading every file of a large folder to hash it takes longer than anything else when little has changed. As git does it
for its index, a file whose size, times and inode are what they were has the contents it had; one that was written just
before it was looked at is read again, for it could have changed within the same tick of the clock.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from graph.entry import Entry, readable_path
from graph.values import RepositoryError, write_atomically

LARGEST_HASHED = 4 << 20
"""Larger files of a plain folder are known by their size alone: no source file is that large."""

_BINARY = (
    ".7z .avi .bin .bmp .bz2 .class .dll .dylib .eot .exe .gif .gz .icns .ico .jar .jpeg .jpg .mo .mov .mp3 .mp4 .o"
    " .ogg .otf .pbf .pdf .png .po .pot .psd .pyc .so .tar .tif .tiff .ttf .wasm .wav .webm .webp .woff .woff2 .xz .zip"
)
_NEVER_READ = frozenset(_BINARY.split())
"""So are these: nothing ever looks into them."""

_NOT_ENTERED = frozenset({".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", "venv", ".tox", ".mypy_cache"})
JUST_NOW = 2 * 10**9
"""Nanoseconds: the coarsest clock of a file system in use."""

Stamp = tuple[int, int, int, int]
"""Size, times of the last change of contents and of anything, inode."""


def read_folder(
    place: Path, cache: Path | None, *, now: int | None = None
) -> tuple[tuple[Entry, ...], str, FolderStore]:
    """
    List a folder.

    Args:
        place: The folder.
        cache: Where to remember what was hashed; nothing is remembered when None.
        now: Nanoseconds since 1970; the clock's when None.

    Returns:
        Its files sorted by path, a hash of all of them as hex, and what reads them.
    """
    began = time.time_ns() if now is None else now
    memory = _Memory(place, cache)
    places: dict[str, str] = {}
    files: list[Entry] = []
    for path, real, stamp in _walk(str(place)):
        size = stamp[0]
        if not _is_hashed(path, size):
            blob = f"{size:040x}"
        elif (known := memory.blob_of(path, stamp)) is None:
            try:
                blob = _blob_id(real, size)
            except OSError:
                continue
            memory.keep(path, stamp, blob)
        else:
            blob = known
        files.append(Entry(path, blob, size))
        places[path] = real
    memory.save(began)
    files.sort(key=lambda entry: entry.path)
    digest = hashlib.sha256("\n".join([f"{entry.blob} {entry.path}" for entry in files]).encode("utf-8", "replace"))
    return tuple(files), digest.hexdigest(), FolderStore(places)


class FolderStore:
    """
    Reads the files of a plain folder.
    """

    def __init__(self, places: dict[str, str]) -> None:
        self._places = places

    def read(self, entry: Entry) -> bytes:
        try:
            with open(self._places[entry.path], "rb") as file:
                data = file.read()
        except OSError as error:
            raise RepositoryError(f"{entry.path} cannot be read any more ({error.strerror}): index again") from error
        if _is_hashed(entry.path, entry.size) and _hashed(data) != entry.blob:
            # Kept in the cache under the old id it would come back for ever.
            raise RepositoryError(f"{entry.path} changed while it was read: index again")
        return data

    def since(self, _old: str, _new: str) -> tuple[dict[str, str], dict[str, str]]:
        return {}, {}

    def close(self) -> None:
        return None


class _Memory:
    """
    What the files of one folder held when they were looked at last.
    """

    def __init__(self, place: Path, cache: Path | None) -> None:
        name = hashlib.sha256(os.fsencode(place)).hexdigest()[:32]
        self._path = cache / "folders" / f"{name}.json" if cache else None
        self._known: dict[str, list[int | str]] = {}
        self._seen: dict[str, list[int | str]] = {}
        if self._path:
            with suppress(OSError, ValueError, TypeError):  # none yet, or damaged: everything is read
                self._known = dict(json.loads(self._path.read_bytes()))

    def blob_of(self, path: str, stamp: Stamp) -> str | None:
        row = self._known.get(path)
        if not isinstance(row, list) or len(row) != 5 or row[:4] != [*stamp]:
            return None
        self._seen[path] = row
        return str(row[4])

    def keep(self, path: str, stamp: Stamp, blob: str) -> None:
        self._seen[path] = [*stamp, blob]

    def save(self, began: int) -> None:
        if self._path is None:
            return
        settled = {path: row for path, row in self._seen.items() if max(int(row[1]), int(row[2])) < began - JUST_NOW}
        if settled != self._known:
            write_atomically(self._path, json.dumps(settled, separators=(",", ":")).encode())


def _walk(top: str) -> Iterator[tuple[str, str, Stamp]]:
    """
    Give (path below *top*, real path, stamp) of regular files. Links are not followed, so no loop can be
    entered.
    """
    waiting = [(top, "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                items = list(scan)
        except OSError:
            continue
        for item in items:
            name = item.name
            path = prefix + (name if name.isascii() else readable_path(os.fsencode(name)))
            if item.is_symlink():
                continue
            if item.is_dir(follow_symlinks=False):
                if item.name not in _NOT_ENTERED:
                    waiting.append((item.path, path + "/"))
            elif item.is_file(follow_symlinks=False):
                try:
                    told = item.stat(follow_symlinks=False)
                except OSError:  # gone since
                    continue
                yield path, item.path, (told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino)


def _is_hashed(path: str, size: int) -> bool:
    return size <= LARGEST_HASHED and path[path.rfind(".") :] not in _NEVER_READ


def _blob_id(real: str, size: int) -> str:
    with open(real, "rb", buffering=0) as file:
        return _hashed(file.read(size + 1))


def _hashed(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
