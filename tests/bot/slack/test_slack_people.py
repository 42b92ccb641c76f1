"""
Asking a human: who is asked, what they can say, and that none of it is said twice.
"""

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from tests.bot.slack.conftest import Serve
from tests.bot.slack.conversing import asked_and_answered, shown, stored
from tests.bot.slack.payloads import choose, direct, press, typed, wait_until
from tests.bot.slack.test_slack_outbox import process
from tests.factories import make_release, make_repository
from tests.fakes import Failure, FakeSlack
from worker import store
from worker.catalogs import module_key
from worker.database import Sessions
from worker.settings import Settings
from worker.tables import Notice, Question, Vote

ASK = "signpost_ask_human"


@pytest.fixture
def owned(sqlite_sessions: Sessions, tmp_path: Path, slack: FakeSlack) -> Sessions:
    """
    The repository `shop` is a checkout whose billing Olga wrote; she is in Slack, a second author is not.
    """
    folder = tmp_path / "shop-checkout"
    (folder / "shop" / "billing").mkdir(parents=True)
    identity = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "GIT_COMMITTER_NAME": "x",
        "GIT_COMMITTER_EMAIL": "x@y.example",
    }
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    for name, mail in (("Nobody", "gone@acme.example"), ("Olga", "olga@acme.example")):
        (folder / "shop" / "billing" / "tax.py").write_text(f"# {name}\n")
        author = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail}
        subprocess.run(["git", "add", "."], cwd=folder, check=True)
        subprocess.run(["git", "commit", "-q", "-m", name], cwd=folder, check=True, env=identity | author)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    slack.people["olga@acme.example"] = "U0OLGA"
    with sqlite_sessions.begin() as session:
        make_release(session, "release-1", graph_commit=commit.stdout.strip())
        make_repository(session, location=str(folder))
    return sqlite_sessions


OLGA = FakeSlack.direct("U0OLGA")


