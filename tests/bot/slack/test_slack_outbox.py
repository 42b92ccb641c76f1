"""
Every answer arrives, and every question keeps one message, however Slack or we ourselves fail.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from slack_sdk import WebClient

from bot.slack.answer_blocks import draw_placeholder
from bot.slack.client import make_client
from bot.slack.delivery import Delivery
from bot.slack.views import Library
from tests.bot.slack.payloads import wait_until
from tests.factories import MODULES, make_answer, make_question, make_ranking
from tests.fakes import Failure, FakeSlack
from worker import store
from worker.database import Sessions
from worker.settings import Settings
from worker.waiting import Outlook

Ask = Callable[..., str]


@pytest.fixture
def ask(slack: FakeSlack, shop: Sessions) -> Ask:
    """
    Store a question as the listener does; gives back its id.
    """

    def store_question(text: str = "where is VAT added?", channel: str = "C0ROADS") -> str:
        ts = slack.say(text, channel=channel)
        place = {"source": "slack", "team": slack.team, "channel": channel, "thread_ts": ts, "message_ts": ts}
        with shop.begin() as session:
            return make_question(session, text, now=datetime.now(UTC), **place).id

    return store_question


@contextlib.contextmanager
def delivering(settings: Settings, sessions: Sessions) -> Iterator[Delivery]:
    client = make_client(settings)
    delivery = Delivery(sessions=sessions, client_for=lambda _team: client, library=Library(settings), poll=0.05)
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.stop()


def finish(sessions: Sessions, question_id: str, text: str = "It adds VAT.") -> None:
    with sessions.begin() as session:
        make_answer(session, store.question(session, question_id), text=text)


def delivered(sessions: Sessions, question_id: str) -> Callable[[], bool]:
    def look() -> bool:
        with sessions() as session:
            answer = store.answer_of(session, question_id)
            return answer is not None and answer.delivered_at is not None

    return look


def test_what_was_answered_while_nobody_delivered_is_one_message(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    question_id = ask()
    finish(shop, question_id)
    with delivering(slack_settings, shop):
        assert wait_until(delivered(shop, question_id))

    assert len(slack.ours()) == 1
    assert "It adds VAT." in json.dumps(slack.ours()[0].blocks)


def test_a_placeholder_tells_how_the_queue_moves_and_what_did_not_change_is_not_said_again(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    ahead = [7]
    client = make_client(slack_settings)
    delivery = Delivery(
        sessions=shop,
        client_for=lambda _team: client,
        library=Library(slack_settings),
        waiting=lambda _: Outlook(ahead[0], 10.0 * ahead[0], 1),
        poll=0.05,
        news_seconds=0.1,
    )
    ask()
    delivery.start()
    try:
        assert wait_until(lambda: slack.ours() and "7 questions come first, about 70 s" in slack.ours()[0].text)
        time.sleep(0.5)
        assert slack.called("chat.update") == []
        ahead[0] = 1
        assert wait_until(lambda: "1 question comes first, about 10 s" in slack.ours()[0].text)
    finally:
        delivery.stop()

    assert len(slack.ours()) == 1


def test_nothing_unfurls(slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask) -> None:
    ask()
    with delivering(slack_settings, shop):
        assert wait_until(lambda: slack.ours())
        posted = slack.called("chat.postMessage")[0].arguments

    assert (posted["unfurl_links"], posted["unfurl_media"]) == (False, False)


def test_a_post_whose_reply_was_lost_is_not_repeated(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("chat.postMessage", Failure(drop=True))
    with delivering(slack_settings, shop):
        question_id = ask()
        finish(shop, question_id)
        assert wait_until(delivered(shop, question_id))

    assert len(slack.ours()) == 1
    assert len(slack.called("chat.postMessage")) == 1
    assert len(slack.called("conversations.replies")) == 1


def test_a_post_that_did_not_arrive_is_repeated(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("chat.postMessage", Failure(error="internal_error"))
    question_id = ask()
    finish(shop, question_id)
    with delivering(slack_settings, shop):
        assert wait_until(delivered(shop, question_id))

    assert len(slack.ours()) == 1
    assert len(slack.called("chat.postMessage")) == 2


def draw(question_id: str) -> dict[str, object]:
    message = draw_placeholder(question_id)
    return {"text": message.text, "blocks": list(message.blocks)}


def test_our_message_is_found_on_a_later_page_of_a_long_thread(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    question_id = ask()
    root = next(ts for (_, ts) in slack.messages)
    for number in range(450):
        slack.say(f"me too {number}", thread_ts=root)
    # As if the process had died before it could write down where its message stands.
    WebClient(slack.bot_token, slack.api_url).chat_postMessage(channel="C0ROADS", thread_ts=root, **draw(question_id))
    with delivering(slack_settings, shop):
        finish(shop, question_id)
        assert wait_until(delivered(shop, question_id))

    assert len(slack.ours()) == 1
    assert len(slack.called("conversations.replies")) == 3


def test_an_update_whose_reply_was_lost_is_repeated_on_the_same_message(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("chat.update", Failure(drop=True), times=2)
    question_id = ask()
    finish(shop, question_id)
    with delivering(slack_settings, shop):
        assert wait_until(delivered(shop, question_id))

    assert len(slack.ours()) == 1
    assert len(slack.called("chat.update")) == 3


def test_a_limit_in_one_channel_does_not_hold_up_another(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("chat.postMessage", Failure(retry_after=2, channel="C0BUSY"))
    busy, free = ask(channel="C0BUSY"), ask(channel="C0FREE")
    with delivering(slack_settings, shop):
        finish(shop, busy)
        finish(shop, free)
        assert wait_until(delivered(shop, free), seconds=1.5)
        assert slack.ours("C0BUSY") == []
        assert wait_until(delivered(shop, busy))

    refused, accepted = [call.at for call in slack.called("chat.postMessage") if call.arguments["channel"] == "C0BUSY"]
    assert accepted - refused >= 2


def test_a_limit_on_updates_is_kept_by_all_questions(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    asked = [ask(channel=f"C{number}") for number in range(3)]
    with delivering(slack_settings, shop):
        assert wait_until(lambda: all(slack.ours(f"C{number}") for number in range(3)))
        slack.fail("chat.update", Failure(retry_after=1), times=1)
        finish(shop, asked[0])
        assert wait_until(lambda: slack.called("chat.update"))
        for question_id in asked[1:]:
            finish(shop, question_id)
        assert all(wait_until(delivered(shop, question_id)) for question_id in asked)

    first, *others = [call.at for call in slack.called("chat.update")]
    assert len(others) == 3
    assert min(others) - first >= 1


def test_a_slow_call_does_not_hold_up_other_questions(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("chat.postMessage", Failure(seconds=3, channel="C0SLOW"))
    slow, quick = ask(channel="C0SLOW"), ask(channel="C0QUICK")
    with delivering(slack_settings, shop):
        finish(shop, slow)
        finish(shop, quick)
        assert wait_until(delivered(shop, quick), seconds=2)
        assert not delivered(shop, slow)()
        assert wait_until(delivered(shop, slow))

    assert len(slack.ours("C0SLOW")) == 1


@pytest.mark.parametrize("how", ["message deleted", "channel archived", "bot removed"])
def test_an_answer_that_has_no_place_any_more_is_closed(
    slack: FakeSlack,
    shop: Sessions,
    slack_settings: Settings,
    ask: Ask,
    caplog: pytest.LogCaptureFixture,
    how: str,
) -> None:
    question_id = ask()
    with delivering(slack_settings, shop):
        assert wait_until(lambda: slack.ours())
        if how == "message deleted":
            slack.delete("C0ROADS", slack.ours()[0].ts)
        elif how == "channel archived":
            slack.archived.add("C0ROADS")
        else:
            slack.fail("chat.update", Failure(error="not_in_channel"))
        finish(shop, question_id)
        assert wait_until(delivered(shop, question_id))
        time.sleep(0.3)

    assert len(slack.called("chat.update")) == 1
    assert f"question {question_id} is not delivered" in caplog.text


def test_a_message_that_slack_finds_too_long_is_shortened_and_keeps_its_votes(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    question_id = ask()
    slack.fail("chat.update", Failure(error="msg_blocks_too_long"))
    with delivering(slack_settings, shop):
        finish(shop, question_id, text="long-reasoning")
        assert wait_until(delivered(shop, question_id))

    shown = json.dumps(slack.ours()[0].blocks)
    assert "long-reasoning" not in shown
    assert MODULES[0].id in shown
    assert "feedback_buttons" in shown


def test_where_blocks_are_not_understood_the_text_remains(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    question_id = ask()
    slack.fail("chat.update", Failure(error="invalid_blocks"), times=2)
    with delivering(slack_settings, shop):
        finish(shop, question_id)
        assert wait_until(delivered(shop, question_id))

    assert slack.ours()[0].blocks == []
    assert MODULES[0].id in slack.ours()[0].text


def test_without_permission_for_reactions_the_answer_still_comes(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("reactions.add", Failure(error="missing_scope"))
    question_id = ask()
    finish(shop, question_id)
    with delivering(slack_settings, shop):
        assert wait_until(delivered(shop, question_id))

    assert len(slack.ours()) == 1


@pytest.mark.parametrize("failure", [Failure(seconds=3), Failure(drop=True), Failure(retry_after=30)])
def test_eyes_that_slack_is_slow_to_take_hold_up_no_placeholder(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask, failure: Failure
) -> None:
    slack.fail("reactions.add", failure)
    ask()
    with delivering(slack_settings, shop):
        assert wait_until(lambda: slack.ours(), seconds=1)

    assert len(slack.called("chat.postMessage")) == 1


def test_a_channel_that_may_not_be_written_to_yet_shows_eyes_meanwhile(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("chat.postMessage", Failure(retry_after=2))
    ask()
    with delivering(slack_settings, shop):
        assert wait_until(lambda: slack.reactions, seconds=1)
        assert slack.ours() == []
        assert wait_until(lambda: slack.ours(), seconds=5)

    assert len(slack.called("reactions.add")) == 1


def test_eyes_that_could_not_be_taken_away_go_later(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("reactions.remove", Failure(retry_after=1))
    question_id = ask()
    finish(shop, question_id)
    with delivering(slack_settings, shop):
        assert wait_until(delivered(shop, question_id))
        assert slack.reactions
        assert wait_until(lambda: not slack.reactions)

    assert len(slack.called("chat.update")) == 1


_SERVE = """
import sys
from bot.slack.serve import serve_slack
from worker.database import make_engine, session_factory
from worker.queues import connect
from worker.settings import Settings

