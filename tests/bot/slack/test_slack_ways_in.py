"""
Every way of asking is the same question: one engine, one rule against repeats, one message.
"""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from bot.slack.context import SlackContext
from bot.slack.questions import Asked, submit
from bot.slack.roles import Roles
from bot.slack.views import Library
from bot.slack.workspaces import OneWorkspace
from tests.bot.slack.conftest import Serve
from tests.bot.slack.conversing import REASONING, TOP, answer_everything, asked_and_answered, shown, stored
from tests.bot.slack.payloads import direct, mention, shortcut, wait_until
from tests.factories import make_ranking
from tests.fakes import Failure, FakeSlack
from worker import store
from worker.database import Sessions
from worker.queues import answers_queue
from worker.settings import Settings
from worker.tables import Answer, Question

TOLLS = "where do I change how avoid-tolls routing is computed?"


def test_a_command_is_answered_in_its_channel_with_the_question_above(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        reply = sender.send_command("/where", "is VAT added &amp; <@U0BEN|ben> rounded?")
        assert (reply.status_code, reply.text) == (200, "")
        assert wait_until(shown(slack, "Looking for"))
        answer_everything(shop)
        assert wait_until(shown(slack, REASONING))

    (question,), (post,) = stored(shop, Question), slack.ours()
    assert (question.text, question.surface, question.asker) == ("is VAT added & rounded?", "command", "U0ANA")
    assert post.thread_ts is None
    assert '"user_id": "U0ANA"' in json.dumps(post.blocks[0])
    assert "is VAT added & rounded?" in json.dumps(post.blocks[1])
    assert slack.called("reactions.add") == []


def test_a_command_that_could_not_be_stored_says_so(
    slack: FakeSlack, shop: Sessions, serve: Serve, connection: Redis
) -> None:
    with serve(shop, connection) as sender:
        with shop.begin() as session:
            session.connection().exec_driver_sql("ALTER TABLE questions RENAME TO gone")
        reply = sender.send_command("/where", "is VAT added?")

    assert reply.status_code == 200
    assert "could not be stored" in reply.json()["text"]


def test_a_command_that_is_stored_while_the_queue_is_away_is_not_asked_for_again(
    slack: FakeSlack, shop: Sessions, serve: Serve, tmp_path: Path
) -> None:
    away = Redis(unix_socket_path=str(tmp_path / "nobody.sock"))
    message = {"user": "U0CLEO", "ts": slack.say("where is VAT rounded?"), "text": "where is VAT rounded?"}
    with serve(shop, away) as sender:
        reply = sender.send_command("/where", "is VAT added?")
        assert (reply.status_code, reply.text) == (200, "")
        assert sender.send_click(shortcut(message)).status_code == 200
        assert wait_until(lambda: len(slack.ours()) == 2)

    assert {one.surface for one in stored(shop, Question)} == {"command", "shortcut"}
    assert "could not be stored" not in json.dumps(slack.whispers, default=str)


def test_a_command_where_we_are_not_is_answered_in_private(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    slack.strange.add("C0SECRET")
    with serve(shop, connection) as sender:
        assert sender.send_command("/where", "is VAT added?", channel="C0SECRET").status_code == 200
        answer_everything(shop)
        assert wait_until(shown(slack, REASONING, channel=slack.direct("U0ANA")))

    (post,) = slack.ours(slack.direct("U0ANA"))
    assert "I cannot write where you asked" in json.dumps(post.blocks[0])
    assert slack.ours("C0SECRET") == []


def test_the_shortcut_asks_for_somebody_elses_words_in_their_thread(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        ts = slack.say("VAT is added <https://tax.example|twice>", user="U0CLEO")
        message = {"user": "U0CLEO", "ts": ts, "text": "VAT is added <https://tax.example|twice>"}
        assert sender.send_click(shortcut(message)).status_code == 200
        assert wait_until(lambda: slack.whispers)
        answer_everything(shop)
        assert wait_until(shown(slack, REASONING))
        assert sender.send_click(shortcut(message, user="U0ANA")).status_code == 200

    (question,), (post,) = stored(shop, Question), slack.ours()
    assert (question.text, question.asker, question.surface) == ("VAT is added twice", "U0BEN", "shortcut")
    assert post.thread_ts == ts
    assert slack.whispers[0]["user"] == "U0BEN"


def test_the_shortcut_on_a_message_without_words_says_so(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        ts = slack.say("")
        sender.send_click(shortcut({"user": "U0CLEO", "ts": ts, "text": "<@U0ANA>"}))
        assert wait_until(lambda: slack.whispers)

    assert "no words" in slack.whispers[0]["text"]
    assert stored(shop, Question) == []


def test_a_mention_and_a_shortcut_on_the_same_message_are_one_question(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        ts = slack.say(TOLLS)
        sender.send_event(mention(TOLLS, ts))
        sender.send_click(shortcut({"user": "U0ANA", "ts": ts, "text": TOLLS}))
        answer_everything(shop)
        assert wait_until(shown(slack, REASONING))

    assert len(stored(shop, Question)) == len(slack.ours()) == 1


def test_a_follow_up_is_asked_together_with_what_it_builds_on(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        question, _, first = asked_and_answered(slack, shop, sender, TOLLS)
        for text in ("and the tests?", "no, the iOS one"):
            ts = slack.say(text, thread_ts=question.message_ts)
            sender.send_event(mention(f"<@{slack.bot_user}> {text}", ts, thread_ts=question.message_ts))
        answer_everything(shop)
        assert wait_until(lambda: sum(REASONING in json.dumps(post.blocks) for post in slack.ours()) == 3)

    last = stored(shop, Question)[-1]
    assert (last.text, last.said) == (f"{TOLLS}\nand the tests?\nno, the iOS one", "no, the iOS one")
    assert {post.thread_ts for post in slack.ours()} == {question.message_ts}
    assert first in slack.ours()


def test_a_follow_up_below_an_answer_that_stands_alone(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        sender.send_command("/where", TOLLS)
        assert wait_until(shown(slack, "Looking for"))
        root = slack.ours()[0].ts
        ts = slack.say("and the tests?", thread_ts=root)
        sender.send_event(mention("and the tests?", ts, thread_ts=root))

    assert stored(shop, Question)[-1].text == f"{TOLLS}\nand the tests?"


def test_a_mention_below_somebodys_message_takes_that_message_along(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        root = slack.say("the receipt shows &lt;VAT&gt; twice", user="U0CLEO")
        ts = slack.say("where is this?", thread_ts=root)
        sender.send_event(mention(f"<@{slack.bot_user}> where is this?", ts, thread_ts=root))
        slack.fail("conversations.replies", Failure(error="internal_error"))
        other = slack.say("and where is this?", thread_ts=slack.say("something else"))
        sender.send_event(mention("and where is this?", other, thread_ts="1.0"))

    assert [one.text for one in stored(shop, Question)] == [
        "the receipt shows <VAT> twice\nwhere is this?",
        "and where is this?",
    ]


def test_in_a_direct_message_a_follow_up_need_not_be_in_the_thread(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    said = [TOLLS, "and the tests?", "toll parser", "where is it read?"]
    times = []
    with serve(shop, connection) as sender:
        for text in said:
            times.append(slack.say(text, channel="D0ANA"))
            sender.send_event(direct(text, times[-1]))
        ben = slack.say("and the tests?", channel="D0BEN", user="U0BEN")
        sender.send_event(direct("and the tests?", ben, channel="D0BEN", user="U0BEN"))
        edited = {"text": "and the docs?", "user": "U0ANA", "ts": times[1]}
        sender.send_event(direct("", "9.9", subtype="message_changed", message=edited))

    texts = [one.text for one in sorted(stored(shop, Question), key=lambda one: one.created_at)]
    assert texts == [
        TOLLS,
        f"{TOLLS}\nand the docs?",
        "toll parser",
        f"{TOLLS}\nand the tests?\ntoll parser\nwhere is it read?",
        "and the tests?",
    ]


def test_who_asks_long_after_asks_anew(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(shop, connection) as sender:
        sender.send_event(direct(TOLLS, slack.say(TOLLS, channel="D0ANA")))
        with shop.begin() as session:
            (first,) = session.scalars(select(Question))
            first.created_at -= timedelta(minutes=31)
        sender.send_event(direct("and the tests?", slack.say("and the tests?", channel="D0ANA")))

    assert {one.text for one in stored(shop, Question)} == {TOLLS, "and the tests?"}


def test_thanks_and_greetings_are_no_questions(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        root = slack.say(TOLLS)
        sender.send_event(mention(TOLLS, root))
        ts = slack.say("thanks", thread_ts=root)
        sender.send_event(mention(f"<@{slack.bot_user}> thanks, that helped! :tada:", ts, thread_ts=root))
        sender.send_event(direct("hello", slack.say("hello", channel="D0ANA")))
        assert "Describe a change" in sender.send_command("/where", "hi there").json()["text"]
        assert "描述要做的改动" in sender.send_command("/where", "你好").json()["text"]
        assert wait_until(lambda: len(slack.whispers) == 2)

    assert [one.text for one in stored(shop, Question)] == [TOLLS]
    assert {(one["channel"], one.get("thread_ts")) for one in slack.whispers} == {("C0ROADS", root), ("D0ANA", None)}
    assert sorted(one["text"].split(".")[0] for one in slack.whispers) == [
        "Describe a change in a sentence or two, and I name the modules where it belongs",
        "You're welcome",
    ]


def test_a_whole_question_in_a_thread_is_asked_alone(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        root = slack.say(TOLLS)
        sender.send_event(mention(TOLLS, root))
        ts = slack.say("x", thread_ts=root)
        sender.send_event(mention("where do we add VAT to an order?", ts, thread_ts=root))

    last = stored(shop, Question)[-1]
    assert (last.text, last.said) == ("where do we add VAT to an order?", None)


def test_any_surface_may_submit_and_a_person_is_answered_in_their_direct_messages(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, slack_settings: Settings
) -> None:
    workspaces = OneWorkspace(slack_settings)
    context = SlackContext(
        slack_settings,
        shop,
        connection,
        workspaces,
        Roles(slack_settings, workspaces.client_for),
        Library(slack_settings),
        lambda: None,
    )
    asked = Asked(slack.team, "U0ANA", "U0ANA", "where is VAT added to an order?", "home", event_id="home:1")
    with serve(shop, connection):
        assert submit(context, asked) is None
        assert submit(context, asked) is None
        answer_everything(shop)
        assert wait_until(shown(slack, REASONING, channel=slack.direct("U0ANA")))

    (question,) = stored(shop, Question)
    assert (question.channel, question.surface) == (slack.direct("U0ANA"), "home")
    assert len(slack.ours(slack.direct("U0ANA"))) == 1


def test_a_question_is_answered_in_its_own_language(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        text = "在哪里修改避开收费道路的路线计算？"
        sender.send_event(mention(text, slack.say(text)))
        assert wait_until(shown(slack, "正在查找相关模块"))
        answer_everything(shop)
        assert wait_until(shown(slack, "应该在这里修改"))

    assert stored(shop, Question)[0].language == "zh"


def test_the_status_line_comes_and_goes(slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve) -> None:
    with serve(shop, connection) as sender:
        ts = slack.say(TOLLS)
        sender.send_event(mention(TOLLS, ts))
        assert wait_until(lambda: slack.statuses.get(ts, "").startswith("is looking"))
        answer_everything(shop)

        assert wait_until(lambda: slack.statuses.get(ts) == "")


def test_without_a_status_line_the_answer_still_comes_and_it_is_not_asked_for_again(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    slack.fail("assistant.threads.setStatus", Failure(error="unknown_method"), times=9)
    with serve(shop, connection) as sender:
        first = slack.say(TOLLS)
        sender.send_event(mention(TOLLS, first))
        assert wait_until(lambda: slack.called("assistant.threads.setStatus"))
        answer_everything(shop)
        assert wait_until(shown(slack, REASONING))
        asked_and_answered(slack, shop, sender, TOLLS)

    assert len(slack.called("assistant.threads.setStatus")) == 1


def change(kind: str, ts: str, text: str = "", **message: str) -> dict[str, object]:
    inner = {"type": "message", "subtype": kind, "channel": "D0ANA", "channel_type": "im", "ts": "9.9"}
    if kind == "message_deleted":
        return inner | {"deleted_ts": ts}
    return inner | {"message": {"type": "message", "user": "U0ANA", "ts": ts, "text": text, **message}}


def test_a_question_edited_before_its_answer_is_asked_as_it_reads_now(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        ts = slack.say(TOLLS, channel="D0ANA")
        sender.send_event(direct(TOLLS, ts))
        sender.send_event(change("message_changed", ts, "where are ferries avoided in routing?"))
        sender.send_event(change("message_changed", ts, "where are ferries avoided in routing?"))
        answer_everything(shop)
        assert wait_until(shown(slack, REASONING, channel="D0ANA"))

    assert [one.text for one in stored(shop, Question)] == ["where are ferries avoided in routing?"]
    assert len(slack.ours("D0ANA")) == 1


def test_a_question_edited_after_its_answer_gets_a_new_answer_in_the_same_message(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        ts = slack.say(TOLLS, channel="D0ANA")
        sender.send_event(direct(TOLLS, ts))
        answer_everything(shop)
        assert wait_until(shown(slack, REASONING, channel="D0ANA"))
        assert wait_until(lambda: stored(shop, Answer)[0].delivered_at is not None)
        sender.send_event(change("message_changed", ts, "where are ferries avoided in routing?"))
        (new,) = [one for one in stored(shop, Question) if one.withdrawn_at is None]
        assert f"answer-{new.id}" in answers_queue(connection).job_ids
        with shop.begin() as session:
            answer = make_ranking(session, store.question(session, new.id))
            store.save_reasoning(
                session, answer.id, text="Ferries now.", evidence=[], reason_ms=1, now=answer.ranked_at
            )
        assert wait_until(shown(slack, "Ferries now.", channel="D0ANA"))

    assert len(slack.ours("D0ANA")) == 1
    assert len(stored(shop, Answer)) == 2


@pytest.mark.parametrize("answered", [False, True])
def test_an_edited_question_is_answered_in_the_language_it_has_now(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, answered: bool
) -> None:
    with serve(shop, connection) as sender:
        ts = slack.say(TOLLS, channel="D0ANA")
        sender.send_event(direct(TOLLS, ts))
        assert wait_until(lambda: slack.ours("D0ANA") and stored(shop, Question)[0].placeholder_ts)
        if answered:
            answer_everything(shop)
            assert wait_until(shown(slack, REASONING, channel="D0ANA"))
        sender.send_event(change("message_changed", ts, "避开收费道路的路线在哪里计算？"))
        answer_everything(shop)
        assert wait_until(shown(slack, "应该在这里修改", channel="D0ANA"))

    assert len(slack.ours("D0ANA")) == 1


def test_a_mention_edited_in_a_channel_is_an_edit_or_a_question(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        edited = {"edited": {"user": "U0ANA", "ts": "2.0"}}
        ts = slack.say(TOLLS)
        sender.send_event(mention(TOLLS, ts))
        sender.send_event(mention("where are ferries avoided in routing?", ts, **edited))
        sender.send_event(mention("mentioned only since the edit, where is it?", slack.say("x"), **edited))

    assert [one.text for one in stored(shop, Question)] == [
        "where are ferries avoided in routing?",
        "mentioned only since the edit, where is it?",
    ]


def test_a_deleted_question_takes_its_message_and_its_words_along(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        ts = slack.say(TOLLS, channel="D0ANA")
        sender.send_event(direct(TOLLS, ts))
        assert wait_until(lambda: slack.ours("D0ANA"))
        sender.send_event(change("message_deleted", ts))
        assert wait_until(lambda: not slack.ours("D0ANA"))
        other = slack.say(TOLLS, channel="D0ANA")
        sender.send_event(direct(TOLLS, other))
        assert wait_until(lambda: slack.ours("D0ANA"))
        sender.send_event(change("message_changed", other, subtype="tombstone"))
        assert wait_until(lambda: not slack.ours("D0ANA"))

    assert {one.text for one in stored(shop, Question)} == {""}


def test_a_question_whose_thread_is_gone_is_let_go(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    slack.fail("chat.postMessage", Failure(error="thread_not_found"))
    with serve(shop, connection) as sender:
        sender.send_event(mention(TOLLS, slack.say(TOLLS)))
        assert wait_until(lambda: stored(shop, Question)[0].withdrawn_at is not None)
        answer_everything(shop)

    assert slack.ours() == []
    assert len(slack.called("chat.postMessage")) == 1


def test_an_answer_whose_channel_was_archived_goes_to_the_asker(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        sender.send_event(mention(TOLLS, slack.say(TOLLS)))
        assert wait_until(lambda: slack.ours())
        slack.archived.add("C0ROADS")
        answer_everything(shop)
        assert wait_until(shown(slack, TOP.path, channel=slack.direct("U0ANA")))
        assert wait_until(lambda: stored(shop, Answer)[0].delivered_at is not None)

    (post,) = slack.ours(slack.direct("U0ANA"))
    assert TOLLS in json.dumps(post.blocks)


def test_nobody_of_another_organisation_asks_by_shortcut(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    payload = shortcut({"user": "U0CLEO", "ts": slack.say(TOLLS), "text": TOLLS})
    with serve(shop, connection) as sender:
        assert sender.send_click(payload | {"user": {"id": "U0EVE", "team_id": "T0OTHER"}}).status_code == 200

    assert stored(shop, Question) == []


def test_code_links_of_the_settings_are_used(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, slack_settings: Settings
) -> None:
    template = "https://code.example/{repository}/{commit}/{path}"
    with serve(shop, connection, settings=replace(slack_settings, code_links=template)) as sender:
        _, _, post = asked_and_answered(slack, shop, sender)

    assert f"https://code.example/shop/{'c' * 40}/{TOP.files[0]}" in json.dumps(post.blocks)
