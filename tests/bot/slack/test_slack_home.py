"""
The Home tab: what people and admins find there, and that rights are checked at the click.
"""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from bot.slack.home_view import ASK, CHOOSE, PROMOTE, REINDEX, RETRAIN, ROLL_BACK
from bot.slack.permalinks import Permalinks
from tests.bot.slack.blockkit import problems, text_objects
from tests.bot.slack.conftest import Serve
from tests.bot.slack.conversing import asked_and_answered, stored
from tests.bot.slack.payloads import click, home_click, wait_until
from tests.factories import NOON, make_answer, make_question, make_release, make_repository
from tests.fakes import Failure, FakeSlack
from worker import store
from worker.channels import person_repository
from worker.database import Sessions
from worker.reindexing import latest_reindexing
from worker.settings import Settings
from worker.tables import Vote

ADMIN = "U0ADMIN"
ANA = "U0ANA"


@pytest.fixture
def administered(slack_settings: Settings) -> Settings:
    return replace(slack_settings, admins=(ADMIN,))


def open_home(user: str = ANA) -> dict[str, Any]:
    return {"type": "app_home_opened", "user": user, "channel": "D0ANA", "tab": "home"}


def words(view: dict[str, Any]) -> str:
    """
    All that stands in a view; Slack must be willing to show it.
    """
    assert problems(view["blocks"]) == []
    rich = str([block for block in view["blocks"] if block["type"] == "rich_text"])
    return rich + "\n".join(text["text"] for text in text_objects(view["blocks"]))


def repository_id(sessions: Sessions) -> str:
    with sessions() as session:
        return store.repositories(session)[0].id


