"""
After an edit the index is byte-identical to a cold one.

``tests/bench/replay_commits.py`` does this on real repositories.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.graph.replay import replay
from tests.graph.repositories import GitRepository, python_file, shop_files

WORDS = ("vat", "rates", "rounding", "items", "discount", "checkout", "sender", "refund", "parcel", "stock", "order")


def edit(repository: GitRepository, chance: random.Random) -> None:
    """
    Do what people do to a repository: change, add, copy, move, delete, rename a folder, break a file.
    """
    folder = repository.folder
    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.py"))
    path, word = chance.choice(paths), chance.choice(WORDS)
    kind = chance.choice(["change", "change", "add", "copy", "move", "delete", "folder", "break", "import"])
    if kind == "change":
        (folder / path).write_text(python_file(word, lines=chance.randint(1, 80)))
    elif kind == "add":
        repository.write({f"shop/{word}/{chance.choice(WORDS)}.py": python_file(word)})
    elif kind == "copy":
        repository.write({f"shop/{word}/copy.py": (folder / path).read_bytes()})
    elif kind == "move":
        repository.write({f"shop/{word}/moved_{chance.randint(0, 99)}.py": (folder / path).read_bytes()})
        (folder / path).unlink()
    elif kind == "delete" and len(paths) > 6:
        (folder / path).unlink()
    elif kind == "folder" and (folder / "shop" / "tax").is_dir():
        (folder / "shop" / "tax").rename(folder / "shop" / f"tax_{chance.randint(0, 9_999)}")
    elif kind == "break":
        (folder / path).write_bytes((folder / path).read_bytes()[: chance.randint(0, 300)] + b"\xff(((")
    else:
        (folder / path).write_text((folder / path).read_text(errors="replace") + f"\nfrom shop.{word} import {word}\n")


@pytest.mark.parametrize("seed", [1, 2])
def test_after_each_of_many_edits_the_index_is_what_a_cold_one_is(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    repository = GitRepository.create(tmp_path / "r")
    repository.commit("Open the shop for everyone in town", shop_files())
    for number in range(12):
        edit(repository, chance)
        repository.commit(f"Edit number {number}")

    assert [
        commit for commit, equal in replay(repository.folder, repository.commits, tmp_path / "cache") if not equal
    ] == []
