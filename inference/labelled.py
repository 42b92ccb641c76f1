"""
Texts with known modules: past requirements, confirmed corrections, and texts made from the graph.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from graph.values import write_atomically


@dataclass(frozen=True, slots=True)
class LabelledText:
    """
    One text and the modules it is known to belong to.

    Args:
        id: Commit id, question id, or "file::symbol" for texts from the graph.
        text: The requirement.
        modules: Relevant modules, most touched first; never empty.
        origin: "history", "feedback" or "graph".
        date: ISO date, or "" when it has none.
        files: Files the change touched, under their names at the indexed commit; empty where nobody knows.
    """

    id: str
    text: str
    modules: tuple[str, ...]
    origin: str
    date: str = ""
    files: tuple[str, ...] = ()


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


def known_only(rows: Sequence[LabelledText], module_ids: Iterable[str]) -> tuple[LabelledText, ...]:
    """
    Drop labels that name no module of the catalog, and rows that have none left.
    """
    known = frozenset(module_ids)
    kept = ((row, tuple(module for module in row.modules if module in known)) for row in rows)
    return tuple(replace(row, modules=modules) for row, modules in kept if modules)
