"""
What past changes asked for and where they went: the best teacher there is, in one pass over ``git log``.
"""

from __future__ import annotations

import bisect
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from graph.entry import readable_path
from graph.git import git_directory, resolve_commit, run_git, stream_git
from graph.messages import is_bot, requirement_of
from graph.selection import reason_apart
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
        moved_only: Whether it moves files and changes nothing in them.
    """

    id: str
    date: str
    author: str
    mail: str
    message: str
    paths: tuple[str, ...]
    renames: tuple[tuple[str, str], ...]
    moved_only: bool = False


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

    Renames are followed, so that a file's early history counts for the module it is in now; what was deleted counts
    for the module its folder is now. What a merged branch was for is said by its title. Left out are pure moves, bots,
    reverts, releases, version bumps, reformatting, mass changes, messages that say too little, repetitions, words that
    came with ever other modules, and commits that touch no module of the catalog (tests, documentation) or more than
    `MOST_MODULES`.

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
    homes = Homes(catalog)
    for done, change in enumerate(read_changes(directory, found, limit), start=1):
        for old, new in change.renames:
            names[old] = names.get(new, new)
        row = judge_change(change, names, catalog, homes)
        if isinstance(row, PastRequirement):
            rows[row.text.casefold()][row.modules] = row
        if progress and (done % 50 == 0 or done == total):
            progress(done, total, "commits")
    for change in read_merges(directory, found, limit):
        row = judge_change(change, names, catalog, homes)
        # A branch of one commit is often called as that commit is, and that commit was read already.
        if isinstance(row, PastRequirement) and row.text.casefold() not in rows:
            rows[row.text.casefold()][row.modules] = row
    kept = [row for same in rows.values() if len(same) <= MOST_PLACES for row in same.values()]
    kept = _not_after(kept, _date_of(directory, found))
    log.info("%s: %d past requirements out of %d commits", location, len(kept), total)
    return tuple(sorted(kept, key=lambda row: (row.date, row.id)))


def _date_of(directory: Path, commit: str) -> str:
    told = run_git(directory, ["show", "-s", "--format=%cI", commit, "--"]) or b""
    return _utc(told.decode("ascii", "replace").strip())


def _not_after(rows: Iterable[PastRequirement], newest: str) -> list[PastRequirement]:
    """
    Date what a wrong clock put after the commit that it went into as that commit: one row of the year 2099 would make
    all others old.
    """
    return [row if row.date <= newest else replace(row, date=newest) for row in rows]


def read_later_history(
    location: str | Path, *, commit: str, until: str, catalog: Catalog
) -> tuple[PastRequirement, ...]:
    """
    Read what was asked for after *commit*, in terms of the code as it was then.

    This is what an honest evaluation asks: the requirements of the future, with only the past's code to read. Files are
    named as they were called at *commit*; a new file counts for the module of the folder it came into.

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
    newest = resolve_commit(directory, until)
    span = f"{resolve_commit(directory, commit)}..{newest}"
    names: dict[str, str] = {}
    rows: dict[str, PastRequirement] = {}
    homes = Homes(catalog)
    for change in reversed(list(read_changes(directory, span, None))):
        for old, new in change.renames:
            names[new] = names.get(old, old)
        row = judge_change(change, names, catalog, homes)
        if isinstance(row, PastRequirement):
            rows.setdefault(row.text.casefold(), row)
    kept = _not_after(rows.values(), _date_of(directory, newest))
    return tuple(sorted(kept, key=lambda row: (row.date, row.id)))


def commit_before_newest(location: str | Path, commits: Collection[str], *, count: int, until: str) -> str:
    """
    Name the newest commit of the main line that *count* of *commits* came after: the code as it was before them.

    What counts is what is reachable, not dates: a branch that was begun long ago and merged today came today.

    Args:
        location: A git repository.
        commits: Full ids.
        count: How many of them must not be reachable from the commit that is named, at least.
        until: The newest commit.

    Raises:
        RepositoryError: There is no git, or fewer than *count* came after the first commit known.
    """
    directory = git_directory(Path(location).expanduser().resolve())
    if directory is None:
        raise RepositoryError(f"{location} has no git history, so nothing stands before its newest commits")
    wanted = frozenset(commits)
    newest = resolve_commit(directory, until)
    main_line = _listed(directory, ["--first-parent", newest])

    def came_after(commit: str) -> int:
        return sum(id in wanted for id in _listed(directory, [f"{commit}..{newest}"]))

    place = bisect.bisect_left(main_line, count, key=came_after)
    if place == len(main_line):
        raise RepositoryError(f"{location} knows no commit that {count} requirements came after: its history is short")
    return main_line[place]


def _listed(directory: Path, what: Sequence[str]) -> list[str]:
    return (run_git(directory, ["rev-list", *what, "--"]) or b"").decode("ascii").split()


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