def test_people_find_a_box_to_ask_in_and_their_own_questions(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with shop.begin() as session:
        known = {"team": FakeSlack.team, "source": "slack"}
        make_answer(session, make_question(session, "where is VAT added?", asker=ANA, **known))
        make_question(session, "a secret of <!channel> Ben", asker="U0BEN", **known)
        make_question(session, "<!channel> still waiting", asker=ANA, now=NOON + timedelta(days=1), **known)
    with serve(shop, connection, settings=administered) as sender:
        sender.send_event(open_home())
        assert wait_until(lambda: ANA in slack.homes)

    shown = words(slack.homes[ANA])
    assert "where is VAT added?" in shown
    assert "shop.billing" in shown
    assert "waiting for its answer" in shown
    assert "Ben" not in shown
    assert "For admins" not in shown
    assert any(block["type"] == "input" for block in slack.homes[ANA]["blocks"])


def test_recent_questions_lead_to_their_answers(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        question, _, _ = asked_and_answered(slack, shop, sender)
        for _ in range(2):
            slack.homes.clear()
            sender.send_event(open_home())
            assert wait_until(lambda: ANA in slack.homes)

    where = f"https://roads.slack.example/archives/C0ROADS/p{str(question.placeholder_ts).replace('.', '')}"
    assert f"<{where}|open>" in words(slack.homes[ANA])
    assert len(slack.called("chat.getPermalink")) == 1


def test_home_tabs_that_slack_is_slow_to_take_hold_up_no_click(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve
) -> None:
    with serve(shop, connection) as sender:
        _, answer, post = asked_and_answered(slack, shop, sender)
        slack.fail("views.publish", Failure(seconds=3), times=12)
        for number in range(12):
            sender.send_event(open_home(f"U0{number}"))
        began = time.monotonic()
        assert sender.send_click(click(f"up:{answer.id}", post.ts)).status_code == 200
        assert time.monotonic() - began < 1

    assert len(stored(shop, Vote)) == 1


@pytest.mark.parametrize("told", ["javascript:alert(1)", "https://evil.example/x|y>", "", None])
def test_an_address_that_is_none_of_slacks_is_no_link(told: str | None) -> None:
    get = lambda **_: {"permalink": told}  # noqa: E731

    assert Permalinks().of(get, team="T1", channel="C1", ts="1.1") == ""


def test_a_question_from_the_box_is_asked_once(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    click = home_click({"type": "button", "action_id": ASK, "value": "ask"}, typed="where is <VAT> added?")
    with serve(shop, connection, settings=administered) as sender:
        assert sender.send_click(click).status_code == 200
        assert sender.send_click(click).status_code == 200
        assert wait_until(lambda: ANA in slack.homes)
        assert wait_until(lambda: slack.called("chat.postMessage"))

    with shop() as session:
        (asked,) = store.questions_of(session, team=FakeSlack.team, person=ANA, limit=9)
    assert (asked.text, asked.surface, asked.asker) == ("where is <VAT> added?", "home", ANA)
    assert "Asked; the answer comes in our direct message." in words(slack.homes[ANA])
    assert len(slack.called("chat.postMessage")) == 1


def test_a_person_chooses_among_several_repositories(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with shop.begin() as session:
        roads = store.add_repository(session, name="roads", location="/srv/roads", now=NOON + timedelta(days=1))
    option = {"text": {"type": "plain_text", "text": "roads"}, "value": roads.id}
    chosen = {"type": "static_select", "action_id": CHOOSE, "selected_option": option}
    with serve(shop, connection, settings=administered) as sender:
        sender.send_click(home_click(chosen))
        sender.send_click(home_click({**chosen, "selected_option": {**option, "value": "invented"}}))
        assert wait_until(lambda: len(slack.called("views.publish")) == 2)

    with shop() as session:
        assert person_repository(session, team=FakeSlack.team, person=ANA) == roads.id
    (actions,) = [block for block in slack.homes[ANA]["blocks"] if block["type"] == "actions"]
    assert actions["elements"][1]["initial_option"]["value"] == roads.id


def test_admins_find_the_state_and_buttons_that_ask_back(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with shop.begin() as session:
        make_release(session, "release-2", active=False)
    with serve(shop, connection, settings=administered) as sender:
        sender.send_event(open_home(ADMIN))
        assert wait_until(lambda: ADMIN in slack.homes)

    view = slack.homes[ADMIN]
    assert "release `release-1`" in words(view)
    assert "No worker answers questions" in words(view)
    buttons = view["blocks"][-1]["elements"]
    assert [button["action_id"] for button in buttons] == [RETRAIN, REINDEX, ROLL_BACK, PROMOTE]
    assert all("confirm" in button for button in buttons)
    assert [option["value"] for option in buttons[-1]["options"]] == ["release-2"]


@pytest.mark.parametrize("action", [RETRAIN, REINDEX, ROLL_BACK, PROMOTE])
@pytest.mark.parametrize(("user", "team"), [(ANA, FakeSlack.team), (ADMIN, "T0GUEST")])
def test_rights_are_checked_on_the_person_who_clicks(
    slack: FakeSlack,
    shop: Sessions,
    connection: Redis,
    serve: Serve,
    administered: Settings,
    action: str,
    user: str,
    team: str,
) -> None:
    with shop.begin() as session:
        make_release(session, "release-2", now=NOON + timedelta(days=1))
    option = {"text": {"type": "plain_text", "text": "x"}, "value": "release-1"}
    click = {"type": "button", "action_id": action, "value": repository_id(shop), "selected_option": option}
    with serve(shop, connection, settings=administered) as sender:
        assert sender.send_click(home_click(click, user=user, team=team)).status_code == 200
        if team == FakeSlack.team:
            assert wait_until(lambda: user in slack.homes)
            assert "Only admins may do that" in words(slack.homes[user])

    with shop() as session:
        assert store.trainings(session) == []
        assert latest_reindexing(session, repository_id(shop)) is None
        assert store.release(session, "release-2").state == "active"


def test_a_training_ordered_here_is_followed_by_one_direct_message(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    click = home_click({"type": "button", "action_id": RETRAIN, "value": repository_id(shop)}, user=ADMIN)
    with serve(shop, connection, settings=administered) as sender:
        sender.send_click(click)
        assert wait_until(lambda: slack.called("chat.postMessage") and ADMIN in slack.homes)
        assert "is queued" in words(slack.homes[ADMIN])
        with shop.begin() as session:
            (training,) = store.trainings(session)
            progress = {"stage": "fine-tune", "done": 3, "total": 10, "label": ""}
            store.update_training(session, training.id, now=NOON, state="running", progress=progress)
        assert wait_until(lambda: slack.called("chat.update"), seconds=15)
    # The bot is away while the training ends.
    with shop.begin() as session:
        done = NOON + timedelta(minutes=40)
        store.update_training(session, training.id, now=done, state="done", release_id="release-1")
    with serve(shop, connection, settings=administered):
        assert wait_until(lambda: len(slack.called("chat.update")) == 2, seconds=15)

    assert len(slack.called("chat.postMessage")) == 1
    shown = [call.arguments["blocks"][0]["text"]["text"] for call in slack.called("chat.update")]
    assert "▰▰▰▱▱▱▱▱▱▱  fine-tune: 3 of 10" in shown[0]
    assert f"asked for by <@{ADMIN}>" in shown[0]
    assert "Done in 40 min: release `release-1` answers from now on." in shown[1]


def test_when_a_channel_is_shut_the_progress_goes_to_the_person(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    slack.archived.add("C0ROADS")
    with serve(shop, connection, settings=administered) as sender:
        sender.send_command("/where-admin", "retrain", user=ADMIN)
        assert wait_until(lambda: len(slack.called("chat.postMessage")) == 2)

    first, second = slack.called("chat.postMessage")
    assert first.arguments["channel"] == "C0ROADS"
    assert second.arguments["channel"].startswith("D")


def test_a_repository_that_everybody_may_ask_about_needs_no_picker(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with shop.begin() as session:
        make_repository(session)
    with serve(shop, connection, settings=administered) as sender:
        sender.send_event(open_home())
        assert wait_until(lambda: ANA in slack.homes)

    (actions,) = [block for block in slack.homes[ANA]["blocks"] if block["type"] == "actions"]
    assert [element["action_id"] for element in actions["elements"]] == [ASK]
