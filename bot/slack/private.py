"""
Answers that the asker alone sees, and that they may share.

Slack shows such a message once and never changes it, so it comes when it is complete; 👀
says meanwhile that the question arrived. It has no lasting place either: sharing it makes
it an ordinary answer, posted in the thread like every other one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_bolt import App

from bot.slack.answer_blocks import draw_answer
from bot.slack.blocks import Message
from bot.slack.clicks import RefusedError, clicked_answer
from bot.slack.context import Json, SlackContext
from bot.slack.kit import button
from bot.slack.kit import context as small
from bot.slack.phrases import say
from bot.slack.roles import acting
from bot.slack.views import AnswerView, language_in
from worker import store

SHARE = "signpost_share"


def register(app: App, context: SlackContext) -> None:
    """
    Listen for the button under a private answer.
    """

    def share(body: Json, action: Json, ack: Callable[[], Any], respond: Callable[..., Any]) -> None:
        """It is noted before it is acknowledged: when that fails the person sees that it did."""
        try:
            said = _share(context, body, str(action.get("value", "")))
        except RefusedError as refusal:
            ack()
            respond(text=str(refusal), response_type="ephemeral", replace_original=False)
            return
        ack()
        context.on_question()
        respond(text=said, response_type="ephemeral", replace_original=True)

    app.action(SHARE)(share)


def draw_private(view: AnswerView, *, short: bool = False) -> Message:
    """
    An answer for the asker alone, with the button that shares it.
    """
    drawn = draw_answer(view, short=short)
    note = small(say("private_note", view.language))
    if view.error is not None:
        return Message(drawn.text, (*drawn.blocks, note))
    share = {"type": "actions", "elements": [button(say("share", view.language), SHARE, view.answer_id)]}
    return Message(drawn.text, (*drawn.blocks, note, share))


def _share(context: SlackContext, body: Json, answer_id: str) -> str:
    with context.sessions.begin() as session:
        asked, answer = clicked_answer(session, body, answer_id)
        if acting(body) != (asked.team, asked.asker):
            raise RefusedError(say("not_a_member", language_in(asked)))
        store.share_answer(session, answer.id)
        return say("shared", language_in(asked))