class Homes:
    """
    Knows the module of every file, and of files that are gone (or were not yet there): what was asked of a file that
    was deleted since was asked of its folder, and belongs to the module that the folder is today.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        stems: dict[str, Counter[str]] = defaultdict(Counter)
        folders: dict[str, Counter[str]] = defaultdict(Counter)
        for file in catalog.files:
            folder, _, name = file.path.rpartition("/")
            stems[f"{folder}/{name.split('.', 1)[0]}"][file.module] += 1
            folders[folder][file.module] += 1
        self._stems, self._folders = _most_of(stems), _most_of(folders)

    def module_of(self, path: str) -> str | None:
        """
        Name the module of a path; None for a test, a document, or a folder that is gone or of no one module.
        """
        if (module := self._catalog.module_of(path)) is not None:
            return module
        if reason_apart(path) is not None:
            return None
        folder, _, name = path.rpartition("/")
        # The same name with another ending is the same thing in another language: Tax.java, Tax.kt.
        found = self._stems.get(f"{folder}/{name.split('.', 1)[0]}")
        return found or (self._folders.get(folder) if folder else None)


def _most_of(counts: Mapping[str, Counter[str]]) -> dict[str, str]:
    best = {place: min(found.items(), key=lambda item: (-item[1], item[0])) for place, found in counts.items()}
    return {place: module for place, (module, count) in best.items() if 2 * count > counts[place].total()}


def judge_change(change: Change, names: Mapping[str, str], catalog: Catalog, homes: Homes) -> PastRequirement | str:
    """
    Make a past requirement of one commit, or say in a few words why it teaches nothing.

    Args:
        change: The commit.
        names: What its files are called at the commit of *catalog*, where they are called otherwise.
        catalog: Modules; labels are its ids.
        homes: Of the same catalog.
    """
    if change.moved_only:
        return "it only moves files"
    if is_bot(change.author, change.mail):
        return "a program wrote it"
    if len(change.paths) > MOST_FILES:
        return f"more than {MOST_FILES} files"
    files = sorted({names.get(path, path) for path in change.paths})
    touched = Counter[str]()
    known: list[str] = []
    for path in files:
        module = homes.module_of(path)
        if module is not None:
            touched[module] += 1
        if catalog.module_of(path) is not None:
            known.append(path)
    if not touched:
        return "no file of a module"
    if len(touched) > MOST_MODULES:
        return f"more than {MOST_MODULES} modules"
    text = requirement_of(change.message)
    if text is None:
        return "the message asks for nothing"
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


def read_merges(directory: Path, commit: str, limit: int | None) -> Iterator[Change]:
    """
    Give the merges of the main line that say in their message what the branch was for, newest first, with all files
    that the branch touched.
    """
    told = ["--merges", "--first-parent", "--diff-merges=first-parent", "-i", "-E", "--grep=^merge pull request"]
    try:
        yield from _parse_log(stream_git(directory, _log_arguments(commit, limit, "--no-renames", told)))
    except RepositoryError:
        log.warning("%s: merges cannot be read, the clone lacks file contents", directory)


def _log_arguments(commit: str, limit: int | None, renames: str, which: Sequence[str] = ("--no-merges",)) -> list[str]:
    count = [f"-n{limit}"] if limit is not None else []
    plain = [*which, "--no-color", "--no-ext-diff", "--no-textconv", "--encoding=UTF-8", "-l400"]
    return ["log", *plain, *count, renames, "--name-status", "-z", f"--format={_FORMAT}", commit, "--"]


def _parse_log(pieces: Iterable[bytes]) -> Iterator[Change]:
    head: list[str] = []
    paths: list[str] = []
    renames: list[tuple[str, str]] = []
    unchanged = 0
    tokens = _tokens(pieces)
    for token in tokens:
        if token.startswith(b"\x01"):
            if head:
                yield _change(head, paths, renames, unchanged)
            head, paths, renames = token[1:].decode("utf-8", "replace").split("\x02"), [], []
            unchanged = 0
            continue
        status = token.strip()
        if not status:
            continue
        path = readable_path(next(tokens, b""))
        if status[:1] in (b"R", b"C"):
            new = readable_path(next(tokens, b""))
            if status[:1] == b"R":
                renames.append((path, new))
                unchanged += status == b"R100"
            path = new
        paths.append(path)
    if head:
        yield _change(head, paths, renames, unchanged)


def _tokens(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _change(head: list[str], paths: list[str], renames: list[tuple[str, str]], unchanged: int) -> Change:
    id, date, author, mail, message = (*head, "", "", "", "", "")[:5]
    return Change(id, _utc(date), author, mail, message, tuple(paths), tuple(renames), 0 < unchanged == len(paths))


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
