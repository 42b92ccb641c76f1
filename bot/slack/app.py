"""
Slack's events in: which of them ask or vote, and what is stored before Slack hears "received".

Bolt acknowledges an event before it runs the listener, so that a failure there would be
lost. Everything that must not be lost happens in a middleware of the listener: an
exception in it becomes HTTP 500, or no acknowledgement in Socket Mode, and Slack sends
the event again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from slack_bolt import App
from slack_bolt.error import BoltError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.blocks import VOTE_ACTION, Message, draw_help, draw_home
from bot.slack.client import UNCLEAR, SlackSetupError, error_code, library_logger, make_client
from bot.slack.text import escape, read_requirement
from worker import store
from worker.ask import submit_question
from worker.database import Sessions
from worker.settings import Settings
from worker.tables import Question

log = logging.getLogger("signpost.slack")

Json = Mapping[str, Any]

# Messages that people send have no subtype, except for these two. Edits, joins, deletions
# and what other bots say have others.
_SAID_BY_PEOPLE = frozenset({None, "file_share", "thread_broadcast"})

_VOTES = {"+1": 1, "thumbsup": 1, "-1": -1, "thumbsdown": -1}
_REPLY = "signpost_reply"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a mention or a direct message says, as far as it concerns us."""

    team: str
    channel: str
    message_ts: str
    thread_ts: str
    person: str
    text: str
    event_id: str | None
    outsiders: bool


def build_app(
    settings: Settings,
    sessions: Sessions,
    connection: Redis,
    *,
    client: WebClient | None = None,
    on_question: Callable[[], None] = lambda: None,
) -> App:
    """
    The Bolt app with all listeners, its token checked with Slack.

    Args:
        on_question: Called after a question was stored and acknowledged: there is something to deliver.

    Raises:
        SlackSetupError: Slack refuses the token, or the environment switches Bolt to another mode.
        OSError: Slack could not be reached.
    """
    client = client or make_client(settings)
    try:
        app = App(
            name="signpost",
            client=client,
            signing_secret=settings.slack_signing_secret or "",
            logger=library_logger(),
        )
    except BoltError as error:
        raise SlackSetupError(
            "Slack refuses SIGNPOST_SLACK_BOT_TOKEN: copy the bot token (xoxb-…) of the installed app again"
        ) from error
    if app.oauth_flow is not None:
        raise SlackSetupError(
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are set, which makes Bolt drop the bot token: unset both"
        )
    _Listeners(settings, sessions, connection, client, on_question).register(app)
    return app


