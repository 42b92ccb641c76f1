"""
One shard a public repository: its cards, what was asked of it later, and what the shortlist says about each asking.

    python -m training.localizer.shards recipe.json --mirror DIR --out DIR        # every repository of the recipe
    python -m training.localizer.shards recipe.json --mirror DIR --out DIR --only cli/cli

The code is read at the snapshot commit, the rows were asked after it, and the history that the features may use lies
before it: the same cut as in serving. A shard that is there already is kept, so that a killed run goes on where it was.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.git import git_directory, resolve_commit, run_git
from graph.history import read_history, read_later_history
from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog, PastRequirement, RepositoryError, write_atomically
from inference.embedding import file_view, module_view
from inference.labelled import LabelledText
from inference.shortlist import Shortlist
from inference.text import joined_terms, terms

log = logging.getLogger("signpost.training")

Floats = npt.NDArray[np.float32]
LATER_COMMITS = 700
"""Commits without merges between snapshot and head: some three hundred of them are requirements."""
MOST_ROWS = 240
MOST_PAST = 2_500
MOST_PAIRS = 400
"""Past requirements kept as pairs of text and files for the encoder, newest first."""
MOST_FILES = 2_500
LEAST_ROWS = 40
LEAST_MODULES = 8
HARD_FILES = 24


@dataclass(frozen=True, slots=True)
class Source:
    """
    One line of the recipe.

    Args:
        repository: owner/name.
        head: The newest commit that is read; "" takes the newest there is.
        snapshot: The commit whose code is read; "" takes the one `LATER_COMMITS` before *head*.
    """

    repository: str
    head: str = ""
    snapshot: str = ""


def read_recipe(path: Path) -> tuple[Source, ...]:
    """
    Read a recipe: {"repositories": [{"repository", "head", "snapshot"}]}.
    """
    kept = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Source(**row) for row in kept["repositories"])


def make_shard(source: Source, location: Path, *, cache: Path) -> dict[str, Any] | None:
    """
    Read one repository; None, and a word in the log, when it has too little to teach.

    Returns:
        {"repository", "head", "snapshot", "languages", "modules", "files", "pairs", "rows", "warm", "cold"}: *modules*
        and *files* are the encoder's views, *pairs* older requirements with the files they touched, *rows* the later
        ones with modules, files and the files that BM25 confuses with them; *warm* and *cold* the shortlist's columns
        with and without history.  # (rows, modules, columns), half precision

    Raises:
        RepositoryError: it cannot be read.
    """
    directory = git_directory(location)
    if directory is None:
        raise RepositoryError(f"{location} is no git repository: fetch {source.repository} there.")
    head = source.head or resolve_commit(directory, "HEAD")
    snapshot_commit = source.snapshot or _commits_before(directory, head)
    with open_snapshot(location, commit=snapshot_commit, name=source.repository.rsplit("/", 1)[-1]) as snapshot:
        catalog = index_snapshot(snapshot, cache=cache).catalog
    if not len(catalog.modules) >= LEAST_MODULES or len(catalog.files) > MOST_FILES:
        log.info("%s: %d modules, %d files", source.repository, len(catalog.modules), len(catalog.files))
        return None
    past = read_history(location, commit=snapshot_commit, catalog=catalog, limit=6_000)
    later = read_later_history(location, commit=snapshot_commit, until=head, catalog=catalog)
    rows = [later[int(i)] for i in np.linspace(0, len(later) - 1, min(MOST_ROWS, len(later)))]
    if len(rows) < LEAST_ROWS:
        log.info("%s: %d later requirements", source.repository, len(rows))
        return None
    warm = Shortlist.fit(catalog, [_labelled(row) for row in past[-MOST_PAST:]])
    cold = Shortlist.fit(catalog, ())
    place = {card.path: i for i, card in enumerate(catalog.files)}
    module_place = {module: i for i, module in enumerate(catalog.module_ids)}
    return {
        "repository": source.repository,
        "head": head,
        "snapshot": snapshot_commit,
        "languages": _languages(catalog),
        "history": len(past),
        "modules": [module_view(card) for card in catalog.modules],
        "files": [[file_view(card), module_place[card.module]] for card in catalog.files],
        "pairs": [
            {"text": row.text, "files": [place[path] for path in row.files], "hard": _hard_files(cold, row)}
            for row in past[-MOST_PAIRS:]
        ],
        "rows": [
            {
                "text": row.text,
                "modules": [module_place[module] for module in row.modules],
                "files": [place[path] for path in row.files],
                "hard": _hard_files(cold, row),
                "names": names_it(row),
            }
            for row in rows
        ],
        "warm": np.stack([warm.columns(row.text) for row in rows]).astype(np.float16),
        "cold": np.stack([cold.columns(row.text) for row in rows]).astype(np.float16),
    }


def names_it(row: PastRequirement) -> bool:
    """
    Tell whether the text holds the last path part of a true module, or the stem of a touched file.
    """
    text = row.text.lower()
    names = [module.rsplit("/", 1)[-1] for module in row.modules]
    names += [path.rsplit("/", 1)[-1].split(".", 1)[0] for path in row.files]
    return any(len(name) > 2 and name.lower() in text for name in names)


def save_shard(folder: Path, shard: dict[str, Any]) -> None:
    """
    Write a shard as `NAME.json.gz` and `NAME.npz`; the JSON is written last and says that both are whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = shard_name(shard["repository"])
    draft = folder / f".{name}.tmp.npz"
    np.savez_compressed(draft, warm=shard["warm"], cold=shard["cold"])
    draft.replace(folder / f"{name}.npz")
    texts = {key: value for key, value in shard.items() if key not in ("warm", "cold")}
    write_atomically(folder / f"{name}.json.gz", gzip.compress(json.dumps(texts, ensure_ascii=False).encode(), mtime=0))


