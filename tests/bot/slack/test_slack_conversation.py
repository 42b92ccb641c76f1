"""
One conversation from the mention to the vote, over HTTP and over Socket Mode.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from sqlalchemy import select

from tests.bot.slack.conftest import Serve
from tests.bot.slack.payloads import click, direct, event, mention, reaction, wait_until
from tests.factories import MODULES, make_ranking, make_release, make_repository
from tests.fakes import FakeSlack
from worker import store
from worker.database import Sessions
from worker.queues import answers_queue
from worker.settings import Settings
from worker.tables import Answer, Question, Vote

QUESTION = f"<@{FakeSlack.bot_user}> where is VAT &amp; tax added?"


def rank(sessions: Sessions) -> str:
    """The worker's first half: the ranking of the only question."""
    with sessions.begin() as session:
        question = session.scalars(select(Question)).one()
        return make_ranking(session, question).id


def reason(sessions: Sessions, answer_id: str, text: str = "It adds VAT.") -> None:
    """The worker's second half."""
    with sessions.begin() as session:
        store.save_reasoning(session, answer_id, text=text, evidence=[], reason_ms=9, now=datetime.now(UTC))


def stored(sessions: Sessions, table: type[Any]) -> list[Any]:
    with sessions() as session:
        return list(session.scalars(select(table)))


def one_answer(slack: FakeSlack, shown: str, channel: str = "C0ROADS") -> Callable[[], bool]:
    """Whether our only message in the channel contains *shown*."""
    return lambda: len(slack.ours(channel)) == 1 and shown in json.dumps(slack.ours(channel)[0].blocks)


def test_a_mention_becomes_one_message_that_grows_and_one_vote(
    slack: FakeSlack, sessions: Sessions, connection: Redis, serve: Serve
) -> None:
    with sessions.begin() as session:
        make_release(session, "release-1")
    with serve(sessions, connection) as sender:
        asked_at = slack.say(QUESTION)
        assert sender.send_event(mention(QUESTION, asked_at)).status_code == 200
        question = stored(sessions, Question)[0]
        assert (question.text, question.asker) == ("where is VAT & tax added?", "U0ANA")
        assert answers_queue(connection).job_ids == [f"answer-{question.id}"]

        assert wait_until(one_answer(slack, "Looking for the right modules"))
        assert slack.ours()[0].thread_ts == asked_at
        assert wait_until(lambda: ("C0ROADS", asked_at, "eyes") in slack.reactions)

        answer_id = rank(sessions)
        assert wait_until(one_answer(slack, MODULES[0].path))
        assert "Writing the reasoning" in json.dumps(slack.ours()[0].blocks)

        reason(sessions, answer_id)
        assert wait_until(one_answer(slack, "It adds VAT."))
        assert wait_until(lambda: not slack.reactions)
        assert wait_until(lambda: stored(sessions, Answer)[0].delivered_at is not None)

        ts = slack.ours()[0].ts
        for value in (f"up:{answer_id}", f"down:{answer_id}"):
            assert sender.send_click(click(value, ts)).status_code == 200
        assert [(vote.person, vote.value) for vote in stored(sessions, Vote)] == [("U0BEN", -1)]
        assert wait_until(lambda: slack.whispers and slack.views)

    assert [whisper["user"] for whisper in slack.whispers] == ["U0BEN"]
    assert len(slack.called("chat.postMessage")) == 1


def test_the_same_conversation_over_a_websocket(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection, http_port=None):
        assert slack.wait_for_connection()
        asked_at = slack.say(QUESTION)
        assert slack.push(event(mention(QUESTION, asked_at)))
        assert wait_until(one_answer(slack, "Looking for the right modules"))
        answer_id = rank(shop)
        reason(shop, answer_id)
        assert wait_until(one_answer(slack, "It adds VAT."))
        assert slack.push(click(f"up:{answer_id}", slack.ours()[0].ts), kind="interactive")

        assert [vote.value for vote in stored(shop, Vote)] == [1]


