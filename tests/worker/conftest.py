"""
What the tests of the worker share.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.factories import make_release, make_repository
from tests.fakes_ranker import FakeRanker, fake_train
from worker import store
from worker.database import Sessions
from worker.rankers import LoadRanker
from worker.resident import Kind, run_worker
from worker.settings import Settings
from worker.tables import Release

Work = Callable[..., None]


@pytest.fixture
def work(settings: Settings) -> Iterator[Work]:
    """
    Work off a queue in this process, with the fake ranker and trainer.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def work_off(kind: Kind = "answers", with_settings: Settings = settings, load: LoadRanker = FakeRanker) -> None:
        run_worker(kind, with_settings, load=load, train=fake_train, burst=True)

    yield work_off
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def released(settings: Settings, sqlite_sessions: Sessions) -> Release:
    """
    An active release of `shop` for the fake ranker, in the database of `settings`.
    """
    with sqlite_sessions.begin() as session:
        make_repository(session)
        return make_release(session, "shop-0", folder=str(release_folder(settings.home, "shop-0")))


def release_folder(home: Path, name: str) -> Path:
    """
    An empty release folder, enough for the fake ranker.
    """
    folder = home / "releases" / name
    folder.mkdir(parents=True)
    return folder


def calls(settings: Settings) -> list[str]:
    """
    What the fake ranker was asked to do in this home.
    """
    path = settings.home / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def new_question(released: Release, text: str = "where is VAT added?") -> store.NewQuestion:
    """
    A question about the released repository.
    """
    return store.NewQuestion(released.repository_id, text, "ana", "cli")
