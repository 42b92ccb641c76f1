"""
Clicks on answers: who may click, and which answer is meant.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from bot.slack.context import Json, SlackContext, words
from bot.slack.phrases import say
from bot.slack.roles import acting
from bot.slack.views import language_in
from worker import store
from worker.tables import Answer, Question

log = logging.getLogger("signpost.slack")


class RefusedError(Exception):
    """This click does not count; the message is for the one who clicked."""


def clicked_answer(session: Session, body: Json, answer_id: str) -> tuple[Question, Answer]:
    """
    The answer that a click in its message means, if the person may click there.

    Anyone who sees a message can click in it, also a guest from another organisation, and
    a payload may name any answer. So the person's own workspace counts, and the click must
    come from the channel and the message where that answer stands.

    Raises:
        RefusedError: they may not, or it is no longer stored.
    """
    try:
        answer = store.answer(session, answer_id)
        asked = store.question(session, answer.question_id)
    except store.UnknownRowError:
        raise RefusedError(say("gone")) from None
    container = body.get("container", {})
    clicked = (acting(body)[0], container.get("channel_id"), container.get("message_ts"))
    if clicked != (asked.team, asked.channel, asked.placeholder_ts) and not _in_private(body, asked):
        log.warning("a click on answer %s was refused", answer_id)
        raise RefusedError(say("not_a_member", language_in(asked)))
    return asked, answer


def _in_private(body: Json, asked: Question) -> bool:
    """Whether the asker clicks in an answer that they alone see; Slack gives such a message no lasting `ts`."""
    container = body.get("container", {})
    mine = acting(body) == (asked.team, asked.asker) and container.get("channel_id") == asked.channel
    return bool(container.get("is_ephemeral")) and asked.placeholder_ts is None and mine


def window_answer(session: Session, body: Json, answer_id: str) -> tuple[Question, Answer]:
    """
    The answer that a window of ours is about, if the person who uses it is of its workspace.

    Slack keeps the window's hidden text and signs what it sends, so that the answer named there is the one
    from which the window was opened.

    Raises:
        RefusedError: they are not, or it is no longer stored.
    """
    try:
        answer = store.answer(session, answer_id)
        asked = store.question(session, answer.question_id)
    except store.UnknownRowError:
        raise RefusedError(say("gone")) from None
    if acting(body)[0] != asked.team:
        log.warning("a window about answer %s was refused", answer_id)
        raise RefusedError(say("not_a_member", language_in(asked)))
    return asked, answer


def place_of(body: Json) -> tuple[str, str | None]:
    """
    Channel and thread of the message that was clicked in.
    """
    container, message = body.get("container", {}), body.get("message", {})
    thread_ts = container.get("thread_ts") or message.get("thread_ts")
    return str(container.get("channel_id") or ""), thread_ts


def whisper(context: SlackContext, body: Json, text: str) -> None:
    """
    Tell the one who clicked something in private, beside the message.
    """
    channel, thread_ts = place_of(body)
    team = str(body.get("team", {}).get("id", ""))
    if channel:
        context.whisper(team, channel, str(body["user"]["id"]), words(text), thread_ts=thread_ts)


def refusing(context: SlackContext, listener: Callable[[Json, Json, Callable[..., Any]], None]) -> Callable[..., None]:
    """
    *listener* for Bolt, with refusals told to the one who clicked.

    What must be stored is stored before the click is acknowledged: when that fails the person sees that it did.
    """

    def listen(body: Json, action: Json, ack: Callable[..., Any]) -> None:
        try:
            listener(body, action, ack)
        except RefusedError as refusal:
            ack()
            whisper(context, body, str(refusal))

    return listen
