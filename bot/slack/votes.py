"""
Votes in: the buttons below an answer, and reactions on it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App

from bot.slack.blocks import VOTE_ACTION
from bot.slack.context import Json, SlackContext, nothing_more, words
from worker import store
from worker.tables import Question

log = logging.getLogger("signpost.slack")

_VOTES = {"+1": 1, "thumbsup": 1, "-1": -1, "thumbsdown": -1}


def register(app: App, context: SlackContext) -> None:
    """
    Listen for votes.
    """
    listeners = _Votes(context)
    app.event("reaction_added", middleware=[listeners.take_reaction])(nothing_more)
    app.event("reaction_removed", middleware=[listeners.take_reaction])(nothing_more)
    app.action(VOTE_ACTION)(listeners.vote)


class _Votes:
    def __init__(self, context: SlackContext) -> None:
        self._context = context

    def take_reaction(self, body: Json, event: Json, next: Callable[[], Any]) -> Any:
        value = _VOTES.get(str(event.get("reaction", "")).partition("::")[0])
        item = event.get("item", {})
        if value is not None and item.get("type") == "message" and not body.get("is_ext_shared_channel"):
            self._count_reaction(event, str(body.get("team_id", "")), item, value)
        return next()

    def _count_reaction(self, event: Json, team: str, item: Json, value: int) -> None:
        with self._context.sessions.begin() as session:
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
        team, channel = str(body.get("team", {}).get("id", "")), str(container.get("channel_id"))
        self._context.whisper(team, channel, str(body["user"]["id"]), words(thanks), thread_ts=thread_ts)

    def _cast(self, body: Json, answer_id: str, value: int) -> str:
        with self._context.sessions.begin() as session:
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
