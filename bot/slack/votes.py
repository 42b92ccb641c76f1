"""
Votes in: the buttons below an answer, reactions on it, its candidates, and what was wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App

from bot.slack.answer_blocks import MORE_ACTION, VOTE_ACTION
from bot.slack.blocks import Message
from bot.slack.clicks import RefusedError, clicked_answer, place_of, refusing, whisper, window_answer
from bot.slack.context import Json, SlackContext, courtesy, nothing_more
from bot.slack.kit import button, section
from bot.slack.modal_blocks import (
    BELONGS_ACTION,
    CHOICE_ACTION,
    CHOICES,
    COMMENT_ACTION,
    MODULE_ACTION,
    NOT_HERE_ACTION,
    WRONG_VIEW,
    draw_more,
    draw_thanks,
    draw_wrong,
    module_option,
)
from bot.slack.phrases import say
from bot.slack.text import escape
from bot.slack.views import language_in
from inference.values import RankedModule
from worker import store
from worker.catalogs import ModuleDirectory, ModuleFacts
from worker.tables import Answer

CORRECT_ACTION = "signpost_correct"

_VOTES = {"+1": 1, "thumbsup": 1, "-1": -1, "thumbsdown": -1}
_REACTED = "signpost_reacted"
_LONGEST_COMMENT = 1_000


def register(app: App, context: SlackContext) -> None:
    """
    Listen for votes and corrections.
    """
    votes = _Votes(context)
    app.event("reaction_added", middleware=[votes.take_reaction])(votes.after_reaction)
    app.event("reaction_removed", middleware=[votes.take_reaction])(nothing_more)
    app.action(VOTE_ACTION)(refusing(context, votes.vote))
    app.action(CORRECT_ACTION)(refusing(context, votes.correct))
    app.action(MORE_ACTION)(refusing(context, votes.show_more))
    app.action(BELONGS_ACTION)(refusing(context, votes.vote_on_candidate))
    app.action(NOT_HERE_ACTION)(refusing(context, votes.vote_on_candidate))
    app.options(MODULE_ACTION)(votes.offer_modules)
    app.view(WRONG_VIEW)(votes.take_correction)


def directory_of(context: SlackContext, answer: Answer) -> ModuleDirectory:
    """
    All modules of the release that answered; where its catalog is gone, those of the answer.
    """
    with context.sessions() as session:
        found = context.library.directory(session, answer.release_id)
    if found is not None:
        return found
    modules = [RankedModule.from_json(module) for module in answer.modules]
    return ModuleDirectory({one.id: ModuleFacts(one.id, one.path, one.path) for one in modules})


def offered(directory: ModuleDirectory, answer: Answer, words: str) -> list[dict[str, Any]]:
    """
    The options of a type-ahead menu over modules.
    """
    first = [str(module["id"]) for module in answer.modules]
    return [module_option(facts) for facts in directory.search(words, first=first)]


class _Votes:
    def __init__(self, context: SlackContext) -> None:
        self._context = context

    # Reactions.

    def take_reaction(self, body: Json, event: Json, context: dict[str, Any], next: Callable[[], Any]) -> Any:
        value = _VOTES.get(str(event.get("reaction", "")).partition("::")[0])
        item = event.get("item", {})
        if value is not None and item.get("type") == "message" and not body.get("is_ext_shared_channel"):
            context[_REACTED] = self._count_reaction(event, str(body.get("team_id", "")), item, value)
        return next()

    def _count_reaction(self, event: Json, team: str, item: Json, value: int) -> str | None:
        """The id of the answer if this changed what the person says about it."""
        with self._context.sessions.begin() as session:
            asked = store.question_by_placeholder(session, team=team, channel=item["channel"], ts=item["ts"])
            answer = store.answer_of(session, asked.id) if asked is not None else None
            if answer is None or answer.error is not None or answer.off_topic:
                return None
            person = str(event["user"])
            if event["type"] != "reaction_added":
                store.withdraw_vote(session, answer_id=answer.id, person=person, value=value)
                return None
            before = store.vote_of(session, answer_id=answer.id, person=person)
            if before is not None and before.value == value:
                return None  # the same word again must not undo what was added to it
            store.cast_vote(session, answer_id=answer.id, person=person, value=value, now=datetime.now(UTC))
            return answer.id

    def after_reaction(self, body: Json, event: Json, context: dict[str, Any]) -> None:
        """A reaction opens no window, so that a 👎 gets a button that does."""
        answer_id = context.get(_REACTED)
        if answer_id is None:
            return
        with self._context.sessions() as session:
            asked = store.question(session, store.answer(session, answer_id).question_id)
        language, up = language_in(asked), not str(event["reaction"]).startswith(("-1", "thumbsdown"))
        text = say("thanks_up" if up else "thanks_down", language)
        blocks = [section(escape(text))]
        if not up:
            choice = button(say("say_which", language), CORRECT_ACTION, answer_id)
            blocks.append({"type": "actions", "elements": [choice]})
        channel, person = str(event["item"]["channel"]), str(event["user"])
        message = Message(text, tuple(blocks))
        self._context.whisper(asked.team or "", channel, person, message, thread_ts=asked.thread_ts)

    # The two buttons.

    def vote(self, body: Json, action: Json, ack: Callable[..., Any]) -> None:
        word, _, answer_id = str(action.get("value", "")).partition(":")
        value, person = (1 if word == "up" else -1), str(body["user"]["id"])
        with self._context.sessions.begin() as session:
            asked, answer = clicked_answer(session, body, answer_id)
            before = store.vote_of(session, answer_id=answer_id, person=person)
            if before is None or before.value != value:
                store.cast_vote(session, answer_id=answer.id, person=person, value=value, now=datetime.now(UTC))
        ack()
        if value > 0:
            whisper(self._context, body, say("thanks_up", language_in(asked)))
        elif not self._open_wrong(body, answer, place_of(body)):
            whisper(self._context, body, say("thanks_down", language_in(asked)))

    def correct(self, body: Json, action: Json, ack: Callable[..., Any]) -> None:
        """The button in a private word; that word is no message of ours which could be compared."""
        with self._context.sessions() as session:
            _, answer = window_answer(session, body, str(action.get("value", "")))
        ack()
        self._open_wrong(body, answer, place_of(body))

    def _open_wrong(self, body: Json, answer: Answer, place: tuple[str, str | None]) -> bool:
        with self._context.sessions() as session:
            said = store.vote_of(session, answer_id=answer.id, person=str(body["user"]["id"]))
            language = language_in(store.question(session, answer.question_id))
        chosen = None
        if said is not None and said.module:
            chosen = directory_of(self._context, answer).modules.get(said.module)
        view = draw_wrong(
            answer.id,
            language,
            chosen=chosen,
            wrong=said.wrong if said else None,
            comment=said.comment if said else None,
            place=[part for part in place if part],
        )
        client = self._context.client_for(str(body["team"]["id"]))
        return courtesy(lambda: client.views_open(trigger_id=body["trigger_id"], view=view))

    # What was wrong.

    def offer_modules(self, body: Json, ack: Callable[..., Any]) -> None:
        try:
            with self._context.sessions() as session:
                _, answer = window_answer(session, body, _hidden(body)[0])
        except RefusedError:
            ack(options=[])
            return
        ack(options=offered(directory_of(self._context, answer), answer, str(body.get("value") or "")))

    def take_correction(self, body: Json, view: Json, ack: Callable[..., Any]) -> None:
        try:
            with self._context.sessions() as session:
                asked, answer = window_answer(session, body, _hidden(body)[0])
        except RefusedError as refusal:
            ack(response_action="errors", errors={MODULE_ACTION: str(refusal)})
            return
        chosen = _chosen(view, MODULE_ACTION, "selected_option").get("value")
        facts = directory_of(self._context, answer).by_key(str(chosen)) if chosen else None
        wrong = _chosen(view, CHOICE_ACTION, "selected_option").get("value")
        comment = _state(view, COMMENT_ACTION).get("value")
        module = facts.id if facts else None
        if chosen and facts is None:
            ack(response_action="errors", errors={MODULE_ACTION: say("gone", language_in(asked))})
            return
        with self._context.sessions.begin() as session:
            store.cast_vote(
                session,
                answer_id=answer.id,
                person=str(body["user"]["id"]),
                value=-1,
                module=module,
                wrong=str(wrong) if wrong in CHOICES else None,
                comment=str(comment)[:_LONGEST_COMMENT] if comment else None,
                now=datetime.now(UTC),
            )
        ack(response_action="update", view=draw_thanks(language_in(asked), module=module))

    # Candidates.

    def show_more(self, body: Json, action: Json, ack: Callable[..., Any]) -> None:
        with self._context.sessions() as session:
            asked, answer = clicked_answer(session, body, str(action.get("value", "")))
            view = self._context.library.view(session, asked, answer)
            said = store.candidate_votes(session, answer_id=answer.id, person=str(body["user"]["id"]))
        ack()
        client = self._context.client_for(str(body["team"]["id"]))
        courtesy(lambda: client.views_open(trigger_id=body["trigger_id"], view=draw_more(view, said)))

    def vote_on_candidate(self, body: Json, action: Json, ack: Callable[..., Any]) -> None:
        """
        "It belongs here" is also the person's word on the answer: it names the right module.
        """
        answer_id, _, key = str(action.get("value", "")).partition(":")
        value = 1 if action.get("action_id") == BELONGS_ACTION else -1
        person, now = str(body["user"]["id"]), datetime.now(UTC)
        with self._context.sessions.begin() as session:
            asked, answer = window_answer(session, body, answer_id)
            facts = directory_of(self._context, answer).by_key(key)
            if facts is None:
                raise RefusedError(say("gone", language_in(asked)))
            store.cast_candidate_vote(
                session, answer_id=answer.id, person=person, module=facts.id, value=value, now=now
            )
            if value > 0:
                first = answer.modules[0]["id"] == facts.id
                store.cast_vote(
                    session,
                    answer_id=answer.id,
                    person=person,
                    value=1 if first else -1,
                    module=facts.id,
                    now=now,
                )
            view = self._context.library.view(session, asked, answer)
            said = store.candidate_votes(session, answer_id=answer.id, person=person)
        ack()
        shown = body.get("view") or {}
        client = self._context.client_for(str(body["team"]["id"]))
        courtesy(
            lambda: client.views_update(view_id=shown.get("id"), hash=shown.get("hash"), view=draw_more(view, said))
        )


def _hidden(body: Json) -> list[str]:
    """What `draw_wrong` put into the window: the answer's id, then where it was opened."""
    try:
        hidden = json.loads((body.get("view") or {}).get("private_metadata") or "[]")
    except ValueError:
        hidden = []
    return [str(part) for part in hidden] if isinstance(hidden, list) and hidden else [""]


def _state(view: Json, name: str) -> dict[str, Any]:
    return dict(view.get("state", {}).get("values", {}).get(name, {}).get(name) or {})


def _chosen(view: Json, name: str, field: str) -> dict[str, Any]:
    return dict(_state(view, name).get(field) or {})
