"""
What a channel decides: which repository, for whom, in which language, and who may change it.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from bot.slack.app import build_app
from bot.slack.channels import repository_of, where_command
from bot.slack.context import SlackContext
from bot.slack.roles import Roles
from bot.slack.views import Library
from bot.slack.workspaces import OneWorkspace
from tests.bot.slack.blockkit import problems
from tests.bot.slack.payloads import command
from tests.factories import NOON, make_repository
from tests.fakes import FakeSlack
from worker import store
from worker.channels import channel_rules, choose_repository
from worker.database import Sessions
from worker.settings import Settings

TEAM = FakeSlack.team


@pytest.fixture
def context(shop: Sessions, connection: Redis, slack_settings: Settings) -> SlackContext:
    with shop.begin() as session:
        later = NOON + timedelta(days=1)
        store.add_repository(session, name="roads", location="/srv/roads", now=later)
    settings = replace(slack_settings, admins=("U0ADMIN",))
    workspaces = OneWorkspace(settings)
    roles = Roles(settings, workspaces.client_for)
    return SlackContext(settings, shop, connection, workspaces, roles, Library(settings), lambda: None)


def where(context: SlackContext, text: str, **known: str) -> str | None:
    message = where_command(context, command("/where", text, **known))
    if message is None:
        return None
    assert problems(message.blocks) == []
    return "\n".join(block["text"]["text"] for block in message.blocks)


def repository(context: SlackContext, *, channel: str, person: str = "U0ANA") -> str | None:
    with context.sessions() as session:
        found = repository_of(session, context.settings, team=TEAM, channel=channel, person=person)
        return found.name if found else None


@pytest.mark.parametrize(
    "question",
    [
        "where is VAT added?",
        "use the cart in checkout instead of the basket",
        "private fields of the session are logged",
        "settings page shows the wrong language",
        "help with VAT",
        "用户的语言在哪里设置",
    ],
)
def test_a_question_stays_a_question(context: SlackContext, question: str) -> None:
    assert where(context, question) is None


def test_a_channel_asks_about_its_own_repository(context: SlackContext) -> None:
    answer = where(context, "use roads", channel="C0ROADS")

    assert answer == "Questions in this channel are about `roads` from now on."
    assert (repository(context, channel="C0ROADS"), repository(context, channel="C0SHOP")) == ("roads", "shop")


def test_in_a_direct_message_it_is_the_persons_own_choice(context: SlackContext) -> None:
    where(context, "use roads", channel="D0ANA")

    assert repository(context, channel="D0ANA") == "roads"
    assert repository(context, channel="D0BEN", person="U0BEN") == "shop"
    assert repository(context, channel="C0SHOP") == "shop"


def test_an_unknown_repository_is_answered_with_the_known_ones(context: SlackContext) -> None:
    assert where(context, "use <!here>") == "I don't know a repository called `&lt;!here&gt;`. I know: `shop`, `roads`."


def test_everybody_may_choose_privacy_and_language(context: SlackContext) -> None:
    where(context, "private on")
    assert where(context, "language zh") == "我在本频道使用中文回答。"
    assert where(context, "settings") == ("*此处：*代码库 `shop` · 回答仅提问者可见 · 投票显示 · 语言 中文 · 响应提及")
    assert where(context, "language auto") == "我使用每个问题本身的语言回答。"

    with context.sessions() as session:
        rules = channel_rules(session, team=TEAM, channel="C0ROADS")
    assert (rules.private, rules.language) == (True, None)


@pytest.mark.parametrize(("words", "field"), [("votes off", "votes_hidden"), ("listen everything", "everything")])
def test_hiding_votes_and_reading_everything_is_for_admins(context: SlackContext, words: str, field: str) -> None:
    refused = where(context, words, user="U0BEN")
    with context.sessions() as session:
        before = getattr(channel_rules(session, team=TEAM, channel="C0ROADS"), field)
    allowed = where(context, words, user="U0ADMIN")
    with context.sessions() as session:
        after = getattr(channel_rules(session, team=TEAM, channel="C0ROADS"), field)

    assert (before, after) == (False, True)
    assert (refused or "").startswith("Only admins")
    assert not (allowed or "").startswith("Only admins")


@pytest.mark.parametrize(
    ("words", "allowed"), [("private maybe", "`on`, `off`"), ("language klingon", "`en`, `zh`, `auto`")]
)
def test_a_wrong_word_is_answered_with_the_right_ones(context: SlackContext, words: str, allowed: str) -> None:
    assert allowed in (where(context, words) or "")


@pytest.mark.parametrize("text", ["", "help"])
def test_help_lists_everything(context: SlackContext, text: str) -> None:
    shown = where(context, text) or ""

    assert all(word in shown for word in ("use", "settings", "private", "votes", "language", "listen"))


def test_a_persons_choice_follows_them_where_no_channel_decides(context: SlackContext) -> None:
    with context.sessions.begin() as session:
        roads = make_repository(session, "roads", "/srv/roads")
        choose_repository(session, team=TEAM, person="U0ANA", repository_id=roads.id, now=NOON)

    assert repository(context, channel="") == "roads"
    assert repository(context, channel="C0SHOP") == "shop"


def test_the_app_starts_with_all_of_it(shop: Sessions, connection: Redis, slack_settings: Settings) -> None:
    app = build_app(slack_settings, shop, connection)
    app.listener_runner.listener_executor.shutdown()
