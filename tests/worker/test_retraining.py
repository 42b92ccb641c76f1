import errno
import json
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from safetensors import SafetensorError

from inference.labelled import LabelledText, load_labelled
from tests.factories import NOON, make_answer, make_question, make_release, make_repository
from tests.fakes_ranker import FakeRanker, fake_train
from tests.graph.repositories import GitRepository
from tests.worker.processes import wait_until
from training.preference.votes import JudgedAnswer, load_judged
from worker import store
from worker.context import Context, set_context
from worker.jobs import MOST_TRAININGS, ProgressWriter, retrain
from worker.process import Children
from worker.queues import enqueue_training
from worker.rankers import RankerCache
from worker.retraining import due_trainings, make_order, write_corrections


def order_training(sessions, connection, *, location="/srv/shop"):
    with sessions.begin() as session:
        repository = make_repository(session, location=location)
        training, _ = store.add_training(session, repository_id=repository.id, requested_by="ana")
    enqueue_training(connection, training.id)
    return training.id


def training_of(sessions, training_id):
    with sessions() as session:
        return store.training(session, training_id)


def active_id(sessions):
    with sessions() as session:
        active = store.active_release(session, store.default_repository(session).id)
        return active and active.id


def correction(session, text, module, *, people=("ana", "bo"), now=NOON):
    answer = make_answer(session, make_question(session, text))
    for person in people:
        store.cast_vote(session, answer_id=answer.id, person=person, value=-1, module=module, now=now)
    return answer


def test_a_release_that_is_good_enough_becomes_the_active_one(sqlite_sessions, connection, work):
    training_id = order_training(sqlite_sessions, connection)
    work("training")
    training = training_of(sqlite_sessions, training_id)

    assert (training.state, training.release_id, training.error) == ("done", "shop-1", None)
    assert training.finished_at >= training.started_at
    assert training.progress == {"stage": "fine-tune", "done": 0, "total": 3, "label": "", "seconds_left": None}
    assert active_id(sqlite_sessions) == "shop-1"


def test_a_release_that_is_worse_is_kept_but_not_promoted(released, sqlite_sessions, connection, work):
    training_id = order_training(sqlite_sessions, connection, location="/srv/worse")
    work("training")
    with sqlite_sessions() as session:
        refused = store.release(session, "shop-2")

    assert training_of(sqlite_sessions, training_id).state == "refused"
    assert (refused.state, refused.verdict) == ("refused", "worse on past requirements")
    assert active_id(sqlite_sessions) == released.id


def test_confirmed_feedback_and_other_questions_go_into_the_training(sqlite_sessions, connection, settings, work):
    with sqlite_sessions.begin() as session:
        answer = correction(session, "where is VAT added?", "shop.cart")
        other = correction(session, "only one said so", "shop.mail", people=("ana",))
        taken_back = correction(session, "never mind", "shop.mail", people=("ana",))
        store.question(session, taken_back.question_id).withdrawn_at = NOON
    training_id = order_training(sqlite_sessions, connection)
    work("training")

    written = load_labelled(settings.home / "corrections" / f"{training_id}.jsonl")
    date = NOON.isoformat(timespec="seconds")
    assert written == (
        LabelledText(answer.question_id, "where is VAT added?", ("shop.cart",), "feedback", date),
        LabelledText(other.question_id, "only one said so", (), "question", date),
    )


def test_trusted_votes_and_the_step_of_the_settings_go_into_the_training(sqlite_sessions, settings):
    with sqlite_sessions.begin() as session:
        answer = correction(session, "where is VAT added?", "shop.cart")
        training, _ = store.add_training(session, repository_id=make_repository(session).id, requested_by="ana")
        order = make_order(session, replace(settings, preference="kto"), training.id)
        shown = answer.modules[0]["id"]

    assert order.preference == "kto"
    assert load_judged(order.judged) == (
        JudgedAnswer(answer.question_id, "where is VAT added?", shown, good=False, right="shop.cart"),
    )


def test_without_votes_there_is_no_file_of_them(sqlite_sessions, settings):
    with sqlite_sessions.begin() as session:
        training, _ = store.add_training(session, repository_id=make_repository(session).id, requested_by="ana")
        order = make_order(session, settings, training.id)

    assert (order.judged, order.preference) == (None, "none")


def test_a_training_that_begins_again_gets_the_order_of_its_first_time(sqlite_sessions, settings, tmp_path):
    checkout = GitRepository.create(tmp_path / "checkout")
    first_commit = checkout.commit("Add tax", {"tax.py": "x = 1\n"})
    with sqlite_sessions.begin() as session:
        correction(session, "where is VAT added?", "shop.cart")
        repository = make_repository(session, location=str(checkout.folder))
        training, _ = store.add_training(session, repository_id=repository.id, requested_by="ana")
        first = make_order(session, settings, training.id)
    with sqlite_sessions.begin() as session:
        correction(session, "where do mails go?", "shop.mail")
        checkout.commit("Add mail", {"mail.py": "x = 1\n"})
        make_repository(session, location=str(checkout.folder))
        second = make_order(session, settings, training.id)

    assert replace(second, previous=first.previous) == first
    assert first.commit == first_commit
    assert [row.text for row in load_labelled(second.corrections)] == ["where is VAT added?"]


