"""
What a follow-up means, and what becomes of a question that is edited or deleted.
"""

from datetime import timedelta

import pytest

from tests.factories import NOON, make_answer, make_question, make_ranking, make_repository
from worker import store
from worker.threads import compose, stands_alone

VAT = "where do we add VAT to an order?"
READ = "where is it read from the settings of a car?"
TOLLS = "where do I change how avoid-tolls routing is computed?"
LATER = NOON + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("before", "said", "requirement"),
    [
        ([], "and the tests?", "and the tests?"),
        ([TOLLS], "and the tests?", f"{TOLLS}\nand the tests?"),
        ([TOLLS, "and the tests?"], "no, the iOS one", f"{TOLLS}\nand the tests?\nno, the iOS one"),
        ([TOLLS], READ, f"{TOLLS}\n{READ}"),
        ([TOLLS], VAT, VAT),
        ([TOLLS, VAT], "what about refunds?", f"{VAT}\nwhat about refunds?"),
        (["避开收费道路的路线在哪里计算？"], "那测试呢？", "避开收费道路的路线在哪里计算？\n那测试呢？"),
        (["tolls?"], "ferries", "tolls?\nferries"),
        ([TOLLS, "a1", "a2", "a3", "a4"], "a5", f"{TOLLS}\na2\na3\na4\na5"),
    ],
)  # fmt: skip
def test_a_turn_is_asked_together_with_the_turns_it_builds_on(before, said, requirement):
    assert compose(before, said) == requirement


def test_a_long_thread_fits_and_keeps_its_subject_and_its_last_word():
    composed = compose([TOLLS, *["and " + "x" * 1500] * 3], "no, the iOS one")

    assert len(composed) <= 4000
    assert composed.startswith(TOLLS)
    assert composed.endswith("no, the iOS one")


def test_a_subject_that_is_too_long_is_left_out():
    assert compose(["x " * 2500], "and the tests?") == "and the tests?"


@pytest.mark.parametrize(
    "said", ["Android: where is the map cache emptied?", "notify the driver when a toll road begins"]
)
def test_words_that_merely_begin_like_an_opener_are_none(said):
    assert stands_alone(said)


def place(ts, **more):
    return {"source": "slack", "team": "T1", "channel": "C1", "thread_ts": "1.0", "message_ts": ts, **more}


def test_the_turns_of_a_thread_come_in_their_own_words(sessions):
    with sessions.begin() as session:
        make_question(session, TOLLS, **place("1.0"))
        make_question(session, f"{TOLLS}\nand the tests?", now=LATER, said="and the tests?", **place("1.1"))
        make_question(session, "elsewhere", **{**place("2.0"), "thread_ts": "2.0"})

        turns = store.earlier_turns(session, team="T1", channel="C1", thread_ts="1.0")
    assert turns == [TOLLS, "and the tests?"]


def test_an_answer_that_stands_alone_begins_a_thread(sessions):
    with sessions.begin() as session:
        asked = make_question(session, TOLLS, **{**place(None), "thread_ts": None})
        store.set_placeholder(session, asked.id, "9.0")

        assert store.earlier_turns(session, team="T1", channel="C1", thread_ts="9.0") == [TOLLS]


def edit(session, question_id, said="where is VAT removed?"):
    return store.edit_question(session, question_id, said=said, text=said, language="en", event_id="edit:1", now=LATER)


def test_an_edit_changes_a_question_that_nobody_works_on(sessions):
    with sessions.begin() as session:
        asked = make_question(session, **place("1.0"))

        assert edit(session, asked.id) == asked.id
        assert edit(session, asked.id) is None
        session.refresh(asked)
    assert (asked.text, asked.withdrawn_at) == ("where is VAT removed?", None)


def test_an_edit_of_an_answered_question_is_a_new_one_in_the_same_place(sessions):
    with sessions.begin() as session:
        asked = make_question(session, event_id="Ev1", **place("1.0"))
        store.set_placeholder(session, asked.id, "1.5")
        answer = make_answer(session, asked)
        store.cast_vote(session, answer_id=answer.id, person="ana", value=1, now=NOON)
        new_id = edit(session, asked.id)
        new = store.question(session, new_id)
        session.refresh(asked)

        assert (new.text, new.message_ts, new.placeholder_ts, new.thread_ts) == (
            "where is VAT removed?",
            "1.0",
            "1.5",
            "1.0",
        )
        assert (asked.text, asked.placeholder_ts, asked.withdrawn_at) == ("where is VAT added?", None, LATER)
        assert store.question_by_placeholder(session, team="T1", channel="C1", ts="1.5").id == new_id
        assert [vote.value for vote in store.votes(session, answer.id)] == [1]
        assert make_question(session, event_id="Ev1", **place("1.0")).id == asked.id
        assert make_question(session, event_id="Ev2", **place("1.0")).id == new_id
        assert edit(session, new_id, said="where is VAT removed?") is None


def test_an_edit_waits_for_nobody_who_posts_at_that_moment(sessions):
    with sessions.begin() as session:
        asked = make_question(session, **place("1.0"))
        make_ranking(session, asked)

        assert edit(session, asked.id) is None


def test_a_deleted_question_is_forgotten_and_needs_nobody(sessions):
    with sessions.begin() as session:
        asked = make_question(session, **place("1.0"))
        store.withdraw_question(session, asked.id, now=LATER, forget=True)
        session.refresh(asked)

        assert (asked.text, asked.said) == ("", None)
        assert store.questions_without_placeholder(session, "slack") == []
        assert store.stranded_questions(session, LATER) == []


def test_a_deleted_question_teaches_nothing(sessions):
    with sessions.begin() as session:
        asked = make_question(session, **place("1.0"))
        answer = make_answer(session, asked)
        store.cast_owner_word(session, answer_id=answer.id, person="U1", module="shop.cart", top=False, now=NOON)
        before = store.confirmed_feedback(session, make_repository(session).id)
        store.withdraw_question(session, asked.id, now=LATER, forget=True)
        after = store.confirmed_feedback(session, make_repository(session).id)
        waiting = store.outbox(session, "slack")

    assert [row.module for row in before] == ["shop.cart"]
    assert (after, waiting) == ([], [])
