"""
Socket Mode over a real WebSocket: events arrive, are acknowledged, and silence is noticed.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis
from sqlalchemy import func, select

from bot.slack.app import build_app
from bot.slack.client import SlackSetupError
from bot.slack.socket_mode import SocketLink
from tests.bot.slack.conftest import Serve
from tests.bot.slack.payloads import event, mention, wait_until
from tests.fakes import Failure, FakeSlack
from worker.database import Sessions
from worker.queues import connect
from worker.settings import Settings
from worker.tables import Question
from worker.valkey import start_valkey

ASKED = "where is VAT added?"


def questions(sessions: Sessions) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(Question)) or 0


@pytest.fixture
def link(slack: FakeSlack, shop: Sessions, connection: Redis, slack_settings: Settings) -> Iterator[SocketLink]:
    """
    A connection that is watched more impatiently than in production.
    """
    app = build_app(slack_settings, shop, connection)
    one = SocketLink(app, app_token=slack.app_token, ping_seconds=0.3)
    one.start()
    assert slack.wait_for_connection()
    yield one
    one.stop()
    app.listener_runner.listener_executor.shutdown()


def test_the_same_event_twice_is_one_question(slack: FakeSlack, shop: Sessions, link: SocketLink) -> None:
    payload = event(mention(ASKED, slack.say(ASKED)))

    assert slack.push(payload)
    assert slack.push(payload, attempt=1)
    assert questions(shop) == 1


def test_an_event_that_cannot_be_queued_is_not_acknowledged(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, tmp_path: Path
) -> None:
    url, stop = start_valkey(tmp_path / "valkey")
    connection = connect(url)
    app = build_app(slack_settings, shop, connection)
    link = SocketLink(app, app_token=slack.app_token)
    link.start()
    payload = event(mention(ASKED, slack.say(ASKED)))
    try:
        assert slack.wait_for_connection()
        stop()
        assert not slack.push(payload, seconds=1.5)
        _, stop = start_valkey(tmp_path / "valkey")
        assert slack.push(payload, attempt=1)
    finally:
        link.stop()
        connection.close()
        stop()
        app.listener_runner.listener_executor.shutdown()

    assert questions(shop) == 1


def test_a_connection_that_slack_closes_is_opened_again(slack: FakeSlack, shop: Sessions, link: SocketLink) -> None:
    slack.close_connections(1012)

    assert wait_until(lambda: len(slack.called("apps.connections.open")) == 2)
    assert slack.wait_for_connection()
    assert slack.push(event(mention(ASKED, slack.say(ASKED))))
    assert questions(shop) == 1


def test_a_connection_that_breaks_is_opened_again(slack: FakeSlack, shop: Sessions, link: SocketLink) -> None:
    slack.break_connections()

    assert wait_until(lambda: len(slack.called("apps.connections.open")) >= 2)
    assert wait_until(link.is_running)
    assert wait_until(lambda: slack.push(event(mention(ASKED, slack.say(ASKED))), seconds=0.5))


def test_a_connection_that_went_silent_is_noticed_and_opened_again(slack: FakeSlack, link: SocketLink) -> None:
    assert link.is_running()
    slack.deaf = True

    assert wait_until(lambda: len(slack.called("apps.connections.open")) >= 2, seconds=6)
    slack.deaf = False
    assert wait_until(link.is_running)


def test_a_connection_on_which_no_ping_was_ever_answered_is_opened_again(
    slack: FakeSlack, shop: Sessions, connection: Redis, slack_settings: Settings
) -> None:
    slack.deaf = True
    app = build_app(slack_settings, shop, connection)
    link = SocketLink(app, app_token=slack.app_token, ping_seconds=0.3)
    link.start()
    try:
        assert wait_until(lambda: len(slack.called("apps.connections.open")) >= 2, seconds=8)
    finally:
        link.stop()
        app.listener_runner.listener_executor.shutdown()


def test_a_slack_that_is_away_for_a_moment_is_found_again(slack: FakeSlack, link: SocketLink) -> None:
    slack.fail("apps.connections.open", Failure(error="internal_error"), times=2)
    slack.break_connections()

    assert wait_until(lambda: len(slack.called("apps.connections.open")) >= 4, seconds=15)
    assert wait_until(link.is_running)


def test_production_notices_silence_within_fifteen_seconds(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection, http_port=None, health_port=0) as sender:
        assert httpx.get(f"{sender.url}/healthz").json() == {"ok": True, "delivery": True, "events": True}
        slack.deaf = True
        went_silent = time.monotonic()

        assert wait_until(lambda: len(slack.called("apps.connections.open")) == 2, seconds=15)
        assert time.monotonic() - went_silent < 15
        slack.deaf = False
        assert wait_until(lambda: httpx.get(f"{sender.url}/healthz").status_code == 200)


def test_a_wrong_app_token_is_named(
    slack: FakeSlack, shop: Sessions, connection: Redis, slack_settings: Settings
) -> None:
    app = build_app(slack_settings, shop, connection)
    link = SocketLink(app, app_token="xapp-wrong")
    try:
        with pytest.raises(SlackSetupError, match=r"invalid_auth.*SIGNPOST_SLACK_APP_TOKEN"):
            link.start()
    finally:
        link.stop()
        app.listener_runner.listener_executor.shutdown()
