"""
Votes, corrections and past requirements as the rows that TRL's trainers take.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from graph.values import Catalog
from inference.evidence import EvidenceIndex
from inference.prompt import explain_prompt, place_prompt
from inference.reasoning import worth_telling
from inference.short_names import short_lines, short_names
from training.config import PreferenceConfig
from training.dataset import Dataset, Example
from training.near_copies import near_pairs, text_words
from training.preference.reward import Task
from training.preference.votes import JudgedAnswer, current_only

Row = TypeVar("Row")


def usable(judged: Sequence[JudgedAnswer], dataset: Dataset, catalog: Catalog) -> tuple[JudgedAnswer, ...]:
    """
    What may be learned from: modules of this catalog, and no text that is held out for the scorecard, nor nearly one.
    """
    held_out = [text_words(e.requirement) for e in dataset.examples if e.split != "train"]
    rows = current_only(judged, catalog)
    pairs = near_pairs([*held_out, *(text_words(row.text) for row in rows)])
    leaking = {late - len(held_out) for early, late in pairs if early < len(held_out) <= late}
    return tuple(row for i, row in enumerate(rows) if i not in leaking)


def vote_rows(judged: Sequence[JudgedAnswer], tokenizer: Any, *, repository: str) -> list[dict[str, Any]]:
    """
    Every vote: the module that was shown is a good answer, or it is not.
    """
    return [
        {"prompt": _prompt(tokenizer, repository, row.text), "completion": row.shown, "label": row.good}
        for row in judged
    ]


def correction_rows(judged: Sequence[JudgedAnswer], tokenizer: Any, *, repository: str) -> list[dict[str, Any]]:
    """
    Every correction: the right module is better than the wrong one that was shown.
    """
    return [
        {"prompt": _prompt(tokenizer, repository, row.text), "chosen": row.right, "rejected": row.shown}
        for row in judged
        if not row.good and row.right and row.right != row.shown
    ]


def tasks(dataset: Dataset, catalog: Catalog, tokenizer: Any, config: PreferenceConfig) -> list[Task]:
    """
    Real train requirements as tasks (texts from the graph where there are no real ones), mixed by seed.

    A share of them asks for reasons, with evidence from the code alone: what the verifier will look up.
    """
    train = dataset.split("train")
    examples = [e for e in train if e.origin != "graph"] or list(train)
    chosen = plan(examples, count=min(len(examples), config.steps * config.grpo_prompts), seed=config.seed)
    index = EvidenceIndex(catalog.without_symbols(dataset.held_out_symbols()))
    reasons = round(len(chosen) * config.grpo_reasoning_share)
    return [
        _explaining(example, index, catalog, tokenizer) if i < reasons else _placing(example, catalog, tokenizer)
        for i, example in enumerate(chosen)
    ]


def plan(rows: Sequence[Row], *, count: int, seed: int) -> list[Row]:
    """
    *count* rows: all of them in a random order, then again in another one, until there are enough.

    >>> sorted(plan([1, 2, 3], count=6, seed=0))
    [1, 1, 2, 2, 3, 3]
    """
    rng = random.Random(seed)  # noqa: S311 -- data order, nothing secret
    planned: list[Row] = []
    while rows and len(planned) < count:
        planned += rng.sample(list(rows), len(rows))
    return planned[:count]


def _placing(example: Example, catalog: Catalog, tokenizer: Any) -> Task:
    prompt = _prompt(tokenizer, catalog.repository, example.requirement)
    return Task(prompt, example.modules, example.requirement)


def _explaining(example: Example, index: EvidenceIndex, catalog: Catalog, tokenizer: Any) -> Task:
    module = example.modules[0]
    evidence = worth_telling(index.gather(example.requirement, module, without=example.symbol))
    names = short_names(evidence)
    prompt = explain_prompt(
        tokenizer,
        repository=catalog.repository,
        requirement=example.requirement,
        module=module,
        evidence=short_lines(evidence, names),
    )
    return Task(prompt, example.modules, example.requirement, module, evidence, names)


def _prompt(tokenizer: Any, repository: str, text: str) -> str:
    return place_prompt(tokenizer, repository=repository, requirement=text)
