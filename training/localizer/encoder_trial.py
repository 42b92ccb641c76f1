"""
How much is it worth to train the encoder on many repositories instead of a few?

    python -m training.localizer.encoder_trial SHARDS --base FOLDER --out TRIAL                        # the curve
    python -m training.localizer.encoder_trial SHARDS --base FOLDER --out TRIAL --steps 20 --counts 12    # quick

Every point starts from the base encoder and learns for as many short steps. It is measured on repositories that no
point learned from, with nothing of their history: by the nearest of a module's files alone, and added to BM25. What is
done is kept in TRIAL, and a killed run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.values import write_atomically
from inference.shortlist import MEASURED, z_scored
from training.localizer.encoder_training import Shape, TopLayers, read_pools, shuffled_shards, train_encoder
from training.localizer.shards import load_shard

Floats = npt.NDArray[np.float32]
COUNTS = (0, 12, 25, 50, 100)
STEPS = 200
SHORT = Shape(batch=16, text_tokens=32, view_tokens=40)
"""Less than half of what a whole step takes."""
HELD_OUT = 10
"""Repositories that are measured on: those with the fewest files among what no point learned from."""
MOST_ROWS = 120


def held_out_shards(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """
    Read the smallest of the shards.
    """
    shards = [load_shard(path) for path in paths]
    return sorted(shards, key=lambda shard: (len(shard["files"]), shard["repository"]))[:HELD_OUT]


def module_hits(shard: dict[str, Any], read: Callable[..., Floats]) -> npt.NDArray[np.float64]:
    """
    Ask the rows of one shard.

    Args:
        read: Encodes texts, see `TopLayers.read`.

    Returns:
        hit@1 and hit@3 by the nearest file alone, the same by BM25 with it, whether the row names nothing.
        # (rows, 5)
    """
    views, owners = zip(*shard["files"], strict=True)
    files = read(views, tokens=SHORT.view_tokens)
    rows = shard["rows"][-MOST_ROWS:]
    asked = read([row["text"] for row in rows], tokens=SHORT.text_tokens)
    lexical = shard["cold"][-MOST_ROWS:, :, MEASURED.index("bm25_file")].astype(np.float32)
    found = []
    for row, vector, words in zip(rows, asked, lexical, strict=True):
        nearest = np.full(len(shard["modules"]), -1.0, dtype=np.float32)
        np.maximum.at(nearest, np.array(owners), files @ vector)
        both = z_scored(np.stack([words, nearest], axis=1)).sum(axis=1)
        hits = [
            np.isin(np.argsort(-scores, kind="stable")[:k], row["modules"]).any()
            for scores in (nearest, both)
            for k in (1, 3)
        ]
        found.append([*hits, not row["names"]])
    return np.array(found, dtype=np.float64)


def measure_point(count: int, *, paths: Sequence[Path], base: Path, out: Path, steps: int) -> dict[str, Any]:
    """
    Train on the first *count* shards, measure on the smallest of those after the largest count.

    Returns:
        {"repositories", "steps", "loss": mean of the last fifty steps, "rows", "alone", "with BM25", "unnamed"}
    """
    network = TopLayers(base)
    losses: list[float] = []
    if count:
        checkpoint = out / f"{count}.checkpoint"
        pools = read_pools(paths[:count])
        losses = train_encoder(network, pools, steps=steps, checkpoint=checkpoint, shape=SHORT)
        checkpoint.unlink(missing_ok=True)
    hits = np.concatenate([module_hits(shard, network.read) for shard in held_out_shards(paths[max(COUNTS) :])])
    bare = hits[hits[:, 4] > 0]
    return {
        "repositories": count,
        "steps": steps,
        "loss": round(float(np.mean(losses[-50:])), 3) if losses else None,
        "rows": len(hits),
        "unnamed rows": len(bare),
        "alone": hits.mean(axis=0)[:2].round(4).tolist(),
        "with BM25": hits.mean(axis=0)[2:4].round(4).tolist(),
        "unnamed, with BM25": bare.mean(axis=0)[2:4].round(4).tolist(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Measure the points of the curve that are not there yet, and print all of them.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and results")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="0 is the base encoder itself")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    paths = shuffled_shards(chosen.shards)
    for count in chosen.counts:
        kept = chosen.out / f"{count}.json"
        if not kept.exists():
            point = measure_point(count, paths=paths, base=chosen.base, out=chosen.out, steps=chosen.steps)
            write_atomically(kept, json.dumps(point).encode())
        sys.stdout.write(kept.read_text(encoding="utf-8") + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
