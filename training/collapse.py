"""
One row for what was said twice, before anything is split: near copies must not stand on both sides of a hold-out.

Of a cluster of near copies the row of the strongest origin stays (feedback, outcome, history, graph), among equals the
newest, in the split it has by its own time. What the other rows say about the modules decides:

    copy           shares a module with the row that stays, and goes
    overruled      names other modules, and goes: a stronger origin, a newer feedback or most copies say otherwise
    contradictory  the newest commit, or the first symbol, is not backed by half of its equals: the text does not
                   tell where it belongs ("Update translations", "Return the hash code"), and all of them go
    wordless       a text without one word ("+1"), and goes

Feedback is never contradictory: the newest reviewed word of a person counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.example import ORIGINS, Example
from training.near_copies import clusters, text_words

LEFT_OUT = ("copy", "overruled", "contradictory", "wordless")


@dataclass(frozen=True, slots=True)
class Collapsed:
    """
    Args:
        rows: What stays, in the order it came in; all phrasings of a symbol stay or go together.
        left_out: How many rows went, by why.
    """

    rows: tuple[Example, ...]
    left_out: Mapping[str, int]


def collapse(rows: Sequence[Example]) -> Collapsed:
    """
    Keep one source of each cluster of near copies.
    """
    texts = [text_words(row.requirement) for row in rows]
    told = [i for i, words in enumerate(texts) if words]
    groups: dict[int, list[Example]] = defaultdict(list)
    for i, number in zip(told, clusters([texts[i] for i in told], [rows[i].source for i in told]), strict=True):
        groups[number].append(rows[i])
    left_out: Counter[str] = Counter({"wordless": len(rows) - len(told)})
    kept: set[str] = set()
    for group in groups.values():
        source = _settle(group, left_out)
        if source is not None:
            kept.add(source)
    staying = tuple(row for row, words in zip(rows, texts, strict=True) if words and row.source in kept)
    return Collapsed(staying, {why: left_out[why] for why in LEFT_OUT})


def _settle(group: Sequence[Example], left_out: Counter[str]) -> str | None:
    """
    Give the source that stays, and count what goes; None when the whole group does.
    """
    by_source: dict[str, list[Example]] = defaultdict(list)
    for row in group:
        by_source[row.source].append(row)
    best, *others = sorted(by_source.values(), key=lambda same: _strength(same[0]), reverse=True)
    equals = [same for same in others if same[0].origin == best[0].origin]
    backing = sum(_agree(best[0], same[0]) for same in equals)
    if best[0].origin in ("history", "graph") and backing < len(equals) / 2:
        left_out["contradictory"] += len(group)
        return None
    for same in others:
        left_out["copy" if _agree(best[0], same[0]) else "overruled"] += len(same)
    return best[0].source


def _strength(row: Example) -> tuple[int, str, str]:
    return -ORIGINS.index(row.origin), row.date, row.id


def _agree(one: Example, other: Example) -> bool:
    return not set(one.modules).isdisjoint(other.modules)
