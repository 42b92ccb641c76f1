import json
import subprocess
import sys
from pathlib import Path

import pytest

from graph.values import Catalog
from tests.codebase import write_shop_with_history
from training.bench import index_given_modules
from training.bench_set import BenchError, BenchSet, read_bench_set


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop_with_history(tmp_path_factory.mktemp("shop") / "shop", commits=2)


@pytest.fixture(scope="module")
def folder(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("article")
    _make(shop, out)
    return out


@pytest.fixture(scope="module")
def article(folder: Path) -> BenchSet:
    return read_bench_set(folder)


@pytest.fixture(scope="module")
def catalog(article: BenchSet, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return index_given_modules(article, shop, cache=tmp_path_factory.mktemp("cache"))


def _make(repository: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.article_set", str(repository), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_every_held_out_row_is_made_of_a_symbol_that_the_catalog_does_not_hold(
    article: BenchSet, catalog: Catalog
) -> None:
    known = {(file.path, symbol.qualified) for file in catalog.files for symbol in file.symbols}
    held_out = [tuple(row.id.split("::")) for split in ("dev", "test") for row in article.texts(split)]

    assert len(held_out) > 20
    assert article.held_out == set(held_out)
    assert not known & set(held_out)


def test_no_word_for_word_trace_of_a_held_out_symbol_is_left_in_the_cards(article: BenchSet, catalog: Catalog) -> None:
    told = " ".join(
        " ".join([file.doc, *file.identifiers, *(symbol.doc + symbol.name for symbol in file.symbols)])
        for file in catalog.files
    )

    assert not [name for _, name in article.held_out if name in told]


def test_a_train_symbol_is_asked_for_in_several_ways_and_a_held_out_one_once(article: BenchSet) -> None:
    train, test = ([row.id.partition("~")[0] for row in article.texts(split)] for split in ("train", "test"))

    assert len(train) > 2 * len(set(train))
    assert len(test) == len(set(test))
    assert not set(train) & set(test)


def test_the_same_code_gives_the_same_bytes(folder: Path, shop: Path, tmp_path: Path) -> None:
    _make(shop, tmp_path)

    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}


def test_a_repository_that_says_nothing_is_one_sentence_and_a_failure(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("x = 1\n")
    done = _make(tmp_path / "code", tmp_path / "out")

    assert done.returncode == 1
    assert "too few documented" in done.stderr
    assert not (tmp_path / "out").exists()


def test_held_out_symbols_that_are_no_pairs_are_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    meta = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps({**meta, "held_out_symbols": ["a"]}))

    with pytest.raises(BenchError, match="held_out_symbols"):
        read_bench_set(tmp_path)
