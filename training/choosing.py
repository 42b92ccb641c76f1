"""
Rows that teach the language model to choose among candidates: the shortlist's cards, labelled, in shuffled order.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Any

from graph.values import Catalog
from inference.prompt import LABELS, choose_prompt
from inference.ranker import best_first
from inference.scorers import MOST_CANDIDATES
from inference.shortlist import FEATURES, Shortlist
from training.batches import TrainingRow
from training.dataset import Example

Candidates = Callable[[str], Sequence[int]]
"""Finds the positions of a shortlist's modules for a text, best first."""


def nearest_candidates(shortlist: Shortlist) -> Candidates:
    """
    Find candidates as *shortlist* ranks before anything is fitted on the repository's own dev rows.
    """
    column = FEATURES.index("reranked")
    return lambda requirement: best_first(shortlist.features(requirement)[:, column])


def choice_row(
    tokenizer: Any, example: Example, catalog: Catalog, *, candidates: Sequence[int], seed: int
) -> TrainingRow:
    """
    Render one choice: the first true module among the nearest wrong ones, in an order that depends on seed and row.

    The shuffling keeps the model from learning that the shortlist's first is usually right: the fusion knows that
    already, and a model that leans on it adds nothing and flips when the order does.

    Args:
        candidates: Positions of the shortlist's modules for this text, best first.
    """
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    right = place[example.modules[0]]
    others = [i for i in candidates if catalog.module_ids[i] not in example.modules]
    shown = [right, *others[: MOST_CANDIDATES - 1]]
    mixed = int(hashlib.sha256(f"{seed} {example.id}".encode()).hexdigest()[:12], 16)
    random.Random(mixed).shuffle(shown)  # noqa: S311 -- data order, nothing secret
    prompt = choose_prompt(
        tokenizer,
        repository=catalog.repository,
        requirement=example.requirement,
        cards=[catalog.modules[position].text() for position in shown],
    )
    return TrainingRow(prompt, LABELS[shown.index(right)], ())
