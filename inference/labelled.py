"""
Texts with known modules: past requirements, confirmed corrections, and texts made from the graph.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from graph.values import Catalog, write_atomically


@dataclass(frozen=True, slots=True)
class LabelledText:
    """
    One text and the modules it is known to belong to.

    Args:
        id: Commit id, question id, or "file::symbol" for texts from the graph.
        text: The requirement.
        modules: Relevant modules, most touched first; empty for a "question" only, which nobody has answered yet.
        origin: "history", "feedback", "outcome" (a question that a later commit answered), "graph" or "question".
        date: ISO date, or "" when it has none.
        files: Files the change touched, under their names at the indexed commit; empty where nobody knows.
    """

    id: str
    text: str
    modules: tuple[str, ...]
    origin: str
    date: str = ""
    files: tuple[str, ...] = ()


def days_of(date: str) -> float:
    """
    Days since 1970 of an ISO date; one without a time zone is in UTC, so that every machine weighs age alike.

    >>> days_of("1970-01-02"), days_of("1970-01-02T12:00:00+12:00")
    (1.0, 1.0)
    """
    when = datetime.fromisoformat(date)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() / 86_400


def save_labelled(path: Path, rows: Iterable[LabelledText]) -> None:
    """
    Write one JSON object a line, in the order given.
    """
    lines = [json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) + "\n" for row in rows]
    write_atomically(path, "".join(lines).encode())


def load_labelled(path: Path) -> tuple[LabelledText, ...]:
    """
    Read what `save_labelled` wrote.
    """
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(
        LabelledText(**{**row, "modules": tuple(row["modules"]), "files": tuple(row.get("files", ()))}) for row in rows
    )


def known_only(rows: Sequence[LabelledText], catalog: Catalog) -> tuple[LabelledText, ...]:
    """
    Say labels by the ids of *catalog*, aliases resolved; drop those that name no module of it, and rows without any.
    """
    current = ((row, [catalog.current_id(module) for module in row.modules]) for row in rows)
    kept = ((row, tuple(dict.fromkeys(module for module in modules if module))) for row, modules in current)
    return tuple(replace(row, modules=modules) for row, modules in kept if modules)
