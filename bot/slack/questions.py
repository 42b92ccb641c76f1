"""
Questions in: every way in which something can be asked, and what is stored before Slack hears "received".

Bolt acknowledges an event before it runs the listener, so that a failure there would be
lost. Everything that must not be lost happens in a middleware of the listener: an
exception in it becomes HTTP 500, or no acknowledgement in Socket Mode, and Slack sends
the event again. A command, a shortcut and the box of the Home tab are not sent again: there
the person is told when nothing was stored, and what is stored the workers find without the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from slack_bolt import App
from slack_sdk.errors import SlackApiError
from sqlalchemy.orm import Session

from bot.slack.blocks import Message, draw_help
from bot.slack.channels import repository_of, where_command
from bot.slack.client import UNCLEAR, client_with, error_code
from bot.slack.context import Json, SlackContext, words
from bot.slack.helpers import pass_on
from bot.slack.phrases import language_of, say
from bot.slack.roles import acting
from bot.slack.text import read_requirement
from worker import store
from worker.ask import submit_question
from worker.channels import channel_rules
from worker.queues import enqueue_answer
from worker.threads import compose, refers_back, small_talk, stands_alone

log = logging.getLogger("signpost.slack")

COMMAND = "/where"
SHORTCUT = "signpost_find"

Surface = Literal["mention", "direct", "command", "shortcut", "home"]

# What Slack sends again until it hears "received".
_SENT_AGAIN: frozenset[Surface] = frozenset({"mention", "direct"})

# Messages that people send have no subtype, except for these two. Edits, joins, deletions
# and what other bots say have others.
_SAID_BY_PEOPLE = frozenset({None, "file_share", "thread_broadcast"})

_REPLY = "signpost_reply"
_ASKED = "signpost_asked"
_ROOT_TIMEOUT = 1  # the acknowledgement waits for it


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A question as it arrives, from whatever surface.

    Args:
        channel: Where the answer goes; a person's id for the direct conversation with them.
        message_ts: The message that asks; None when there is none.
        thread_ts: The thread the answer belongs into; None for an answer that stands alone.
        event_id: What tells this asking from others; the same one is one question.
        outsiders: Whether people of other organisations read there.
    """

    team: str
    channel: str
    person: str
    text: str
    surface: Surface
    message_ts: str | None = None
    thread_ts: str | None = None
    event_id: str | None = None
    outsiders: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """A message that was edited or, without *text*, deleted by its author."""

    team: str
    channel: str
    message_ts: str
    text: str | None
    event_id: str


def register(app: App, context: SlackContext) -> None:
    """
    Listen for everything by which a question can arrive.
    """
    listeners = _Questions(context)
    app.event("app_mention", middleware=[listeners.take])(listeners.after)
    app.event("message", middleware=[listeners.take])(listeners.after)
    app.command(COMMAND)(listeners.take_command)
    app.message_shortcut(SHORTCUT)(listeners.take_shortcut)


def submit(context: SlackContext, asked: Asked) -> Message | None:
    """
    Store and enqueue a question, whatever surface it comes from; the one way in.

    A follow-up in a thread is asked together with the turns it builds on, see `worker.threads`.

    Returns:
        None when it was stored; else what to tell the asker, because it cannot become a question.

    Raises:
        RedisError: it is stored, but not in the queue: the caller must let Slack send it again. Only for
            surfaces of which Slack does; the others would be asked twice by somebody who was told to try again.
    """
    said = read_requirement(asked.text)
    with context.sessions() as session:
        rules = channel_rules(session, team=asked.team, channel=asked.channel)
        repository = repository_of(
            session, context.settings, team=asked.team, channel=asked.channel, person=asked.person
        )
        language = language_of(said, rules.language)
        before = _earlier(context, asked, said) if said and not asked.outsiders else []
    if asked.outsiders:
        return words(say("shared_channel", language))
    if not said or small_talk(said) == "greeting":
        return draw_help(language)
    if small_talk(said):
        return words(say("you_are_welcome", language))
    if repository is None:
        return words(say("no_repository", language))
    text = compose(before, said)
    submit_question(
        context.sessions,
        context.connection,
        store.NewQuestion(
            repository_id=repository.id,
            text=text,
            said=said if text != said else None,
            asker=asked.person,
            source="slack",
            surface=asked.surface,
            language=language,
            team=asked.team,
            channel=asked.channel,
            thread_ts=asked.thread_ts,
            message_ts=asked.message_ts,
            event_id=asked.event_id,
        ),
        must_queue=asked.surface in _SENT_AGAIN,
    )
    return None


