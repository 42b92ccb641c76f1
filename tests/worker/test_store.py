from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from tests.factories import MODULES, NOON, make_answer, make_question, make_ranking, make_repository
from worker import store

SLACK = {"source": "slack", "team": "T1", "channel": "C1"}


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_repository_added_twice_is_one_row_with_the_newer_location(sessions):
    with sessions.begin() as session:
        first = store.add_repository(session, name="shop", location="/old")
        second = store.add_repository(session, name="shop", location="/new")

        assert first.id == second.id
        assert store.repository_named(session, "shop").location == "/new"
        assert store.repository_named(session, "Shop") is None


def test_the_default_repository_is_the_first_one_added(sessions):
    with sessions.begin() as session:
        assert store.default_repository(session) is None
        store.add_repository(session, name="b", location="/b", now=NOON)
        store.add_repository(session, name="a", location="/a", now=later(1))

        assert store.default_repository(session).name == "b"


def test_times_come_back_in_utc_whatever_zone_they_were_given_in(sessions):
    east = timezone(timedelta(hours=9))
    with sessions.begin() as session:
        question = make_question(session, now=NOON.astimezone(east))
        session.refresh(question)

        assert question.created_at == NOON
        assert question.created_at.tzinfo == UTC


def test_a_time_without_a_zone_is_refused(sessions):
    with sessions() as session, pytest.raises(StatementError, match="a time needs a time zone"):
        make_question(session, now=datetime(2026, 3, 2))


def test_a_message_delivered_twice_is_one_question(sessions):
    with sessions.begin() as session:
        repository = make_repository(session)
        new = store.NewQuestion(repository.id, "where?", "U1", event_id="E1", message_ts="1.5", **SLACK)
        other_event = store.NewQuestion(repository.id, "where?", "U1", event_id="E2", message_ts="1.5", **SLACK)
        same_event = store.NewQuestion(repository.id, "where?", "U1", event_id="E1", message_ts="9.9", **SLACK)
        first, made = store.add_question(session, new)

        assert made
        assert store.add_question(session, other_event) == (first, False)
        assert store.add_question(session, same_event) == (first, False)


def test_a_message_without_a_team_is_recognised_too(sessions):
    with sessions.begin() as session:
        values = {"source": "slack", "channel": "D1", "message_ts": "1.5"}
        first = make_question(session, **values)

        assert make_question(session, **values).id == first.id


def test_questions_from_the_command_line_are_always_new(sessions):
    with sessions.begin() as session:
        assert make_question(session).id != make_question(session).id


def test_a_message_delivered_by_many_threads_at_once_is_one_question(sessions):
    with sessions.begin() as session:
        repository_id = make_repository(session).id

    def deliver(number: int) -> tuple[str, bool]:
        new = store.NewQuestion(repository_id, "?", "U1", message_ts="1.5", event_id=f"E{number}", **SLACK)
        with sessions.begin() as session:
            question, made = store.add_question(session, new)
            return question.id, made

    with ThreadPoolExecutor(8) as pool:
        delivered = list(pool.map(deliver, range(16)))

    assert len({question_id for question_id, _ in delivered}) == 1
    assert [made for _, made in delivered].count(True) == 1


def test_characters_that_postgresql_refuses_are_left_out(sessions):
    with sessions.begin() as session:
        assert make_question(session, "wh\0ere? 🧭").text == "where? 🧭"
        assert make_question(session, "where? \udcff\ud83e").text == "where? ??"


def test_one_worker_at_a_time_holds_a_question(sessions):
    with sessions.begin() as session:
        question = make_question(session)

        assert store.claim_question(session, question.id, worker="a", now=NOON, seconds=20)
        assert not store.claim_question(session, question.id, worker="b", now=later(19), seconds=20)
        assert store.claim_question(session, question.id, worker="b", now=later(20), seconds=20)
        assert not store.extend_claim(session, question.id, worker="a", now=later(21), seconds=20)


def test_of_many_workers_that_claim_at_once_one_gets_the_question(sessions):
    with sessions.begin() as session:
        question_id = make_question(session).id

    def claim(number: int) -> bool:
        with sessions.begin() as session:
            return store.claim_question(session, question_id, worker=f"w{number}", now=NOON, seconds=20)

    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(claim, range(16)))

    assert claimed.count(True) == 1


def test_every_claim_counts_as_an_attempt(sessions):
    with sessions.begin() as session:
        question = make_question(session)
        for attempt in range(3):
            store.claim_question(session, question.id, worker="a", now=later(100 * attempt), seconds=20)
        session.refresh(question)

        assert question.attempts == 3


