"""
Starting: what is missing is said in one sentence, and secrets stay out of every log.
"""

import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from redis import Redis

from bot.slack.client import SlackSetupError
from bot.slack.serve import serve_slack
from tests.bot.slack.conftest import Serve
from tests.bot.slack.payloads import mention, wait_until
from tests.fakes import Failure, FakeSlack
from worker.database import Sessions
from worker.settings import Settings


@pytest.mark.parametrize(
    ("missing", "port", "named"),
    [
        ("slack_bot_token", None, "SIGNPOST_SLACK_BOT_TOKEN is not set"),
        ("slack_app_token", None, "SIGNPOST_SLACK_APP_TOKEN is not set"),
        ("slack_signing_secret", 0, "SIGNPOST_SLACK_SIGNING_SECRET is not set"),
    ],
)
def test_what_is_missing_is_named(
    shop: Sessions, connection: Redis, slack_settings: Settings, missing: str, port: int | None, named: str
) -> None:
    settings = replace(slack_settings, **{missing: None})  # type: ignore[arg-type]

    with pytest.raises(SlackSetupError, match=named):
        serve_slack(settings, sessions=shop, connection=connection, http_port=port)


def test_a_missing_signing_secret_is_named_though_slack_is_away(
    shop: Sessions, connection: Redis, slack_settings: Settings
) -> None:
    settings = replace(slack_settings, slack_signing_secret=None, slack_api_url="http://127.0.0.1:1/api/")

    with pytest.raises(SlackSetupError, match="SIGNPOST_SLACK_SIGNING_SECRET"):
        serve_slack(settings, sessions=shop, connection=connection, http_port=0)


def test_a_token_that_slack_refuses_is_named(shop: Sessions, connection: Redis, slack_settings: Settings) -> None:
    settings = replace(slack_settings, slack_bot_token="xoxb-wrong")

    with pytest.raises(SlackSetupError, match="refuses SIGNPOST_SLACK_BOT_TOKEN"):
        serve_slack(settings, sessions=shop, connection=connection)


def test_bolt_is_not_switched_to_another_mode_by_the_environment(
    shop: Sessions, connection: Redis, slack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "secret")

    with pytest.raises(SlackSetupError, match="unset both"):
        serve_slack(slack_settings, sessions=shop, connection=connection)


def test_a_second_process_of_the_same_home_is_refused(
    shop: Sessions, connection: Redis, serve: Serve, slack_settings: Settings
) -> None:
    with serve(shop, connection), pytest.raises(SlackSetupError, match="another `signpost slack`"):
        serve_slack(slack_settings, sessions=shop, connection=connection, http_port=0)


def test_a_slack_that_cannot_be_reached_is_waited_for(
    slack: FakeSlack,
    shop: Sessions,
    connection: Redis,
    slack_settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    slack.fail("auth.test", Failure(drop=True))
    stop, ready = threading.Event(), threading.Event()
    ports: list[int | None] = []
    known = {"sessions": shop, "connection": connection, "http_port": 0, "stop": stop}
    thread = threading.Thread(
        target=serve_slack,
        args=(slack_settings,),
        kwargs={**known, "on_ready": lambda port: (ports.append(port), ready.set())},
    )
    thread.start()
    try:
        assert ready.wait(15)
    finally:
        stop.set()
        thread.join(15)

    assert "Slack cannot be reached" in caplog.text


@pytest.mark.parametrize("http_port", [0, None])
def test_secrets_and_questions_stay_out_of_the_log(
    slack: FakeSlack,
    shop: Sessions,
    connection: Redis,
    serve: Serve,
    caplog: pytest.LogCaptureFixture,
    http_port: int | None,
) -> None:
    caplog.set_level("DEBUG")
    with serve(shop, connection, http_port=http_port, health_port=0) as sender:
        ts = slack.say("confidential-plan")
        if http_port == 0:
            sender.send_event(mention("confidential-plan", ts))
            sender.post(b'{"text": "confidential-plan"}', secret="guessed")
        else:
            assert slack.wait_for_connection()
            slack.push({"type": "event_callback", "team_id": slack.team, "event": mention("confidential-plan", ts)})
            slack.break_connections()
            assert slack.wait_for_connection(seconds=20)
        assert wait_until(lambda: slack.ours())

    for secret in (
        slack.bot_token,
        slack.app_token,
        slack.signing_secret,
        "secret-ticket",
        "confidential-plan",
    ):
        assert secret not in caplog.text


def test_the_bot_starts_without_torch() -> None:
    heavy = "('torch', 'transformers', 'training')"
    code = f"import sys, bot.slack.serve; print([name for name in {heavy} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout == "[]\n"
