import importlib
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import MODULES, make_question, make_ranking, make_release
from tests.fakes_ranker import FakeRanker
from tests.worker.conftest import calls, new_question, release_folder
from worker import store
from worker.ask import submit_question
from worker.jobs import FOR_PEOPLE, MOST_ATTEMPTS
from worker.queues import answers_queue
from worker.rankers import NoActiveReleaseError, RankerCache


def answer_of(sessions, question):
    with sessions() as session:
        return store.answer_of(session, question.id)


def test_a_question_gets_its_ranking_and_its_reasoning(released, sqlite_sessions, connection, work):
    question = submit_question(sqlite_sessions, connection, new_question(released))
    work()
    answer = answer_of(sqlite_sessions, question)

    assert answer.modules == [module.to_json() for module in MODULES]
    assert (answer.sure, answer.release_id, answer.graph_commit) == (True, "shop-0", "c" * 40)
    assert answer.reasoning == "shop.billing defines add_vat."
    assert answer.evidence[0]["file"] == "shop/billing/tax.py"
    assert answer.error is None


def test_a_question_travels_the_same_way_on_both_databases(sessions, database_url, settings, connection, work):
    with sessions.begin() as session:
        release = make_release(session, "shop-0", folder=str(release_folder(settings.home, "shop-0")))
    question = submit_question(sessions, connection, new_question(release))
    work(with_settings=replace(settings, database_url=database_url))

    assert answer_of(sessions, question).reasoning == "shop.billing defines add_vat."


def test_a_finished_job_leaves_no_claim_and_no_job(released, sqlite_sessions, connection, work):
    question = submit_question(sqlite_sessions, connection, new_question(released))
    work()

    with sqlite_sessions() as session:
        assert store.question(session, question.id).claimed_by is None
    assert connection.keys("rq:job:*") == []


def test_an_answered_question_is_not_answered_again(released, sqlite_sessions, connection, settings, work):
    question = submit_question(sqlite_sessions, connection, new_question(released))
    work()
    answers_queue(connection).enqueue("worker.jobs.answer", question.id)
    work()

    assert calls(settings) == ["rank where is VAT added?", "explain where is VAT added?"]


def test_a_ranked_question_goes_on_with_the_reasoning(released, sqlite_sessions, settings, work):
    with sqlite_sessions.begin() as session:
        question = make_question(session)
        make_ranking(session, question)
    work()

    assert calls(settings) == ["explain where is VAT added?"]
    assert answer_of(sqlite_sessions, question).reasoned_at is not None


def test_a_question_whose_job_was_lost_is_found_in_sql(released, sqlite_sessions, connection, work):
    question = submit_question(sqlite_sessions, connection, new_question(released))
    connection.flushall()
    work()

    assert answer_of(sqlite_sessions, question).reasoned_at is not None


def test_a_question_that_another_worker_holds_is_left_to_it(released, sqlite_sessions, settings, connection, work):
    question = submit_question(sqlite_sessions, connection, new_question(released))
    with sqlite_sessions.begin() as session:
        store.claim_question(session, question.id, worker="far-away-1-x", now=datetime.now(UTC), seconds=60)
    work()

    assert calls(settings) == []


def test_a_claim_that_ran_out_is_taken_over(released, sqlite_sessions, connection, work):
    question = submit_question(sqlite_sessions, connection, new_question(released))
    with sqlite_sessions.begin() as session:
        long_ago = datetime.now(UTC) - timedelta(minutes=1)
        store.claim_question(session, question.id, worker="far-away-1-x", now=long_ago, seconds=20)
    work()

    assert answer_of(sqlite_sessions, question).reasoned_at is not None


def test_without_a_release_the_asker_is_told_what_to_do(sqlite_sessions, connection, settings, work):
    with sqlite_sessions.begin() as session:
        question = make_question(session)
    work()

    error = answer_of(sqlite_sessions, question).error
    assert error == "No model has been trained for shop yet: run `signpost train`, or ask an admin to retrain."


def test_an_unexpected_error_shows_a_short_id_and_leaves_the_trace_in_the_log(
    released, sqlite_sessions, connection, work, caplog
):
    question = submit_question(sqlite_sessions, connection, new_question(released, "broken"))
    work()
    error = answer_of(sqlite_sessions, question).error
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)

    assert error.startswith("Something went wrong here (error ")
    assert "the ranker is broken" not in error
    assert record.getMessage().split()[1] in error
    assert "the ranker is broken" in str(record.exc_info[1])


def test_no_question_is_ever_in_the_log(released, sqlite_sessions, connection, work, caplog):
    caplog.set_level(logging.INFO)
    submit_question(sqlite_sessions, connection, new_question(released, "the secret plan"))
    work()

    assert caplog.records
    assert "secret plan" not in caplog.text


def test_a_question_that_broke_three_workers_is_given_up(released, sqlite_sessions, settings, work):
    with sqlite_sessions.begin() as session:
        question = make_question(session)
        question.attempts = MOST_ATTEMPTS
    work()

    assert answer_of(sqlite_sessions, question).error.startswith("The worker broke down 3 times")
    assert calls(settings) == []


def test_what_is_not_about_the_code_is_stored_as_such(released, sqlite_sessions, connection, work):
    question = submit_question(sqlite_sessions, connection, new_question(released))
    explained = []

    class Strict(FakeRanker):
        def rank(self, requirement, *, k=10):
            return replace(super().rank(requirement, k=k), sure=False, off_topic=True)

        def explain(self, requirement, ranking, *, generate=True, seconds=None):
            explained.append(ranking.off_topic)
            return super().explain(requirement, ranking, generate=generate)

    work(load=Strict)

    assert answer_of(sqlite_sessions, question).off_topic
    assert explained == [True]


def test_reasoning_can_be_switched_off(released, sqlite_sessions, connection, settings, work):
    submit_question(sqlite_sessions, connection, new_question(released))
    generated = []

    class Curious(FakeRanker):
        def explain(self, requirement, ranking, *, generate=True, seconds=None):
            generated.append((generate, seconds))
            return super().explain(requirement, ranking, generate=generate)

    work(with_settings=replace(settings, reasoning=False, reasoning_seconds=7), load=Curious)

    assert generated == [(False, 7.0)]


def test_a_promotion_and_a_rollback_are_in_force_with_the_next_question(sqlite_sessions, settings, tmp_path):
    loaded = []

    def load(folder):
        loaded.append(folder.name)
        return FakeRanker(folder)

    cache = RankerCache(load)
    served = []

    def serve(session):
        repository_id = store.default_repository(session).id
        served.append(cache.for_repository(session, repository_id)[0])

    with sqlite_sessions.begin() as session:
        for number in range(3):
            name = f"r{number}"
            now = datetime(2026, 3, 2 + number, tzinfo=UTC)
            make_release(session, name, folder=str(release_folder(settings.home, name)), now=now)
            serve(session)
            serve(session)
        store.rollback_release(session, store.default_repository(session).id)
        serve(session)

    assert served == ["r0", "r0", "r1", "r1", "r2", "r2", "r1"]
    assert loaded == ["r0", "r1", "r2"]


def test_a_repository_without_release_has_no_ranker(sqlite_sessions):
    with sqlite_sessions.begin() as session:
        repository_id = make_question(session).repository_id
        with pytest.raises(NoActiveReleaseError, match="No model has been trained for shop yet"):
            RankerCache(FakeRanker).for_repository(session, repository_id)


def test_every_error_meant_for_people_exists():
    for name in FOR_PEOPLE:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), kind), Exception)