def test_the_same_requirement_asked_twice_is_one_label(tmp_path):
    rows = [
        store.FeedbackRow("q1", "Where is VAT?", "a", "ana", -1, NOON, NOON),
        store.FeedbackRow("q2", "where is vat", "b", "bo", -1, NOON, NOON + timedelta(days=1)),
        store.FeedbackRow("q2", "where is vat", "b", "cy", -1, NOON, NOON),
    ]
    path = write_corrections(tmp_path / "corrections.jsonl", rows)

    (line,) = path.read_text().splitlines()
    assert json.loads(line)["modules"] == ["b", "a"]
    assert json.loads(line)["date"] == "2026-03-03T12:00:00+00:00"
    assert write_corrections(tmp_path / "none.jsonl", []) is None


@pytest.mark.parametrize("kind", [partial(OSError, errno.ENOSPC), SafetensorError])
def test_a_disk_that_fills_is_said_in_one_sentence(kind, sqlite_sessions, connection, settings):
    def full(order, report):
        raise kind(os.strerror(errno.ENOSPC) + (" (os error 28)" if kind is SafetensorError else ""))

    training_id = order_training(sqlite_sessions, connection)
    set_context(Context(settings, sqlite_sessions, connection, "w", RankerCache(FakeRanker), full))
    try:
        retrain(training_id)
    finally:
        set_context(None)
    training = training_of(sqlite_sessions, training_id)

    assert training.state == "failed"
    assert training.error.startswith("The disk of the worker is full: free some space")


def test_a_running_training_tells_in_sql_how_many_seconds_are_left(sqlite_sessions, connection, settings):
    with sqlite_sessions.begin() as session:
        training, _ = store.add_training(session, repository_id=make_repository(session).id, requested_by="ana")
        training_id = training.id
    times = iter([100.0, 110.0])
    context = Context(settings, sqlite_sessions, connection, "w", RankerCache(FakeRanker), fake_train, now=lambda: NOON)
    write = ProgressWriter(context, training_id, lambda: next(times))
    for done in (50, 75):  # the first half was done before a kill
        write("fine-tune", done, 100, "loss 1.20, ranking 0.80, 310 tokens/s")

    assert training_of(sqlite_sessions, training_id).progress == {
        "stage": "fine-tune",
        "done": 75,
        "total": 100,
        "label": "loss 1.20, ranking 0.80, 310 tokens/s",
        "seconds_left": 10,
    }


def test_a_training_that_fails_says_so_under_a_short_id(sqlite_sessions, connection, settings, work):
    (settings.home / "releases").write_text("in the way")
    training_id = order_training(sqlite_sessions, connection)
    work("training")
    training = training_of(sqlite_sessions, training_id)

    assert training.state == "failed"
    assert training.error.startswith("Something went wrong here (error ")
    assert training.claimed_by is None


def test_a_training_that_broke_two_workers_is_given_up(sqlite_sessions, connection, work):
    training_id = order_training(sqlite_sessions, connection)
    with sqlite_sessions.begin() as session:
        store.training(session, training_id).attempts = MOST_TRAININGS
    work("training")
    training = training_of(sqlite_sessions, training_id)

    assert (training.state, training.error) == (
        "failed",
        "The worker broke down 2 times during this training.",
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_training_that_was_interrupted_begins_again(how, sqlite_sessions, connection, settings):
    training_id = order_training(sqlite_sessions, connection, location="/srv/slow")
    with Children(settings, module="tests.fakes_ranker") as children:
        children.spawn("training")
        wait_until(lambda: training_of(sqlite_sessions, training_id).state == "running")
        first = children.pid("training")
        os.kill(first, how)
        wait_until(lambda: children.pid("training") != first)
        (settings.home / "go").touch()
        wait_until(lambda: training_of(sqlite_sessions, training_id).state == "done")

    # A stop that was asked for does not count against the training, a breakdown does.
    assert training_of(sqlite_sessions, training_id).attempts == (2 if how == signal.SIGKILL else 1)
    assert active_id(sqlite_sessions) == "shop-1"


@pytest.fixture
def session(sqlite_sessions):
    with sqlite_sessions.begin() as session:
        yield session


def due(session, settings, now):
    return [reason for _, reason in due_trainings(session, settings, now)]


def test_a_training_is_due_a_week_after_the_last_one(session, settings):
    make_release(session, now=NOON)
    week = NOON + timedelta(days=7)

    assert due(session, settings, week - timedelta(seconds=1)) == []
    assert due(session, settings, week) == ["schedule"]
    assert due(session, replace(settings, retrain_days=0), week) == []


def test_a_failed_training_is_not_repeated_all_day(session, settings):
    release = make_release(session, now=NOON)
    week = NOON + timedelta(days=7)
    training, _ = store.add_training(session, repository_id=release.repository_id, requested_by="x", now=week)
    while_running = due(session, settings, week + timedelta(days=8))
    store.update_training(session, training.id, now=week, state="failed")

    assert while_running == []
    assert due(session, settings, week + timedelta(days=1)) == []
    assert due(session, settings, week + timedelta(days=7)) == ["schedule"]


def test_enough_new_feedback_makes_a_training_due_early(session, settings):
    make_release(session, now=NOON)
    settings = replace(settings, retrain_feedback=4)
    correction(session, "known to the release already", "shop.cart", now=NOON - timedelta(hours=1))
    correction(session, "first", "shop.cart", now=NOON + timedelta(hours=1))
    before = due(session, settings, NOON + timedelta(hours=2))
    correction(session, "second", "shop.cart", now=NOON + timedelta(hours=1))

    assert before == []
    assert due(session, settings, NOON + timedelta(hours=2)) == ["feedback"]
    assert due(session, replace(settings, retrain_feedback=0), NOON + timedelta(hours=2)) == []


def test_a_repository_never_trained_waits_for_a_person(session, settings):
    make_repository(session)

    assert due(session, settings, datetime.now(UTC)) == []
