"""
Time what ranking asks of the graph, warm, on real repositories.

    python -m tests.bench.bench_queries path/to/repository [more ...] --cache path/to/cache
    python -m tests.bench.bench_queries path/to/repository --questions 20                    (a quick look)

A question gives five files and two modules as hints, drawn with a fixed seed; the issue asks for a p50 of at most 20 ms
on a repository of 1,200 files.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from graph.index import index_snapshot
from graph.knowledge import load_graph, save_graph
from graph.queries import GraphQueries, hints_for
from graph.relations import add_relations, read_relations
from graph.snapshot import open_snapshot


def main() -> None:
    """
    Print one row per repository and question.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", type=Path, nargs="+")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    print("| repository | files | nodes | edges | question | p50 ms | p95 ms |")
    print("|---|---:|---:|---:|---|---:|---:|")
    for repository in chosen.repositories:
        _measure(repository, chosen.cache, chosen.questions)


def _measure(repository: Path, cache: Path | None, questions: int) -> None:
    with open_snapshot(repository) as snapshot:
        index = index_snapshot(snapshot, cache=cache)
        add_relations(index.graph, read_relations(snapshot, index.catalog))
    graph, catalog = index.graph, index.catalog
    head = f"{catalog.repository} | {len(catalog.files)} | {len(graph)} | {graph.number_of_edges()}"
    with TemporaryDirectory() as folder:
        save_graph(Path(folder) / "graph.json", graph)
        began = time.perf_counter()
        queries = GraphQueries(load_graph(Path(folder) / "graph.json"))
        print(f"| {head} | once: load graph.json and make it ready | {1000 * (time.perf_counter() - began):.0f} | |")
    chance = random.Random(1)
    paths, modules = [file.path for file in catalog.files], catalog.module_ids
    asked = [(chance.sample(paths, 5), chance.sample(modules, min(2, len(modules)))) for _ in range(questions)]
    hints = [hints_for(files=dict.fromkeys(files, 1.0), modules=dict.fromkeys(two, 1.0)) for files, two in asked]
    _row(head, "spread hints, rank modules", [lambda hint=hint: queries.rank(hint) for hint in hints])
    _row(head, "neighbours", [lambda two=two: queries.neighbours(two[0]) for _, two in asked])
    _row(head, "changed together", [lambda files=files: queries.co_changed(files[0]) for files, _ in asked])
    _row(head, "owners", [lambda two=two: queries.owners(two[0]) for _, two in asked])


def _row(head: str, name: str, questions: list[Callable[[], object]]) -> None:
    for ask in questions[:3]:
        ask()
    times = []
    for ask in questions:
        began = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - began))
    print(f"| {head} | {name} | {statistics.median(times):.3f} | {statistics.quantiles(times, n=20)[-1]:.3f} |")


if __name__ == "__main__":
    main()
