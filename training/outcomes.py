"""
What became of past questions: a later commit that did what was asked tells where it belonged.

Nobody has to vote for it. A commit answers a question when it came within `DAYS` after it and either names the
question's id in its message or says nearly the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from inference.labelled import LabelledText
from training.example import Example
from training.near_copies import jaccard, text_words

QUESTION = "question"
"""Origin of a labelled text that is only a question: it has a date and no modules."""
DAYS = 60
ALIKE, MIN_SHARED = 0.5, 4
"""Least Jaccard similarity of the words, and how many must be shared: "fix typo" answers nothing."""
MIN_ID = 6
"""Characters of an id that is looked for in messages; a shorter one stands in them by chance."""


def outcomes(questions: Sequence[LabelledText], commits: Sequence[Example]) -> tuple[LabelledText, ...]:
    """
    Give the questions that a commit answers, labelled with the modules of the first such commit.

    Args:
        questions: With ISO dates; those without are skipped, since nothing is later than them.
        commits: Past requirements, oldest first, that may be learned from: never a held-out one.
    """
    return tuple(_answered(questions, [(row, _when(row.date), text_words(row.requirement)) for row in commits]))


def _answered(
    questions: Sequence[LabelledText], commits: Sequence[tuple[Example, datetime | None, frozenset[str]]]
) -> Iterator[LabelledText]:
    for question in questions:
        asked, words = _when(question.date), text_words(question.text)
        for commit, when, said in commits:
            in_time = asked is not None and when is not None and timedelta() <= when - asked <= timedelta(days=DAYS)
            if in_time and (_names(commit, question) or _says(said, words)):
                yield replace(question, modules=commit.modules, origin="outcome", files=commit.files)
                break


def _names(commit: Example, question: LabelledText) -> bool:
    return len(question.id) >= MIN_ID and question.id in commit.requirement


def _says(said: frozenset[str], asked: frozenset[str]) -> bool:
    return len(said & asked) >= MIN_SHARED and jaccard(said, asked) >= ALIKE


def _when(date: str) -> datetime | None:
    """
    >>> _when("2026-03-01"), _when("soon")
    (datetime.datetime(2026, 3, 1, 0, 0, tzinfo=datetime.timezone.utc), None)
    """
    try:
        when = datetime.fromisoformat(date)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
