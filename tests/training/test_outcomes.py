import pytest

from inference.labelled import LabelledText
from training.example import Example
from training.outcomes import outcomes

QUESTION = LabelledText("3f2a91bc", "where are toll roads avoided for heavy trucks?", (), "question", "2026-01-10")


def _commit(text: str, date: str = "2026-01-20T12:00:00Z") -> Example:
    return Example("c0ffee", "history", "train", text, ("core/routing",), "c0ffee", date, files=("core/toll.py",))


@pytest.mark.parametrize("text", ["Avoid toll roads for heavy trucks", "Ferries cost time (asked in 3f2a91bc)"])
def test_a_later_commit_that_says_the_same_or_names_the_question_labels_it(text: str) -> None:
    (found,) = outcomes([QUESTION], [_commit(text)])

    assert (found.text, found.modules, found.origin) == (QUESTION.text, ("core/routing",), "outcome")
    assert (found.date, found.files) == (QUESTION.date, ("core/toll.py",))


@pytest.mark.parametrize(
    "commit",
    [
        _commit("Avoid toll roads for heavy trucks", "2026-01-09"),
        _commit("Avoid toll roads for heavy trucks", "2026-06-01"),
        _commit("Avoid toll roads for heavy trucks", ""),
        _commit("Draw toll roads"),
    ],
)
def test_an_earlier_a_much_later_and_another_commit_answer_nothing(commit: Example) -> None:
    assert outcomes([QUESTION], [commit]) == ()


def test_a_short_id_is_not_looked_for() -> None:
    question = LabelledText("12", QUESTION.text, (), "question", QUESTION.date)

    assert outcomes([question], [_commit("Round to 12 digits")]) == ()