@dataclass(frozen=True, slots=True)
class _Listeners:
    settings: Settings
    sessions: Sessions
    connection: Redis
    client: WebClient
    on_question: Callable[[], None]

    def register(self, app: App) -> None:
        """Every event that may arrive has a listener: one without is not acknowledged, and comes again."""
        app.event("app_mention", middleware=[self.take_question])(self.after_question)
        app.event("message", middleware=[self.take_question])(self.after_question)
        app.event("reaction_added", middleware=[self.take_reaction])(_nothing_more)
        app.event("reaction_removed", middleware=[self.take_reaction])(_nothing_more)
        app.event("app_home_opened")(self.show_home)
        app.event("app_uninstalled")(_say_goodbye)
        app.event("tokens_revoked")(_say_goodbye)
        app.event(re.compile(".*"))(_nothing_more)
        app.action(VOTE_ACTION)(self.vote)
        app.action(re.compile(".*"))(_acknowledge)

    def take_question(self, body: Json, context: dict[str, Any], next: Callable[[], Any]) -> Any:
        asked = read_asked(body)
        if asked is not None:
            context[_REPLY] = self._store(asked)
        return next()

    def _store(self, asked: Asked) -> Message | None:
        """Store and enqueue; what cannot become a question gets a reply instead."""
        if asked.outsiders:
            return _words("I don't answer in channels that are shared with other organisations.")
        requirement = read_requirement(asked.text)
        if not requirement:
            return draw_help()
        repository_id = self._repository_id()
        if repository_id is None:
            return _words("I don't know any repository yet. Whoever looks after me can show me one with `signpost`.")
        submit_question(
            self.sessions,
            self.connection,
            store.NewQuestion(
                repository_id=repository_id,
                text=requirement,
                asker=asked.person,
                source="slack",
                team=asked.team,
                channel=asked.channel,
                thread_ts=asked.thread_ts,
                message_ts=asked.message_ts,
                event_id=asked.event_id,
            ),
            must_queue=True,
        )
        return None

    def _repository_id(self) -> str | None:
        with self.sessions() as session:
            name = self.settings.default_repository
            found = store.repository_named(session, name) if name else store.default_repository(session)
            return found.id if found is not None else None

    def after_question(self, body: Json, context: dict[str, Any]) -> None:
        asked, reply = read_asked(body), context.get(_REPLY)
        if asked is None:
            return
        if reply is None:
            self.on_question()
        else:
            self._whisper(asked.channel, asked.person, reply, thread_ts=body["event"].get("thread_ts"))

    def take_reaction(self, body: Json, event: Json, next: Callable[[], Any]) -> Any:
        value = _VOTES.get(str(event.get("reaction", "")).partition("::")[0])
        item = event.get("item", {})
        if value is not None and item.get("type") == "message" and not body.get("is_ext_shared_channel"):
            self._count_reaction(event, str(body.get("team_id", "")), item, value)
        return next()

    def _count_reaction(self, event: Json, team: str, item: Json, value: int) -> None:
        with self.sessions.begin() as session:
            asked = store.question_by_placeholder(session, team=team, channel=item["channel"], ts=item["ts"])
            answer = store.answer_of(session, asked.id) if asked is not None else None
            if answer is None or answer.error is not None:
                return
            person = str(event["user"])
            if event["type"] == "reaction_added":
                store.cast_vote(session, answer_id=answer.id, person=person, value=value, now=datetime.now(UTC))
            else:
                store.withdraw_vote(session, answer_id=answer.id, person=person, value=value)

    def vote(self, body: Json, action: Json, ack: Callable[[], Any]) -> None:
        """The vote is stored before it is acknowledged: when that fails the person sees that it did."""
        word, _, answer_id = str(action.get("value", "")).partition(":")
        thanks = self._cast(body, answer_id, 1 if word == "up" else -1)
        ack()
        container = body.get("container", {})
        thread_ts = container.get("thread_ts") or body.get("message", {}).get("thread_ts")
        self._whisper(str(container.get("channel_id")), str(body["user"]["id"]), _words(thanks), thread_ts=thread_ts)

    def _cast(self, body: Json, answer_id: str, value: int) -> str:
        with self.sessions.begin() as session:
            try:
                answer = store.answer(session, answer_id)
                asked = store.question(session, answer.question_id)
            except store.UnknownRowError:
                return "That answer is no longer stored, so the vote could not be counted."
            if not may_vote(body, asked):
                log.warning("a vote on answer %s was refused", answer_id)
                return "Only members of the workspace where the question was asked can vote on it."
            person = str(body["user"]["id"])
            store.cast_vote(session, answer_id=answer_id, person=person, value=value, now=datetime.now(UTC))
        sign = "👍" if value > 0 else "👎"
        return f"Thank you. Your {sign} is stored; if you change your mind, your last vote counts."

    def show_home(self, event: Json) -> None:
        if event.get("tab") == "home":
            self._courtesy(lambda: self.client.views_publish(user_id=str(event["user"]), view=draw_home()))

    def _whisper(self, channel: str, person: str, message: Message, *, thread_ts: str | None) -> None:
        """Only *person* sees it: a channel is not the place for help texts and thanks."""
        self._courtesy(
            lambda: self.client.chat_postEphemeral(
                channel=channel,
                user=person,
                text=message.text,
                blocks=list(message.blocks),
                thread_ts=thread_ts,
            )
        )

    def _courtesy(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except SlackApiError as error:
            log.warning("a private message could not be shown (%s)", error_code(error))
        except UNCLEAR as error:
            log.warning("a private message could not be shown (%s)", type(error).__name__)


def read_asked(body: Json) -> Asked | None:
    """
    The question in an event; None when nobody asks us anything.

    Bots, edits, deletions and joins ask nothing. A plain message asks only in a direct
    conversation; in channels one has to mention us.
    """
    event = body.get("event", {})
    if event.get("type") == "message" and event.get("channel_type") != "im":
        return None
    by_person = event.get("user") and event["user"] != "USLACKBOT" and not event.get("bot_id")
    if not by_person or event.get("subtype") not in _SAID_BY_PEOPLE or not event.get("ts"):
        return None
    return Asked(
        team=str(body.get("team_id") or event.get("team") or ""),
        channel=str(event["channel"]),
        message_ts=str(event["ts"]),
        thread_ts=str(event.get("thread_ts") or event["ts"]),
        person=str(event["user"]),
        text=str(event.get("text") or ""),
        event_id=body.get("event_id"),
        outsiders=bool(body.get("is_ext_shared_channel")),
    )


def may_vote(body: Json, asked: Question) -> bool:
    """
    Whether the one who clicked may vote on the answer to *asked*.

    Anyone who sees a message can click in it, also a guest from another organisation, and
    a payload may name any answer. So the person's own workspace counts, and the click must
    come from the channel and the message where that answer stands.
    """
    container = body.get("container", {})
    clicked = (body.get("user", {}).get("team_id"), container.get("channel_id"), container.get("message_ts"))
    return clicked == (asked.team, asked.channel, asked.placeholder_ts)


def _words(text: str) -> Message:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": escape(text), "verbatim": True}}
    return Message(text, (block,))


def _nothing_more() -> None:
    return None


def _acknowledge(ack: Callable[[], Any]) -> None:
    ack()


def _say_goodbye(event: Json) -> None:
    log.error("Slack says %s: the app must be installed again, see docs/slack.md", event.get("type"))
