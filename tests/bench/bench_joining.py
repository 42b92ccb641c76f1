"""
What it costs to know newer requirements, and what it is worth: joining a fitted shortlist against a new fit.

    python -m tests.bench.bench_joining BENCH GIT_DIRS --home HOME graphhopper wagtail anki-android sympy

The newest 200 train rows join a shortlist that was fitted on the others, in four parts, and dev rows are asked of both.
Processor seconds of one process, vectors cached; hits are the shipped network's, with nothing tuned.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.embedding import TextEncoder, VectorCache
from inference.labelled import known_only
from inference.ranker import best_first
from inference.shortlist import Shortlist
from training.bench import index_given_modules
from training.bench_rankers import measure, untuned
from training.bench_set import BenchRow, read_bench_set, repository_of
from training.encoder import ensure_encoder
from training.metrics import hit_at_k

NEWEST, PARTS = 200, 4


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("git_dirs", type=Path, help="holds OWNER+NAME/repo for each repository")
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--home", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    encoder = TextEncoder.load(ensure_encoder(chosen.home / "models"))
    print(f"| set, past requirements | fit | {NEWEST} join | ratio | without them | joined | fitted |")
    print("|---|---|---|---|---|---|---|")
    for name in chosen.sets:
        bench = read_bench_set(chosen.bench / name)
        git_dir = repository_of(chosen.bench / name, chosen.git_dirs)
        catalog = index_given_modules(bench, git_dir, cache=chosen.home / "cache")
        past = known_only(bench.texts("train"), catalog)
        vectors = VectorCache(chosen.home / "cache" / "vectors.sqlite", encoder)
        older = Shortlist.fit(catalog, past[:-NEWEST], vectors=vectors)
        vectors.encode([row.text for row in past])
        began = time.process_time()
        fitted = Shortlist.fit(catalog, past, vectors=vectors)
        fit = time.process_time() - began
        began = time.process_time()
        joined = older
        for start in range(len(past) - NEWEST, len(past), NEWEST // PARTS):
            joined = joined.with_more(past[start : start + NEWEST // PARTS])
        join = time.process_time() - began
        hits = " | ".join(_hits(shortlist, bench.splits["dev"]) for shortlist in (older, joined, fitted))
        print(f"| {name}, {len(past):,} | {fit:.1f} s | {join:.1f} s | {join / fit:.2f} | {hits} |", flush=True)
        vectors.close()


def _hits(shortlist: Shortlist, rows: Sequence[BenchRow]) -> str:
    ids = shortlist.catalog.module_ids
    found = [[ids[i] for i in best_first(scores)] for scores in untuned(measure(shortlist, rows))]
    means = (
        np.mean([hit_at_k(ranking, row.labelled.modules, k) for ranking, row in zip(found, rows, strict=True)])
        for k in (1, 3)
    )
    return " / ".join(f"{100 * mean:.1f}" for mean in means)


if __name__ == "__main__":
    main()
