import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes_endpoint import fake_endpoint
from training.example import Example
from training.writer import Writer, written_examples

ROWS = [
    Example(f"a.py::f{i}", "graph", "train", f"avoid toll roads of kind {i}0", ("core/routing",), "c0ffee")
    for i in range(4)
]


def _writer(url: str, cache: Path, **values: object) -> Writer:
    return replace(Writer(url, "small", cache, key="top-secret"), **values)


def _texts(answer: Callable[[str], str | int], cache: Path, rows: list[Example] = ROWS, **values: object) -> list[str]:
    with fake_endpoint(answer) as endpoint:
        return [row.requirement for row in written_examples(rows, _writer(endpoint.url, cache, **values))]


def test_each_train_text_is_said_again_in_a_row_of_its_own(tmp_path: Path) -> None:
    others = [replace(ROWS[0], id="a.py::g", split="test"), replace(ROWS[0], id="a.py::f0~2")]
    with fake_endpoint(lambda text: f'"Trucks: {text}"\n') as endpoint:
        written = written_examples([*ROWS[:1], *others], _writer(endpoint.url, tmp_path))

    assert written == [replace(ROWS[0], id="a.py::f0~w", requirement="Trucks: avoid toll roads of kind 00")]
    assert written[0].source == ROWS[0].source
    assert endpoint.keys == ["Bearer top-secret"]


def test_a_second_dataset_asks_nobody_and_is_the_same(tmp_path: Path) -> None:
    first = _texts(lambda text: f"Please {text}", tmp_path)
    with fake_endpoint(lambda text: "something else about toll roads") as endpoint:
        again = [row.requirement for row in written_examples(ROWS, _writer(endpoint.url, tmp_path))]

    assert again == first
    assert endpoint.asked == []


@pytest.mark.parametrize("bad", ["", "Sure!", "toll roads in core/routing", "the routing of toll roads", "a b c d e"])
def test_a_text_that_says_nothing_or_names_the_module_is_dropped(bad: str, tmp_path: Path) -> None:
    assert _texts(lambda text: bad, tmp_path) == []


@pytest.mark.parametrize("status", [401, 500, 302])
def test_an_endpoint_that_fails_is_told_of_once_and_the_rules_go_on(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        written = _texts(lambda text: f"Please {text}" if "00" in text else status, tmp_path)

    assert written == ["Please avoid toll roads of kind 00"]
    assert [record.getMessage() for record in caplog.records] == [
        f"small wrote 1 of 4 texts, the rules go on alone: the endpoint answered with HTTP {status}"
    ]


def test_nobody_listening_is_told_of_once_without_the_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written = written_examples(ROWS, _writer("http://127.0.0.1:1/v1", tmp_path))

    assert written == []
    assert len(caplog.records) == 1
    assert "top-secret" not in caplog.text + repr(_writer("http://127.0.0.1:1/v1", tmp_path))


def test_it_asks_no_more_often_than_it_may(tmp_path: Path) -> None:
    assert len(_texts(lambda text: f"Please {text}", tmp_path, most=2)) == 2
    assert _texts(lambda text: f"Please {text}", tmp_path / "new", seconds=-1.0) == []
