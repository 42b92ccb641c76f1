"""
Damage real files and parse them in the processes the index uses: no crash, no hang, nothing that cannot be kept.

    python -m tests.bench.fuzz_parsers path/to/repository [more ...]              (2,000 cases and more)
    python -m tests.bench.fuzz_parsers path/to/repository --cases 200             (a quick look)

Files are drawn from all repositories so that every language has the same share of the cases, as far as there are files.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from graph.languages.registry import LANGUAGES, language_of
from graph.parsed import unpack
from graph.parsing import Source, parse_apart
from graph.selection import LARGEST_FILE
from graph.snapshot import open_snapshot
from tests.graph.damage import damaged

FILES_A_LANGUAGE = 14
SLOW = 5.0


def main() -> int:
    """
    Print a row per language; exit status 1 when a parser crashed, hung or gave something that cannot be read again.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", type=Path, nargs="+")
    parser.add_argument("--cases", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    files = _draw(chosen.repositories, chance)
    each = max(1, chosen.cases // max(1, sum(map(len, files.values()))))
    sources = list(_cases(files, chance, each))
    cases: Counter[str] = Counter()
    bad: list[str] = []
    slowest: dict[str, float] = defaultdict(float)
    last = time.monotonic()
    for source, packed in zip(sources, parse_apart(sources, count=len(sources), processes=1), strict=True):
        language = source.path.split("/", 1)[0]
        cases[language] += 1
        now = time.monotonic()
        slowest[language], last = max(slowest[language], now - last), now
        if packed.value is None:
            bad.append(f"{source.path}: {packed.reason}")
        elif not unpack(source.path, packed.value).language:
            bad.append(f"{source.path}: no language")
    print("| language | files | cases | slowest, wall s |\n|---|---:|---:|---:|")
    for language in sorted(cases):
        print(f"| {language} | {len(files[language])} | {cases[language]} | {slowest[language]:.2f} |")
    print(f"{sum(cases.values())} cases, {len(bad)} bad")
    print(*bad[:20], sep="\n")
    return bool(bad)


def _draw(repositories: list[Path], chance: random.Random) -> dict[str, list[tuple[str, bytes]]]:
    wanted = {language.name for language in LANGUAGES}
    files: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for repository in repositories:
        with open_snapshot(repository) as snapshot:
            entries = [entry for entry in snapshot.files if 200 < entry.size < min(60_000, LARGEST_FILE)]
            chance.shuffle(entries)
            taken: Counter[str] = Counter()
            for entry in entries:
                language = language_of(entry.path) or ""
                if language in wanted and taken[language] < 5 and len(files[language]) < FILES_A_LANGUAGE:
                    taken[language] += 1
                    files[language].append(
                        (f"{language}/{snapshot.repository}/{entry.path}", snapshot.read(entry.path))
                    )
    return files


def _cases(files: dict[str, list[tuple[str, bytes]]], chance: random.Random, each: int) -> Iterator[Source]:
    for language in sorted(files):
        for path, data in files[language]:
            for number, text in enumerate(damaged(data, chance, each)):
                yield Source(path, f"{number}", text)


if __name__ == "__main__":
    sys.exit(main())