def _earlier(context: SlackContext, asked: Asked, said: str) -> list[str]:
    """
    The turns before this one; in a thread that asked nothing yet, the message it hangs below.
    """
    in_thread = asked.thread_ts is not None and asked.thread_ts != asked.message_ts
    if not in_thread or asked.thread_ts is None:
        with context.sessions() as session:
            return _said_before(session, asked.surface, asked.team, asked.channel, said, until=datetime.now(UTC))
    if stands_alone(said):
        return []
    with context.sessions() as session:
        turns = store.earlier_turns(session, team=asked.team, channel=asked.channel, thread_ts=asked.thread_ts)
    return turns or _root(context, asked, asked.thread_ts)


def _said_before(
    session: Session, surface: str | None, team: str, channel: str, said: str, *, until: datetime
) -> list[str]:
    """
    What a message outside of threads builds on: in a direct conversation, the one just before.

    A short message alone is no sign of that there: who looks for one thing after another writes short ones.
    """
    if surface != "direct" or not refers_back(said):
        return []
    return store.turns_of_late(session, team=team, channel=channel, until=until)


def _root(context: SlackContext, asked: Asked, thread_ts: str) -> list[str]:
    """What began the thread. When Slack does not tell it at once, the question is asked without it."""
    try:
        client = client_with(context.settings, context.client_for(asked.team).token, timeout=_ROOT_TIMEOUT)
        page = client.conversations_replies(channel=asked.channel, ts=thread_ts, limit=1)
        first: dict[str, Any] = next(iter(page.get("messages") or ()), {})
    except SlackApiError as error:
        log.warning("a thread's first message cannot be read (%s)", error_code(error))
        return []
    except UNCLEAR as error:
        log.warning("a thread's first message cannot be read (%s)", type(error).__name__)
        return []
    text = read_requirement(str(first.get("text") or "")) if not first.get("bot_id") else ""
    return [text] if text else []


class _Questions:
    def __init__(self, context: SlackContext) -> None:
        self._context = context

    def take(self, body: Json, context: dict[str, Any], next: Callable[[], Any]) -> Any:
        changed = read_changed(body)
        if changed is None or not self._change(changed):
            # A message that mentions us only since it was edited is a question, too.
            everything = self._hears_everything(body)
            asked = read_asked(body, everything=everything)
            if asked is not None and not (everything and small_talk(read_requirement(asked.text))):
                context[_ASKED], context[_REPLY] = asked, self._pass_on(asked) or submit(self._context, asked)
        return next()

    def _hears_everything(self, body: Json) -> bool:
        """Whether a message that mentions nobody asks us: when the channel wants that, and not within threads."""
        event = body.get("event", {})
        if event.get("channel_type") not in ("channel", "group") or event.get("thread_ts"):
            return False
        team, channel = str(body.get("team_id") or ""), str(event.get("channel") or "")
        with self._context.sessions() as session:
            return channel_rules(session, team=team, channel=channel).everything

    def _pass_on(self, asked: Asked) -> Message | None:
        """What somebody writes below the message that asks them is no question of theirs, but their answer."""
        said = read_requirement(asked.text)
        if not said or asked.message_ts is None or asked.thread_ts in (None, asked.message_ts):
            return None
        language = pass_on(
            self._context.sessions,
            team=asked.team,
            channel=asked.channel,
            thread_ts=asked.thread_ts or "",
            message_ts=asked.message_ts,
            person=asked.person,
            said=said,
        )
        return None if language is None else words(say("reply_passed_on", language))

    def after(self, body: Json, context: dict[str, Any]) -> None:
        asked, reply = context.get(_ASKED), context.get(_REPLY)
        self._context.on_question()
        if reply is not None and asked is not None:
            thread_ts = body["event"].get("thread_ts")
            self._context.whisper(asked.team, asked.channel, asked.person, reply, thread_ts=thread_ts)

    def take_command(self, body: Json, ack: Callable[..., Any]) -> None:
        """`/where requirement…`: the answer stands in the channel, with the question above it."""
        team, person = acting(body)
        try:
            reply = where_command(self._context, body)
            if reply is None:
                reply = submit(
                    self._context,
                    Asked(
                        team=team,
                        channel=str(body["channel_id"]),
                        person=person,
                        text=str(body.get("text") or ""),
                        surface="command",
                        event_id=f"command:{body.get('trigger_id')}",
                    ),
                )
        except Exception:
            log.exception("a question from %s could not be stored", COMMAND)
            reply = words(say("not_stored", language_of(str(body.get("text") or ""))))
        if reply is None:
            ack()
            self._context.on_question()
        else:
            ack(text=reply.text, blocks=list(reply.blocks))

    def take_shortcut(self, body: Json, ack: Callable[..., Any]) -> None:
        """ "Find modules for this": the answer goes into the thread of that message."""
        team, person = acting(body)
        message, channel = body.get("message") or {}, str((body.get("channel") or {}).get("id") or "")
        text, ts = message_text(message), str(message.get("ts") or body.get("message_ts") or "")
        language, thread_ts = language_of(text), str(message.get("thread_ts") or ts)
        if not team:
            reply: Message | None = words(say("not_a_member", language))
        elif not read_requirement(text):
            reply = words(say("shortcut_empty", language))
        else:
            asked = Asked(team, channel, person, text, "shortcut", ts, thread_ts, f"shortcut:{body.get('trigger_id')}")
            try:
                reply = submit(self._context, asked)
            except Exception:
                log.exception("a question from the shortcut could not be stored")
                reply = words(say("not_stored", language))
        ack()
        self._context.on_question()
        reply = reply or words(say("shortcut_done", language))
        self._context.whisper(team, channel, person, reply, thread_ts=thread_ts)

    def _change(self, changed: Changed) -> bool:
        """False when that message asked nothing so far."""
        now = datetime.now(UTC)
        with self._context.sessions.begin() as session:
            asked = store.question_at(
                session, team=changed.team, channel=changed.channel, message_ts=changed.message_ts
            )
            if asked is None:
                return False
            if changed.text is None:
                store.withdraw_question(session, asked.id, now=now, forget=True)
                return True
            said = read_requirement(changed.text)
            if not said:
                return True
            team, channel, until = changed.team, changed.channel, asked.created_at
            if asked.thread_ts and asked.thread_ts != asked.message_ts:
                before = store.earlier_turns(
                    session, team=team, channel=channel, thread_ts=asked.thread_ts, until=until
                )
            else:
                before = _said_before(session, asked.surface, team, channel, said, until=until)
            rules = channel_rules(session, team=team, channel=channel)
            renewed = store.edit_question(
                session,
                asked.id,
                said=said,
                text=compose(before, said),
                language=language_of(said, rules.language),
                event_id=changed.event_id,
                now=now,
            )
        if renewed is not None:
            enqueue_answer(self._context.connection, renewed)
        return True


