"""
A release's scorecard as lines that a page can show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWN = "system"
NAMES = {
    OWN: "This release",
    "shortlist": "Without the model",
    "bm25": "BM25 over module cards",
    "past": "Nearest past requirements",
    "classifier": "Linear classifier",
    "model rows": "Model alone, module rows",
    "model cards": "Model alone, cards",
    "closed-book ids": "Model alone, closed book",
    "majority": "Most frequent modules",
}


@dataclass(frozen=True, slots=True)
class Line:
    """
    How one ranker did on the held-out requirements.

    Args:
        name: As people read it.
        rows: How many requirements were measured; None when the card does not say.
        hit1: Share with a relevant module in first place; the other measures likewise.
        unnamed: hit@1 where the requirement does not name the module itself, the harder half.
        interval: The 95 % interval of hit@1.
    """

    name: str
    rows: int | None = None
    hit1: float | None = None
    hit3: float | None = None
    mrr: float | None = None
    unnamed: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """
    What a page shows of a scorecard: the release itself, the others best first, how honest its "sure" is.

    Args:
        identical: Share of requirements whose every ranking was the same when asked again.
        put_otherwise: Share of paraphrases with the same first module.
        answer_ms: Milliseconds until the ranking stands, the middle one and the 95th of 100.
        memory_mb: Of the process that answers, at most.
        symbols: The release on texts from symbols that were taken out of the code, beside past requirements.
    """

    own: Line | None
    others: tuple[Line, ...]
    coverage: float | None
    precision_when_sure: float | None
    calibration_error: float | None
    identical: float | None = None
    put_otherwise: float | None = None
    answer_ms: tuple[float, float] | None = None
    memory_mb: float | None = None
    symbols: Line | None = None

    @property
    def best_other(self) -> Line | None:
        return self.others[0] if self.others else None


def read_scorecard(card: Mapping[str, Any]) -> Scorecard:
    """
    The lines of *card*; what it lacks is None, so that cards of older versions stay readable.

    >>> card = {"rankers": {"bm25": {"all": {"hit@1": 0.45}}, "system": {"all": {"n": 90, "hit@1": 0.6}}}}
    >>> read = read_scorecard(card)
    >>> read.own.rows, read.own.hit1, [line.name for line in read.others]
    (90, 0.6, ['BM25 over module cards'])
    """
    rankers = card.get("rankers")
    if not isinstance(rankers, Mapping):
        rankers = {OWN: {"all": card}}
    lines = {str(name): _line(str(name), slices) for name, slices in rankers.items()}
    others = [line for name, line in lines.items() if name != OWN and line.hit1 is not None]
    own = lines.get(OWN)
    return Scorecard(
        own=None if own is None or own.hit1 is None else own,
        others=tuple(sorted(others, key=lambda line: -(line.hit1 or 0.0))),
        coverage=_number(card, "coverage"),
        precision_when_sure=_number(card, "precision_when_sure"),
        calibration_error=_number(card, "ece"),
        identical=_number(_part(card, "stability"), "identical"),
        put_otherwise=_number(_part(card, "paraphrases"), "top1"),
        answer_ms=_pair(_part(_part(card, "latency_ms"), "answer"), "p50", "p95"),
        memory_mb=_number(_part(card, "memory_mb"), "peak"),
        symbols=_line(OWN, _part(card, "symbols")[OWN]) if OWN in _part(card, "symbols") else None,
    )


def _line(name: str, slices: Any) -> Line:
    every = _part(slices, "all")
    rows = _number(every, "n")
    return Line(
        name=NAMES.get(name, name),
        rows=None if rows is None else int(rows),
        hit1=_number(every, "hit@1"),
        hit3=_number(every, "hit@3"),
        mrr=_number(every, "mrr"),
        unnamed=_number(_part(slices, "no_name"), "hit@1"),
        interval=_interval(every.get("hit@1_95")),
    )


def _part(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _number(value: Mapping[str, Any], key: str) -> float | None:
    found = value.get(key)
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def _pair(value: Mapping[str, Any], first: str, second: str) -> tuple[float, float] | None:
    one, other = _number(value, first), _number(value, second)
    return None if one is None or other is None else (one, other)


def _interval(value: Any) -> tuple[float, float] | None:
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(end, (int, float)) for end in value):
        return float(value[0]), float(value[1])
    return None