def test_a_direct_message_is_answered_in_its_thread(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        asked_at = slack.say("where is VAT added?", channel="D0ANA")
        assert sender.send_event(direct("where is VAT added?", asked_at)).status_code == 200
        reason(shop, rank(shop))

        assert wait_until(one_answer(slack, "It adds VAT.", channel="D0ANA"))
        assert slack.ours("D0ANA")[0].thread_ts == asked_at


def test_an_error_is_shown_to_the_asker(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(shop, connection) as sender:
        sender.send_event(mention(QUESTION, slack.say(QUESTION)))
        with shop.begin() as session:
            question = session.scalars(select(Question)).one()
            store.save_error(session, question.id, message="No release <yet>.", now=datetime.now(UTC))

        assert wait_until(one_answer(slack, "No release &lt;yet&gt;."))
        assert wait_until(lambda: stored(shop, Answer)[0].delivered_at is not None)


def test_reactions_are_votes_too(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(shop, connection) as sender:
        sender.send_event(mention(QUESTION, slack.say(QUESTION)))
        reason(shop, rank(shop))
        assert wait_until(one_answer(slack, "It adds VAT."))
        ts = slack.ours()[0].ts

        seen = []
        for kind, name in (
            ("reaction_added", "+1::skin-tone-3"),
            ("reaction_added", "-1"),
            ("reaction_added", "tada"),
            ("reaction_removed", "+1"),
            ("reaction_removed", "-1"),
        ):
            assert sender.send_event(reaction(kind, name, ts)).status_code == 200
            seen.append([vote.value for vote in stored(shop, Vote)])

    assert seen == [[1], [-1], [-1], [-1], []]


def test_only_members_of_the_workspace_vote_and_only_on_the_answer_they_see(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        sender.send_event(mention(QUESTION, slack.say(QUESTION)))
        answer_id = rank(shop)
        reason(shop, answer_id)
        assert wait_until(one_answer(slack, "It adds VAT."))
        ts = slack.ours()[0].ts
        strangers = (
            click(f"up:{answer_id}", ts, team="T0OTHER"),
            click(f"up:{answer_id}", ts, channel="C0OTHER"),
            click(f"up:{answer_id}", "1.000001"),
            click("up:" + "0" * 32, ts),
            click("nonsense", ts),
        )

        assert [sender.send_click(stranger).status_code for stranger in strangers] == [200] * 5
        assert stored(shop, Vote) == []


def test_a_mention_without_a_question_gets_help_in_private(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        assert sender.send_event(mention(f"<@{slack.bot_user}> ", slack.say("hi"))).status_code == 200

        assert wait_until(lambda: len(slack.whispers) == 1)
        assert "Describe a change" in slack.whispers[0]["text"]
        assert stored(shop, Question) == []


def test_without_a_repository_the_asker_is_told(
    slack: FakeSlack, sqlite_sessions: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(sqlite_sessions, connection) as sender:
        assert sender.send_event(mention(QUESTION, slack.say(QUESTION))).status_code == 200

        assert wait_until(lambda: len(slack.whispers) == 1)
        assert "don't know any repository" in slack.whispers[0]["text"]


def test_what_is_not_a_question_is_acknowledged_and_forgotten(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    others = (
        direct("edited", "1.1", subtype="message_changed"),
        direct("gone", "1.2", subtype="message_deleted"),
        direct("beep", "1.3", bot_id="B0OTHER"),
        direct("me", "1.4", user=slack.bot_user),
        {**direct("in a channel", "1.5"), "channel_type": "channel"},
        direct("joined", "1.6", subtype="channel_join"),
        {"type": "app_home_opened", "user": "U0ANA", "channel": "D0ANA", "tab": "messages"},
        {"type": "member_joined_channel", "user": "U0ANA", "channel": "C0ROADS"},
        {"type": "tokens_revoked", "tokens": {"bot": [slack.bot_user]}},
    )
    with serve(shop, connection) as sender:
        assert [sender.send_event(other).status_code for other in others] == [200] * len(others)
        shared = sender.send_event(mention(QUESTION, "1.7"), is_ext_shared_channel=True)
        assert shared.status_code == 200

        assert wait_until(lambda: len(slack.whispers) == 1)
        assert "shared with other organisations" in slack.whispers[0]["text"]
        assert stored(shop, Question) == []


def test_the_home_tab_explains_the_app(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(shop, connection) as sender:
        opened = {"type": "app_home_opened", "user": "U0ANA", "channel": "D0ANA", "tab": "home"}
        assert sender.send_event(opened).status_code == 200

        assert wait_until(lambda: "U0ANA" in slack.homes)


def test_the_repository_of_the_settings_is_the_one_that_is_asked(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, slack_settings: Settings
) -> None:
    with shop.begin() as session:
        maps = make_repository(session, name="maps").id
    with serve(shop, connection, settings=replace(slack_settings, default_repository="maps")) as sender:
        sender.send_event(mention(QUESTION, slack.say(QUESTION)))

        assert [question.repository_id for question in stored(shop, Question)] == [maps]