settings = Settings.from_environment()
serve_slack(
    settings,
    sessions=session_factory(make_engine(settings.database_url)),
    connection=connect(settings.redis_url),
    http_port=0,
    on_ready=lambda port: print("ready", "torch" in sys.modules, flush=True),
)
"""


@contextlib.contextmanager
def process(settings: Settings) -> Iterator["subprocess.Popen[str]"]:
    """
    The bot in a process of its own, killed without warning at the end.
    """
    environment = {**os.environ, **settings.to_environment()}
    child = subprocess.Popen([sys.executable, "-c", _SERVE], env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "ready False\n"
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_bot_killed_between_ranking_and_delivery_delivers_once_after_its_restart(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    question_id = ask()
    with process(slack_settings):
        with shop.begin() as session:
            answer_id = make_ranking(session, store.question(session, question_id)).id
        assert wait_until(lambda: slack.ours() and MODULES[0].path in json.dumps(slack.ours()[0].blocks))
    with shop.begin() as session:
        store.save_reasoning(session, answer_id, text="It adds VAT.", evidence=[], reason_ms=1, now=datetime.now(UTC))
    with process(slack_settings):
        assert wait_until(delivered(shop, question_id))

    assert len(slack.ours()) == 1
    assert len(slack.called("chat.postMessage")) == 1
    assert "It adds VAT." in json.dumps(slack.ours()[0].blocks)


def test_a_bot_killed_while_slack_took_its_placeholder_posts_no_second_one(
    slack: FakeSlack, shop: Sessions, slack_settings: Settings, ask: Ask
) -> None:
    slack.fail("chat.postMessage", Failure(seconds=1.5))
    question_id = ask()
    with process(slack_settings) as child:
        assert wait_until(lambda: slack.called("reactions.add"))
        time.sleep(0.5)
        child.send_signal(signal.SIGKILL)
        assert wait_until(lambda: slack.ours())
    finish(shop, question_id)
    with process(slack_settings):
        assert wait_until(delivered(shop, question_id))

    assert len(slack.ours()) == 1


def test_a_bot_that_is_told_to_end_ends(slack: FakeSlack, shop: Sessions, slack_settings: Settings) -> None:
    with process(slack_settings) as child:
        child.send_signal(signal.SIGTERM)

        assert child.wait(timeout=15) == 0


def test_the_client_never_repeats_a_call_by_itself(slack_settings: Settings) -> None:
    client: WebClient = make_client(slack_settings)

    assert client.retry_handlers == []
