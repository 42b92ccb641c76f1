"""
What people said about answers, as the preference step reads it: one JSON object a line.

The worker writes it under its review rules; nothing here decides whom to trust. No torch: the worker imports it, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from graph.values import Catalog, write_atomically


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """
    One trusted word on one answer.

    Args:
        id: Of the question.
        text: The requirement.
        shown: The module that stood first.
        good: Whether people said that this was right.
        right: The module where it belongs, as people corrected it; "" when nobody named one.
    """

    id: str
    text: str
    shown: str
    good: bool
    right: str = ""


def save_judged(path: Path, rows: Iterable[JudgedAnswer]) -> None:
    """
    Write the rows in the order given.
    """
    lines = [json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) + "\n" for row in rows]
    write_atomically(path, "".join(lines).encode())


def load_judged(path: Path) -> tuple[JudgedAnswer, ...]:
    """
    Read what `save_judged` wrote.
    """
    with path.open(encoding="utf-8") as lines:
        return tuple(JudgedAnswer(**json.loads(line)) for line in lines)


def current_only(rows: Sequence[JudgedAnswer], catalog: Catalog) -> tuple[JudgedAnswer, ...]:
    """
    Say modules by the ids of *catalog*.

    A row whose shown module is gone is dropped; a right module that is gone is forgotten.
    """
    named = ((row, catalog.current_id(row.shown), catalog.current_id(row.right) if row.right else None) for row in rows)
    return tuple(replace(row, shown=shown, right=right or "") for row, shown, right in named if shown)
