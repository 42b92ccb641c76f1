import pytest

from tests.factories import NOON, make_answer, make_question, make_ranking
from tests.worker.conftest import new_question
from worker import store
from worker.ask import submit_question, wait_for_answer
from worker.queues import answers_queue, connect, queue_position


def test_a_submitted_question_is_stored_and_queued(released, sqlite_sessions, connection):
    question = submit_question(sqlite_sessions, connection, new_question(released))

    assert queue_position(connection, question.id) == 0
    with sqlite_sessions() as session:
        assert store.question(session, question.id).text == "where is VAT added?"


def test_a_repeated_delivery_is_queued_again_when_its_job_was_lost(released, sqlite_sessions, connection):
    new = store.NewQuestion(released.repository_id, "?", "U1", "slack", "T", "C", message_ts="1.5")
    first = submit_question(sqlite_sessions, connection, new)
    connection.flushall()
    second = submit_question(sqlite_sessions, connection, new)

    assert second.id == first.id
    assert answers_queue(connection).job_ids == [f"answer-{first.id}"]


def test_a_repeated_delivery_of_an_answered_question_is_not_queued(released, sqlite_sessions, connection):
    new = store.NewQuestion(released.repository_id, "?", "U1", "slack", "T", "C", message_ts="1.5")
    first = submit_question(sqlite_sessions, connection, new)
    connection.flushall()
    with sqlite_sessions.begin() as session:
        make_answer(session, store.question(session, first.id))
    submit_question(sqlite_sessions, connection, new)

    assert answers_queue(connection).job_ids == []


def test_a_queue_that_is_away_loses_no_question(released, sqlite_sessions, tmp_path):
    with connect(f"unix://{tmp_path}/nobody.sock") as nobody:
        question = submit_question(sqlite_sessions, nobody, new_question(released))

    with sqlite_sessions() as session:
        assert store.stranded_questions(session, NOON) == [question.id]


@pytest.mark.parametrize(("until", "reasoned"), [("ranked", False), ("reasoned", True)])
def test_waiting_ends_with_what_was_waited_for(sqlite_sessions, until, reasoned):
    with sqlite_sessions.begin() as session:
        make = make_answer if reasoned else make_ranking
        question = make_question(session)
        make(session, question)

    answer = wait_for_answer(sqlite_sessions, question.id, timeout=5, until=until)
    assert (answer.reasoned_at is not None) is reasoned


def test_waiting_ends_with_an_error_at_once(sqlite_sessions):
    with sqlite_sessions.begin() as session:
        question = make_question(session)
        store.save_error(session, question.id, message="no", now=NOON)

    assert wait_for_answer(sqlite_sessions, question.id, timeout=5, until="reasoned").error == "no"


def test_waiting_too_long_returns_what_is_there(sqlite_sessions):
    with sqlite_sessions.begin() as session:
        silent, ranked = make_question(session), make_question(session)
        make_ranking(session, ranked)

    assert wait_for_answer(sqlite_sessions, silent.id, timeout=0.2) is None
    assert wait_for_answer(sqlite_sessions, ranked.id, timeout=0.2, until="reasoned").reasoned_at is None