def load_shard(path: Path) -> dict[str, Any]:
    """
    Read what `save_shard` wrote, by its JSON file.
    """
    shard: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    for ending in (".npz", ".meaning.npz"):
        arrays_at = path.with_name(path.name.replace(".json.gz", ending))
        if arrays_at.exists():
            with np.load(arrays_at, allow_pickle=False) as arrays:
                shard |= {name: arrays[name] for name in arrays.files}
    return shard


def shard_name(repository: str) -> str:
    """
    Name the files of a repository's shard.

    >>> shard_name("cli/cli")
    'cli+cli'
    """
    return repository.replace("/", "+")


def _labelled(row: PastRequirement) -> LabelledText:
    return LabelledText(row.id, row.text, row.modules, "history", row.date, row.files)


def _hard_files(shortlist: Shortlist, row: PastRequirement) -> list[int]:
    scores = shortlist.file_scores(terms(row.text) + joined_terms(row.text))
    touched = {card.path: i for i, card in enumerate(shortlist.catalog.files)}
    true = {touched[path] for path in row.files}
    best = [int(i) for i in np.argsort(-scores, kind="stable")[: HARD_FILES + len(true)]]
    return [i for i in best if i not in true and scores[i] > 0][:HARD_FILES]


def _languages(catalog: Catalog) -> dict[str, int]:
    found: dict[str, int] = {}
    for card in catalog.files:
        found[card.language] = found.get(card.language, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _commits_before(location: Path, head: str) -> str:
    arguments = ["log", "--no-merges", "--format=%H", f"--skip={LATER_COMMITS}", "-n1", head]
    found = (run_git(location, arguments) or b"").decode("ascii").strip()
    if not found:
        raise RepositoryError(f"{location} has fewer than {LATER_COMMITS} commits: leave it out of the recipe.")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Make the shards of a recipe.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--mirror", type=Path, required=True, help="folder with OWNER+NAME/repo git directories")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help="one repository of the recipe")
    parser.add_argument("--part", default="0/1", help="K/N: every N-th repository, from the K-th")
    chosen = parser.parse_args(arguments)
    part, parts = map(int, chosen.part.split("/"))
    for number, source in enumerate(read_recipe(chosen.recipe)):
        name = shard_name(source.repository)
        if (chosen.only and source.repository != chosen.only) or number % parts != part:
            continue
        if (chosen.out / f"{name}.json.gz").exists():
            continue
        began = time.process_time()
        try:
            shard = make_shard(source, chosen.mirror / name / "repo", cache=chosen.out / "cache" / name)
        except RepositoryError as error:
            sys.stderr.write(f"{source.repository}: {error}\n")
            continue
        if shard is not None:
            save_shard(chosen.out, shard)
            sys.stdout.write(
                f"{source.repository}: {len(shard['modules'])} modules, {len(shard['files'])} files, "
                f"{shard['history']} past, {len(shard['rows'])} rows, {time.process_time() - began:.0f} s CPU\n"
            )
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
