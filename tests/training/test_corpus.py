"""
Which requirements are held out, and of which code they are asked; what a finished release may know.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from inference.labelled import LabelledText
from tests.codebase import write_shop_with_history
from training.collapse import collapse
from training.config import TrainingConfig
from training.corpus import Corpus, read_corpus
from training.dataset import Dataset, build_dataset, held_out_count
from training.fitting import most_telling
from training.origins import history_examples
from training.release_parts import everything_known

CONFIG = replace(TrainingConfig(), max_past=100, max_eval_rows=8, max_graph_examples=50)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = write_shop_with_history(tmp_path_factory.mktemp("corpus") / "shop", commits=240)
    home = tmp_path_factory.mktemp("corpus-home")
    return read_corpus(folder, name="shop", home=home, config=CONFIG, report=lambda *_: None)


def build(corpus: Corpus, corrections: tuple[LabelledText, ...] = ()) -> Dataset:
    return build_dataset(corpus.past_catalog, corpus.past_history, corrections, CONFIG, held_out=corpus.held_out)


def test_no_more_is_held_out_than_is_asked(corpus: Corpus) -> None:
    assert len(corpus.history) > CONFIG.max_past
    assert held_out_count(len(corpus.history), CONFIG) == 16
    assert 16 <= corpus.held_out <= 18


def test_the_code_that_is_asked_is_the_newest_before_the_held_out_requirements(corpus: Corpus) -> None:
    dataset = build(corpus)
    ids = [row.id for row in corpus.past_history]
    held_out = {row.id for split in ("dev", "test") for row in dataset.asked(split)}

    assert held_out <= set(ids[-corpus.held_out :])
    assert corpus.past_catalog.commit in ids[-corpus.held_out - 3 : -corpus.held_out]
    assert not {row.id for row in dataset.split("train")} & set(ids[-corpus.held_out :])
    assert min(row.date for row in dataset.asked("test")) > max(row.date for row in dataset.asked("dev"))


def test_where_only_merges_tell_what_was_asked_requirements_are_held_out_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.corpus.read_later_history", lambda *_, **__: ())
    folder = write_shop_with_history(tmp_path / "shop")
    corpus = read_corpus(folder, name="shop", home=tmp_path / "home", config=CONFIG, report=lambda *_: None)

    assert corpus.held_out == 16
    assert len(build(corpus).asked("test")) > 0


def test_a_release_knows_what_is_newest_and_nothing_that_was_overruled(corpus: Corpus) -> None:
    module, other = corpus.catalog.module_ids[:2]
    question = corpus.history[-1]
    said = (
        LabelledText("f1", "Where do customs forms for gifts go?", (module,), "feedback", "2024-02-01"),
        LabelledText("f2", "Where do customs forms for gifts go?", (other,), "feedback", "2024-03-01"),
        LabelledText("q1", question.text, (), "question", question.date),
    )
    past = everything_known(build(corpus, said), corpus, said)
    settled = collapse(history_examples(corpus.history, held_out=0)).rows

    assert [(row.id, row.modules) for row in past if row.origin == "feedback"] == [("f2", (other,))]
    assert [(row.id, row.modules) for row in past if row.origin == "outcome"] == [("q1", question.modules)]
    assert len([row for row in past if row.origin == "history"]) == len(settled) - 1  # the outcome says it


def test_feedback_is_learned_from_before_the_newest_history() -> None:
    rows = [LabelledText("f", "asked", ("a",), "feedback", "2020-01-01")]
    rows += [LabelledText(str(day), "changed", ("a",), "history", f"2024-01-{day:02}") for day in (3, 1, 2)]

    assert [row.id for row in most_telling(rows, 3)] == ["f", "3", "2"]


def test_of_texts_without_a_date_a_hash_chooses() -> None:
    rows = [LabelledText(f"{folder}/{i}", "does", (folder,), "graph", "") for folder in "ab" for i in range(50)]
    chosen = most_telling(rows, 40)

    assert len(chosen) == 40
    assert {row.modules for row in chosen} == {("a",), ("b",)}
