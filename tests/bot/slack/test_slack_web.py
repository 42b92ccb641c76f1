"""
What comes in over HTTP: once, from Slack alone, and never acknowledged before it is safe.
"""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from redis import Redis
from sqlalchemy import func, select

from bot.slack.client import SlackSetupError
from bot.slack.web import WebServer, build_web
from tests.bot.slack.conftest import Serve
from tests.bot.slack.payloads import Sender, event, mention, wait_until
from tests.fakes import FakeSlack
from worker.database import Sessions
from worker.queues import answers_queue, connect
from worker.tables import Question
from worker.valkey import start_valkey

ASKED = "where is VAT added?"


def questions(sessions: Sessions) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(Question)) or 0


def test_a_repeated_delivery_is_one_question(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    ts = slack.say(ASKED)
    with serve(shop, connection) as sender:
        deliveries = (
            sender.send_event(mention(ASKED, ts), event_id="Ev1"),
            sender.send_event(mention(ASKED, ts), event_id="Ev1"),
            sender.send_event(mention(ASKED, ts), event_id="Ev2"),
            sender.send_event({**mention(ASKED, ts), "type": "message", "channel_type": "im"}, event_id="Ev3"),
        )
        time.sleep(1)

    assert [delivery.status_code for delivery in deliveries] == [200] * 4
    assert questions(shop) == 1
    assert len(slack.called("chat.postMessage")) == 1
    assert len(answers_queue(connection).job_ids) == 1


def test_deliveries_at_the_same_moment_are_one_question(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    ts = slack.say(ASKED)
    with serve(shop, connection) as sender, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sender.send_event(mention(ASKED, ts)).status_code, range(16)))
        assert wait_until(lambda: slack.ours())
        time.sleep(0.5)

    assert answers == [200] * 16
    assert questions(shop) == 1
    assert len(slack.called("chat.postMessage")) == 1


def test_what_cannot_be_queued_is_not_acknowledged_and_works_when_it_comes_again(
    slack: FakeSlack, shop: Sessions, serve: Serve, tmp_path: Path
) -> None:
    url, stop = start_valkey(tmp_path / "valkey")
    connection = connect(url)
    ts = slack.say(ASKED)
    with serve(shop, connection) as sender:
        stop()
        refused = sender.send_event(mention(ASKED, ts), event_id="Ev1")
        again_url, stop = start_valkey(tmp_path / "valkey")
        accepted = sender.send_event(mention(ASKED, ts), event_id="Ev1", x_slack_retry_num="1")
        waiting = answers_queue(connection).job_ids
    connection.close()
    stop()

    assert again_url == url
    assert (refused.status_code, accepted.status_code) == (500, 200)
    assert questions(shop) == 1
    assert len(waiting) == 1


def test_what_cannot_be_stored_is_not_acknowledged(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        with shop.begin() as session:
            session.connection().exec_driver_sql("ALTER TABLE questions RENAME TO away")
        refused = sender.send_event(mention(ASKED, slack.say(ASKED)))
        with shop.begin() as session:
            session.connection().exec_driver_sql("ALTER TABLE away RENAME TO questions")

    assert refused.status_code == 500
    assert questions(shop) == 0


def test_requests_that_slack_did_not_sign_are_refused_before_any_work(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    body = json.dumps(event(mention("forged-words", "1.1"))).encode()
    kind = "application/json"
    with serve(shop, connection) as sender:
        answers = {
            "wrong secret": sender.post(body, content_type=kind, secret="guessed"),
            "old": sender.post(body, content_type=kind, at=time.time() - 301),
            "from the future": sender.post(body, content_type=kind, at=time.time() + 302),
            "no number": sender.post(body, content_type=kind, x_slack_request_timestamp="soon"),
            "odd digits": sender.post(body, content_type=kind, x_slack_request_timestamp="٣٤٥"),
            "empty": sender.post(body, content_type=kind, x_slack_request_timestamp=""),
            "odd signature": sender.post(body, content_type=kind, x_slack_signature="v0=é"),
            "not json": sender.post(b"{", content_type=kind, secret="guessed"),
        }
        too_large = sender.post(b"x" * (1024 * 1024 + 1))
        elsewhere = [sender.post(body, path=path).status_code for path in ("/", "/slack/install", "/slack/events/x")]
        read = httpx.get(f"{sender.url}/slack/events")

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert too_large.status_code == 413
    assert elsewhere == [404] * 3
    assert read.status_code == 405
    assert questions(shop) == 0
    assert "forged-words" not in caplog.text


def test_a_body_without_end_is_cut_off(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(shop, connection) as sender:

        def endless() -> object:
            for _ in range(64):
                yield b"x" * 65_536

        answer = httpx.post(f"{sender.url}/slack/events", content=endless(), timeout=20)  # type: ignore[arg-type]

    assert answer.status_code == 413


def test_signed_bodies_that_mean_nothing_do_no_harm(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    bodies = (b"", b"{", b"[]", b"null", b"payload=%7B", b"\xff\xfe", b'{"type": "event_callback"}')
    with serve(shop, connection) as sender:
        answers = [sender.post(body, content_type="application/json").status_code for body in bodies]
        healthy = httpx.get(f"{sender.url}/healthz")

    assert all(400 <= status < 600 for status in answers)
    assert healthy.status_code == 200
    assert healthy.json() == {"ok": True, "delivery": True}


def test_slack_verifies_the_address(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    challenge = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()
    with serve(shop, connection) as sender:
        answer = sender.post(challenge, content_type="application/json")

    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1aB"})


@pytest.mark.parametrize("secret", ["", "  "])
def test_http_without_a_signing_secret_does_not_start(secret: str) -> None:
    from slack_bolt import App
    from slack_sdk import WebClient

    app = App(client=WebClient("xoxb-x"), signing_secret=secret, token_verification_enabled=False)

    with pytest.raises(SlackSetupError, match="SIGNPOST_SLACK_SIGNING_SECRET"):
        build_web(dict, app=app, signing_secret=secret)


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(SlackSetupError, match=f"127.0.0.1:{port}"):
            WebServer(build_web(dict), host="127.0.0.1", port=port)


def test_health_says_which_part_is_down() -> None:
    server = WebServer(build_web(lambda: {"events": False, "delivery": True}), host="127.0.0.1", port=0)
    server.start()
    try:
        answer = httpx.get(f"{Sender(server.port).url}/healthz", timeout=10)
    finally:
        server.stop()

    assert (answer.status_code, answer.json()) == (503, {"ok": False, "events": False, "delivery": True})
