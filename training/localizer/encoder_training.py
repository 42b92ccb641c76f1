"""
Train the upper layers of the sentence encoder to put requirements beside the files they touched.

    python -m training.localizer.encoder_training SHARDS --base FOLDER --out inference/weights/encoder.safetensors
    … --steps 200 --repositories 12                 # the small variant, and a point of the curve

One step reads one repository: two dozen requirements, one touched file of each, and for each a file that BM25 puts
near but that was not touched. Every requirement must find its file among all of these; files of a true module are
never held against it. Half of the time the words of the file's own name are taken out of the requirement, so that more
is learned than names. The lower half of the network stays as it is, which halves the work and keeps what ships small.
A killed run goes on from its last checkpoint with the same batches.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from inference.embedding import spell
from training.localizer.shards import load_shard

TOP_LAYERS = 3
SCALE = 20.0
"""Inverse temperature of the softmax over cosines."""
LEARNING_RATE = 6e-5
WARM_UP = 40
MASKED, TITLED = 0.5, 0.3
"""How often the file's name is taken out, and how often only the first line is read."""
NEAREST_WRONG = 12
MOST_FILES = 6
CHECKPOINT_EVERY = 100
STRIP = 24
"""Texts of similar length that are encoded together."""


@dataclass(frozen=True, slots=True)
class Shape:
    """
    How much one step reads.

    Args:
        batch: Requirements; twice as many files are shown.
        text_tokens, view_tokens: Where requirements and views of files are cut.
    """

    batch: int = 24
    text_tokens: int = 48
    view_tokens: int = 72


WHOLE = Shape()


@dataclass(frozen=True, slots=True)
class Pool:
    """
    What one repository gives to ask.

    Args:
        views: Of its files.
        owners: Module of each file, a number.
        asked: (text, touched files, files that BM25 confuses with them).
    """

    repository: str
    views: tuple[str, ...]
    owners: tuple[int, ...]
    asked: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]


def shuffled_shards(folder: Path) -> list[Path]:
    """
    The shards of a folder in the order in which they are taken.
    """
    paths = sorted(folder.glob("*.json.gz"))
    random.Random(1).shuffle(paths)  # noqa: S311
    return paths


def read_pools(paths: Sequence[Path]) -> list[Pool]:
    """
    Read shards; those with fewer requirements than a batch are left out.
    """
    pools = []
    for path in paths:
        shard = load_shard(path)
        asked = tuple(
            (row["text"], tuple(row["files"]), tuple(row["hard"][:NEAREST_WRONG]))
            for row in (*shard["rows"], *shard["pairs"])
            if row["hard"] and 1 <= len(row["files"]) <= MOST_FILES
        )
        if len(asked) >= WHOLE.batch:
            views, owners = zip(*shard["files"], strict=True)
            pools.append(Pool(shard["repository"], views, owners, asked))
    return pools


def without_names(text: str, view: str) -> str:
    """
    Take the words out of *text* that the view of a file begins with: its name. Too little left leaves the text as it
    is.

    >>> without_names("Let the GraphHopper cache expire", "graph hopper in core. Routes.")
    'Let the cache expire'
    """
    name = view.split(" in ", 1)[0].split(".", 1)[0]
    parts = {word for word in name.split() if len(word) > 2}
    whole = name.replace(" ", "")
    kept = [
        word
        for word in text.split()
        if not (set(spell(word).split()) & parts) and whole not in re.sub(r"[^a-z0-9]", "", word.lower())
    ]
    return " ".join(kept) if len(kept) >= 2 else text


class Learner(Protocol):
    """What can be trained here: the parameters that learn, and texts as unit vectors."""

    trained: dict[str, Any]

    def encode(self, texts: Sequence[str], *, tokens: int) -> torch.Tensor: ...


