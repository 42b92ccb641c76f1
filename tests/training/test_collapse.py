from training.collapse import collapse
from training.example import Example

TEXT = "Avoid toll roads for heavy trucks"


def _row(
    id: str, *modules: str, origin: str = "history", text: str = TEXT, date: str = "", split: str = "train"
) -> Example:
    symbol = ("a.py", id.split("~")[0]) if origin == "graph" else None
    return Example(id, origin, split, text, modules, "c0ffee", date, symbol)


def _kept(*rows: Example) -> list[str]:
    return [row.id for row in collapse(rows).rows]


def _why(*rows: Example) -> dict[str, int]:
    return {why: count for why, count in collapse(rows).left_out.items() if count}


def test_the_newest_of_two_commits_that_say_the_same_stays_in_its_split() -> None:
    rows = (_row("old", "routing", date="2024-01-01"), _row("new", "routing", date="2025-01-01", split="test"))

    assert [(row.id, row.split) for row in collapse(rows).rows] == [("new", "test")]
    assert _why(*rows) == {"copy": 1}


def test_other_words_are_another_requirement() -> None:
    rows = (_row("one", "routing"), _row("two", "web", text="Draw toll roads in another colour"))

    assert _kept(*rows) == ["one", "two"]
    assert _why(*rows) == {}


def test_two_commits_that_contradict_each_other_teach_nothing() -> None:
    rows = (_row("one", "routing"), _row("two", "web"))

    assert _kept(*rows) == []
    assert _why(*rows) == {"contradictory": 2}


def test_a_commit_backed_by_half_of_its_copies_stays() -> None:
    rows = (_row("one", "web"), _row("two", "routing"), _row("three", "routing", "web", date="2025-01-01"))

    assert _kept(*rows) == ["three"]
    assert _why(*rows) == {"copy": 2}


def test_feedback_wins_over_history_even_when_that_is_held_out() -> None:
    rows = (_row("commit", "web", date="2026-01-01", split="test"), _row("question", "routing", origin="feedback"))

    assert _kept(*rows) == ["question"]
    assert _why(*rows) == {"overruled": 1}


def test_of_contradictory_feedback_the_newest_word_counts() -> None:
    rows = (
        _row("q2", "web", origin="feedback", date="2026-02-01"),
        _row("q1", "routing", origin="feedback", date="2026-01-01"),
    )

    assert _kept(*rows) == ["q2"]
    assert _why(*rows) == {"overruled": 1}


def test_phrasings_of_one_symbol_stay_together_or_go_together() -> None:
    mine = (
        _row("avoid", "routing", origin="graph"),
        _row("avoid~2", "routing", origin="graph", text="where are tolls?"),
    )
    commit = _row("commit", "routing", text="Where are the tolls")

    assert _kept(*mine) == ["avoid", "avoid~2"]
    assert _kept(*mine, commit) == ["commit"]
    assert _why(*mine, commit) == {"copy": 2}


def test_a_text_without_a_word_is_left_out() -> None:
    assert _kept(_row("one", "routing", text="+1")) == []
    assert _why(_row("one", "routing", text="+1")) == {"wordless": 1}
