import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from graph.history import read_history
from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog, FileCard, ModuleCard, PastRequirement, Symbol
from inference.labelled import LabelledText
from tests.codebase import write_shop_with_history
from training.config import TrainingConfig
from training.dataset import Dataset, build_dataset, held_out_count, load_dataset
from training.example import SPLITS
from training.near_copies import THRESHOLD, jaccard, text_words
from training.origins import graph_examples, history_examples, none_held_out, split_by_text

CONFIG = TrainingConfig()
THINGS = ("parcel", "invoice", "basket", "voucher", "refund", "supplier", "address", "stock")
WAYS = ("moved", "sorted", "counted", "printed", "delayed")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, tuple[PastRequirement, ...]]:
    folder = write_shop_with_history(tmp_path_factory.mktemp("shop") / "shop")
    with open_snapshot(folder, name="shop") as snapshot:
        catalog = index_snapshot(snapshot).catalog
    return catalog, read_history(folder, commit=catalog.commit, catalog=catalog)


@pytest.fixture(scope="module")
def from_history(shop: tuple[Catalog, tuple[PastRequirement, ...]]) -> Dataset:
    return build_dataset(shop[0], shop[1], (), CONFIG)


@pytest.fixture(scope="module")
def from_graph(shop: tuple[Catalog, tuple[PastRequirement, ...]]) -> Dataset:
    return build_dataset(shop[0], (), (), CONFIG)


