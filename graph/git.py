"""
Git as a reader of objects: no checkout, no hooks, no configuration of the repository that could run
something.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from graph.entry import readable_path
from graph.values import RepositoryError

_SAFE = (
    *("-c", "core.quotePath=false"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "log.showSignature=false"),
    *("-c", "protocol.allow=never"),
)


def git_directory(location: Path) -> Path | None:
    """
    Find the object store of a checkout or a bare repository; None for a plain folder.

    A folder inside a checkout counts as a plain folder: what people point at is what is indexed.
    """
    if (location / ".git").exists():
        return location / ".git"
    if (location / "HEAD").is_file() and (location / "objects").is_dir() and (location / "refs").is_dir():
        return location
    return None


def resolve_commit(directory: Path, commit: str | None) -> str:
    """
    Give the full id of a commit, tag or branch; without one, of what is checked out.

    Raises:
        RepositoryError: There is no such commit, there are no commits yet, or this is no working repository.
    """
    if run_git(directory, ["rev-parse", "--git-dir"], check=False) is None:
        raise RepositoryError(f"{directory} is not a git repository that can be read: {_complaint(directory)}")
    if commit is not None and commit.startswith("-"):
        raise RepositoryError(f"there is no commit {commit!r} in {directory}: give a commit id, a tag or a branch")
    name = commit or "HEAD"
    found = run_git(directory, ["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], check=False)
    if found:
        return found.decode("ascii").strip()
    if commit is None:
        raise RepositoryError(f"{directory} has no commits yet: commit something first, then index it")
    raise RepositoryError(
        f"there is no commit {commit!r} in {directory}: fetch it or give a commit id, a tag or a branch"
    )


def run_git(directory: Path, arguments: Sequence[str], *, check: bool = True) -> bytes | None:
    """
    Run one git command to its end.

    Returns:
        What it wrote; None where it failed and *check* is off.

    Raises:
        RepositoryError: Git is not installed; or the command failed and *check* is on.
    """
    done = _start_and_wait(directory, arguments)
    if done.returncode == 0:
        return done.stdout
    if check:
        raise RepositoryError(f"git {arguments[0]} failed in {directory}: {_last_line(done.stderr)}")
    return None


def stream_git(directory: Path, arguments: Sequence[str]) -> Iterator[bytes]:
    """
    Run one git command and give its output piece by piece; it is stopped when the reader stops.

    Raises:
        RepositoryError: Git is not installed, or the command failed.
    """
    with _start(directory, arguments) as process:
        try:
            while process.stdout is not None and (piece := process.stdout.read(1 << 16)):
                yield piece
            if process.wait() != 0:
                raise RepositoryError(f"git {arguments[0]} failed in {directory}: is the repository complete?")
        finally:
            if process.poll() is None:
                process.kill()


def renames_between(directory: Path, old: str, new: str) -> dict[str, str]:
    """
    Give old path → new path of the files git takes for renamed between two commits.

    Returns:
        Empty when git cannot tell: an unknown commit, or a partial clone that lacks the contents.
    """
    arguments = ["diff", "--name-status", "-z", "-M40%", "-l4000", "--diff-filter=R", "--no-ext-diff", "--no-textconv"]
    told = run_git(directory, [*arguments, old, new, "--"], check=False) or b""
    tokens = [readable_path(token) for token in told.split(b"\0")]
    return {tokens[at + 1]: tokens[at + 2] for at in range(0, len(tokens) - 2, 3)}


class BlobReader:
    """
    One ``git cat-file --batch`` process that hands out objects by id.
    """

    def __init__(self, directory: Path) -> None:
        self._process = _start(directory, ["cat-file", "--batch"], writable=True)
        self._source = cast("IO[bytes]", self._process.stdout)
        self._sink = cast("IO[bytes]", self._process.stdin)

    def read(self, blob: str) -> bytes:
        """
        Give the contents of one object.

        Raises:
            RepositoryError: The object is not in the store (a partial clone), or git has ended.
        """
        try:
            self._sink.write(blob.encode("ascii") + b"\n")
            self._sink.flush()
            head = self._source.readline().split()
        except (OSError, ValueError) as error:
            raise RepositoryError(f"git cat-file ended early ({error}): run git fsck on the repository") from error
        if len(head) != 3:
            raise RepositoryError(f"object {blob} is missing: this clone is partial or damaged, fetch it again")
        data = self._source.read(int(head[2]))
        self._source.read(1)
        return data

    def close(self) -> None:
        """
        End the process.
        """
        for pipe in (self._sink, self._source):
            with suppress(OSError):
                pipe.close()
        self._process.wait()


def _command(directory: Path, arguments: Sequence[str]) -> list[str]:
    return ["git", *_SAFE, f"--git-dir={directory}", *arguments]


def _start(directory: Path, arguments: Sequence[str], *, writable: bool = False) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            _command(directory, arguments),
            stdin=subprocess.PIPE if writable else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise RepositoryError("git was not found on this machine: install git") from error


def _start_and_wait(directory: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            _command(directory, arguments), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise RepositoryError("git was not found on this machine: install git") from error


def _complaint(directory: Path) -> str:
    return _last_line(_start_and_wait(directory, ["rev-parse", "--git-dir"]).stderr)


def _last_line(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[0].removeprefix("fatal: ") if lines else "no message"
