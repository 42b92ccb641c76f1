"""
The two objectives of the adapter, from one forward pass.

Generative: the answer's tokens after the prompt. Ranking: the hidden state at the prompt's end against one row a
module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from inference.rows import ModuleRows
from training.batches import IGNORED, Encoded

START = 2.0  # the length card rows start with: logits a nat or so apart


@dataclass(frozen=True, slots=True)
class StepLoss:
    """
    Means over one optimizer step: generative over its answer tokens, ranking over its rows that rank.
    """

    generative: float
    ranking: float

    @property
    def finite(self) -> bool:
        return math.isfinite(self.generative + self.ranking)


class RowScorer(nn.Module):
    """
    score(module) = (unit hidden state, centred and scaled) · row + bias

    Only the objective needs it: after training the rows that serve are fitted anew on what the tuned model says.
    """

    def __init__(self, start: ModuleRows) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.from_numpy(start.centre.copy()))
        self.scale = float(start.scale[0])
        self.rows = nn.Parameter(torch.from_numpy(start.cards) * START)
        self.bias = nn.Parameter(torch.zeros(len(start.cards)))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        states = (nn.functional.normalize(states.float(), dim=-1) - self.centre) * self.scale  # (batch, hidden)
        return states @ self.rows.T + self.bias  # (batch, modules)


def accumulate_gradients(
    model: Any, scorer: RowScorer, batch: Sequence[Encoded], *, rank_weight: float, micro_rows: int, pad: int
) -> StepLoss:
    """
    Add the gradients of one optimizer step, *micro_rows* rows a forward pass.

    Sums are divided by the counts of the whole step, not by those of a micro-batch: a mean of means would weigh the
    tokens of short answers more than those of long ones, and the split would change what is learned.
    """
    answer_tokens = sum(label != IGNORED for row in batch for label in row.labels)
    ranked_rows = sum(bool(row.relevant) for row in batch)
    generative = ranking = 0.0
    for first in range(0, len(batch), micro_rows):
        said, ranked = _summed_losses(model, scorer, batch[first : first + micro_rows], pad=pad)
        said, ranked = said / max(answer_tokens, 1), ranked / max(ranked_rows, 1)
        loss = said + rank_weight * ranked
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        generative += said.detach().item()
        ranking += ranked.detach().item()
    return StepLoss(generative, ranking)


def dev_score(
    model: Any, scorer: RowScorer, rows: Sequence[Encoded], *, batch_rows: int, pad: int
) -> tuple[float, float]:
    """
    Measure the ranking objective on held-out prompts: (hit@1, mean loss).

    A forward pass over short prompts, no generation: what makes it cheap enough to look every few steps.
    """
    hits, loss = 0, 0.0
    ordered = sorted(rows, key=lambda row: len(row.ids))
    with torch.no_grad():
        for first in range(0, len(ordered), batch_rows):
            batch = ordered[first : first + batch_rows]
            log_probabilities = torch.log_softmax(scorer(_ends(_states(model, batch, pad=pad), batch)), dim=-1)
            for row, scores in zip(batch, log_probabilities, strict=True):
                hits += int(scores.argmax()) in row.relevant
                loss -= float(scores[list(row.relevant)].mean())
    return hits / len(rows), loss / len(rows)


def _summed_losses(
    model: Any, scorer: RowScorer, batch: Sequence[Encoded], *, pad: int
) -> tuple[torch.Tensor, torch.Tensor]:
    states = _states(model, batch, pad=pad)
    device = states.device
    width = states.shape[1]
    labels = torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.ids))] for row in batch], device=device)
    counted = labels[:, 1:] != IGNORED
    generative = torch.zeros((), device=device)
    if counted.any():
        # (answer tokens, vocabulary): logits only where one is predicted
        logits = model.get_base_model().lm_head(states[:, :-1][counted])
        generative = nn.functional.cross_entropy(logits.float(), labels[:, 1:][counted], reduction="sum")
    ranked = [i for i, row in enumerate(batch) if row.relevant]
    if not ranked:
        return generative, torch.zeros((), device=device)
    rows = [batch[i] for i in ranked]
    log_probabilities = torch.log_softmax(scorer(_ends(states[ranked], rows)), dim=-1)
    ranking = -torch.stack(
        [log_probabilities[place, list(row.relevant)].mean() for place, row in enumerate(rows)]
    ).sum()
    return generative, ranking


def _states(model: Any, batch: Sequence[Encoded], *, pad: int) -> torch.Tensor:
    device = next(model.parameters()).device
    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([[*row.ids, *[pad] * (width - len(row.ids))] for row in batch], device=device)
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in batch], device=device)
    decoder = model.get_base_model().model
    states: torch.Tensor = decoder(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    return states  # (batch, time, hidden)


def _ends(states: torch.Tensor, batch: Sequence[Encoded]) -> torch.Tensor:
    return states[range(len(batch)), [row.prompt_length - 1 for row in batch]]  # (batch, hidden)
