"""
Lay our past requirements beside the training rows of a benchmark, commit by commit, on the benchmark's own modules.

    python -m tests.bench.compare_history BENCH/graphhopper path/to/graphhopper [BENCH/wagtail path/to/wagtail ...]
    python -m tests.bench.compare_history BENCH/graphhopper path/to/graphhopper --samples 30      (and show differences)

Only what lies before the benchmark's snapshot is read. A row is ours, theirs or both by its commit; for those that
both have, labels and texts are compared. What only they have is counted by our reason for leaving it out, what only we
have by its number of modules.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from graph.git import git_directory
from graph.history import Homes, judge_change, read_changes, read_history
from graph.values import Catalog, FileCard, ModuleCard, PastRequirement


def main() -> None:
    """
    Print the table, and samples where they are asked for.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="+", help="a benchmark folder and its repository, by turns")
    parser.add_argument("--samples", type=int, default=0, help="how many differences of each kind to show")
    chosen = parser.parse_args()
    print("| set | theirs | ours | both | same modules | same first module | same text | only theirs | only ours |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    notes = [_compare(*pair, chosen.samples) for pair in zip(chosen.pairs[::2], chosen.pairs[1::2], strict=True)]
    print("\n".join(["", *notes]))


def _compare(bench: Path, repository: Path, samples: int) -> str:
    meta = json.loads((bench / "meta.json").read_text())
    snapshot = meta["snapshot"]
    catalog = _catalog(meta["repo"], snapshot, {row["module"]: row["files"] for row in _lines(bench, "modules")})
    theirs = {row["id"]: row for row in _lines(bench, "train")}
    ours = {row.id: row for row in read_history(repository, commit=snapshot, catalog=catalog)}
    both = sorted(theirs.keys() & ours.keys())
    same = sum(set(theirs[id]["modules"]) == set(ours[id].modules) for id in both)
    first = sum(theirs[id]["modules"][0] == ours[id].modules[0] for id in both)
    text = sum(_plain(theirs[id]["text"]) == _plain(ours[id].text) for id in both)
    only_theirs, only_ours = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
    counts = f"{len(theirs)} | {len(ours)} | {len(both)} | {same / len(both):.1%} | {first / len(both):.1%}"
    print(f"| {meta['repo']} | {counts} | {text / len(both):.1%} | {len(only_theirs)} | {len(only_ours)} |", flush=True)
    reasons = _reasons(repository, snapshot, catalog, set(only_theirs))
    lines = [f"{meta['repo']}, only theirs: " + _counted(Counter(reasons.values()))]
    sizes = Counter(f"{len(ours[id].modules)} modules" for id in only_ours)
    lines.append(f"{meta['repo']}, only ours: " + _counted(sizes))
    chance = random.Random(1)
    for id in chance.sample(only_theirs, min(samples, len(only_theirs))):
        lines.append(
            f"  theirs [{reasons.get(id, '?')}] {id[:10]} {theirs[id]['text'][:150]!r} {theirs[id]['modules']}"
        )
    for id in chance.sample(only_ours, min(samples, len(only_ours))):
        lines.append(f"  ours {id[:10]} {ours[id].text[:150]!r} {list(ours[id].modules)}")
    different = [id for id in both if set(theirs[id]["modules"]) != set(ours[id].modules)]
    for id in chance.sample(different, min(samples, len(different))):
        lines.append(f"  labels {id[:10]} theirs {theirs[id]['modules']} ours {list(ours[id].modules)}")
    told = [id for id in both if _plain(theirs[id]["text"]) != _plain(ours[id].text)]
    for id in chance.sample(told, min(samples, len(told))):
        lines.append(f"  texts {id[:10]} theirs {theirs[id]['text'][:120]!r}\n{'':13}ours   {ours[id].text[:120]!r}")
    return "\n".join(lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.most_common()) or "none"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")


def _lines(bench: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(bench / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _catalog(repository: str, commit: str, modules: dict[str, list[str]]) -> Catalog:
    """
    Make a catalog that knows which file is of which module and nothing else.
    """
    cards = tuple(ModuleCard(id, id, id, "", tuple(files), ()) for id, files in modules.items())
    files = tuple(FileCard(path, id, "", 0, "", (), ()) for id, paths in modules.items() for path in paths)
    return Catalog(repository, commit, cards, files)


def _reasons(repository: Path, snapshot: str, catalog: Catalog, wanted: set[str]) -> dict[str, str]:
    directory = git_directory(repository.resolve())
    if directory is None:
        raise ValueError(f"{repository} is no git repository")
    names: dict[str, str] = {}
    reasons: dict[str, str] = {}
    homes = Homes(catalog)
    for change in read_changes(directory, snapshot, None):
        for old, new in change.renames:
            names[old] = names.get(new, new)
        if change.id in wanted:
            row = judge_change(change, names, catalog, homes)
            reasons[change.id] = "said before, or of ever other modules" if isinstance(row, PastRequirement) else row
    return reasons


if __name__ == "__main__":
    main()
