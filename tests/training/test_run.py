"""
Whole runs on code bases that give little to learn from.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from graph.values import RepositoryError
from inference.labelled import LabelledText, load_labelled, save_labelled
from inference.ranker import Ranker
from tests.models import skip_without_trl, small_base_model
from tests.small_worker import SMALL
from training.config import PreferenceConfig
from training.preference.votes import JudgedAnswer, save_judged
from training.run import TrainedRelease, train_release
from training.sft import TrainingError

TINY = replace(SMALL, token_budget=600, golden_prompts=2, closed_book_rows=1)


def _train(folder: Path, home: Path, *, corrections: Path | None = None) -> TrainedRelease:
    return train_release(
        location=folder, name="small", home=home, base_model=small_base_model(), config=TINY, corrections=corrections
    )


def _write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_one_documented_function_makes_a_release_of_one_module(tmp_path: Path) -> None:
    folder = _write(tmp_path / "code", {"tax.py": 'def vat(x):\n    """Computes the value added tax of a price."""\n'})
    trained = _train(folder, tmp_path / "home")
    ranking = Ranker.load(trained.folder).rank("where is tax added?")

    assert len(ranking.modules) == 1
    assert ranking.modules[0].confidence == 1.0
    assert trained.scorecard["rows"]["test"] == 0
    assert trained.scorecard["stability"] == {"requirements": 3, "rankings": 3, "identical": 1.0}
    assert trained.scorecard["latency_ms"]["answer"]["n"] == 6
    assert json.loads((trained.folder / "scorecard.json").read_text()) == trained.scorecard
    assert f"<h1>Release {trained.id}</h1>" in (trained.folder / "scorecard.html").read_text()
    assert json.loads((trained.folder / "hits.json").read_text()) == {"hit@1": {}, "hit@3": {}}
    assert list((tmp_path / "home" / "checkpoints").iterdir()) == []


def test_a_preference_step_follows_fine_tuning_and_is_told_in_the_release(tmp_path: Path) -> None:
    skip_without_trl()
    folder = _write(tmp_path / "code", {"tax.py": 'def vat(x):\n    """Computes the value added tax of a price."""\n'})
    votes = [JudgedAnswer(f"q{i}", f"where is tax number {i}?", "(root)", i % 2 == 0) for i in range(8)]
    save_judged(tmp_path / "votes.jsonl", votes)
    trained = train_release(
        location=folder,
        name="small",
        home=tmp_path / "home",
        base_model=small_base_model(),
        config=replace(TINY, preference=PreferenceConfig(method="kto", steps=2)),
        judged=tmp_path / "votes.jsonl",
    )
    about = json.loads((trained.folder / "release.json").read_text())["training"]

    assert about["preference"]["method"] == "kto"
    assert (about["preferred"]["rows"], about["preferred"]["steps"], about["preferred"]["kept"]) == (8, 2, "")
    assert trained.scorecard["merge"]["top1_agreement"] == 1.0


def test_code_that_says_nothing_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    folder = _write(tmp_path / "code", {"a.py": "x = 1\n", "b.py": "y = 2\n"})

    with pytest.raises(TrainingError, match="not one training row"):
        _train(folder, tmp_path / "home")
    assert list((tmp_path / "home" / "releases").iterdir()) == []


def test_a_folder_without_source_is_refused(tmp_path: Path) -> None:
    folder = _write(tmp_path / "code", {"picture.png": "\x00"})

    with pytest.raises(RepositoryError, match="no source file"):
        _train(folder, tmp_path / "home")


def test_five_functions_and_feedback_that_helps_nobody_make_a_release(tmp_path: Path) -> None:
    deeds = (
        "Avoids toll roads",
        "Draws map tiles",
        "Counts border crossings",
        "Sorts ferry lines",
        "Prints fuel bills",
    )
    functions = "\n".join(f'def f{i}(x):\n    """{deed} for trucks."""\n' for i, deed in enumerate(deeds))
    folder = _write(tmp_path / "code", {"a/tax.py": functions, "b/empty.py": "x = 1\n"})
    said = [("q1", "b", "2026-01-01"), ("q2", "a", "2026-02-01"), ("q3", "gone", "2026-03-01")]
    corrections = tmp_path / "said.jsonl"
    save_labelled(
        corrections, [LabelledText(id, "where do trucks park?", (m,), "feedback", day) for id, m, day in said]
    )
    trained = _train(folder, tmp_path / "home", corrections=corrections)

    assert [row.id for row in load_labelled(trained.folder / "past.jsonl") if row.origin == "feedback"] == ["q2"]
    assert trained.scorecard["dataset"]["feedback/train"] == 1
    assert len(Ranker.load(trained.folder).rank("where do trucks park?").modules) == 2