def read_asked(body: Json, *, everything: bool = False) -> Asked | None:
    """
    The question in an event; None when nobody asks us anything.

    Bots, edits, deletions and joins ask nothing. A plain message asks only in a direct
    conversation; in channels one has to mention us.

    Args:
        everything: Whether a message that mentions nobody is a question in this channel.
    """
    event = body.get("event", {})
    direct = event.get("channel_type") == "im"
    if event.get("type") == "message" and not direct and not everything:
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
        surface="direct" if direct else "mention",
        event_id=body.get("event_id"),
        outsiders=bool(body.get("is_ext_shared_channel")),
    )


def read_changed(body: Json) -> Changed | None:
    """
    The edit or the deletion in an event; None when it is neither.

    Slack tells of both in direct conversations. In channels it repeats the mention when one is
    edited, and tells of no deletion.
    """
    event = body.get("event", {})
    team, channel = str(body.get("team_id") or ""), str(event.get("channel") or "")
    subtype, event_id = event.get("subtype"), f"edit:{body.get('event_id')}"
    if subtype == "message_deleted" and event.get("deleted_ts"):
        return Changed(team, channel, str(event["deleted_ts"]), None, event_id)
    message = event.get("message") or {}
    if subtype == "message_changed" and message.get("ts"):
        if message.get("subtype") == "tombstone":  # deleted, but others had answered in its thread
            return Changed(team, channel, str(message["ts"]), None, event_id)
        return Changed(team, channel, str(message["ts"]), str(message.get("text") or ""), event_id)
    if event.get("type") == "app_mention" and event.get("edited") and event.get("ts"):
        return Changed(team, channel, str(event["ts"]), str(event.get("text") or ""), event_id)
    return None


def message_text(message: Json) -> str:
    """
    The words of a message; of one that has none, those of what is attached to it.

    >>> message_text({"text": "", "attachments": [{"title": "Crash", "text": "in tax.py"}]})
    'Crash\\nin tax.py'
    """
    text = str(message.get("text") or "")
    if text.strip():
        return text
    parts = [part for one in message.get("attachments") or () for part in (one.get("title"), one.get("text"))]
    return "\n".join(str(part) for part in parts if part)