class TopLayers:
    """
    An encoder of which only the upper layers learn.

    Args:
        folder: The base encoder.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        self._model.requires_grad_(False)
        self._layers = self._model.encoder.layer
        self.trained = {
            name: parameter
            for name, parameter in self._model.named_parameters()
            if name.startswith("encoder.layer.") and int(name.split(".")[2]) >= len(self._layers) - TOP_LAYERS
        }
        for parameter in self.trained.values():
            parameter.requires_grad_(True)
        self._model.train()

    def read(self, texts: Sequence[str], *, tokens: int) -> npt.NDArray[np.float32]:
        """
        Encode as in serving: nothing is dropped out, nothing is learned.  # (texts, size), unit length
        """
        self._model.eval()
        with torch.inference_mode():
            vectors: npt.NDArray[np.float32] = self.encode(texts, tokens=tokens).numpy()
        self._model.train()
        return vectors

    def encode(self, texts: Sequence[str], *, tokens: int) -> torch.Tensor:
        """
        Encode with gradients in the upper layers only.  # (texts, size), unit length
        """
        vectors: list[torch.Tensor | None] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))
        for start in range(0, len(order), STRIP):
            picked = order[start : start + STRIP]
            batch = self._tokenizer(
                [texts[i] for i in picked], padding=True, truncation=True, max_length=tokens, return_tensors="pt"
            )
            shown = batch["attention_mask"].unsqueeze(-1).float()
            hidden = self._forward(batch)
            pooled = torch.nn.functional.normalize((hidden * shown).sum(1) / shown.sum(1), dim=1)
            for place, i in enumerate(picked):
                vectors[i] = pooled[place]
        return torch.stack([vector for vector in vectors if vector is not None])

    def _forward(self, batch: Any) -> torch.Tensor:
        hidden_from = (1.0 - batch["attention_mask"][:, None, None, :].float()) * -1e9
        with torch.no_grad():
            hidden: torch.Tensor = self._model.embeddings(
                batch["input_ids"], token_type_ids=batch.get("token_type_ids")
            )
            for layer in self._layers[:-TOP_LAYERS]:
                hidden = _first(layer(hidden, hidden_from))
        for layer in self._layers[-TOP_LAYERS:]:
            hidden = _first(layer(hidden, hidden_from))
        return hidden


def _first(output: Any) -> torch.Tensor:
    found: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return found


def step_loss(network: Learner, pool: Pool, rng: random.Random, *, shape: Shape = WHOLE) -> torch.Tensor:
    """
    Draw one batch of one repository and tell how badly its requirements find their files.
    """
    drawn = rng.sample(pool.asked, shape.batch)
    true = [rng.choice(files) for _, files, _ in drawn]
    shown = [*true, *(rng.choice(wrong) for _, _, wrong in drawn)]
    texts = []
    for (text, _, _), file in zip(drawn, true, strict=True):
        text = without_names(text, pool.views[file]) if rng.random() < MASKED else text
        texts.append(text.split("\n", 1)[0] if rng.random() < TITLED else text)
    asked = network.encode(texts, tokens=shape.text_tokens)
    files = network.encode([pool.views[file] for file in shown], tokens=shape.view_tokens)
    owned = [{pool.owners[file] for file in touched} for _, touched, _ in drawn]
    excused = [[j != i and pool.owners[shown[j]] in owned[i] for j in range(len(shown))] for i in range(shape.batch)]
    scores = (SCALE * asked @ files.T).masked_fill(torch.tensor(excused), -1e4)
    loss: torch.Tensor = torch.nn.functional.cross_entropy(scores, torch.arange(shape.batch))
    return loss


def train_encoder(
    network: Learner,
    pools: Sequence[Pool],
    *,
    steps: int,
    checkpoint: Path,
    seed: int = 0,
    shape: Shape = WHOLE,
    learning_rate: float | None = None,
) -> list[float]:
    """
    Train for a number of steps, or what is left of them after the last checkpoint.

    Args:
        learning_rate: Peak; None is the encoder's.

    Returns:
        The loss of each step that was done now.
    """
    peak = LEARNING_RATE if learning_rate is None else learning_rate
    parameters = list(network.trained.values())
    optimizer = torch.optim.AdamW(parameters, lr=peak, weight_decay=0.01)
    done = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        done = int(kept["step"])
        optimizer.load_state_dict(kept["optimizer"])
        for name, value in kept["weights"].items():
            network.trained[name].data.copy_(value)
    losses: list[float] = []
    began = time.monotonic()
    for step in range(done, steps):
        torch.manual_seed(seed * 1_000_003 + step)  # dropout
        order = random.Random(f"{seed}/{step // len(pools)}").sample(range(len(pools)), len(pools))  # noqa: S311
        pool, rng = pools[order[step % len(pools)]], random.Random(f"{seed}-{step}")  # noqa: S311
        loss = step_loss(network, pool, rng, shape=shape)
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1.0, (step + 1) / WARM_UP) * (1.0 - step / steps)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if (step + 1) % 20 == 0:
            sys.stdout.write(f"step {step + 1}: loss {np.mean(losses[-40:]):.3f}, {time.monotonic() - began:.0f} s\n")
            sys.stdout.flush()
        if (step + 1) % CHECKPOINT_EVERY == 0:
            _save_checkpoint(checkpoint, network, optimizer, step + 1)
    return losses


def _save_checkpoint(path: Path, network: Learner, optimizer: torch.optim.Optimizer, step: int) -> None:
    draft = path.with_suffix(".tmp")
    weights = {name: parameter.data for name, parameter in network.trained.items()}
    torch.save({"step": step, "weights": weights, "optimizer": optimizer.state_dict()}, draft)
    draft.replace(path)


def save_top_layers(weights: dict[str, torch.Tensor], path: Path) -> None:
    """
    Write the trained layers in half precision: what ships.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().to(torch.float16).contiguous() for name, value in weights.items()}, path)
    load_file(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Train the encoder on the shards of many repositories.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3_000)
    parser.add_argument("--repositories", type=int, help="as many repositories at most")
    chosen = parser.parse_args(arguments)
    torch.manual_seed(0)
    network = TopLayers(chosen.base)
    pools = read_pools(shuffled_shards(chosen.shards)[: chosen.repositories])
    sys.stdout.write(f"{len(pools)} repositories, {sum(len(pool.asked) for pool in pools)} requirements\n")
    checkpoint = chosen.out.with_suffix(".checkpoint")
    train_encoder(network, pools, steps=chosen.steps, checkpoint=checkpoint)
    save_top_layers(network.trained, chosen.out)
    checkpoint.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
