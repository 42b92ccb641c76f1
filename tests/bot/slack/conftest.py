"""
The bot as it runs in production, between a Slack on loopback and real servers.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from redis import Redis

from bot.slack.serve import serve_slack
from tests.bot.slack.payloads import Sender
from tests.factories import make_release, make_repository
from tests.fakes import FakeSlack
from worker.database import Sessions
from worker.settings import Settings

Serve = Callable[..., contextlib.AbstractContextManager[Sender]]


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture
def slack_settings(settings: Settings, slack: FakeSlack) -> Settings:
    return replace(
        settings,
        slack_bot_token=slack.bot_token,
        slack_app_token=slack.app_token,
        slack_signing_secret=slack.signing_secret,
        slack_api_url=slack.api_url,
    )


@pytest.fixture
def shop(sqlite_sessions: Sessions) -> Sessions:
    """
    A database in which the repository `shop` has an active release.
    """
    with sqlite_sessions.begin() as session:
        make_repository(session)
        make_release(session, "release-1")
    return sqlite_sessions


@pytest.fixture
def serve(slack_settings: Settings) -> Serve:
    """
    Run `serve_slack` for the length of a `with` block.
    """

    @contextlib.contextmanager
    def run(
        sessions: Sessions,
        connection: Redis,
        *,
        http_port: int | None = 0,
        health_port: int | None = None,
        settings: Settings = slack_settings,
    ) -> Iterator[Sender]:
        stop, ready = threading.Event(), threading.Event()
        ports: list[int | None] = []
        failures: list[BaseException] = []

        def note(port: int | None) -> None:
            ports.append(port)
            ready.set()

        def body() -> None:
            try:
                serve_slack(
                    settings,
                    sessions=sessions,
                    connection=connection,
                    http_port=http_port,
                    health_port=health_port,
                    stop=stop,
                    on_ready=note,
                )
            except BaseException as error:
                failures.append(error)
                ready.set()

        thread = threading.Thread(target=body)
        thread.start()
        try:
            assert ready.wait(20)
            assert not failures, failures
            yield Sender(ports[0] or 0)
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()

    return run
