"""
Does a release answer alike what is put otherwise? Top-1 agreement and top-3 Jaccard with the original's ranking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graph.values import Progress
from inference.ranker import Ranker, best_first, readable
from training.paraphrasing import paraphrases

MAX_CHARACTERS = 100  # the first line, as people ask; longer texts cost seconds and are put otherwise less
SCORED_RULES = ("politeness", "word order", "synonyms", "typos", "noise")

Rank = Callable[[str], Sequence[str]]


def agreements(
    rank: Rank,
    pairs: Sequence[tuple[str, Mapping[str, str]]],
    *,
    progress: Progress = lambda done, total, label: None,
) -> dict[str, list[tuple[float, float]]]:
    """
    Compare the ranking of each paraphrase with the original's: (top-1 agreement, top-3 Jaccard) by kind.

    Args:
        pairs: (original, {kind: paraphrase}).
    """
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for done, (text, others) in enumerate(pairs, start=1):
        original = rank(text)
        for kind, other in others.items():
            ranking = rank(other)
            first, second = set(original[:3]), set(ranking[:3])
            found[kind].append((float(ranking[0] == original[0]), len(first & second) / len(first | second)))
        progress(done, len(pairs), "requirements put otherwise")
    return dict(found)


def paraphrase_agreement(
    ranker: Ranker,
    texts: Sequence[str],
    *,
    count: int,
    progress: Progress = lambda done, total, label: None,
) -> dict[str, Any]:
    """
    Ask the first lines of *texts*, and each again by `SCORED_RULES`; on rows the shortlist has not seen.

    Returns:
        {"requirements", "rules": {rule: {"top1", "jaccard3"}}, "top1", "jaccard3"}, shares from 0 to 1; without
        requirements only their number.
    """
    asked = list(dict.fromkeys(line for text in texts if (line := _first_line(text))))[:count]
    if not asked:
        return {"requirements": 0}

    def rank(text: str) -> list[str]:
        return [ranker.catalog.module_ids[i] for i in best_first(ranker.probabilities(readable(text)))[:3]]

    pairs = [(text, {rule: paraphrases(text)[rule] for rule in SCORED_RULES}) for text in asked]
    found = agreements(rank, pairs, progress=progress)
    every = [pair for kind in found.values() for pair in kind]
    return {"requirements": len(asked), "rules": {rule: _means(kind) for rule, kind in found.items()}, **_means(every)}


def _means(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    top1, jaccard = (round(float(value), 4) for value in np.mean(pairs, axis=0))
    return {"top1": top1, "jaccard3": jaccard}


def _first_line(text: str) -> str:
    """
    >>> _first_line("Fix the tolls\\n\\nThey were wrong.")
    'Fix the tolls'
    >>> _first_line("42 !!")
    ''
    """
    line = text.strip().partition("\n")[0][:MAX_CHARACTERS].strip()
    return line if any(character.isalpha() for character in line) else ""
