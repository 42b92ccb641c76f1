from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bot.benching import show_bench
from graph.values import Catalog
from inference.fusion import HeldOut
from inference.labelled import known_only
from inference.prompt import prompt_hash
from inference.ranker import ALL_FEATURES
from inference.release import ReleaseError, ReleaseInfo, write_release_info
from inference.rows import ModuleRows
from inference.shortlist import FEATURES, Shortlist
from tests.models import small_base_model, tiny_network
from tests.training.bench_rows import row, write_rows
from training.bench import ModelSource, index_given_modules, run_bench
from training.bench_model import bench_config, bench_dataset, train_model
from training.bench_rankers import Measured, everywhere
from training.bench_release import release_model, rows_by_id
from training.bench_scorers import candidates, cross_validated, fit_temperatures
from training.bench_scores import KeptScores
from training.bench_set import BenchError, read_bench_set, without_rows
from training.dataset import Dataset
from training.example import Example
from training.origins import text_key

TINY = replace(bench_config(), token_budget=4_000, max_graph_examples=16, lora_rank=2, frozen_share=0.5)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A folder with two random layers and the real tokenizer.
    """
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny = tiny_network(small_base_model())
    tiny.model.save_pretrained(folder, safe_serialization=True)
    tiny.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def trained(tiny_base: Path, tmp_path: Path) -> ModelSource:
    """
    A model that learns next to nothing in a second.
    """
    return partial(train_model, base_model=tiny_base, config=TINY, cache=tmp_path / "cache")


@pytest.fixture
def shortlist(bench_folder: Path, bench_repository: Path, tmp_path: Path) -> Shortlist:
    bench = read_bench_set(bench_folder)
    catalog = index_given_modules(bench, bench_repository, cache=tmp_path / "cache")
    return Shortlist.fit(catalog, known_only(bench.texts("train"), catalog))


def test_every_way_of_scoring_is_measured_beside_the_shortlist(
    bench_folder: Path, bench_repository: Path, tmp_path: Path, trained: ModelSource
) -> None:
    done = run_bench(bench_folder, repository=bench_repository, out=tmp_path, cache=tmp_path / "cache", model=trained)
    rankers, details = done["results"]["test"], done["details"]
    ways = {"model rows", "model ids", "model candidates"}

    assert ways | {"with model", "model alone", "system", "shortlist"} <= set(rankers)
    assert {rankers[name]["all"]["n"] for name in ways} == {40}
    assert set(details["sets"]["test"]["scorers"]["rankers"]) == ways | {"shortlist"}
    assert details["model"]["alone"] in ways
    assert 0.0 <= details["model"]["flips"]["rate"] <= 1.0
    assert details["model"]["fusion on dev"]["n"] == 40
    assert "Language model" in (tmp_path / "report.html").read_text()


def test_a_second_run_does_not_train_again_and_says_the_same(
    bench_folder: Path, bench_repository: Path, tmp_path: Path, trained: ModelSource
) -> None:
    stages: list[set[str]] = []
    results = []
    for _ in range(2):
        seen: set[str] = set()
        done = run_bench(
            bench_folder,
            repository=bench_repository,
            out=None,
            cache=tmp_path / "cache",
            model=trained,
            report=lambda stage, *_, seen=seen: seen.add(stage),
        )
        stages.append(seen)
        results.append(done["results"])

    assert "fine-tune" in stages[0] - stages[1]
    assert results[0] == results[1]


def test_a_model_learns_from_train_rows_and_the_snapshot_only(bench_folder: Path, shortlist: Shortlist) -> None:
    bench = read_bench_set(bench_folder)
    examples = bench_dataset(shortlist.catalog, shortlist.past, TINY).examples
    learned = {example.requirement for example in examples}
    past = {example.requirement for example in examples if example.origin == "history"}

    assert past
    assert past <= {text.text for text in bench.texts("train")}
    assert not learned & {text.text for split in ("dev", "test") for text in bench.texts(split)}


def test_without_history_a_model_learns_from_the_code(shortlist: Shortlist, trained: ModelSource) -> None:
    model = trained(Shortlist.fit(shortlist.catalog, ()), report=lambda *_: None)

    assert model.about["train rows"] > 0
    assert not model.rows.known.any()


def _held_out(count: int, *, column: str) -> list[HeldOut]:
    """
    Rows of four modules whose truth is in one column, and noise in all others.
    """
    rng = np.random.default_rng(0)
    rows = []
    for i in range(count):
        features = rng.normal(size=(4, len(ALL_FEATURES))).astype(np.float32)
        features[i % 4, ALL_FEATURES.index(column)] = 3.0
        rows.append(HeldOut(features, (i % 4,)))
    return rows


def test_a_model_that_knows_helps_on_rows_that_did_not_choose_its_weight() -> None:
    said = cross_validated(_held_out(100, column="model_rows"))

    assert said["with model"]["hit@1"] > said["shortlist"]["hit@1"] + 0.2
    assert said["p"] < 0.01


def test_a_model_that_says_noise_changes_little() -> None:
    said = cross_validated(_held_out(100, column="reranked"))

    assert abs(said["with model"]["hit@1"] - said["shortlist"]["hit@1"]) < 0.05


def test_a_prompt_shows_candidates_in_an_order_that_gives_nothing_away() -> None:
    features = np.zeros((15, len(FEATURES)), dtype=np.float32)
    features[:, FEATURES.index("reranked")] = range(15)

    assert candidates(Measured((), (), (features,), ())) == [[*range(5, 15), 4, 3, 2, 1, 0]]


def test_too_few_dev_rows_say_nothing() -> None:
    assert cross_validated(_held_out(3, column="reranked")) == {"n": 0}


def test_scores_that_are_too_sure_are_cooled() -> None:
    sharp = [np.array([8.0, 0.0], dtype=np.float32)] * 10
    found = fit_temperatures({"a way": everywhere(sharp)}, [(i % 2,) for i in range(10)])

    assert found["a way"] > 5.0


@pytest.fixture
def release(tmp_path: Path, tiny_base: Path, shortlist: Shortlist, trained: ModelSource) -> Callable[..., Path]:
    """
    Make a release that was trained on the given ids, in a home of its own.
    """

    def make(seen: list[str], *, catalog: Catalog = shortlist.catalog, prompts: str = "") -> Path:
        folder = tmp_path / "home" / "releases" / "shop-1"
        examples = [Example(id, "history", "train", f"text of {id}", ("billing",), "c") for id in seen]
        dataset = Dataset(tuple(examples), "history")
        dataset.save(tmp_path / "home" / "datasets")
        model = trained(shortlist, report=lambda *_: None)
        model.model.model.save_pretrained(folder / "model")
        model.model.tokenizer.save_pretrained(folder / "model")
        catalog.save(folder / "catalog.json")
        (folder / "past.jsonl").write_text("")
        model.rows.save(folder / "rows.safetensors")
        told: dict[str, Any] = {"repository": "shop", "location": "", "graph_commit": "c", "evaluated_commit": "c"}
        told |= {"dataset_hash": dataset.hash, "catalog_fingerprint": catalog.fingerprint}
        told |= {"prompt_hash": prompts or prompt_hash(model.model.tokenizer)}
        info = ReleaseInfo(id="shop-1", base_model={"name": "tiny"}, created_at="", versions={}, training={}, **told)
        write_release_info(folder, info)
        return folder

    return make


def test_a_release_is_measured_on_the_rows_it_has_not_seen(
    bench_folder: Path, bench_repository: Path, tmp_path: Path, release: Callable[..., Path]
) -> None:
    source = partial(release_model, folder=release([f"c{number}" for number in range(150, 170)]), config=TINY)
    done = run_bench(bench_folder, repository=bench_repository, out=tmp_path, cache=tmp_path / "cache", model=source)
    screen = Console(file=StringIO(), width=200)
    show_bench(screen, done["results"], done["details"])

    assert "Rows that shop-1 was trained on are left out: 10 of dev, 10 of test." in screen.file.getvalue()
    assert "left out: 10 of dev, 10 of test" in (tmp_path / "report.html").read_text()
    assert done["details"]["rows"] == {"train": 120, "dev": 30, "test": 30}
    assert done["results"]["test"]["model rows"]["all"]["n"] == 30
    assert done["details"]["model"]["left out"] == {"dev": 10, "test": 10}
    assert done["details"]["model"]["module rows"] == "learned ones of the release"


def test_a_release_that_has_seen_every_test_row_is_refused(
    bench_folder: Path, bench_repository: Path, tmp_path: Path, release: Callable[..., Path]
) -> None:
    source = partial(release_model, folder=release([f"c{number}" for number in range(200)]), config=TINY)

    with pytest.raises(BenchError, match="Release shop-1 was trained on every one of the 40 test rows"):
        run_bench(bench_folder, repository=bench_repository, out=None, cache=tmp_path / "cache", model=source)


def test_a_release_whose_training_rows_are_gone_is_refused(shortlist: Shortlist, release: Callable[..., Path]) -> None:
    folder = release(["c1"])
    for path in (folder.parent.parent / "datasets").rglob("*.json*"):
        path.unlink()

    with pytest.raises(BenchError, match="nobody can say which test rows it has seen"):
        release_model(shortlist, folder=folder, config=TINY, report=lambda *_: None)


def test_a_release_of_other_prompts_is_refused(shortlist: Shortlist, release: Callable[..., Path]) -> None:
    with pytest.raises(ReleaseError, match="other prompts"):
        release_model(shortlist, folder=release(["c1"], prompts="0" * 64), config=TINY, report=lambda *_: None)


def test_a_release_of_other_modules_gets_rows_of_the_folder(shortlist: Shortlist, release: Callable[..., Path]) -> None:
    other = replace(shortlist.catalog, modules=shortlist.catalog.modules[1:], files=())
    model = release_model(shortlist, folder=release(["c1"], catalog=other), config=TINY, report=lambda *_: None)

    assert model.about["module rows"] == "fitted on the folder's train rows"
    assert len(model.rows.cards) == len(shortlist.catalog.modules)


def test_rows_follow_their_modules_into_another_order(shortlist: Shortlist) -> None:
    own = shortlist.catalog
    numbers = np.arange(len(own.modules), dtype=np.float32)
    rows = ModuleRows(numbers[:1], numbers[:1], numbers[:, None], numbers[:, None], numbers, numbers)
    wanted = replace(own, modules=(own.modules[5], own.modules[2]), files=())

    assert rows_by_id(rows, own, wanted).bias.tolist() == [2.0, 5.0]


def test_texts_that_a_model_has_seen_are_known_by_their_words(bench_folder: Path) -> None:
    bench = read_bench_set(bench_folder)
    text = bench.splits["test"][0].labelled.text

    assert len(without_rows(bench, {text_key(text)}, whose="It").splits["test"]) == 39


def test_issues_that_were_all_seen_are_not_reported(bench_folder: Path) -> None:
    write_rows(bench_folder / "issues.jsonl.gz", [row(300)])

    assert "issues" not in without_rows(read_bench_set(bench_folder), {"c300"}, whose="It").splits


def test_what_was_said_before_is_not_asked_again(tmp_path: Path) -> None:
    said = np.array([1.0, 2.0], dtype=np.float32)
    kept = KeptScores(tmp_path / "scores.safetensors")
    kept.scores("ids", "Wrong postage", (), lambda: said)
    kept.save()
    again = KeptScores(tmp_path / "scores.safetensors")

    assert again.scores("ids", "Wrong postage", (), lambda: said + 1)[0].tolist() == [1.0, 2.0]
    assert again.scores("rows", "Wrong postage", (), lambda: said + 1)[0].tolist() == [2.0, 3.0]
    assert again.scores("ids", "Wrong postage", (1,), lambda: said + 1)[0].tolist() == [2.0, 3.0]
