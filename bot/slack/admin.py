"""
`/where-admin`: state, training, promotion, rollback, re-indexing, for admins alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from slack_bolt import App
from sqlalchemy.orm import Session

from bot.slack import operations
from bot.slack.blocks import Message
from bot.slack.channels import repository_of
from bot.slack.context import Json, SlackContext
from bot.slack.kit import section
from bot.slack.operations import Order
from bot.slack.phrases import language_of, say
from bot.slack.roles import acting
from bot.slack.state import draw_repository, draw_workers, list_names
from bot.slack.text import code
from worker import store
from worker.channels import channel_rules
from worker.overview import read_overview
from worker.tables import Repository

COMMAND = "/where-admin"

_MOST_SHOWN = 20
_PATIENCE_SECONDS = 2.0


def register(app: App, context: SlackContext) -> None:
    """
    Listen for the command.

    Slack waits three seconds. What takes longer (the files of a large release, a queue that
    does not answer) is finished all the same, and its outcome sent after the acknowledgement.
    """

    def listen(body: Json, ack: Callable[..., Any], respond: Callable[..., Any]) -> None:
        command = _read(context, body)
        work = _in_background(lambda: answer(context, command))
        try:
            ack(response_type="ephemeral", **_payload(work.result(_PATIENCE_SECONDS)))
        except TimeoutError:
            ack(response_type="ephemeral", **_payload(_said(say("working", command.order.language))))
            respond(response_type="ephemeral", **_payload(work.result()))

    app.command(COMMAND)(listen)


def _in_background(work: Callable[[], Message]) -> Future[Message]:
    future: Future[Message] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="slack-admin", daemon=True).start()
    return future


class Command:
    """
    One use of the command.

    Args:
        words: What follows the name of the command.
    """

    def __init__(self, order: Order, channel: str, words: tuple[str, ...]) -> None:
        self.order = order
        self.channel = channel
        self.words = words

    @property
    def act(self) -> str:
        return self.words[0].lower() if self.words else "help"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(word for word in self.words[1:] if word.lower() != "quick")


def _read(context: SlackContext, body: Json) -> Command:
    team, person = acting(body)
    channel = str(body.get("channel_id") or "")
    text = str(body.get("text") or "")
    with context.sessions() as session:
        language = language_of(text, channel_rules(session, team=team, channel=channel).language)
    return Command(Order(team, person, channel or person, language), channel, tuple(text.split()))


def answer(context: SlackContext, command: Command) -> Message:
    """
    Do what an admin orders, and say what became of it; to everybody else, that they are none.
    """
    order = command.order
    if not context.roles.is_admin(order.team, order.person):
        return _said(say("admins_only", order.language))
    if command.act == "promote":
        return _promote(context, command)
    if command.act in ("status", "repos"):
        return _state(context, command)
    acts: Mapping[str, Callable[[Repository], str]] = {
        "retrain": lambda repository: operations.retrain(
            context, order, repository, quick="quick" in [word.lower() for word in command.words]
        ),
        "reindex": lambda repository: operations.reindex(context, order, repository),
        "rollback": lambda repository: operations.roll_back(context, order, repository),
    }
    act = acts.get(command.act)
    if act is None:
        return _said(say("admin_help", order.language))
    with context.sessions() as session:
        repository = _repository(context, session, command)
        unknown = "" if repository is not None else _unknown(session, command)
    return _said(act(repository) if repository is not None else unknown)


def _promote(context: SlackContext, command: Command) -> Message:
    order = command.order
    if command.names:
        return _said(operations.promote(context, order, command.names[0]))
    with context.sessions() as session:
        repository = _repository(context, session, command)
        known = [one.id for one in store.releases(session, repository.id if repository else None)]
    return _said(say("promote_which", order.language, releases=list_names(known) or "–"))


def _state(context: SlackContext, command: Command) -> Message:
    language = command.order.language
    with context.sessions() as session:
        overview = read_overview(session, context.connection)
        states = [one for one in overview.repositories if not command.names or one.name in command.names]
        blocks = [] if command.act == "repos" else draw_workers(overview, language)
        blocks += [draw_repository(session, one, language) for one in states[:_MOST_SHOWN]]
        if not states:
            blocks.append(section(_unknown(session, command)))
    return Message("Signpost", tuple(blocks))


def _repository(context: SlackContext, session: Session, command: Command) -> Repository | None:
    if command.names:
        return store.repository_named(session, command.names[0])
    order = command.order
    return repository_of(session, context.settings, team=order.team, channel=command.channel, person=order.person)


def _unknown(session: Session, command: Command) -> str:
    known = [one.name for one in store.repositories(session)]
    language = command.order.language
    if not known or not command.names:
        return say("use_none", language)
    return say("use_unknown", language, name=code(command.names[0], 200), known=list_names(known))


def _said(text: str) -> Message:
    return Message(text.replace("*", "").replace("`", ""), (section(text),))


def _payload(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": list(message.blocks)}
