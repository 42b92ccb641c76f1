"""
Rows as tokens, and the order in which a run sees them.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from inference.packed import KIND_TOKENS
from inference.prompt import end_token_id
from training.config import TrainingConfig

IGNORED = -100


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """
    One row as the trainer sees it.

    Args:
        prompt: Rendered by `inference.prompt`.
        answer: What the assistant should say, without the end token; "" for rows that only rank.
        relevant: Positions of the true modules for the ranking objective; empty for rows without it.
    """

    prompt: str
    answer: str
    relevant: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """
    A row as tokens.

    Args:
        ids: Prompt, answer and end token.
        prompt_length: How many of *ids* are prompt.
        relevant: As in `TrainingRow`.
    """

    ids: tuple[int, ...]
    prompt_length: int
    relevant: tuple[int, ...]

    @property
    def labels(self) -> tuple[int, ...]:
        """
        *ids* with the prompt masked: exactly the answer and its end token count.
        """
        return (IGNORED,) * self.prompt_length + self.ids[self.prompt_length :]


def encode_row(tokenizer: Any, row: TrainingRow) -> Encoded:
    """
    Tokenize prompt and answer apart, so that the prompt's tokens are those of serving whatever the answer is.
    """
    prompt = tokenizer(row.prompt, add_special_tokens=False)["input_ids"]
    if not row.answer:
        return Encoded(tuple(prompt), len(prompt), row.relevant)
    answer = tokenizer(row.answer, add_special_tokens=False)["input_ids"]
    return Encoded((*prompt, *answer, end_token_id(tokenizer)), len(prompt), row.relevant)


def plan_batches(rows: Sequence[Encoded], config: TrainingConfig) -> list[list[Encoded]]:
    """
    Lay out every step of the run: shuffled by seed, rows of one kind and length together, cut at the token budget.

    The same rows, config and seed give the same batches.
    """
    rng = random.Random(config.seed)  # noqa: S311 -- data order, nothing secret
    batches: list[list[Encoded]] = []
    spent = 0
    for _ in range(config.epochs):
        order = sorted(rows, key=lambda row: (row.ids[:KIND_TOKENS], len(row.ids) // 8, rng.random()))
        epoch = list(_steps(order, rows=config.batch_rows, tokens=config.batch_tokens))
        rng.shuffle(epoch)
        for batch in epoch:
            spent += sum(len(row.ids) for row in batch)
            if spent > config.token_budget and batches:
                return batches
            batches.append(batch)
    return batches


def _steps(order: Sequence[Encoded], *, rows: int, tokens: int) -> Iterator[list[Encoded]]:
    step: list[Encoded] = []
    for row in order:
        if step and (len(step) == rows or sum(len(r.ids) for r in step) + len(row.ids) > tokens):
            yield step
            step = []
        step.append(row)
    if step:
        yield step


def order_hash(batches: Sequence[Sequence[Encoded]]) -> str:
    """
    Fingerprint of every token, label and their order: a checkpoint of another run must not be continued.
    """
    digest = hashlib.sha256()
    for batch in batches:
        digest.update(json.dumps([(row.ids, row.prompt_length, row.relevant) for row in batch]).encode())
    return digest.hexdigest()
