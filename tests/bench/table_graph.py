"""
One row per repository: what the graph holds of it and what that cost, cold.

    python -m tests.bench.table_graph path/to/repository [more ...]
    python -m tests.bench.table_graph path/to/repository --cards 4        (also print some module cards, to be read)

Unresolved are imports that should be of a file of the repository and were not found, in percent of those and the ones
that were. Each repository is indexed in a process of its own; memory is that process's, parsing processes come on top.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.bench_graph import ROOT, measure

ROW = """
import sys
from collections import Counter
from pathlib import Path
from graph.index import index_snapshot
from graph.snapshot import open_snapshot
with open_snapshot(sys.argv[1], commit=sys.argv[2] or None) as snapshot:
    index = index_snapshot(snapshot, cache=Path(sys.argv[3]))
index.catalog.save(Path(sys.argv[3]) / "catalog.json")
links, catalog = index.links, index.catalog
verdicts = sum((Counter(counts) for counts in index.verdicts.values()), Counter())
inside, missing = verdicts["inside"], verdicts["missing"]
languages = Counter(file.language for file in catalog.files)
symbols = sum(len(file.symbols) for file in catalog.files)
print("|".join(map(str, (
    catalog.repository, languages.most_common(1)[0][0], len(catalog.files), len(catalog.modules), symbols,
    sum(map(len, links.imports.values())), len(links.calls), len(links.inherits),
    f"{100 * missing / max(1, inside + missing):.1f} %"))))
"""


def main() -> None:
    """
    Print the table, and cards where they are asked for.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", type=Path, nargs="+")
    parser.add_argument("--cards", type=int, default=0, help="how many cards to print of each repository")
    parser.add_argument("--commit", default="")
    chosen = parser.parse_args()
    print(
        "| repository | language | files | modules | symbols | imports | calls | inherits | unresolved | CPU s | MB |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for repository in chosen.repositories:
        with TemporaryDirectory() as cache:
            command = [sys.executable, "-c", ROW, str(repository.resolve()), chosen.commit, cache]
            cost = measure(command, folder=ROOT)
            cells = " | ".join(cost.said.split("|"))
            print(f"| {cells} | {cost.cpu:.1f} | {cost.megabytes:.0f} |", flush=True)
            if chosen.cards:
                _print_cards(Path(cache) / "catalog.json", chosen.cards)


def _print_cards(path: Path, count: int) -> None:
    from graph.values import Catalog

    catalog = Catalog.load(path)
    lines: Counter[str] = Counter()
    for file in catalog.files:
        lines[file.module] += file.lines
    step = max(1, len(catalog.modules) // count)
    for card in catalog.modules[step // 2 :: step][:count]:
        print(f"\n[{len(card.files)} files, {lines[card.id]} lines] {card.title}\n{card.text()}")
    sizes = sorted(lines[card.id] for card in catalog.modules)
    print(f"\nlines a module: least {sizes[0]}, median {sizes[len(sizes) // 2]}, most {sizes[-1]} of {sum(sizes)}\n")


if __name__ == "__main__":
    main()
