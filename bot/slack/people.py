"""
Asking a human: the button below an answer, and what those say who were asked. Also "why?".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App
from sqlalchemy.orm import Session

from bot.slack.answer_blocks import ASK_ACTION, WHY_ACTION
from bot.slack.clicks import RefusedError, clicked_answer, place_of, refusing, whisper
from bot.slack.context import Json, SlackContext, courtesy
from bot.slack.helpers import ASK, HELP, VERDICT, draw_asked
from bot.slack.modal_blocks import draw_why
from bot.slack.notice_blocks import OTHER_ACTION, THIS_ONE_ACTION
from bot.slack.phrases import say
from bot.slack.roles import acting
from bot.slack.views import language_in
from bot.slack.votes import directory_of, offered
from worker import store
from worker.tables import Answer, Notice, Question


def register(app: App, context: SlackContext) -> None:
    """
    Listen for those who want to know why, or want a person, and for the persons.
    """
    people = _People(context)
    app.action(WHY_ACTION)(refusing(context, people.show_why))
    app.action(ASK_ACTION)(refusing(context, people.ask))
    app.action(re.compile(rf"{THIS_ONE_ACTION}:\d+"))(refusing(context, people.take_word))
    app.action(OTHER_ACTION)(refusing(context, people.take_word))
    app.options(OTHER_ACTION)(people.offer_modules)


class _People:
    def __init__(self, context: SlackContext) -> None:
        self._context = context

    def show_why(self, body: Json, action: Json, ack: Callable[..., Any]) -> None:
        with self._context.sessions() as session:
            asked, answer = clicked_answer(session, body, str(action.get("value", "")))
            view = self._context.library.view(session, asked, answer)
        ack()
        client = self._context.client_for(str(body["team"]["id"]))
        courtesy(lambda: client.views_open(trigger_id=body["trigger_id"], view=draw_why(view)))

    def ask(self, body: Json, action: Json, ack: Callable[..., Any]) -> None:
        """
        Only written down here: finding out whom to ask takes calls to Slack and a look into git. Who it is, the
        one who clicked hears when it is known.
        """
        with self._context.sessions.begin() as session:
            asked, _ = clicked_answer(session, body, str(action.get("value", "")))
            new = store.add_notice(
                session,
                kind=ASK,
                key=f"ask:{asked.id}",
                team=asked.team or "",
                recipient=str(body["user"]["id"]),
                channel=asked.channel,
                thread_ts=asked.thread_ts or asked.placeholder_ts,
                question_id=asked.id,
                payload={"asker": str(body["user"]["id"])},
                now=datetime.now(UTC),
            )
            before = [one.recipient for one in store.notices_about(session, asked.id, HELP)]
        ack()
        self._context.on_question()
        if before:
            channel, thread_ts = place_of(body)
            message = draw_asked(before, language_in(asked), already=True)
            self._context.whisper(asked.team or "", channel, str(body["user"]["id"]), message, thread_ts=thread_ts)
        elif not new:
            whisper(self._context, body, say("asked_already", language_in(asked)))

    def take_word(self, body: Json, action: Json, ack: Callable[..., Any]) -> None:
        """
        "This one": a correction of high trust, an answer in the thread, and the end of the asking.

        The first one who was asked and says something is the one whose word is posted.
        """
        notice_id, key = _chosen(action)
        person = str(body["user"]["id"])
        with self._context.sessions.begin() as session:
            notice, asked, answer = self._asked_in(session, body, notice_id)
            if store.notice_by_key(session, f"verdict:{asked.id}") is not None:
                raise RefusedError(say("help_closed", language_in(asked)))
            facts = directory_of(self._context, answer).by_key(key)
            if facts is None:
                raise RefusedError(say("gone", language_in(asked)))
            top = answer.modules[0]["id"] == facts.id
            now = datetime.now(UTC)
            first = store.add_notice(
                session,
                kind=VERDICT,
                key=f"verdict:{asked.id}",
                team=asked.team or "",
                recipient=asked.channel or "",
                channel=asked.channel,
                thread_ts=asked.thread_ts or asked.placeholder_ts,
                question_id=asked.id,
                payload={"asker": notice.payload["asker"], "by": person, "module": facts.id, "path": facts.path},
                now=now,
            )
            if not first:
                raise RefusedError(say("help_closed", language_in(asked)))
            store.cast_owner_word(session, answer_id=answer.id, person=person, module=facts.id, top=top, now=now)
            for one in store.notices_about(session, asked.id, HELP):
                store.change_notice(session, one.id, payload={**one.payload, "by": person, "module": facts.id})
        ack()
        self._context.on_question()

    def offer_modules(self, body: Json, ack: Callable[..., Any]) -> None:
        notice_id = str(body.get("block_id") or "").partition(":")[2]
        try:
            with self._context.sessions() as session:
                _, _, answer = self._asked_in(session, body, notice_id)
        except RefusedError:
            ack(options=[])
            return
        ack(options=offered(directory_of(self._context, answer), answer, str(body.get("value") or "")))

    @staticmethod
    def _asked_in(session: Session, body: Json, notice_id: str) -> tuple[Notice, Question, Answer]:
        """The notice that was clicked in, if it stands there, and what it asks about."""
        try:
            notice = store.notice(session, notice_id)
            asked = store.question(session, notice.question_id or "")
        except store.UnknownRowError:
            raise RefusedError(say("gone")) from None
        answer, container = store.answer_of(session, asked.id), body.get("container", {})
        clicked = (acting(body)[0], container.get("channel_id"), container.get("message_ts"))
        if notice.kind != HELP or clicked != (notice.team, notice.channel, notice.ts):
            raise RefusedError(say("not_a_member", language_in(asked)))
        if answer is None or not asked.text:
            raise RefusedError(say("gone", language_in(asked)))
        return notice, asked, answer


def _chosen(action: Json) -> tuple[str, str]:
    """Notice and module of a click: a button's value has both, a menu's only the module."""
    if action.get("type") == "external_select":
        key = str((action.get("selected_option") or {}).get("value", ""))
        return str(action.get("block_id") or "").partition(":")[2], key
    notice_id, _, key = str(action.get("value", "")).partition(":")
    return notice_id, key