@pytest.fixture(scope="module")
def bigger(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """History, and a catalog with symbols enough to hold some out beside it."""
    folder = write_shop_with_history(tmp_path_factory.mktemp("shop") / "shop")
    for number in range(40):
        thing, way = THINGS[number % 8], WAYS[number // 8]
        (folder / f"shop/search/{thing}_{way}.py").write_text(
            f"class {thing.title()}{way.title()}:\n    def {way}_{thing}(self, rows):\n"
            f'        """Find every {thing} that was {way} before the {number} others."""\n'
        )
    own = ["git", "-C", str(folder), "-c", "user.name=Ana", "-c", "user.email=ana@acme.example"]
    subprocess.run([*own, "add", "-A"], check=True)
    subprocess.run([*own, "commit", "-qm", "Many more ways to search"], check=True)
    with open_snapshot(folder, name="shop") as snapshot:
        catalog = index_snapshot(snapshot).catalog
    history = read_history(folder, commit=catalog.commit, catalog=catalog)
    return build_dataset(catalog, history, (), replace(CONFIG, symbol_rows=6))


def test_a_few_symbols_are_held_out_beside_past_requirements(bigger: Dataset) -> None:
    symbols = bigger.asked_of_symbols()

    assert bigger.held_out == "history"
    assert 0 < len(symbols) <= 12
    assert {row.origin for row in bigger.asked("test")} == {"history"}
    assert {row.origin for row in bigger.asked("dev")} == {"history"} == {row.origin for row in bigger.split("dev")}
    assert {row.symbol for row in symbols} == bigger.held_out_symbols()
    assert {*bigger.asked("test"), *symbols} == {*bigger.split("test")}


def test_cards_are_read_aloud_without_a_class_of_which_something_is_held_out() -> None:
    def named(name: str) -> Symbol:
        return Symbol(name, "class", name, 1, 9, "", "")

    asked = Symbol("move", "method", "ParcelBox.move", 2, 3, "", "Moves a parcel into another box.")
    symbols = (named("ParcelBox"), asked, named("TollTable"), named("RoadMap"))
    file = FileCard("a/b.py", "a", "python", 9, "", symbols, ())
    card = ModuleCard("a", "a", "a", "", (file.path,), ("ParcelBox", "TollTable", "RoadMap"))

    def told(split: Callable[[str], str]) -> set[str]:
        rows = graph_examples(Catalog("r", "c", (card,), (file,)), split=split, limit=50)
        return {row.requirement.lower() for row in rows if "::symbols" in row.id}

    assert "parcel box and the toll table" in " ".join(told(none_held_out))
    hidden = told(lambda key: "test" if "parcel" in key else "train")
    assert hidden
    assert all("parcel" not in text for text in hidden)


@pytest.mark.parametrize("which", ["from_history", "from_graph", "bigger"])
def test_no_held_out_text_is_nearly_the_same_as_a_train_text(which: str, request: pytest.FixtureRequest) -> None:
    dataset: Dataset = request.getfixturevalue(which)
    words = {split: [text_words(row.requirement) for row in dataset.split(split)] for split in SPLITS}
    leaks = [
        (one, other)
        for split, seen in (("dev", ["train"]), ("test", ["train", "dev"]))
        for one in words[split]
        for other in chain.from_iterable(words[name] for name in seen)
        if jaccard(one, other) >= THRESHOLD
    ]

    assert len(words["dev"]) + len(words["test"]) > 20
    assert not leaks


def test_without_collapsing_the_same_repository_would_leak(
    shop: tuple[Catalog, tuple[PastRequirement, ...]], from_history: Dataset
) -> None:
    rows = history_examples(shop[1], held_out=held_out_count(len(shop[1]), CONFIG))
    words = {row.id: text_words(row.requirement) for row in rows}
    train = [words[row.id] for row in rows if row.split == "train"]
    leaking = {
        row.id for row in rows if row.split != "train" and any(jaccard(words[row.id], t) >= THRESHOLD for t in train)
    }

    assert leaking
    assert from_history.left_out["copy"] >= len(leaking)


def test_history_is_split_by_time(from_history: Dataset) -> None:
    newest_train = max(example.date for example in from_history.split("train") if example.origin == "history")
    newest_dev = max(example.date for example in from_history.asked("dev"))

    assert all(newest_train < example.date for example in from_history.asked("dev"))
    assert all(newest_dev < example.date for example in from_history.asked("test"))


def test_held_out_symbols_are_gone_from_the_evaluation_catalog(
    shop: tuple[Catalog, tuple[PastRequirement, ...]], from_graph: Dataset
) -> None:
    catalog = shop[0].without_symbols(from_graph.held_out_symbols())
    names = {(file.path, symbol.qualified) for file in catalog.files for symbol in file.symbols}

    assert from_graph.held_out_symbols()
    assert not names & from_graph.held_out_symbols()


def test_no_reasoning_of_a_train_row_names_a_held_out_symbol(from_graph: Dataset) -> None:
    hidden = {qualified for _, qualified in from_graph.held_out_symbols()}
    told = " ".join(example.reasoning for example in from_graph.split("train")).split()

    assert not hidden & set(told)


def test_the_reasoning_names_the_module_and_rests_on_evidence(from_history: Dataset) -> None:
    for example in from_history.split("train"):
        assert example.modules[0] in example.reasoning
        assert example.evidence


def test_evidence_of_a_past_requirement_is_older_than_it(from_history: Dataset) -> None:
    dates = {example.id[:7]: example.date for example in from_history.examples if example.origin == "history"}
    for example in from_history.split("train"):
        for line in example.evidence:
            if example.origin == "history" and line.startswith("commit "):
                assert dates[line.split()[1]] < example.date


def test_the_same_words_always_fall_into_the_same_split() -> None:
    assert split_by_text("avoid tolls") == split_by_text("avoid tolls")


def test_corrections_are_train_rows_and_win_over_nothing_held_out(
    shop: tuple[Catalog, tuple[PastRequirement, ...]],
) -> None:
    correction = LabelledText("q1", "Where do picking lists come from?", ("warehouse",), "feedback", "2026-01-01")
    dataset = build_dataset(shop[0], shop[1], (correction,), CONFIG)
    kept = [example for example in dataset.examples if example.origin == "feedback"]

    assert [(example.requirement, example.modules, example.split) for example in kept] == [
        (correction.text, ("warehouse",), "train")
    ]


def test_the_same_input_gives_the_same_hash(shop: tuple[Catalog, tuple[PastRequirement, ...]]) -> None:
    assert build_dataset(*shop, (), CONFIG).hash == build_dataset(*shop, (), CONFIG).hash


def test_a_dataset_is_named_by_its_hash_and_altering_it_is_noticed(tmp_path: Path, from_graph: Dataset) -> None:
    folder = from_graph.save(tmp_path)
    assert folder.name == from_graph.hash[:16]
    assert load_dataset(folder) == from_graph
    rows = folder / "examples.jsonl"
    rows.write_text(rows.read_text().replace("parcel", "parcels", 1))

    with pytest.raises(ValueError, match="altered"):
        load_dataset(folder)
