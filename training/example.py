"""
One row of a dataset: a requirement text, the modules it belongs to, and where both come from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from inference.labelled import LabelledText

ORIGINS = ("feedback", "outcome", "history", "graph")
"""Where rows come from, the ones to be believed most first."""
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class Example:
    """
    One row of a dataset.

    Args:
        id: Commit id, question id, or "path::symbol", with "~2" and so on after it for further phrasings.
        origin: One of `ORIGINS`.
        split: "train", "dev" or "test".
        requirement: The text.
        modules: Relevant modules, most touched first.
        commit: Commit whose code or change it comes from.
        date: ISO date; "" for texts from the graph.
        symbol: (file path, qualified name) it was made of, for texts from the graph.
        names_module: Whether the text holds the last path part of a true module or the stem of one of its touched
            files: such rows are easier, and reports tell them apart.
        evidence: Lines that speak for the first module, without the symbol the text was made of, with short names
            (`inference.short_names`).
        reasoning: The chain-of-thought answer, written from the evidence.
        files: Files the change touched, under their names at the indexed commit; empty for other origins.
    """

    id: str
    origin: str
    split: str
    requirement: str
    modules: tuple[str, ...]
    commit: str
    date: str = ""
    symbol: tuple[str, str] | None = None
    names_module: bool = False
    evidence: tuple[str, ...] = ()
    reasoning: str = ""
    files: tuple[str, ...] = ()

    @property
    def labelled(self) -> LabelledText:
        return LabelledText(self.id, self.requirement, self.modules, self.origin, self.date, self.files)

    @property
    def source(self) -> str:
        """
        What the text was made of: all phrasings of one symbol share it.
        """
        return f"{self.origin} {self.id.partition('~')[0]}"

    @property
    def hash(self) -> str:
        """
        SHA-256 over everything else in the row, as hex, 16 characters of it.
        """
        return hashlib.sha256(json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]

    def to_line(self) -> str:
        return json.dumps({**asdict(self), "hash": self.hash}, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_line(cls, line: str) -> Example:
        """
        Read what `to_line` gave.

        Raises:
            ValueError: the row does not have the hash it names.
        """
        value: dict[str, Any] = json.loads(line)
        said = value.pop("hash")
        for name in ("modules", "evidence", "files"):
            value[name] = tuple(value[name])
        value["symbol"] = tuple(value["symbol"]) if value["symbol"] else None
        example = cls(**value)
        if example.hash != said:
            raise ValueError(f"row {example.id} was altered")
        return example


def names_module(text: str, modules: Iterable[str], files: Iterable[str]) -> bool:
    """
    Whether *text* holds the last path part of a module or the stem of a file, as a word or inside one.

    >>> names_module("Speed up the weighting", ["core/weighting"], [])
    True
    >>> names_module("Speed it up", ["core/weighting"], [])
    False
    """
    lowered = text.lower()
    names = {module.rsplit("/", 1)[-1].lower() for module in modules}
    names |= {file.rsplit("/", 1)[-1].split(".", 1)[0].lower() for file in files}
    return any(len(name) > 2 and name in lowered for name in names)
