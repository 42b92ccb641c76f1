"""
What past changes asked for and where they went: the best teacher there is, in one pass over ``git log``.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from graph.git import git_directory, resolve_commit, run_git, stream_git
from graph.messages import is_bot, requirement_of
from graph.values import Catalog, PastRequirement, Progress, RepositoryError

log = logging.getLogger("signpost.graph")

MOST_MODULES = 3
"""A change that touches more modules says little about where a requirement belongs."""
MOST_PLACES = 2
"""Words that came with more different sets of modules than this are empty ones: "fix the build again"."""
MOST_FILES = 60
RECENT = 3

_FORMAT = "%x01%H%x02%aI%x02%aN%x02%aE%x02%B%x02"


@dataclass(frozen=True, slots=True)
class Change:
    """
    One commit as git tells it.

    Attributes:
        paths: Touched paths, as they are called after the commit.
        renames: (old path, new path).
    """

    id: str
    date: str
    author: str
    mail: str
    message: str
    paths: tuple[str, ...]
    renames: tuple[tuple[str, str], ...]


def read_history(
    location: str | Path,
    *,
    commit: str,
    catalog: Catalog,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[PastRequirement, ...]:
    """
    Read the past requirements that are reachable from a commit.

    Renames are followed, so that a file's early history counts for the module it is in now. Left out are
    merges, bots, reverts, releases, version bumps, reformatting, mass changes, messages that say too little,
    repetitions, words that came with ever other modules, and commits that touch no module of the catalog
    (tests, documentation) or more than `MOST_MODULES`.

    Args:
        location: A git repository; a plain folder has no history.
        commit: The indexed commit: nothing after it is read.
        catalog: Modules at that commit; labels are its ids.
        limit: How many commits to look at, newest first; all when None.
        progress: Told about commits read.

    Returns:
        Oldest first; empty for a folder without git.

    Raises:
        RepositoryError: The commit is unknown, or git failed.
    """
    directory = git_directory(Path(location).expanduser().resolve())
    if directory is None:
        return ()
    found = resolve_commit(directory, commit)
    total = _count(directory, found, limit)
    _warn_if_shallow(directory, total)
    names: dict[str, str] = {}
    rows: dict[str, dict[tuple[str, ...], PastRequirement]] = defaultdict(dict)
    for done, change in enumerate(read_changes(directory, found, limit), start=1):
        for old, new in change.renames:
            names[old] = names.get(new, new)
        row = _past_requirement(change, names, catalog)
        if row is not None:
            rows[row.text.casefold()][row.modules] = row
        if progress and (done % 50 == 0 or done == total):
            progress(done, total, "commits")
    kept = [row for same in rows.values() if len(same) <= MOST_PLACES for row in same.values()]
    log.info("%s: %d past requirements out of %d commits", location, len(kept), total)
    return tuple(sorted(kept, key=lambda row: (row.date, row.id)))


def read_later_history(
    location: str | Path, *, commit: str, until: str, catalog: Catalog
) -> tuple[PastRequirement, ...]:
    """
    Read what was asked for after *commit*, in terms of the code as it was then.

    This is what an honest evaluation asks: the requirements of the future, with only the past's code to read. Files are
    named as they were called at *commit*; what did not exist then is left out.

    Args:
        location: A git repository.
        commit: The commit that *catalog* was made of.
        until: A later commit: the newest one that is read.
        catalog: Modules at *commit*; labels are its ids.

    Returns:
        Oldest first.

    Raises:
        RepositoryError: A commit is unknown, or git failed.
    """
    directory = git_directory(Path(location).expanduser().resolve())
    if directory is None:
        return ()
    span = f"{resolve_commit(directory, commit)}..{resolve_commit(directory, until)}"
    names: dict[str, str] = {}
    rows: dict[str, PastRequirement] = {}
    for change in reversed(list(read_changes(directory, span, None))):
        for old, new in change.renames:
            names[new] = names.get(old, old)
        row = _past_requirement(change, names, catalog)
        if row is not None:
            rows.setdefault(row.text.casefold(), row)
    return tuple(sorted(rows.values(), key=lambda row: (row.date, row.id)))


def commit_before(location: str | Path, commit: str) -> str:
    """
    Name the first parent of a commit: the code as it was when the change was asked for.

    Raises:
        RepositoryError: There is no git, no such commit, or it is the first one (in a shallow clone: the
        oldest known).
    """
    directory = git_directory(Path(location).expanduser().resolve())
    if directory is None:
        raise RepositoryError(
            f"{location} has no git history, so nothing stands before {commit!r}: give a git checkout"
        )
    found = resolve_commit(directory, commit)
    parent = run_git(directory, ["rev-parse", "--verify", "--quiet", f"{found}^1"], check=False)
    if not parent:
        raise RepositoryError(f"{commit!r} is the first commit known in {location}: nothing stands before it")
    return parent.decode("ascii").strip()


def with_recent(catalog: Catalog, rows: Sequence[PastRequirement]) -> Catalog:
    """
    Put the latest past requirements on the cards of the modules they touched most.

    Args:
        catalog: The cards.
        rows: Past requirements, oldest first. Hand over the training part only where held-out rows are to be
        asked.
    """
    recent: dict[str, list[str]] = defaultdict(list)
    for row in reversed(rows):
        if row.modules and len(recent[row.modules[0]]) < RECENT:
            recent[row.modules[0]].append(row.text.split("\n", 1)[0])
    return replace(catalog, modules=tuple(replace(card, recent=tuple(recent[card.id])) for card in catalog.modules))


def _past_requirement(change: Change, names: dict[str, str], catalog: Catalog) -> PastRequirement | None:
    if len(change.paths) > MOST_FILES or is_bot(change.author, change.mail):
        return None
    files = sorted({names.get(path, path) for path in change.paths})
    touched = Counter[str]()
    known: list[str] = []
    for path in files:
        module = catalog.module_of(path)
        if module is not None:
            touched[module] += 1
            known.append(path)
    if not 1 <= len(touched) <= MOST_MODULES:
        return None
    text = requirement_of(change.message)
    if text is None:
        return None
    modules = tuple(sorted(touched, key=lambda module: (-touched[module], module)))
    return PastRequirement(change.id, change.date, text, modules, tuple(known), change.author)


def read_changes(directory: Path, commit: str, limit: int | None) -> Iterator[Change]:
    """
    Give commits without merges, newest first. A partial clone lacks the contents that rename detection compares: it
    goes without.
    """
    seen = 0
    try:
        for change in _parse_log(stream_git(directory, _log_arguments(commit, limit, "-M60%"))):
            seen += 1
            yield change
    except RepositoryError:
        if seen:
            log.warning(
                "%s: the history ends early after %d commits: the clone is partial or damaged",
                directory,
                seen,
            )
            return
        log.warning("%s: renames cannot be followed, the clone lacks file contents", directory)
        yield from _parse_log(stream_git(directory, _log_arguments(commit, limit, "--no-renames")))


def _log_arguments(commit: str, limit: int | None, renames: str) -> list[str]:
    count = [f"-n{limit}"] if limit is not None else []
    plain = ["--no-merges", "--no-color", "--no-ext-diff", "--no-textconv", "--encoding=UTF-8", "-l400"]
    return ["log", *plain, *count, renames, "--name-status", "-z", f"--format={_FORMAT}", commit, "--"]


def _parse_log(pieces: Iterable[bytes]) -> Iterator[Change]:
    head: list[str] = []
    paths: list[str] = []
    renames: list[tuple[str, str]] = []
    tokens = _tokens(pieces)
    for token in tokens:
        if token.startswith(b"\x01"):
            if head:
                yield _change(head, paths, renames)
            head, paths, renames = token[1:].decode("utf-8", "replace").split("\x02"), [], []
            continue
        status = token.strip()
        if not status:
            continue
        path = _path(next(tokens, b""))
        if status[:1] in (b"R", b"C"):
            new = _path(next(tokens, b""))
            if status[:1] == b"R":
                renames.append((path, new))
            path = new
        paths.append(path)
    if head:
        yield _change(head, paths, renames)


def _tokens(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _path(token: bytes) -> str:
    return token.decode("utf-8", "replace")


def _change(head: list[str], paths: list[str], renames: list[tuple[str, str]]) -> Change:
    id, date, author, mail, message = (*head, "", "", "", "", "")[:5]
    return Change(id, _utc(date), author, mail, message, tuple(paths), tuple(renames))


def _utc(date: str) -> str:
    try:
        return datetime.fromisoformat(date).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return "1970-01-01T00:00:00+00:00"


def _count(directory: Path, commit: str, limit: int | None) -> int:
    counted = run_git(directory, ["rev-list", "--count", "--no-merges", commit, "--"]) or b"0"
    return int(counted) if limit is None else min(int(counted), limit)


def _warn_if_shallow(directory: Path, commits: int) -> None:
    answer = run_git(directory, ["rev-parse", "--is-shallow-repository"], check=False) or b""
    if answer.strip() == b"true":
        log.warning(
            "%s is a shallow clone: only %d commits of history; fetch --unshallow gives the rest",
            directory,
            commits,
        )
