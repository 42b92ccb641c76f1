"""
The Home tab: ask, choose a repository, see what one asked lately; and for admins the state and four buttons.

Everything a click carries is an opaque id. Who may click is decided when they do, not when
the tab was drawn.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App
from sqlalchemy.orm import Session

from bot.slack import operations
from bot.slack.channels import repository_of
from bot.slack.context import Json, SlackContext, courtesy
from bot.slack.home_view import (
    ASK,
    CHOOSE,
    PROMOTE,
    QUESTION,
    REINDEX,
    RETRAIN,
    ROLL_BACK,
    Administered,
    HomeView,
    Recent,
    draw_home,
)
from bot.slack.operations import Order
from bot.slack.permalinks import Permalinks
from bot.slack.phrases import Language, language_of, say
from bot.slack.questions import Asked, submit
from bot.slack.roles import acting
from bot.slack.state import draw_repository, draw_workers
from bot.slack.text import escape
from worker import store
from worker.channels import choose_repository
from worker.overview import read_overview
from worker.tables import Answer, Question

_RECENT = 5


def register(app: App, context: SlackContext) -> None:
    """
    Listen for people who open the Home tab, and for what they click there.
    """
    home = _Home(context)
    app.event("app_home_opened")(home.open)
    app.action(ASK)(home.ask)
    app.action(CHOOSE)(home.choose)
    app.action(PROMOTE)(home.promote)
    app.action(RETRAIN)(home.act(operations.retrain))
    app.action(REINDEX)(home.act(operations.reindex))
    app.action(ROLL_BACK)(home.act(operations.roll_back))


class _Home:
    def __init__(self, context: SlackContext) -> None:
        self._context = context
        self._permalinks = Permalinks()

    def open(self, body: Json, event: Json) -> None:
        if event.get("tab") == "home":
            self._publish(str(body.get("team_id", "")), str(event["user"]))

    def ask(self, body: Json, ack: Callable[[], Any]) -> None:
        """The question is stored before the click is acknowledged: when that fails the person sees that it did."""
        team, person = acting(body)
        text = _typed(body)
        language = language_of(text)
        if not team:
            ack()
            return
        reply = submit(
            self._context,
            Asked(
                team=team,
                channel=person,
                person=person,
                text=escape(text),
                surface="home",
                event_id=f"home:{team}:{person}:{_block(body)}",
            ),
        )
        ack()
        if reply is None:
            self._context.on_question()
        self._publish(team, person, notice=escape(reply.text) if reply else say("home_asked", language))

    def choose(self, body: Json, action: Json, ack: Callable[[], Any]) -> None:
        team, person = acting(body)
        chosen = str((action.get("selected_option") or {}).get("value", ""))
        if team:
            with self._context.sessions.begin() as session:
                if any(one.id == chosen for one in store.repositories(session)):
                    now = datetime.now(UTC)
                    choose_repository(session, team=team, person=person, repository_id=chosen, now=now)
        ack()
        if team:
            self._publish(team, person)

    def act(self, operation: Callable[..., str]) -> Callable[..., None]:
        """
        The listener for one of the buttons that concern a repository.
        """

        def listen(body: Json, action: Json, ack: Callable[[], Any]) -> None:
            ack()
            self._if_admin(body, lambda order: self._on_repository(operation, order, str(action.get("value", ""))))

        return listen

    def promote(self, body: Json, action: Json, ack: Callable[[], Any]) -> None:
        ack()
        release = str((action.get("selected_option") or {}).get("value", ""))
        self._if_admin(body, lambda order: operations.promote(self._context, order, release))

    def _if_admin(self, body: Json, operation: Callable[[Order], str]) -> None:
        team, person = acting(body)
        if not team:
            return
        order = Order(team, person, person, self._language(team, person))
        allowed = self._context.roles.is_admin(team, person)
        self._publish(team, person, notice=operation(order) if allowed else say("admins_only", order.language))

    def _on_repository(self, operation: Callable[..., str], order: Order, repository_id: str) -> str:
        with self._context.sessions() as session:
            found = next((one for one in store.repositories(session) if one.id == repository_id), None)
        return say("use_none", order.language) if found is None else operation(self._context, order, found)

    def _publish(self, team: str, person: str, *, notice: str = "") -> None:
        view = draw_home(self._read(team, person, notice))
        courtesy(lambda: self._context.client_for(team).views_publish(user_id=person, view=view))

    def _language(self, team: str, person: str) -> Language:
        with self._context.sessions() as session:
            return _language(store.questions_of(session, team=team, person=person, limit=_RECENT))

    def _read(self, team: str, person: str, notice: str) -> HomeView:
        context, is_admin = self._context, self._context.roles.is_admin(team, person)
        with context.sessions() as session:
            asked = store.questions_of(session, team=team, person=person, limit=_RECENT)
            language = _language(asked)
            chosen = repository_of(session, context.settings, team=team, channel="", person=person)
            overview = read_overview(session, context.connection) if is_admin else None
            view = HomeView(
                language=language,
                nonce=secrets.token_hex(8),
                repositories=tuple((one.id, one.name) for one in store.repositories(session)),
                chosen=chosen.id if chosen else None,
                recent=tuple(_recent(session, one) for one in asked),
                notice=notice,
                workers=tuple(draw_workers(overview, language)) if overview else None,
                administered=tuple(
                    Administered(one.id, one.name, draw_repository(session, one, language), one.others)
                    for one in (overview.repositories if overview else ())
                ),
            )
        linked = (
            replace(one, link=self._link(team, question)) for one, question in zip(view.recent, asked, strict=True)
        )
        return replace(view, recent=tuple(linked))

    def _link(self, team: str, asked: Question) -> str:
        """Where the answer stands; a private one stands nowhere."""
        if not asked.placeholder_ts or not asked.channel:
            return ""
        get = self._context.client_for(team).chat_getPermalink
        return self._permalinks.of(get, team=team, channel=asked.channel, ts=asked.placeholder_ts)


def _language(asked: Sequence[Question]) -> Language:
    """The language of the person's last question; who never asked reads English."""
    return language_of(asked[0].text) if asked else language_of("")


def _recent(session: Session, asked: Question) -> Recent:
    answer = store.answer_of(session, asked.id)
    return Recent(
        text=asked.text,
        module=_first(answer),
        state=_state(answer),
        day=f"{asked.created_at:%Y-%m-%d}",
        repository=store.repository(session, asked.repository_id).name,
    )


def _first(answer: Answer | None) -> str:
    first = answer.modules[0] if answer is not None and answer.modules else {}
    return str(first.get("id") or "")


def _state(answer: Answer | None) -> str:
    if answer is None:
        return "waiting"
    if answer.error is not None:
        return "error"
    return "answered" if answer.modules else "nothing"


def _typed(body: Json) -> str:
    values = (body.get("view") or {}).get("state", {}).get("values", {})
    typed = (block[QUESTION].get("value") for block in values.values() if QUESTION in block)
    return next((str(value) for value in typed if value), "")


def _block(body: Json) -> str:
    """The id of the ask box: new whenever the tab is drawn, so that two clicks on one box are one question."""
    values = (body.get("view") or {}).get("state", {}).get("values", {})
    return next((name for name, block in values.items() if QUESTION in block), secrets.token_hex(8))
