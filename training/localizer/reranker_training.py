"""
Train the network that weighs the shortlist's features, on the shards of many repositories.

    python -m training.localizer.reranker_training SHARDS --out inference/weights/reranker.safetensors
    python -m training.localizer.reranker_training SHARDS --curve 12 25 50 100        # how much diversity is worth

One batch is half of one repository's rows; the loss is the cross entropy of a softmax over its modules. Every
repository is read twice, with its history and without. Some repositories are never trained on: they tell how it does
elsewhere.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save_file
from torch import nn

from inference.reranker import Reranker, network_inputs
from inference.shortlist import MEASURED
from training.localizer.shards import load_shard

Floats = npt.NDArray[np.float32]
VALIDATION = 15
"""Repositories that are only measured on."""
EPOCHS = 8
PARTS = 2
HIDDEN = 32
SECOND = 16
DROPOUT = 0.1
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-3
KINDS = ("warm", "cold", "warm_meaning", "cold_meaning")
"""With history or without, and the same with the encoder's columns."""
UNNAMED_WEIGHT = 1.5
"""How much a row counts that names neither its module nor a touched file: half as common here as in questions."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """
    All rows of one repository, with history or without.

    Args:
        inputs, context: See `inference.reranker.network_inputs`.  # (rows, modules, 2 · features), (rows, 3 · features
        + 1) truth: Shares of the true modules.  # (rows, modules)
        named: Which rows name what they touch.  # (rows,)
    """

    repository: str
    kind: str
    inputs: torch.Tensor
    context: torch.Tensor
    truth: torch.Tensor
    named: npt.NDArray[np.bool_]


class Network(nn.Module):
    """
    A gated linear sum and a small correction; `inference.reranker.Reranker` computes the same without torch.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        context = 3 * features + 1
        self.linear = nn.Parameter(torch.full((features,), 0.12))
        self.gate = nn.Linear(context, features)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)
        self.first = nn.Linear(2 * features, HIDDEN, bias=False)
        self.context = nn.Linear(context, HIDDEN)
        self.second = nn.Linear(HIDDEN, SECOND)
        self.last = nn.Linear(SECOND, 1, bias=False)
        nn.init.zeros_(self.last.weight)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, inputs: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """
        Score modules.  # (rows, modules, 2 · features), (rows, 3 · features + 1) -> (rows, modules)
        """
        hidden = self.dropout(torch.relu(self.first(inputs) + self.context(context)[:, None]))
        hidden = torch.relu(self.second(hidden))
        strength = self.linear * torch.exp(self.gate(context).clamp(-2.0, 2.0))
        summed = (inputs[..., : len(self.linear)] * strength[:, None]).sum(-1)
        scores: torch.Tensor = summed + self.last(hidden)[..., 0]
        return scores


def read_lessons(paths: Sequence[Path]) -> list[Lesson]:
    """
    Read shards, and each one's columns of the encoder where `training.localizer.meaning` computed them.
    """
    lessons = []
    for path in paths:
        shard = load_shard(path)
        lessons += [_lesson(shard, kind) for kind in KINDS if kind in shard]
    return lessons


def _lesson(shard: dict[str, Any], kind: str) -> Lesson:
    pairs = [network_inputs(columns.astype(np.float32)) for columns in shard[kind]]
    truth = np.zeros(shard[kind].shape[:2], dtype=np.float32)
    for i, row in enumerate(shard["rows"]):
        truth[i, row["modules"]] = 1.0 / len(row["modules"])
    return Lesson(
        shard["repository"],
        kind,
        torch.from_numpy(np.stack([inputs for inputs, _ in pairs])).half(),
        torch.from_numpy(np.stack([context for _, context in pairs])),
        torch.from_numpy(truth),
        np.array([row["names"] for row in shard["rows"]]),
    )


def train_reranker(lessons: Sequence[Lesson], *, seed: int = 0) -> Network:
    """
    Train from nothing; the same lessons and seed give the same network on the same machine.
    """
    torch.manual_seed(seed)
    network = Network(len(MEASURED))
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * len(lessons) * PARTS
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    order = np.random.default_rng(seed)
    network.train()
    for _ in range(EPOCHS):
        batches = [(lesson, part) for lesson in range(len(lessons)) for part in range(PARTS)]
        order.shuffle(batches)
        shuffled = [order.permutation(len(lesson.truth)) for lesson in lessons]
        for number, part in batches:
            lesson, picked = lessons[number], torch.from_numpy(shuffled[number][part::PARTS])
            scores = network(lesson.inputs[picked].float(), lesson.context[picked])
            losses = -(lesson.truth[picked] * torch.log_softmax(scores, -1)).sum(-1)
            counts = torch.from_numpy(np.where(lesson.named, 1.0, UNNAMED_WEIGHT).astype(np.float32))[picked]
            optimizer.zero_grad()
            (losses * counts).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


def save_reranker(network: Network, path: Path) -> None:
    """
    Write what `inference.reranker.Reranker.load` reads.
    """
    arrays = {
        "linear": network.linear,
        "gate": network.gate.weight,
        "gate_bias": network.gate.bias,
        "first": network.first.weight,
        "context": network.context.weight,
        "first_bias": network.context.bias,
        "second": network.second.weight,
        "second_bias": network.second.bias,
        "last": network.last.weight[0],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: np.ascontiguousarray(array.detach().numpy().astype(np.float32)) for name, array in arrays.items()}
    save_file(kept, path, metadata={"features": json.dumps(MEASURED)})


def hits(network: Network, lessons: Sequence[Lesson]) -> dict[str, tuple[float, ...]]:
    """
    Measure hit@1 and hit@3, on all rows and on those that name nothing, for each kind of lesson.
    """
    found: dict[str, tuple[float, ...]] = {}
    for kind in sorted({lesson.kind for lesson in lessons}):
        right, named = [], []
        for lesson in (lesson for lesson in lessons if lesson.kind == kind):
            with torch.inference_mode():
                order = network(lesson.inputs.float(), lesson.context).argsort(dim=1, descending=True)[:, :3]
            true = lesson.truth.gather(1, order).numpy() > 0
            right.append(np.stack([true[:, 0], true.any(axis=1)], axis=1))
            named.append(lesson.named)
        every, bare = np.concatenate(right), ~np.concatenate(named)
        found[kind] = (*map(float, every.mean(axis=0)), *map(float, every[bare].mean(axis=0)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Train the reranker, or measure how its hits grow with the number of repositories.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--curve", type=int, nargs="*", default=[])
    chosen = parser.parse_args(arguments)
    paths = sorted(chosen.shards.glob("*.json.gz"))
    random.Random(3).shuffle(paths)  # noqa: S311
    held_out = read_lessons(paths[:VALIDATION])
    for count in [*chosen.curve, len(paths) - VALIDATION]:
        network = train_reranker(read_lessons(paths[VALIDATION : VALIDATION + count]))
        for kind, values in hits(network, held_out).items():
            figures = " / ".join(f"{100 * value:.1f}" for value in values)
            sys.stdout.write(f"{count} repositories, {kind}: hit@1 / hit@3, unnamed hit@1 / hit@3 = {figures}\n")
            sys.stdout.flush()
    if chosen.out:
        save_reranker(network, chosen.out)
        Reranker.load(chosen.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
