"""
An article-like set: requirement texts made from the code graph, with the symbols behind the held-out ones taken away.

    python -m training.article_set path/to/repository --out DIR
    python -m training.article_set path/to/repository --out DIR --most 400 --phrasings 1    # a small one

The published experience trained and tested on requirements written from the code knowledge graph, where ours come from
history. This makes such a set by rule (`training.phrasing`), in the format of `training.bench_set`, so that
`signpost bench DIR --repo GIT_DIR` runs it. What keeps it honest: a tenth of the *symbols* is test and a tenth dev, and
they are listed in meta.json, so that every reader of the code takes them out of the catalog first; near copies are one
row before the split; held-out symbols are asked for once, in words of their documentation, their name and the class
around them, never with the name of the module.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog, RepositoryError, write_atomically
from training.bench_set import NEEDED
from training.collapse import collapse
from training.example import Example
from training.near_copies import THRESHOLD
from training.origins import graph_examples, split_by_text

MOST, PHRASINGS, HELD_OUT = 40_000, 4, 500
"""Texts and phrasings a symbol, at most; rows of dev and of test, at most."""


def article_rows(
    catalog: Catalog, *, most: int = MOST, phrasings: int = PHRASINGS, held_out: int = HELD_OUT, full: bool = True
) -> tuple[tuple[Example, ...], Mapping[str, int]]:
    """
    Make the rows of all three splits.

    Args:
        full: Whether texts say the class around a symbol and what the documentation says after its first sentence, as
            what a language model writes of a symbol would; without, they are the harder one-sentence texts.

    Symbols that were held out and are over the limit *held_out* are left out, never trained on.

    Returns:
        The rows, and how many near copies were left out, by why.
    """
    made = graph_examples(catalog, split=split_by_text, limit=most, phrasings_each=phrasings, full=full)
    collapsed = collapse(made)
    by_split = {split: [row for row in collapsed.rows if row.split == split] for split in NEEDED}
    for split in ("dev", "test"):
        by_split[split] = sorted(by_split[split], key=lambda row: row.hash)[:held_out]
    return tuple(row for split in NEEDED for row in by_split[split]), collapsed.left_out


def write_article_set(folder: Path, catalog: Catalog, rows: Sequence[Example], left_out: Mapping[str, int]) -> None:
    """
    Write the folder that `training.bench_set.read_bench_set` reads; the same catalog gives the same bytes.
    """
    symbols = sorted({row.symbol for row in rows if row.symbol and row.split != "train"})
    meta = {
        "repo": catalog.repository,
        "snapshot": catalog.commit,
        "made_by": "training.article_set",
        "held_out_symbols": [list(symbol) for symbol in symbols],
        "rows": dict(Counter(row.split for row in rows)),
        "near_copies": {"threshold": THRESHOLD, "left_out": dict(left_out)},
    }
    write_atomically(folder / "meta.json", json.dumps(meta, indent=1, ensure_ascii=False).encode())
    _write_lines(folder / "modules.jsonl.gz", ({"module": c.id, "files": list(c.files)} for c in catalog.modules))
    for split in NEEDED:
        _write_lines(folder / f"{split}.jsonl.gz", (_bench_row(row) for row in rows if row.split == split))


def _bench_row(row: Example) -> dict[str, Any]:
    return {
        "id": row.id,
        "date": "",
        "text": row.requirement,
        "modules": list(row.modules),
        "files": [row.symbol[0]] if row.symbol else [],
        "leaks": row.names_module,
    }


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, gzip.compress(lines.encode(), mtime=0))


def main() -> None:
    """
    Read the arguments, write the folder, say what is in it.
    """
    parser = argparse.ArgumentParser(description="Make requirement texts from a code graph, with symbols held out.")
    parser.add_argument("repository", type=Path, help="a git checkout or a bare repository")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--name", help="of the repository; by default that of its folder")
    parser.add_argument("--commit", help="the newest one by default")
    parser.add_argument("--most", type=int, default=MOST, help="texts, at most")
    parser.add_argument("--phrasings", type=int, default=PHRASINGS, help="texts of one symbol, at most")
    parser.add_argument("--short", action="store_true", help="one-sentence texts, the harder ones")
    arguments = parser.parse_args()
    try:
        with open_snapshot(arguments.repository, commit=arguments.commit, name=arguments.name) as snapshot:
            catalog = index_snapshot(snapshot).catalog
    except RepositoryError as error:
        parser.exit(1, f"{error}\n")
    rows, left_out = article_rows(catalog, most=arguments.most, phrasings=arguments.phrasings, full=not arguments.short)
    counts = Counter(row.split for row in rows)
    if not all(counts[split] for split in NEEDED):
        parser.exit(1, f"{arguments.repository} has too few documented or tellingly named symbols: {dict(counts)}.\n")
    write_article_set(arguments.out, catalog, rows, left_out)
    told = ", ".join(f"{counts[split]:,} {split}" for split in NEEDED)
    print(f"{arguments.out}: {told}; {len(catalog.modules)} modules; left out: {dict(left_out)}")  # noqa: T201


if __name__ == "__main__":
    main()
