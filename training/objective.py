"""
The two objectives of the adapter, from one forward pass.

Generative: the answer's tokens after the prompt. Ranking: the hidden state at the prompt's end against one row a
module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from inference.packed import Forward, States, packs_of
from inference.rows import ModuleRows
from training.batches import Encoded

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
    forward: Forward,
    head: nn.Module,
    scorer: RowScorer,
    batch: Sequence[Encoded],
    *,
    rank_weight: float,
    micro_rows: int,
) -> StepLoss:
    """
    Add the gradients of one optimizer step, *micro_rows* rows a forward pass at most.

    Sums are divided by the counts of the whole step, not by those of a micro-batch: a mean of means would weigh the
    tokens of short answers more than those of long ones, and the split would change what is learned.

    Args:
        head: The vocabulary head.
    """
    answer_tokens = sum(len(row.ids) - row.prompt_length for row in batch)
    ranked_rows = sum(bool(row.relevant) for row in batch)
    generative = ranking = 0.0
    for pack in packs_of([row.ids for row in batch], most_rows=micro_rows):
        said, ranked = _summed_losses(forward, head, scorer, [batch[place] for place in pack])
        said, ranked = said / max(answer_tokens, 1), ranked / max(ranked_rows, 1)
        loss = said + rank_weight * ranked
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        generative += said.detach().item()
        ranking += ranked.detach().item()
    return StepLoss(generative, ranking)


def dev_score(forward: Forward, scorer: RowScorer, rows: Sequence[Encoded], *, batch_rows: int) -> tuple[float, float]:
    """
    Measure the ranking objective on held-out prompts: (hit@1, mean loss).

    A forward pass over short prompts, no generation: what makes it cheap enough to look every few steps.
    """
    hits, loss = 0, 0.0
    ordered = sorted(rows, key=lambda row: len(row.ids))
    with torch.no_grad():
        for pack in packs_of([row.ids for row in ordered], most_rows=batch_rows):
            batch = [ordered[place] for place in pack]
            log_probabilities = torch.log_softmax(scorer(_ends(forward([row.ids for row in batch]), batch)), dim=-1)
            for row, scores in zip(batch, log_probabilities, strict=True):
                hits += int(scores.argmax()) in row.relevant
                loss -= float(scores[list(row.relevant)].mean())
    return hits / len(rows), loss / len(rows)


def _summed_losses(
    forward: Forward, head: nn.Module, scorer: RowScorer, batch: Sequence[Encoded]
) -> tuple[torch.Tensor, torch.Tensor]:
    states = forward([row.ids for row in batch])
    device = states.values.device
    generative = ranking = torch.zeros((), device=device)
    said = [
        (offset + t - 1, row.ids[t])
        for row, offset in zip(batch, states.offsets, strict=True)
        for t in range(row.prompt_length, len(row.ids))
    ]
    if said:
        places, tokens = zip(*said, strict=True)
        logits = head(states.values[list(places)])  # (answer tokens, vocabulary): only where one is predicted
        generative = nn.functional.cross_entropy(logits.float(), torch.tensor(tokens, device=device), reduction="sum")
    ranked = [row for row in batch if row.relevant]
    if ranked:
        offsets = [offset for row, offset in zip(batch, states.offsets, strict=True) if row.relevant]
        ends = _ends(replace(states, offsets=tuple(offsets)), ranked)
        log_probabilities = torch.log_softmax(scorer(ends), dim=-1)
        ranking = -torch.stack(
            [log_probabilities[place, list(row.relevant)].mean() for place, row in enumerate(ranked)]
        ).sum()
    return generative, ranking


def _ends(states: States, batch: Sequence[Encoded]) -> torch.Tensor:
    ends = [offset + row.prompt_length - 1 for row, offset in zip(batch, states.offsets, strict=True)]
    return states.values[ends]  # (batch, hidden)
