"""
Questions in: which events ask something, and what is stored before Slack hears "received".

Bolt acknowledges an event before it runs the listener, so that a failure there would be
lost. Everything that must not be lost happens in a middleware of the listener: an
exception in it becomes HTTP 500, or no acknowledgement in Socket Mode, and Slack sends
the event again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt import App

from bot.slack.blocks import Message, draw_help
from bot.slack.channels import repository_of
from bot.slack.context import Json, SlackContext, words
from bot.slack.text import read_requirement
from worker import store
from worker.ask import submit_question

# Messages that people send have no subtype, except for these two. Edits, joins, deletions
# and what other bots say have others.
_SAID_BY_PEOPLE = frozenset({None, "file_share", "thread_broadcast"})

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


def register(app: App, context: SlackContext) -> None:
    """
    Listen for everything by which a question can arrive.
    """
    listeners = _Questions(context)
    app.event("app_mention", middleware=[listeners.take])(listeners.after)
    app.event("message", middleware=[listeners.take])(listeners.after)


def submit(context: SlackContext, asked: Asked) -> Message | None:
    """
    Store and enqueue a question, whatever surface it comes from; the one way in.

    Returns:
        None when it was stored; else what to tell the asker, because it cannot become a question.

    Raises:
        RedisError: it is stored, but not in the queue: the caller must let Slack send it again.
    """
    if asked.outsiders:
        return words("I don't answer in channels that are shared with other organisations.")
    requirement = read_requirement(asked.text)
    if not requirement:
        return draw_help()
    with context.sessions() as session:
        repository = repository_of(session, context.settings, team=asked.team, channel=asked.channel)
    if repository is None:
        return words("I don't know any repository yet. Whoever looks after me can show me one with `signpost`.")
    submit_question(
        context.sessions,
        context.connection,
        store.NewQuestion(
            repository_id=repository.id,
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


class _Questions:
    def __init__(self, context: SlackContext) -> None:
        self._context = context

    def take(self, body: Json, context: dict[str, Any], next: Callable[[], Any]) -> Any:
        asked = read_asked(body)
        if asked is not None:
            context[_REPLY] = submit(self._context, asked)
        return next()

    def after(self, body: Json, context: dict[str, Any]) -> None:
        asked, reply = read_asked(body), context.get(_REPLY)
        if asked is None:
            return
        if reply is None:
            self._context.on_question()
        else:
            thread_ts = body["event"].get("thread_ts")
            self._context.whisper(asked.team, asked.channel, asked.person, reply, thread_ts=thread_ts)


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
