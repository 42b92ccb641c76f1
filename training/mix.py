"""
Which rows a run trains on: direct and chain-of-thought ones, rows that only rank, and choices, within the token budget.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graph.values import Catalog
from inference.prompt import explain_answer, explain_prompt, place_prompt
from training.batches import TrainingRow, encode_row
from training.choosing import Candidates, choice_row
from training.config import TrainingConfig
from training.dataset import Dataset, Example

MAX_RELEVANT = 3


def training_rows(
    tokenizer: Any,
    dataset: Dataset,
    catalog: Catalog,
    config: TrainingConfig,
    *,
    candidates: Candidates | None = None,
) -> list[TrainingRow]:
    """
    Render the train rows of a dataset, as many as the token budget of one epoch holds.

    Feedback comes first, then history and graph texts, mixed by a hash. Rows that only rank are taken from the other
    end, so that a small budget shows the ranking objective other requirements than the generative one.

    Args:
        candidates: Finds the modules to choose among; None leaves choices out, whatever their share.
    """
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    examples = sorted(dataset.split("train"), key=_priority)
    budget = config.token_budget / config.epochs
    choices: list[TrainingRow] = []
    if candidates is not None and config.choice_share > 0.0:
        rendered = _choices(tokenizer, examples, catalog, candidates, seed=config.seed)
        choices = _fill(tokenizer, rendered, budget * config.choice_share)
        budget *= 1.0 - config.choice_share
    rows = _fill(
        tokenizer,
        _generative(tokenizer, examples, catalog, place, share=config.reasoning_share),
        budget * (1.0 - config.ranking_share),
    )
    ranking = ((_direct(tokenizer, example, catalog, place, answer=""),) for example in reversed(examples))
    return [*rows, *_fill(tokenizer, ranking, budget * config.ranking_share), *choices]


def dev_rows(tokenizer: Any, dataset: Dataset, catalog: Catalog, config: TrainingConfig) -> list[TrainingRow]:
    """
    Render dev rows for early stopping, mixed by a hash: they only rank.
    """
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    examples = sorted(dataset.asked("dev"), key=_priority)[: config.dev_rows]
    return [_direct(tokenizer, example, catalog, place, answer="") for example in examples]


def _fill(tokenizer: Any, groups: Iterable[tuple[TrainingRow, ...]], tokens: float) -> list[TrainingRow]:
    rows: list[TrainingRow] = []
    for group in groups:
        tokens -= sum(len(encode_row(tokenizer, row).ids) for row in group)
        if tokens < 0:
            break
        rows += group
    return rows


def _generative(
    tokenizer: Any, examples: Iterable[Example], catalog: Catalog, place: dict[str, int], *, share: float
) -> Iterator[tuple[TrainingRow, ...]]:
    """
    Give each example's rows: a direct one, and so many chain-of-thought ones that *share* of all rows are.
    """
    owed = 0.0
    for example in examples:
        owed += share / (1.0 - share) if share < 1.0 else 1.0
        direct = (_direct(tokenizer, example, catalog, place, answer=example.modules[0]),) if share < 1.0 else ()
        reasoned = (_reasoned(tokenizer, example, catalog),) * int(owed)
        owed -= int(owed)
        yield (*direct, *reasoned)


def _choices(
    tokenizer: Any, examples: Sequence[Example], catalog: Catalog, candidates: Candidates, *, seed: int
) -> Iterator[tuple[TrainingRow, ...]]:
    """
    Give each example's choice, past requirements first: they are what will be asked.
    """
    for example in sorted(examples, key=lambda e: e.origin == "graph"):
        found = candidates(example.requirement)
        yield (choice_row(tokenizer, example, catalog, candidates=found, seed=seed),)


def _direct(tokenizer: Any, example: Example, catalog: Catalog, place: dict[str, int], *, answer: str) -> TrainingRow:
    prompt = place_prompt(tokenizer, repository=catalog.repository, requirement=example.requirement)
    return TrainingRow(prompt, answer, tuple(place[module] for module in example.modules[:MAX_RELEVANT]))


def _reasoned(tokenizer: Any, example: Example, catalog: Catalog) -> TrainingRow:
    prompt = explain_prompt(
        tokenizer,
        repository=catalog.repository,
        requirement=example.requirement,
        module=example.modules[0],
        evidence=example.evidence,
    )
    return TrainingRow(prompt, explain_answer(example.reasoning, example.modules[0]), ())


def _priority(example: Example) -> tuple[bool, str]:
    return example.origin != "feedback", hashlib.sha256(example.id.encode()).hexdigest()
