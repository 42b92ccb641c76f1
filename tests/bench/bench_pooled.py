"""
The system against the benchmark's strongest baseline on the same rows, in pairs, all five sets pooled.

    python -m tests.bench.bench_pooled BENCH GIT_DIRS --home HOME --out FILE graphhopper wagtail anki-android sympy

The benchmark publishes figures of its Fusion+MiniLM, not what it said of each row. So it is made again here: weighted
z-scores of BM25, nearest past requirements, a linear classifier, and of cards and neighbours by all-MiniLM-L6-v2 as it
is, weights fitted on dev with next to no pull. Its own figures stand beside those that were published. What is in FILE
already is not measured again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graph.values import write_atomically
from inference.embedding import TextEncoder, VectorCache
from inference.fusion import Fusion, HeldOut
from inference.labelled import known_only
from inference.ranker import best_first
from inference.shortlist import FEATURES, Shortlist
from training.bench import index_given_modules
from training.bench_rankers import held_out, measure
from training.bench_set import READ, read_bench_set, repository_of
from training.encoder import ensure_base_encoder, ensure_encoder
from training.metrics import bootstrap_interval, hit_at_k, mcnemar

PEER = ("bm25", "past", "classifier", "meaning_module", "meaning_file", "meaning_past")
PEER_PULL = 0.02
PUBLISHED = {
    "graphhopper test": (39.4, 68.5),
    "wagtail test": (50.4, 76.6),
    "anki-android test": (47.0, 67.0),
    "sympy test": (53.2, 69.0),
    "sympy issues": (63.4, 78.9),
}
"""hit@1 and hit@3 of Fusion+MiniLM in the benchmark's own table, percent."""


def rows_of(folder: Path, git_dir: Path, home: Path) -> dict[str, list[dict[str, Any]]]:
    """
    Ask both about every row of one benchmark folder.

    Returns:
        {split: [{"id", "no_name", "system": [hit@1, hit@3], "peer": the same}]}.
    """
    bench = read_bench_set(folder)
    catalog = index_given_modules(bench, git_dir, cache=home / "cache")
    past = known_only(bench.texts("train"), catalog)
    found: dict[str, list[dict[str, Any]]] = {
        split: [{"id": row.labelled.id, "no_name": row.no_name} for row in bench.splits[split]]
        for split in READ
        if split in bench.splits
    }
    for name, encoder, columns, pull in (
        ("system", ensure_encoder(home / "models"), FEATURES, None),
        ("peer", ensure_base_encoder(home / "models"), PEER, PEER_PULL),
    ):
        vectors = VectorCache(home / "cache" / "vectors.sqlite", TextEncoder.load(encoder))
        shortlist = Shortlist.fit(catalog, past, vectors=vectors)
        picked = [FEATURES.index(column) for column in columns]
        dev = [
            HeldOut(row.features[:, picked], row.relevant)
            for row in held_out(measure(shortlist, bench.splits["dev"]), catalog)
        ]
        fusion = Fusion.fit(columns, dev) if pull is None else Fusion.fit(columns, dev, pull=pull)
        for split, rows in found.items():
            measured = measure(shortlist, bench.splits[split])
            for row, asked, features in zip(rows, bench.splits[split], measured.features, strict=True):
                ranking = [catalog.module_ids[i] for i in best_first(fusion.probabilities(features[:, picked]))]
                row[name] = [hit_at_k(ranking, asked.labelled.modules, k) for k in (1, 3)]
        vectors.close()
    return found


def table(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """
    One line a set, then all rows pooled, named and unnamed.
    """
    lines = [
        "| rows | n | published peer | peer made again | system | gain hit@1 (95 %), p | gain hit@3 (95 %), p |",
        "|---|---|---|---|---|---|---|",
    ]
    every = [row for rows in sets.values() for row in rows]
    pooled = {"**all**": every, "**unnamed**": [row for row in every if row["no_name"]]}
    for name, rows in {**sets, **pooled}.items():
        if not rows:
            continue
        peer, system = (np.array([row[who] for row in rows]) for who in ("peer", "system"))
        said = " / ".join(f"{figure:.1f}" for figure in PUBLISHED.get(name, ()))
        gains = []
        for k in (0, 1):
            low, high = bootstrap_interval((system[:, k] - peer[:, k]).tolist())
            gain = 100 * float((system[:, k] - peer[:, k]).mean())
            p = mcnemar(system[:, k].tolist(), peer[:, k].tolist())
            gains.append(f"{gain:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}), {p:.2g}")
        figures = (" / ".join(f"{100 * mean:.1f}" for mean in who.mean(axis=0)) for who in (peer, system))
        lines.append(" | ".join((f"| {name}", str(len(rows)), said, *figures, *gains)) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("git_dirs", type=Path, help="holds OWNER+NAME/repo for each repository")
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    known = json.loads(chosen.out.read_text(encoding="utf-8")) if chosen.out.exists() else {}
    for name in chosen.sets:
        if f"{name} test" not in known:
            git_dir = repository_of(chosen.bench / name, chosen.git_dirs)
            for split, rows in rows_of(chosen.bench / name, git_dir, chosen.home).items():
                known[f"{name} {split}"] = rows
            write_atomically(chosen.out, json.dumps(known).encode())
    print(table(known))


if __name__ == "__main__":
    main()
