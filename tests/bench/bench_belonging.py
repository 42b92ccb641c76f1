"""
How well "these modules belong" matches the modules a change touched: F1 of the predicted set, by number of modules.

    python -m tests.bench.bench_belonging BENCH GIT_DIRS --cache CACHE graphhopper wagtail

Shortlist without encoder, fitted on train; fusion and rule fitted on dev; read on test.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.belonging import Belonging, set_f1
from inference.fusion import Fusion
from inference.labelled import known_only
from inference.ranker import best_first
from inference.shortlist import FEATURES, Shortlist
from training.bench import held_out, index_given_modules, measure
from training.bench_set import read_bench_set, repository_of

Floats = npt.NDArray[np.float32]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("git_dirs", type=Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--cache", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    print("| set | true modules | n | predicted | top 1 | top 3 | mean size |\n|---|---|---|---|---|---|---|")
    for name in chosen.sets:
        bench = read_bench_set(chosen.bench / name)
        git_dir = repository_of(chosen.bench / name, chosen.git_dirs)
        catalog = index_given_modules(bench, git_dir, cache=chosen.cache)
        shortlist = Shortlist.fit(catalog, known_only(bench.texts("train"), catalog))
        dev = held_out(measure(shortlist, bench.splits["dev"]), catalog)
        test = held_out(measure(shortlist, bench.splits["test"]), catalog)
        fusion = Fusion.fit(FEATURES, dev)
        rule = Belonging.fit([(fusion.probabilities(row.features), row.relevant) for row in dev])
        rows = [(fusion.probabilities(row.features), row.relevant) for row in test]
        rules: dict[str, Callable[[Floats], Sequence[int]]] = {
            "predicted": rule.first,
            "top 1": lambda p: best_first(p)[:1],
            "top 3": lambda p: best_first(p)[:3],
        }
        for count in (1, 2, 3, None):
            picked = [row for row in rows if count is None or len(row[1]) == count]
            means = [np.mean([set_f1(first(p), relevant) for p, relevant in picked]) for first in rules.values()]
            size = np.mean([rule.count(p) for p, _ in picked])
            figures = " | ".join(f"{mean:.3f}" for mean in means)
            print(
                f"| {name} (scale {rule.scale}) | {count or 'all'} | {len(picked)} | {figures} | {size:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
