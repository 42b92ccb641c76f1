"""
Private answers: for the asker alone until they share them; and channels where every message asks.
"""

from datetime import UTC, datetime

import pytest
from redis import Redis
from sqlalchemy import select

from bot.slack.private import SHARE
from tests.bot.slack.blockkit import problems
from tests.bot.slack.conftest import Serve
from tests.bot.slack.payloads import Sender, mention, press, wait_until
from tests.factories import NOON, make_answer
from tests.fakes import Failure, FakeSlack
from worker.channels import change_channel
from worker.database import Sessions
from worker.tables import Answer, Question, Vote

ASKED = "where is VAT added?"
CHANNEL = "C0ROADS"


def set_channel(sessions: Sessions, **changes: object) -> None:
    with sessions.begin() as session:
        change_channel(session, team=FakeSlack.team, channel=CHANNEL, changed_by="U0ANA", now=NOON, **changes)


def ask(slack: FakeSlack, sessions: Sessions, sender: Sender) -> str:
    """
    Ana asks, and a worker answers; returns the answer's id.
    """
    sender.send_event(mention(ASKED, slack.say(ASKED)))
    with sessions.begin() as session:
        asked = session.scalars(select(Question)).one()
        return make_answer(session, asked, now=datetime.now(UTC)).id


def share(slack: FakeSlack, sender: Sender, answer_id: str, *, user: str) -> None:
    click = press(SHARE, answer_id, "1.5", user=user)
    click["container"]["is_ephemeral"] = True
    click["response_url"] = slack.response_url
    assert sender.send_click(click).status_code == 200


def test_the_asker_alone_sees_the_answer_and_can_share_it(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    set_channel(shop, private=True)
    with serve(shop, connection) as sender:
        answer_id = ask(slack, shop, sender)
        assert wait_until(lambda: slack.whispers)
        (whisper,) = slack.whispers
        assert not slack.ours(CHANNEL)
        share(slack, sender, answer_id, user="U0BEN")
        assert wait_until(lambda: slack.responses)
        assert not slack.ours(CHANNEL)
        share(slack, sender, answer_id, user="U0ANA")
        assert wait_until(lambda: [post for post in slack.ours(CHANNEL) if len(post.versions) > 1])

    assert (whisper["user"], whisper["channel"]) == ("U0ANA", CHANNEL)
    assert "shop/billing" in str(whisper["blocks"])
    assert problems(whisper["blocks"]) == []
    assert len(slack.whispers) == 1
    assert [response.get("replace_original") for response in slack.responses] == [False, True]
    (post,) = slack.ours(CHANNEL)
    assert "shop/billing" in str(post.blocks)
    assert SHARE not in str(post.blocks)


def test_a_private_answer_is_voted_on_by_its_asker_alone(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    set_channel(shop, private=True)
    with serve(shop, connection) as sender:
        answer_id = ask(slack, shop, sender)
        assert wait_until(lambda: slack.whispers)
        for user in ("U0BEN", "U0ANA"):
            vote = press("signpost_vote", f"up:{answer_id}", "1.5", user=user, type="feedback_buttons")
            vote["container"]["is_ephemeral"] = True
            sender.send_click(vote)

    with shop() as session:
        assert [vote.person for vote in session.scalars(select(Vote))] == ["U0ANA"]


def test_a_private_answer_waits_for_slack_like_every_other(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    set_channel(shop, private=True)
    slack.fail("chat.postEphemeral", Failure(retry_after=1))
    slack.fail("chat.postEphemeral", Failure(error="msg_blocks_too_long"))
    with serve(shop, connection) as sender:
        answer_id = ask(slack, shop, sender)
        assert wait_until(lambda: slack.whispers)
        assert wait_until(lambda: not slack.reactions)

    assert len(slack.called("chat.postEphemeral")) == 3
    with shop() as session:
        assert session.get_one(Answer, answer_id).delivered_at is not None


@pytest.mark.parametrize(
    ("rules", "thread_ts", "asks"),
    [({}, None, 0), ({"listens": "everything"}, None, 1), ({"listens": "everything"}, "1.1", 0)],
)
def test_an_unmentioned_message_asks_only_where_the_channel_wants_it(
    slack: FakeSlack,
    shop: Sessions,
    connection: Redis,
    serve: Serve,
    rules: dict[str, object],
    thread_ts: str | None,
    asks: int,
) -> None:
    set_channel(shop, **rules)
    ts = slack.say(ASKED)
    message = {
        "type": "message",
        "channel_type": "channel",
        "channel": CHANNEL,
        "user": "U0ANA",
        "text": ASKED,
        "ts": ts,
    }
    with serve(shop, connection) as sender:
        sender.send_event(message | ({"thread_ts": thread_ts} if thread_ts else {}))
        sender.send_event({**message, "user": "U0BOT", "bot_id": "B0BOT"})
        sender.send_event({**message, "type": "app_mention"}) if asks else None

    with shop() as session:
        assert len(session.scalars(select(Question)).all()) == asks


def test_votes_can_be_hidden(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    set_channel(shop, votes_hidden=True)
    with serve(shop, connection) as sender:
        ask(slack, shop, sender)
        assert wait_until(lambda: [post for post in slack.ours(CHANNEL) if "shop/billing" in str(post.blocks)])

    assert "feedback_buttons" not in str(slack.ours(CHANNEL)[0].blocks)
