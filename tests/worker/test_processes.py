"""
Real worker processes, killed where it hurts.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import select

from tests.factories import make_question, make_release
from tests.worker.conftest import calls, new_question, release_folder
from tests.worker.processes import pids_of, processes_of, wait_until
from worker import store
from worker.ask import submit_question, wait_for_answer
from worker.database import make_engine, session_factory, upgrade
from worker.process import Children, set_by_signals
from worker.queues import WORKER_SILENCE_SECONDS
from worker.tables import Answer, Question

PARENT = """
import sys, time
from pathlib import Path
from worker.database import make_engine, session_factory, upgrade
from worker.process import Children
from worker.settings import Settings
from worker.valkey import open_redis
settings = Settings.from_environment({"SIGNPOST_HOME": sys.argv[1]})
with open_redis(settings), Children(settings, module="tests.fakes_ranker") as children:
    children.spawn("answers")
    children.spawn("training")
    time.sleep(300)
"""


@pytest.fixture
def children(settings):
    with Children(settings, module="tests.fakes_ranker") as children:
        yield children


def go(settings):
    (settings.home / "go").touch()


def answers_in(sessions):
    with sessions() as session:
        rows = session.execute(
            select(Question.text, Answer.error, Answer.id.is_not(None))
            .outerjoin(Answer, Answer.question_id == Question.id)
            .order_by(Question.created_at.desc())
        )
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("moment", ["slow rank", "slow reason"])
def test_a_question_whose_worker_is_killed_is_answered_exactly_once(
    moment, released, sqlite_sessions, connection, settings, children
):
    children.spawn("answers")
    question = submit_question(sqlite_sessions, connection, new_question(released, moment))
    step = "rank" if moment == "slow rank" else "explain"
    wait_until(lambda: f"{step} {moment}" in calls(settings))
    os.kill(children.pid("answers"), signal.SIGKILL)
    go(settings)
    answer = wait_for_answer(sqlite_sessions, question.id, timeout=WORKER_SILENCE_SECONDS, until="reasoned")

    assert answer is not None
    assert answer.reasoned_at is not None
    assert answer.error is None
    assert answers_in(sqlite_sessions) == [(moment, None, True)]
    assert calls(settings).count(f"rank {moment}") == (2 if step == "rank" else 1)
    assert calls(settings).count(f"explain {moment}") == (1 if step == "rank" else 2)


def test_a_question_that_kills_its_worker_is_given_up_and_others_are_answered(
    released, sqlite_sessions, connection, settings, children
):
    deadly = submit_question(sqlite_sessions, connection, new_question(released, "deadly"))
    harmless = submit_question(sqlite_sessions, connection, new_question(released, "harmless"))
    children.spawn("answers")
    given_up = wait_for_answer(sqlite_sessions, deadly.id, timeout=60, until="reasoned")
    answered = wait_for_answer(sqlite_sessions, harmless.id, timeout=60, until="reasoned")

    assert given_up is not None
    assert given_up.error.startswith("The worker broke down 3 times on this question")
    assert answered is not None
    assert answered.error is None
    assert calls(settings).count("rank deadly") == 3


def test_sigterm_lets_the_worker_finish_the_question_in_hand(released, sqlite_sessions, connection, settings, children):
    children.spawn("answers")
    asked = [
        submit_question(sqlite_sessions, connection, new_question(released, text))
        for text in ("slow reason", "for the next worker")
    ]
    wait_until(lambda: "explain slow reason" in calls(settings))
    os.kill(children.pid("answers"), signal.SIGTERM)
    go(settings)
    children.stop_all()
    finished, waiting = (wait_for_answer(sqlite_sessions, question.id, timeout=0) for question in asked)

    assert finished is not None
    assert finished.reasoned_at is not None
    assert waiting is None


def test_a_worker_that_does_not_stop_is_killed_and_its_question_waits(
    released, sqlite_sessions, connection, settings, children
):
    children.spawn("answers")
    question = submit_question(sqlite_sessions, connection, new_question(released, "slow rank"))
    wait_until(lambda: "rank slow rank" in calls(settings))
    children.stop_all(seconds=0.5)

    assert processes_of(settings.home) == []
    assert wait_for_answer(sqlite_sessions, question.id, timeout=0) is None


def test_a_long_question_stays_claimed_by_its_worker(released, sqlite_sessions, connection, settings, children):
    children.spawn("answers")
    question = submit_question(sqlite_sessions, connection, new_question(released, "slow rank"))
    wait_until(lambda: "rank slow rank" in calls(settings))
    with sqlite_sessions() as session:
        first = store.question(session, question.id).claimed_until

    def renewed():
        with sqlite_sessions() as session:
            return store.question(session, question.id).claimed_until > first

    wait_until(renewed)
    go(settings)
    assert wait_for_answer(sqlite_sessions, question.id, timeout=20, until="reasoned") is not None


@pytest.fixture
def parent(tmp_path):
    """
    A parent with both workers and an embedded server in `tmp_path`; killed by the test, or else afterwards.
    """
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)]) as parent:
        yield parent
        parent.kill()


def test_kill_9_of_the_parent_leaves_no_worker_and_no_server(parent, tmp_path):
    wait_until(lambda: len(pids_of(tmp_path, "--child")) == 2 and pids_of(tmp_path, "valkey-server unix"))
    parent.kill()

    wait_until(lambda: processes_of(tmp_path) == [])


def test_kill_9_of_the_parent_ends_even_a_worker_in_the_middle_of_a_question(tmp_path, request):
    url = f"sqlite:///{tmp_path}/signpost.db"
    upgrade(url)
    engine = make_engine(url)
    with session_factory(engine).begin() as session:
        make_release(session, "shop-0", folder=str(release_folder(tmp_path, "shop-0")))
        make_question(session, "slow rank")
    engine.dispose()
    parent = request.getfixturevalue("parent")
    wait_until((tmp_path / "calls").exists)
    parent.kill()

    wait_until(lambda: processes_of(tmp_path) == [])


def test_a_waiting_parent_is_woken_by_sigterm():
    program = (
        "import threading; from worker.process import wait_for_stop;"
        "threading.Timer(0.3, print, ['waiting'], {'flush': True}).start(); wait_for_stop(); print('done')"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as waiting:
        waiting.stdout.readline()
        while waiting.poll() is None:
            waiting.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        said = waiting.stdout.read()

    assert (said, waiting.returncode) == ("done\n", 0)


def test_a_worker_without_a_usable_setting_says_so_and_ends():
    ended = subprocess.run(
        [sys.executable, "-m", "worker", "answers"],
        env={**os.environ, "SIGNPOST_REDIS_URL": "nonsense"},
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 2
    assert ended.stderr.strip().endswith(
        "SIGNPOST_REDIS_URL must begin with redis:// or rediss:// or unix://, got 'nonsense'…"
    )


def test_a_signal_that_comes_while_its_event_is_locked_is_taken_later() -> None:
    """What `Event.wait` does on its way in and out: it holds the lock that `Event.set` needs."""
    lock = threading.Lock()

    class LockedEvent(threading.Event):
        def set(self) -> None:
            assert lock.acquire(timeout=2), "the handler waits for a lock that the interrupted code holds"
            super().set()
            lock.release()

    event = LockedEvent()
    with set_by_signals(event):
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not event.is_set()
        assert event.wait(2)
