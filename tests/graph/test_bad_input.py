"""
Repositories and files as nobody wishes for them: each costs a clear word at most, never the index.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from graph.index import Index, index_snapshot
from graph.languages.parser import parse_file
from graph.parsed import pack, unpack
from graph.snapshot import open_snapshot
from tests.graph.damage import damaged
from tests.graph.repositories import GitRepository, python_file
from tests.graph.samples import SAMPLES, Sample

CASES = 40
"""For each sample; ``python -m tests.bench.fuzz_parsers`` does thousands with real files."""


def index(location: Path) -> Index:
    with open_snapshot(location) as snapshot:
        return index_snapshot(snapshot)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path)
def test_a_damaged_file_gives_what_can_be_read_of_it(sample: Sample) -> None:
    for text in damaged(sample.source.encode(), random.Random(sample.path), CASES):
        parsed = parse_file(sample.path, text, blob="b")

        assert unpack(sample.path, pack(parsed)) == parsed
        assert all(0 < symbol.line <= symbol.end_line <= parsed.lines + 1 for symbol in parsed.symbols)
        assert all(symbol.name for symbol in parsed.symbols)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n" * 10_000,
        b"\xff\xfe" + "def vat():\n    pass\n".encode("utf-16-le"),
        "def gr\u00f6\u00dfe():\n    pass\n".encode("latin-1"),
        b"def vat():\r    pass\r",
        b"x = " + b"(" * 3_000 + b")" * 3_000,
        b"x = [" + b"1, " * 100_000 + b"]",
        b"def " + b"a" * 100_000 + b"():\n    pass\n",
        b"if x:\n" + b"".join(b" " * depth + b"if x:\n" for depth in range(1, 400)) + b" " * 400 + b"pass\n",
    ],
    ids=["empty", "lines", "utf-16", "latin-1", "old mac", "brackets", "a long line", "a long name", "deep"],
)
def test_an_odd_file_does_not_stop_the_index(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_bytes(data)
    (tmp_path / "vat.py").write_text(python_file("vat"))

    assert index(tmp_path).catalog.file("vat.py").symbols[0].name == "vat"


def test_forty_folders_in_each_other_are_read(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "deep")
    path = "/".join(f"level{number}" for number in range(40)) + "/vat.py"
    repository.commit("Dig down to where nobody looks", {path: python_file("vat"), "top.py": python_file("top")})

    catalog = index(repository.folder).catalog

    assert catalog.file(path).symbols[0].name == "vat"
    assert catalog.module_of(path) in catalog.module_ids


def test_names_that_differ_in_case_only_are_different_files(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "case")
    repository.commit("Open", {"shop/__init__.py": ""})
    blob = subprocess.run(
        ["git", "-C", str(repository.folder), "hash-object", "-w", "--stdin"],
        input=python_file("vat").encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in ("shop/Tax/vat.py", "shop/tax/vat.py", "shop/tax/Vat.py"):
        repository.git("update-index", "--add", "--cacheinfo", f"100644,{blob.strip()},{name}")
    repository.git(
        "-c", "user.name=Ada", "-c", "user.email=a@example.org", "commit", "-q", "-m", "Call two things alike"
    )

    catalog = index(repository.folder).catalog

    assert {"shop/Tax/vat.py", "shop/tax/vat.py", "shop/tax/Vat.py"} <= {file.path for file in catalog.files}
    assert len(set(catalog.module_ids)) == len(catalog.modules)


def test_a_sparse_checkout_is_read_whole(shop: GitRepository) -> None:
    whole = index(shop.folder).catalog
    shop.git("sparse-checkout", "set", "--no-cone", "/shop/tax/")

    assert not (shop.folder / "shop" / "cart").exists()
    assert index(shop.folder).catalog == whole


def test_ten_thousand_files_in_one_folder_are_indexed(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"part_{number:05}.sql").write_bytes(b"select %d;\n" % number)
    (tmp_path / "vat.py").write_text(python_file("vat"))

    catalog = index(tmp_path).catalog

    assert len(catalog.files) == 10_001
    assert 100 < len(catalog.modules) < 500
