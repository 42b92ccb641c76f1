"""
Local patches (unified diffs against an old version) and where they belong in a new one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graph.continuity import Comparison
from graph.values import Catalog, FileCard, RepositoryError

State = Literal["same place", "moved", "taken apart", "gone", "not source"]

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """
    What one patch does to one file of the old version.

    Attributes:
        patch: Name of the diff file.
        path: The old path as the diff has it, without ``a/``.
        lines: Changed lines as (first, last), counted in the old file; empty for an added file.
    """

    patch: str
    path: str
    lines: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a patched file belongs now.

    Attributes:
        old: Its path in the old catalog; empty when that has no such source file.
        state: In a word or two.
        similarity: How much of the file is the same under its new name.
        targets: (new path, names of touched definitions that are there), most of them first.
        gone: Touched definitions that no file has any more.
    """

    old: str
    state: State
    similarity: float
    targets: tuple[tuple[str, tuple[str, ...]], ...]
    gone: tuple[str, ...]


def read_patches(location: Path) -> tuple[PatchedFile, ...]:
    """
    Read unified diffs: one file, or every ``.patch`` and ``.diff`` below a folder.

    Raises:
        RepositoryError: There is none, or one cannot be read or holds no diff.
    """
    if location.is_dir():
        places = sorted(path for path in location.rglob("*") if path.suffix in (".patch", ".diff") and path.is_file())
    else:
        places = [location]
    if not places:
        raise RepositoryError(f"{location} holds no .patch or .diff file: give a folder of unified diffs")
    found: list[PatchedFile] = []
    for place in places:
        try:
            text = place.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise RepositoryError(f"{place} cannot be read ({error.strerror}): give a unified diff") from error
        name = str(place.relative_to(location)) if location.is_dir() else place.name
        files = list(parse_diff(text, name=name))
        if not files:
            raise RepositoryError(f"{place} holds no unified diff: make one with git diff or diff -u")
        found += files
    return tuple(found)


def parse_diff(text: str, *, name: str) -> Iterator[PatchedFile]:
    """
    Give each file that a unified diff touches, in its order.

    >>> list(parse_diff("--- a/tax.py\\n+++ b/tax.py\\n@@ -3,2 +3,2 @@\\n total\\n-old\\n+new\\n", name="fix.patch"))
    [PatchedFile(patch='fix.patch', path='tax.py', lines=((4, 4),))]
    """
    lines = text.splitlines()
    path, spans = "", list[tuple[int, int]]()
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            if path:
                yield PatchedFile(name, path, tuple(spans))
            old, new = _path_in(line), _path_in(lines[at + 1])
            path, spans = (new if old == "/dev/null" else old), []
            at += 2
        elif (hunk := _HUNK.match(line)) and path:
            at = _read_hunk(lines, at + 1, hunk, spans)
        elif line.startswith("rename from "):
            # A rename without changes has no hunks, but it touches the file all the same.
            if path:
                yield PatchedFile(name, path, tuple(spans))
            path, spans = line.removeprefix("rename from ").strip(), []
            at += 1
            while at < len(lines) and not lines[at].startswith(("@@", "diff ")):
                at += 1
        else:
            at += 1
    if path:
        yield PatchedFile(name, path, tuple(spans))


def _path_in(line: str) -> str:
    path = line[4:].split("\t", 1)[0].strip().strip('"')
    return re.sub(r"^[ab]/", "", path)


def _read_hunk(lines: list[str], at: int, hunk: re.Match[str], spans: list[tuple[int, int]]) -> int:
    """
    Read one hunk to its end and add the old lines it changes; returns the index after it.
    """
    row, old_left, new_left = int(hunk[1]), int(hunk[2] or 1), int(hunk[3] or 1)
    while at < len(lines) and (old_left > 0 or new_left > 0):
        mark = lines[at][:1]
        if mark == "\\":
            at += 1
            continue
        if mark in "-+":
            changed = row if mark == "-" else max(row - 1, 1)
            if spans and spans[-1][0] <= changed <= spans[-1][1] + 1:
                spans[-1] = (spans[-1][0], max(changed, spans[-1][1]))
            else:
                spans.append((changed, changed))
        if mark != "+":
            row, old_left = row + 1, old_left - 1
        if mark != "-":
            new_left -= 1
        at += 1
    return at


def place_patch(patched: PatchedFile, old: Catalog, new: Catalog, comparison: Comparison) -> Place:
    """
    Say where a patched file belongs in the new version: definition by definition where it was taken apart.

    A path that the diff gives with or without leading folders is found by its end, where only one file has that.
    """
    path = _known_path(patched.path, old)
    if not path:
        return Place("", "not source", 0.0, (), ())
    card = old.file(path)
    match = comparison.files.get(path)
    touched = touched_symbols(card, patched.lines)
    homes: dict[str, list[str]] = defaultdict(list)
    gone: list[str] = []
    for name in touched:
        home = comparison.homes.get((path, name))
        if home:
            homes[home].append(name)
        else:
            gone.append(name)
    if match and match.new not in homes and (gone or not homes):
        homes[match.new] = []
    targets = tuple(sorted(((target, tuple(names)) for target, names in homes.items()), key=_most_first))
    similarity = match.similarity if match else 0.0
    return Place(path, _state(path, [target for target, _ in targets]), similarity, targets, tuple(gone))


def _most_first(item: tuple[str, tuple[str, ...]]) -> tuple[int, str]:
    return -len(item[1]), item[0]


def _state(path: str, targets: list[str]) -> State:
    if not targets:
        return "gone"
    if targets == [path]:
        return "same place"
    return "moved" if len(targets) == 1 else "taken apart"


def touched_symbols(card: FileCard, lines: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """
    Name the innermost definitions that changed lines lie in, in the order of the file.
    """
    found: dict[str, None] = {}
    for first, last in lines:
        inside = [symbol for symbol in card.symbols if symbol.line <= last and symbol.end_line >= first]
        outer = {symbol.qualified.rpartition(".")[0] for symbol in inside}
        found |= {symbol.qualified: None for symbol in inside if symbol.qualified not in outer}
    return tuple(found)


def _known_path(path: str, catalog: Catalog) -> str:
    if catalog.module_of(path) is not None:
        return path
    parts = path.split("/")
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        if start and catalog.module_of(end) is not None:
            return end
        longer = [card.path for card in catalog.files if card.path.endswith("/" + end)]
        if len(longer) == 1 and (start == 0 or "/" in end):
            return longer[0]
    return ""