def test_a_question_nobody_works_on_is_stranded_until_it_has_its_reasoning(sessions):
    with sessions.begin() as session:
        new, claimed, ranked, done, failed = (make_question(session, now=later(i)) for i in range(5))
        store.claim_question(session, claimed.id, worker="a", now=NOON, seconds=20)
        make_ranking(session, ranked)
        make_answer(session, done)
        store.save_error(session, failed.id, message="no", now=NOON)

        assert store.stranded_questions(session, later(10)) == [new.id, ranked.id]
        assert store.stranded_questions(session, later(20)) == [new.id, claimed.id, ranked.id]


def test_released_claims_are_free_at_once(sessions):
    with sessions.begin() as session:
        question = make_question(session)
        store.claim_question(session, question.id, worker="a", now=NOON, seconds=20)

        assert store.claiming_workers(session) == {"a"}
        store.release_claims(session, "a")
        assert store.claiming_workers(session) == set()
        assert store.claim_question(session, question.id, worker="b", now=NOON, seconds=20)


def test_a_question_ranked_twice_keeps_its_first_answer(sessions):
    with sessions.begin() as session:
        question = make_question(session)
        first = make_ranking(session, question, sure=True)
        second = make_ranking(session, question, sure=False)

        assert second.id == first.id
        assert second.sure
        assert second.modules == [module.to_json() for module in MODULES]


def test_the_first_reasoning_stays(sessions):
    with sessions.begin() as session:
        answer = make_answer(session, make_question(session), text="first")
        store.save_reasoning(session, answer.id, text="second", evidence=[], reason_ms=1, now=later(5))
        session.refresh(answer)

        assert (answer.reasoning, answer.reasoned_at) == ("first", NOON)


def test_an_error_is_an_answer(sessions):
    with sessions.begin() as session:
        question = make_question(session)
        answer = store.save_error(session, question.id, message="no model yet", now=NOON)

        assert (answer.error, answer.modules, answer.reasoned_at) == ("no model yet", [], NOON)


def test_an_error_after_the_ranking_takes_the_place_of_the_reasoning(sessions):
    with sessions.begin() as session:
        question = make_question(session)
        make_ranking(session, question)
        store.save_error(session, question.id, message="no reasoning today", now=NOON)
        answer = store.answer_of(session, question.id)

        assert (answer.error, answer.reasoning, len(answer.modules)) == (None, "no reasoning today", 3)


def test_the_outbox_holds_undelivered_answers_oldest_first(sessions):
    with sessions.begin() as session:
        asked = [make_question(session, now=later(-i), message_ts=str(i), **SLACK) for i in range(4)]
        answers = [make_ranking(session, question) for question in asked[:3]]
        make_ranking(session, make_question(session, source="cli"))
        store.mark_delivered(session, answers[1].id, later(9))
        store.mark_shown(session, answers[0].id, later(8))

        waiting = store.outbox(session, "slack")

        assert [question.id for question, _ in waiting] == [asked[2].id, asked[0].id]
        assert [answer.shown_at for _, answer in waiting] == [None, later(8)]


def test_questions_wait_for_a_placeholder_until_they_have_one(sessions):
    with sessions.begin() as session:
        with_one, without = (make_question(session, message_ts=str(i), **SLACK) for i in range(2))
        store.set_placeholder(session, with_one.id, "77.7")

        assert [question.id for question in store.questions_without_placeholder(session, "slack")] == [without.id]
        assert store.question_by_placeholder(session, team="T1", channel="C1", ts="77.7").id == with_one.id
        assert store.question_by_placeholder(session, team="T2", channel="C1", ts="77.7") is None


def test_an_unknown_id_is_said_to_be_unknown(sessions):
    with sessions() as session, pytest.raises(store.UnknownRowError, match="no question nope"):
        store.question(session, "nope")
    with sessions() as session, pytest.raises(store.UnknownRowError, match="nope: `signpost release list` lists them"):
        store.release(session, "nope")


def test_a_sign_in_link_works_once(sessions):
    with sessions.begin() as session:
        token = store.create_sign_in(session, person="U1", now=NOON, minutes=10)

        assert store.redeem_sign_in(session, token, later(599)) == "U1"
        assert store.redeem_sign_in(session, token, later(599)) is None


def test_a_sign_in_link_expires_and_a_wrong_one_lets_nobody_in(sessions):
    with sessions.begin() as session:
        token = store.create_sign_in(session, person="U1", now=NOON, minutes=10)

        assert store.redeem_sign_in(session, token, later(600)) is None
        assert store.redeem_sign_in(session, token + "x", NOON) is None
