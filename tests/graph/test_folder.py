"""
A plain folder that is remembered gives what one that is read gives.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from graph.folder import read_folder

IN_A_MINUTE = 60 * 10**9


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """
    A folder of three files.
    """
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("vat.py", "cart.py", "logo.png"):
        (folder / name).write_text(f"{name} = 1")
    return folder


def later() -> int:
    """
    A time at which the files of now are old.
    """
    return time.time_ns() + IN_A_MINUTE


def test_after_edits_the_files_are_what_a_first_look_gives(shop: Path, tmp_path: Path) -> None:
    before = read_folder(shop, tmp_path / "cache", now=later())
    (shop / "vat.py").write_text("vat.py = 2")
    (shop / "cart.py").unlink()
    (shop / "sum.py").write_text("sum.py = 1")

    again, fresh = read_folder(shop, tmp_path / "cache"), read_folder(shop, None)

    assert again[:2] == fresh[:2]
    assert again[1] != before[1]


def test_a_file_that_has_not_changed_is_not_read_again(shop: Path, tmp_path: Path) -> None:
    files, _, _ = read_folder(shop, tmp_path / "cache", now=later())
    (memory,) = (tmp_path / "cache" / "folders").iterdir()
    memory.write_text(memory.read_text().replace(files[2].blob, "f" * 40).replace(files[0].blob, "e" * 40))

    again, _, _ = read_folder(shop, tmp_path / "cache", now=later())

    assert (again[0].blob, again[2].blob) == ("e" * 40, "f" * 40)


def test_an_edit_of_the_same_size_with_its_old_time_put_back_is_seen(shop: Path, tmp_path: Path) -> None:
    told = (shop / "vat.py").stat()
    read_folder(shop, tmp_path / "cache", now=later())
    (shop / "vat.py").write_text("vat.py = 9")
    os.utime(shop / "vat.py", ns=(told.st_atime_ns, told.st_mtime_ns))

    assert read_folder(shop, tmp_path / "cache")[0] == read_folder(shop, None)[0]


def test_a_file_written_just_before_it_was_looked_at_is_not_remembered(shop: Path, tmp_path: Path) -> None:
    read_folder(shop, tmp_path / "cache")

    assert not (tmp_path / "cache" / "folders").exists()


@pytest.mark.parametrize("damage", ["{", "[1]", '{"vat.py": 3}', '{"vat.py": [1]}', "null", "[]"])
def test_a_damaged_memory_is_forgotten(damage: str, shop: Path, tmp_path: Path) -> None:
    first = read_folder(shop, tmp_path / "cache", now=later())
    (memory,) = (tmp_path / "cache" / "folders").iterdir()
    memory.write_text(damage)

    assert read_folder(shop, tmp_path / "cache")[:2] == first[:2]
