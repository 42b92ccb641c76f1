"""
The values an answer is made of. Plain data: importing this loads neither torch nor anything else heavy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class RankedModule:
    """
    One place of a ranking.

    Args:
        id: Stable module id; always one of the catalog's.
        path: Folder or file in the repository that a person would open.
        confidence: Calibrated probability that the requirement belongs here, 0 to 1.
        files: The module's files that met the requirement best, best first; may be empty.
        why: One line for people, made of evidence; may be empty.
        belongs: Whether it is among the modules that the requirement is predicted to belong to. The first always is.
    """

    id: str
    path: str
    confidence: float
    files: tuple[str, ...] = ()
    why: str = ""
    belongs: bool = False

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "files": list(self.files)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "files": tuple(value.get("files", ()))})


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    One checkable reason.

    Args:
        kind: "symbol" (a definition in the code), "past" (a past requirement) or "relation" (an edge of the graph).
        text: What a person reads.
        module: The module that this speaks for.
        name: The symbol's qualified name or the other module of a relation; "" for past requirements.
        file: Path of the definition, for symbols.
        line: Line of the definition, from 1, for symbols.
        commit: Full commit id, for past requirements.
    """

    kind: str
    text: str
    module: str
    name: str = ""
    file: str | None = None
    line: int | None = None
    commit: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Ranking:
    """
    The deterministic half of an answer.

    Args:
        modules: Best first, no repeats, every id from the catalog.
        sure: Whether the best confidence reached the threshold chosen on held-out requirements.
        release: Id of the release that ranked.
        graph_commit: Commit (or content hash) of the snapshot behind the catalog.
        off_topic: Whether the text does not look like a change to this code base: thanks, small talk, another product.
            Then it is never sure, and the modules are what would be nearest.
    """

    modules: tuple[RankedModule, ...]
    sure: bool
    release: str
    graph_commit: str
    off_topic: bool = False

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "modules": [module.to_json() for module in self.modules]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "modules": tuple(RankedModule.from_json(row) for row in value["modules"])})


@dataclass(frozen=True, slots=True)
class Reasoning:
    """
    Why the first module was put first, written after the ranking.

    Args:
        text: Two to four sentences.
        evidence: What the text rests on, strongest first; may be empty.
        generated: True when sentences of the language model survived the check against the graph.
    """

    text: str
    evidence: tuple[Evidence, ...]
    generated: bool

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "evidence": [item.to_json() for item in self.evidence]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "evidence": tuple(Evidence.from_json(row) for row in value["evidence"])})
