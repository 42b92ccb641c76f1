"""
Datasets of code that gives next to nothing, and of labels that help nobody.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog
from inference.labelled import LabelledText, save_labelled
from training.config import TrainingConfig
from training.dataset import Dataset, build_dataset

DEEDS = ("avoids toll roads", "draws map tiles", "counts border crossings", "sorts ferry lines", "prints fuel bills")
CONFIG = TrainingConfig(phrasings=1)


def _write(folder: Path, functions: int, *, files: int = 1) -> Path:
    for place in range(files):
        lines = [f'def f{i}(x):\n    """{deed} for trucks."""\n' for i, deed in enumerate(DEEDS[:functions])]
        path = folder / f"area{place}" / "code.py"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines[place::files]) or "x = 1\n")
    return folder


def _catalog(folder: Path) -> Catalog:
    with open_snapshot(folder, name="small") as snapshot:
        return index_snapshot(snapshot).catalog


def _build(catalog: Catalog, corrections: Sequence[LabelledText] = ()) -> Dataset:
    return build_dataset(catalog, (), corrections, CONFIG)


def _feedback(id: str, text: str, *modules: str, date: str = "2026-01-01") -> LabelledText:
    return LabelledText(id, text, modules, "feedback", date)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_so_many_functions_give_so_many_rows(count: int, tmp_path: Path) -> None:
    dataset = _build(_catalog(_write(tmp_path / "code", count)))

    assert len(dataset.examples) == count
    assert len({row.requirement for row in dataset.examples}) == count


def test_one_module_is_the_answer_to_everything(tmp_path: Path) -> None:
    catalog = _catalog(_write(tmp_path / "code", 5))
    dataset = _build(catalog)

    assert len(catalog.modules) == 1
    assert {row.modules for row in dataset.examples} == {catalog.module_ids}
    assert all(row.reasoning for row in dataset.split("train"))


def test_feedback_about_a_module_that_is_no_more_is_dropped(tmp_path: Path) -> None:
    catalog = _catalog(_write(tmp_path / "code", 2, files=2))
    gone = _feedback("q1", "where are balloons inflated?", "balloons")
    half = _feedback("q2", "where are tunnels dug?", "balloons", catalog.module_ids[0])
    rows = [row for row in _build(catalog, [gone, half]).examples if row.origin == "feedback"]

    assert [(row.id, row.modules) for row in rows] == [("q2", catalog.module_ids[:1])]


def test_contradictory_feedback_is_settled_by_the_newest_word_and_counted(tmp_path: Path) -> None:
    catalog = _catalog(_write(tmp_path / "code", 2, files=2))
    first, second = catalog.module_ids
    said = [
        _feedback("q1", "where are tunnels dug for trains?", first, date="2026-01-01"),
        _feedback("q2", "Where are tunnels dug for trains", second, date="2026-02-01"),
    ]
    dataset = _build(catalog, said)

    assert [row.modules for row in dataset.examples if row.origin == "feedback"] == [(second,)]
    assert dataset.left_out["overruled"] == 1


def test_a_question_that_no_commit_answered_teaches_nothing(tmp_path: Path) -> None:
    question = LabelledText("3f2a91bc", "where are toll roads avoided for trucks?", (), "question", "2026-01-01")

    assert {row.origin for row in _build(_catalog(_write(tmp_path / "code", 2)), [question]).examples} == {"graph"}


def _signpost(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot.cli", "dataset", *words]
    environment = {"SIGNPOST_HOME": str(home), "PATH": "/usr/bin:/bin", "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def test_code_that_says_nothing_is_one_sentence(tmp_path: Path) -> None:
    done = _signpost(tmp_path / "home", "build", str(_write(tmp_path / "code", 0)))

    assert done.returncode == 1
    assert "code gives no example" in done.stderr
    assert not (tmp_path / "home" / "datasets").exists()


def test_a_dataset_is_built_shown_and_counted_from_the_terminal(tmp_path: Path) -> None:
    code = _write(tmp_path / "code", 5)
    save_labelled(tmp_path / "said.jsonl", [_feedback("q1", "where are tolls avoided?", *_catalog(code).module_ids)])
    built = _signpost(tmp_path / "home", "build", str(code), "--feedback", str(tmp_path / "said.jsonl"))
    (folder,) = (tmp_path / "home" / "datasets").iterdir()
    shown = _signpost(tmp_path / "home", "show", folder.name[:6], "--origin", "feedback")
    counted = _signpost(tmp_path / "home", "stats", folder.name[:6])

    assert built.returncode == shown.returncode == counted.returncode == 0
    assert str(folder) in built.stdout
    assert "[feedback/train] where are tolls avoided?" in shown.stdout
    assert counted.stdout.startswith(f"dataset {folder.name}")
    assert "feedback/train        1 rows" in counted.stdout


@pytest.mark.parametrize("line", ["not json", '{"id": "q1"}', "[1]"])
def test_a_feedback_file_that_is_none_is_one_sentence(line: str, tmp_path: Path) -> None:
    (tmp_path / "said.jsonl").write_text(line + "\n")
    code = _write(tmp_path / "code", 1)
    done = _signpost(tmp_path / "home", "build", str(code), "--feedback", str(tmp_path / "said.jsonl"))

    assert done.returncode == 1
    assert "holds no corrections" in done.stderr
    assert "Traceback" not in done.stderr
