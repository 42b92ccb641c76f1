"""
What the trained sentence encoder says about the rows of the shards, for the network that learns how far to trust it.

    python -m training.localizer.meaning SHARDS --mirror DIR --encoder FOLDER [--most 60]

Encoding is what takes time, so the smallest repositories come first and the rest may be left out. What is done is kept.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.history import read_history
from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from inference.embedding import TextEncoder
from inference.labelled import LabelledText
from inference.meaning import MEANING_FEATURES, Meaning
from inference.shortlist import MEASURED
from inference.vectors import KeptVectors, Vectors
from training.localizer.shards import load_shard

Floats = npt.NDArray[np.float32]
MOST_PAST = 1_200


def meaning_columns(
    meaning: Meaning, texts: Sequence[str], measured: npt.NDArray[np.float16]
) -> npt.NDArray[np.float16]:
    """
    Put the encoder's columns into those of the shortlist.  # (rows, modules, features), the same shape
    """
    filled = measured.copy()
    for i, text in enumerate(texts):
        found = meaning.scores(text)
        for name in MEANING_FEATURES:
            if name in found:
                filled[i, :, MEASURED.index(name)] = found[name]
    return filled


def read_repository(shard: dict[str, Any], location: Path, vectors: Vectors, cache: Path) -> dict[str, Any]:
    """
    Compute the columns of one shard, with its history and without.
    """
    with open_snapshot(location, commit=shard["snapshot"], name=shard["repository"].rsplit("/", 1)[-1]) as snapshot:
        catalog = index_snapshot(snapshot, cache=cache).catalog
    past = read_history(location, commit=shard["snapshot"], catalog=catalog, limit=3_000)[-MOST_PAST:]
    labelled = [LabelledText(row.id, row.text, row.modules, "history", row.date, row.files) for row in past]
    texts = [row["text"] for row in shard["rows"]]
    vectors.encode(texts)
    return {
        "warm_meaning": meaning_columns(Meaning.fit(catalog, labelled, vectors), texts, shard["warm"]),
        "cold_meaning": meaning_columns(Meaning.fit(catalog, (), vectors), texts, shard["cold"]),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Compute the encoder's columns for the shards, smallest repositories first.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--mirror", type=Path, required=True, help="folder with OWNER+NAME/repo git directories")
    parser.add_argument("--encoder", type=Path, required=True, help="safetensors folder of the encoder")
    parser.add_argument("--most", type=int, default=1_000, help="repositories at most")
    parser.add_argument("--part", default="0/1", help="K/N: every N-th of them, from the K-th")
    chosen = parser.parse_args(arguments)
    part, parts = map(int, chosen.part.split("/"))
    encoder = TextEncoder.load(chosen.encoder)
    shards = [(path, load_shard(path)) for path in sorted(chosen.shards.glob("*.json.gz"))]
    shards.sort(key=lambda pair: (len(pair[1]["files"]), pair[1]["repository"]))
    for path, shard in shards[part : chosen.most : parts]:
        target = path.with_name(path.name.replace(".json.gz", ".meaning.npz"))
        if target.exists():
            continue
        began, name = time.process_time(), path.name.replace(".json.gz", "")
        location, cache = chosen.mirror / name / "repo", chosen.shards / "cache" / name
        columns = read_repository(shard, location, KeptVectors(encoder), cache)
        draft = target.with_name(f".{target.name}.tmp.npz")
        np.savez_compressed(draft, **columns)
        draft.replace(target)
        sys.stdout.write(
            f"{shard['repository']}: {len(shard['files'])} files, {time.process_time() - began:.0f} s CPU\n"
        )
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
