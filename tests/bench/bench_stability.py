"""
The same question must get the same answer, and nearly the same one when it is put otherwise.

    python -m tests.bench.bench_stability RELEASE GIT_DIR ROWS.jsonl.gz --encoder MODELS/all-minilm-l6-v2

Repeats: new processes, each asking in another order, cold and warm; every ranking must be identical in all of them.
Paraphrases: six by rule of each requirement and three by hand of some; top-1 agreement and top-3 Jaccard with the
ranking of the original, beside retrieval over code snippets with the plain sentence encoder.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.embedding import TextEncoder, VectorCache
from inference.ranker import Ranker, best_first
from tests.bench.bench_reasoning import read_questions
from tests.bench.paraphrases import by_hand
from training.code_rag import CodeRag, read_sources
from training.paraphrasing import paraphrases
from training.stability import agreements


def rank_all(release: Path, texts: Sequence[str], seed: int) -> dict[str, str]:
    """
    Load a release, ask all *texts* in an order of its own, some of them twice, and give each ranking as JSON.
    """
    ranker = Ranker.load(release, verify=seed % 2 == 0)
    order = list(texts)
    random.Random(seed).shuffle(order)
    found: dict[str, str] = {}
    for text in [*order, *order[: len(order) // 4]]:
        ranking = json.dumps(ranker.rank(text).to_json(), sort_keys=True)
        if found.setdefault(text, ranking) != ranking:
            found[text] += " then " + ranking
    return found


def repeats(release: Path, texts: Sequence[str], *, processes: int, start: str) -> float:
    """
    Share of texts with one ranking over all processes.
    """
    context = multiprocessing.get_context(start)
    seen: dict[str, set[str]] = defaultdict(set)
    for seed in range(processes):
        with context.Pool(1) as pool:  # a process of its own each time
            for text, ranking in pool.apply(rank_all, (release, list(texts), seed)).items():
                seen[text].add(ranking)
        print(f"process {seed + 1} of {processes}: {sum(len(r) == 1 for r in seen.values())} identical", flush=True)
    return sum(len(rankings) == 1 for rankings in seen.values()) / len(texts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("git_dir", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "signpost-bench.sqlite")
    parser.add_argument("--requirements", type=int, default=100)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--repeated", type=int, default=40, help="requirements asked in every process")
    parser.add_argument("--start", default="spawn", choices=("spawn", "fork"))
    chosen = parser.parse_args(arguments)
    texts = [text for text in read_questions(chosen.rows) if len(text.split()) >= 5][: chosen.requirements]
    if chosen.processes:
        repeated = texts[: chosen.repeated]
        share = repeats(chosen.release, repeated, processes=chosen.processes, start=chosen.start)
        print(f"identical rankings over {chosen.processes} processes: {share:.1%} of {len(repeated)} requirements")
    ranker = Ranker.load(chosen.release)
    pairs = [(text, paraphrases(text)) for text in texts] + by_hand()
    ids = ranker.catalog.module_ids
    rag = CodeRag.fit(
        ranker.catalog,
        read_sources(chosen.git_dir, ranker.catalog),
        VectorCache(chosen.cache, TextEncoder.load(chosen.encoder)),
    )
    print(f"{len(pairs)} requirements, code-RAG ready", flush=True)
    systems = {
        "system": agreements(lambda text: [module.id for module in ranker.rank(text).modules], pairs),
        "code-RAG": agreements(lambda text: [ids[i] for i in best_first(rag.scores(text))[:10]], pairs),
    }
    print(f"\n{len(pairs)} requirements; top-1 agreement and top-3 Jaccard\n")
    print("| paraphrase | n | system @1 | Jaccard | code-RAG @1 | Jaccard |\n|---|---|---|---|---|---|")
    every = {kind: [systems[name][kind] for name in systems] for kind in systems["system"]}
    every["all"] = [[pair for kind in found.values() for pair in kind] for found in systems.values()]
    for kind, (ours, theirs) in every.items():
        figures = [f"{value:.3f}" for found in (ours, theirs) for value in np.mean(found, axis=0)]
        print(f"| {kind} | {len(ours)} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