def test_an_owner_is_asked_and_one_click_answers_the_thread_and_teaches(
    slack: FakeSlack, owned: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(owned, connection) as sender:
        question, answer, post = asked_and_answered(slack, owned, sender, sure=False)
        assert "Ask Olga" in json.dumps(post.blocks)
        assert sender.send_click(press(ASK, answer.id, post.ts)).status_code == 200
        assert wait_until(shown(slack, "would like to know where this belongs", channel=OLGA))
        assert wait_until(lambda: slack.whispers)
        assert sender.send_click(press(ASK, answer.id, post.ts)).status_code == 200
        (wanted,) = slack.ours(OLGA)
        assert "You are asked because you know " in json.dumps(wanted.blocks)
        second = wanted.blocks[-1]["elements"][1]
        click = press(second["action_id"], second["value"], wanted.ts, user="U0OLGA", channel=OLGA)
        assert sender.send_click(click).status_code == 200
        assert wait_until(shown(slack, "says that this belongs in"))
        assert wait_until(shown(slack, "said that it belongs in", channel=OLGA))
        assert sender.send_click(click).status_code == 200

    verdicts = [one for one in slack.ours() if "says that this belongs in" in json.dumps(one.blocks)]
    assert [one.thread_ts for one in verdicts] == [question.message_ts]
    assert '"user_id": "U0OLGA"' in json.dumps(verdicts[0].blocks)
    assert len(slack.ours(OLGA)) == 1
    (vote,) = stored(owned, Vote)
    assert (vote.person, vote.module, vote.value) == ("U0OLGA", "shop.cart", -1)
    assert (vote.trust, vote.reviewed) == ("high", "confirmed")
    with owned() as session:
        labels = store.confirmed_feedback(session, question.repository_id)
    assert [(row.text, row.module) for row in labels] == [(question.text, "shop.cart")]
    told = [whisper["blocks"][0]["text"]["text"] for whisper in slack.whispers[:2]]
    assert told == [
        "I asked <@U0OLGA> and will post what they say in this thread.",
        "I asked <@U0OLGA> before; what they say will be posted in this thread.",
    ]
    where = f"https://roads.slack.example/archives/C0ROADS/p{str(question.message_ts).replace('.', '')}"
    assert f"<{where}|Open the conversation>" in json.dumps(slack.ours(OLGA)[0].blocks)


def test_an_owner_can_name_any_module(slack: FakeSlack, owned: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(owned, connection) as sender:
        _, answer, post = asked_and_answered(slack, owned, sender)
        sender.send_click(press(ASK, answer.id, post.ts))
        assert wait_until(lambda: slack.ours(OLGA))
        assert wait_until(lambda: any(one.ts for one in stored(owned, Notice) if one.kind == "help"))
        (wanted,) = slack.ours(OLGA)
        block = wanted.blocks[-1]["block_id"]
        place = {"container": {"type": "message", "message_ts": wanted.ts, "channel_id": OLGA}, "block_id": block}
        offered = sender.send_click(typed("mail", "signpost_other_module", **place)).json()["options"]
        choice = choose("signpost_other_module", block, offered[0]["value"], wanted.ts, user="U0OLGA", channel=OLGA)
        assert sender.send_click(choice).status_code == 200

    assert [option["text"]["text"] for option in offered] == ["shop.mail"]
    assert [vote.module for vote in stored(owned, Vote)] == ["shop.mail"]


def test_what_an_owner_writes_below_goes_to_who_asked_and_is_no_question(
    slack: FakeSlack, owned: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(owned, connection) as sender:
        question, answer, post = asked_and_answered(slack, owned, sender)
        sender.send_click(press(ASK, answer.id, post.ts))
        assert wait_until(lambda: any(one.ts for one in stored(owned, Notice) if one.kind == "help"))
        (wanted,) = slack.ours(OLGA)
        text = "look at <!channel> tax.py first"
        ts = slack.say(text, channel=OLGA, user="U0OLGA", thread_ts=wanted.ts)
        for _ in range(2):
            sender.send_event(direct(text, ts, channel=OLGA, user="U0OLGA", thread_ts=wanted.ts))
        assert wait_until(shown(slack, "look at tax.py first"))
        assert wait_until(lambda: any("I passed that on" in one["text"] for one in slack.whispers))

    said = [one for one in slack.ours() if "look at tax.py first" in json.dumps(one.blocks)]
    assert [one.thread_ts for one in said] == [question.message_ts]
    assert '"user_id": "U0OLGA"' in json.dumps(said[0].blocks)
    assert len(stored(owned, Question)) == 1
    assert stored(owned, Vote) == []


def test_only_who_was_asked_can_answer(slack: FakeSlack, owned: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(owned, connection) as sender:
        _, answer, post = asked_and_answered(slack, owned, sender)
        sender.send_click(press(ASK, answer.id, post.ts))
        assert wait_until(lambda: any(one.ts for one in stored(owned, Notice) if one.kind == "help"))
        (wanted,) = slack.ours(OLGA)
        value = wanted.blocks[-1]["elements"][0]["value"]
        notice_id = value.partition(":")[0]
        for stranger in (
            press("signpost_this_one:1", value, post.ts),
            press("signpost_this_one:1", value, wanted.ts),
            press("signpost_this_one:1", value, wanted.ts, channel=OLGA, team="T0OTHER"),
            press("signpost_this_one:1", f"{'0' * 32}:{'0' * 16}", wanted.ts, channel=OLGA),
            press("signpost_this_one:1", f"{notice_id}:{'0' * 16}", wanted.ts, channel=OLGA),
        ):
            assert sender.send_click(stranger).status_code == 200
        typing = typed("", "signpost_other_module", block_id=f"signpost_other_module:{notice_id}")
        assert sender.send_click(typing).json() == {"options": []}

    assert stored(owned, Vote) == []


def test_where_no_owner_is_in_slack_the_helpers_of_the_settings_are_asked(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, slack_settings: Settings
) -> None:
    slack.groups["S0LEADS"] = ["U0LEA", "U0BEN"]
    helpers = ("C0HELP", "S0LEADS", "T0OTHER:U0FAR")
    with serve(shop, connection, settings=replace(slack_settings, slack_helpers=helpers)) as sender:
        _, answer, post = asked_and_answered(slack, shop, sender)
        sender.send_click(press(ASK, answer.id, post.ts))  # by U0BEN, who does not ask himself
        assert wait_until(shown(slack, "Whoever knows", channel="C0HELP"))
        assert wait_until(shown(slack, "Whoever knows", channel=slack.direct("U0LEA")))

    assert sorted(one.recipient for one in stored(shop, Notice) if one.kind == "help") == ["C0HELP", "U0LEA"]


def test_no_owner_is_asked_about_what_is_not_about_the_code(
    slack: FakeSlack, owned: Sessions, connection: Redis, serve: Serve, slack_settings: Settings
) -> None:
    with serve(owned, connection, settings=replace(slack_settings, slack_helpers=("C0HELP",))) as sender:
        _, answer, post = asked_and_answered(slack, owned, sender, sure=False, off_topic=True)
        sender.send_click(press(ASK, answer.id, post.ts))
        assert wait_until(shown(slack, "Whoever knows", channel="C0HELP"))

    assert slack.ours(OLGA) == []
    assert wait_until(lambda: any("<#C0HELP>" in str(one["blocks"]) for one in slack.whispers))


def test_when_there_is_nobody_to_ask_the_asker_is_told(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        _, answer, post = asked_and_answered(slack, shop, sender)
        sender.send_click(press(ASK, answer.id, post.ts))
        assert wait_until(lambda: any("could not find anybody" in one["text"] for one in slack.whispers))

    assert [one.kind for one in stored(shop, Notice)] == ["ask"]


def test_what_an_owner_says_reaches_the_asker_though_the_channel_was_archived(
    slack: FakeSlack, owned: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(owned, connection) as sender:
        _, answer, post = asked_and_answered(slack, owned, sender)
        sender.send_click(press(ASK, answer.id, post.ts))
        assert wait_until(lambda: any(one.ts for one in stored(owned, Notice) if one.kind == "help"))
        (wanted,) = slack.ours(OLGA)
        slack.archived.add("C0ROADS")
        value = wanted.blocks[-1]["elements"][0]["value"]
        sender.send_click(press("signpost_this_one:1", value, wanted.ts, user="U0OLGA", channel=OLGA))
        assert wait_until(shown(slack, "says that this belongs in", channel=slack.direct("U0BEN")))

    assert [vote.value for vote in stored(owned, Vote)] == [1]


def test_a_bot_killed_while_it_asked_asks_nobody_twice(
    slack: FakeSlack, owned: Sessions, connection: Redis, serve: Serve, slack_settings: Settings
) -> None:
    with serve(owned, connection) as sender:
        _, answer, _ = asked_and_answered(slack, owned, sender)
    with owned.begin() as session:
        question = store.question(session, answer.question_id)
        store.add_notice(
            session,
            kind="ask",
            key=f"ask:{question.id}",
            team=slack.team,
            recipient="U0BEN",
            channel=question.channel,
            thread_ts=question.thread_ts,
            question_id=question.id,
            payload={"asker": "U0BEN"},
            now=question.created_at,
        )
    slack.fail("chat.postMessage", Failure(seconds=1.5))
    with process(slack_settings) as child:
        assert wait_until(lambda: slack.called("conversations.open"))
        time.sleep(0.7)  # by now the post is under way, which takes 1.5 s
        child.kill()
        assert wait_until(lambda: slack.ours(OLGA))
    with process(slack_settings):
        assert wait_until(lambda: all(one.shown == one.revision for one in stored(owned, Notice)))

    assert len(slack.ours(OLGA)) == 1
    assert len(slack.called("chat.postMessage")) == 2  # the answer, and the question to Olga


def test_why_opens_the_reasoning(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(shop, connection) as sender:
        _, answer, post = asked_and_answered(slack, shop, sender)
        sender.send_click(press("signpost_why", answer.id, post.ts))
        assert wait_until(lambda: slack.views)

    (view,) = slack.views.values()
    assert view["title"]["text"] == "Why this answer"
    assert "It adds VAT." in json.dumps(view)


def test_a_key_names_one_module_only() -> None:
    assert len({module_key(f"m{number}") for number in range(5_000)}) == 5_000
