"""
Supervised fine-tuning of one LoRA adapter on two objectives at once.

Generative: after the prompt, say the module's id (direct rows) or the reasoning and then the id (chain-of-thought
rows); only the answer's tokens count. Ranking: the hidden state at the prompt's end, compared with one row a module;
the rows start from encoded cards. One forward pass serves both.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from graph.values import Progress
from inference.prompt import end_token_id
from inference.rows import ModuleRows
from training.config import TrainingConfig

IGNORED = -100
START = 2.0  # the length card rows start with: logits a nat or so apart


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


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """
    What a run did.

    Args:
        steps, tokens, seconds: Optimizer steps, tokens seen, wall-clock seconds.
        losses: (step, generative loss, ranking loss), every few steps.
        stopped_by_time: True when max_seconds ended the run before all tokens were seen.
    """

    steps: int
    tokens: int
    seconds: float
    losses: tuple[tuple[int, float, float], ...]
    stopped_by_time: bool


class TrainingError(Exception):
    """
    Training cannot start or cannot go on; the message says why and what to do.
    """


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
    Lay out every step of the run: shuffled by seed, rows of similar length together, cut at the token budget.

    The same rows, config and seed give the same batches.
    """
    rng = random.Random(config.seed)  # noqa: S311 -- data order, nothing secret
    batches: list[list[Encoded]] = []
    spent = 0
    for _ in range(config.epochs):
        order = sorted(rows, key=lambda row: (len(row.ids) // 8, rng.random()))
        epoch = [order[i : i + config.batch_rows] for i in range(0, len(order), config.batch_rows)]
        rng.shuffle(epoch)
        for batch in epoch:
            spent += sum(len(row.ids) for row in batch)
            if spent > config.token_budget and batches:
                return batches
            batches.append(batch)
    return batches


def train_adapter(
    model: Any,
    tokenizer: Any,
    rows: Sequence[TrainingRow],
    *,
    start: ModuleRows,
    config: TrainingConfig,
    progress: Progress = lambda done, total, label: None,
) -> TrainingLog:
    """
    Train the adapter inside *model* in place.

    Args:
        model: From `open_backend`, in training mode.
        rows: Direct and chain-of-thought rows.
        start: Card rows, centre and scale of the untrained model: where the ranking objective begins.
        progress: Called with (done, total, loss line), in tokens; time counts when it is further, as for the schedule.

    Raises:
        TrainingError: no rows, or the loss became NaN.
    """
    if not rows:
        raise TrainingError("There is not one training row: index a repository with documentation or history first.")
    device = next(model.parameters()).device
    batches = plan_batches([encode_row(tokenizer, row) for row in rows], config)
    scorer = RowScorer(start).to(device)
    adapter = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": adapter, "lr": config.learning_rate, "peak": config.learning_rate},
            {"params": scorer.parameters(), "lr": config.row_learning_rate, "peak": config.row_learning_rate},
        ],
        weight_decay=0.0,
    )
    total = sum(len(row.ids) for batch in batches for row in batch)
    started, done = time.monotonic(), 0
    losses: list[tuple[int, float, float]] = []
    for step, batch in enumerate(batches):
        share = max(done / total, (time.monotonic() - started) / config.max_seconds)
        if share >= 1.0:
            return TrainingLog(step, done, time.monotonic() - started, tuple(losses), True)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * schedule(share)
        generative, ranking = _losses(model, scorer, batch, pad=end_token_id(tokenizer), device=device)
        loss = generative + config.rank_weight * ranking
        told = (generative.detach().item(), ranking.detach().item())
        if not math.isfinite(sum(told)):
            raise TrainingError(
                f"The loss became {sum(told)} at step {step}: lower the learning rate; nothing was promoted."
            )
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(adapter, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        done += sum(len(row.ids) for row in batch)
        if step % 5 == 0:
            losses.append((step, round(told[0], 4), round(told[1], 4)))
        share = max(done / total, (time.monotonic() - started) / config.max_seconds)
        progress(min(total, round(share * total)), total, f"loss {told[0]:.2f}, ranking {told[1]:.2f}")
    return TrainingLog(len(batches), done, time.monotonic() - started, tuple(losses), False)


def schedule(share: float) -> float:
    """
    Factor of the peak learning rate when *share* of the run is over: 5 % warm-up, then linear to zero.

    >>> schedule(0.0), schedule(0.05), schedule(1.0)
    (0.02, 1.0, 0.0)
    """
    return max(0.02, share / 0.05) if share < 0.05 else (1.0 - share) / 0.95


class RowScorer(nn.Module):
    """
    score(module) = (unit hidden state, centred and scaled) · row + bias

    Only the objective needs it: after training the rows that serve are fitted anew on what the tuned model says.
    """

    def __init__(self, start: ModuleRows) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.from_numpy(start.centre))
        self.scale = float(start.scale[0])
        self.rows = nn.Parameter(torch.from_numpy(start.cards) * START)
        self.bias = nn.Parameter(torch.zeros(len(start.cards)))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        states = (nn.functional.normalize(states.float(), dim=-1) - self.centre) * self.scale  # (batch, hidden)
        return states @ self.rows.T + self.bias  # (batch, modules)


def _losses(
    model: Any, scorer: RowScorer, batch: Sequence[Encoded], *, pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([[*row.ids, *[pad] * (width - len(row.ids))] for row in batch], device=device)
    labels = torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.ids))] for row in batch], device=device)
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in batch], device=device)
    base = model.get_base_model()
    states = base.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state  # (batch, time, hidden)
    counted = labels[:, 1:] != IGNORED
    generative = torch.zeros((), device=device)
    if counted.any():
        logits = base.lm_head(states[:, :-1][counted])  # (answer tokens, vocabulary): only where one is predicted
        generative = nn.functional.cross_entropy(logits.float(), labels[:, 1:][counted])
    ranked = [i for i, row in enumerate(batch) if row.relevant]
    if not ranked:
        return generative, torch.zeros((), device=device)
    ends = states[ranked, [batch[i].prompt_length - 1 for i in ranked]]  # (ranked, hidden)
    log_probabilities = torch.log_softmax(scorer(ends), dim=-1)
    ranking = -torch.stack(
        [log_probabilities[place, list(batch[i].relevant)].mean() for place, i in enumerate(ranked)]
    ).mean()
    return generative, ranking
