"""
Every question in Slack has one message, and it shows the newest state of its answer.

Posting is the only step that cannot simply be repeated; see `AnswerCourier._place`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from slack_sdk.errors import SlackApiError
from sqlalchemy.orm import Session

from bot.slack.answer_blocks import draw_answer, draw_placeholder
from bot.slack.blocks import Message, question_metadata, speaks_of
from bot.slack.calls import SHUT, TOO_MUCH, Calls, Later
from bot.slack.client import UNCLEAR, error_code, needed_scope
from bot.slack.errands import SLACK, Errand, read_errand, unfinished
from bot.slack.kit import is_person
from bot.slack.phrases import say
from bot.slack.private import draw_private
from bot.slack.views import AnswerView, Library
from worker import store
from worker.database import Sessions
from worker.waiting import Outlook

log = logging.getLogger("signpost.slack")

EYES = "eyes"

_PAGES = 5
_NO_STATUS_SECONDS = 600.0


class AnswerCourier:
    """
    Brings placeholders and answers to Slack.

    Args:
        waiting: What a question waits for; None when that is unknown.
        began_at: Before this moment another process may have posted.
        news_seconds: How often a placeholder may hear how the queue moves.
    """

    what = "question"

    def __init__(
        self,
        sessions: Sessions,
        calls: Calls,
        library: Library,
        *,
        waiting: Callable[[str], Outlook | None],
        began_at: datetime,
        news_seconds: float,
    ) -> None:
        self._sessions = sessions
        self._calls = calls
        self._library = library
        self._news_seconds = news_seconds
        self._waiting = waiting
        self._began_at = began_at
        self._lock = threading.Lock()
        self._tidy: set[str] = set()
        self._posted: set[str] = set()
        self._told: dict[str, tuple[float, str]] = {}
        self._no_status: dict[tuple[str, str], float] = {}
        self._with_status: set[str] = set()
        self._seen: set[str] = set()

    def pending(self, session: Session) -> Sequence[str]:
        found = unfinished(session)
        waiting = [asked.id for asked in store.questions_waiting(session, SLACK)]
        now = time.monotonic()
        with self._lock:
            late = [one for one in waiting if now - self._told.setdefault(one, (now, ""))[0] > self._news_seconds]
            return [*found, *late, *self._tidy]

    def serve(self, item: str) -> None:
        # Read only now: another helper may have served it since it was listed.
        with self._sessions() as session:
            errand = read_errand(session, self._library, item)
        if errand.withdrawn:
            self._clear(errand)
        elif errand.delivered:
            if item in self._tidy:
                self._take_eyes_away(errand)
        else:
            self._advance(errand)

    def lost(self, item: str, code: str) -> bool:
        """
        Answer somewhere else, or nowhere.

        A channel that is shut takes no answer, but its asker still wants one: it goes to them. Where the
        thread is gone, so is the question; its author deleted it.
        """
        with self._lock:
            self._tidy.discard(item)
        with self._sessions.begin() as session:
            asked = store.question(session, item)
            if code in SHUT and asked.surface not in store.ELSEWHERE and is_person(asked.asker):
                log.warning("question %s is answered in private: %s", item, code)
                store.move_question(session, item, channel=asked.asker)
                return True
            if asked.placeholder_ts is None:
                log.warning("question %s is withdrawn: %s", item, code)
                store.withdraw_question(session, item, now=datetime.now(UTC), forget=False)
                return True
        return False

    def give_up(self, item: str) -> bool:
        with self._lock:
            self._tidy.discard(item)
        with self._sessions.begin() as session:
            answer = store.answer_of(session, item)
            if answer is None:
                return False
            store.mark_delivered(session, answer.id, datetime.now(UTC))
            return True

    def _advance(self, errand: Errand) -> None:
        if errand.private:
            self._tell_asker(errand)
            return
        if errand.placeholder_ts is None:
            errand = self._place(errand)
        if errand.view is None:
            self._tell_news(errand)
            return
        with self._lock:
            self._told.pop(errand.question_id, None)
        if errand.shown and not errand.final:
            return
        self._show(errand, errand.view)
        with self._sessions.begin() as session:
            mark = store.mark_delivered if errand.final else store.mark_shown
            mark(session, errand.view.answer_id, datetime.now(UTC))
        if errand.final:
            self._say_status(errand, "")
            with self._lock:
                self._tidy.add(errand.question_id)
            self._take_eyes_away(errand)

    def _tell_asker(self, errand: Errand) -> None:
        """
        Show a private answer, once it is complete. A reply that got lost may mean that it is shown twice, to
        the asker alone and until they reload.
        """
        client = self._calls.client_for(errand.team)
        if errand.question_id not in self._seen:
            self._react(client.reactions_add, errand, quiet=True)
            self._seen.add(errand.question_id)
        if errand.view is None or not errand.final:
            return
        # In a thread that has no other message Slack would not show it.
        thread_ts = errand.thread_ts if errand.thread_ts != errand.message_ts else None

        def tell(message: Message) -> None:
            self._calls.make(
                client.chat_postEphemeral,
                errand.team,
                scope=errand.channel,
                channel=errand.channel,
                user=errand.asker,
                thread_ts=thread_ts,
                text=message.text,
                blocks=list(message.blocks),
            )

        self._as_long_as_fits(errand, (draw_private(errand.view), draw_private(errand.view, short=True)), tell)
        with self._sessions.begin() as session:
            store.mark_delivered(session, errand.view.answer_id, datetime.now(UTC))
        self._seen.discard(errand.question_id)
        with self._lock:
            self._tidy.add(errand.question_id)
        self._take_eyes_away(errand)

    def _place(self, errand: Errand) -> Errand:
        """
        Put the message of a question where it belongs, once.

        A post whose reply got lost may have arrived, and so may one of a process that died
        before it could write down the message's `ts`. In both cases the place is searched
        before anything is posted.
        """
        errand = self._settle(errand)
        client = self._calls.client_for(errand.team)
        try:
            ts = self._find(errand) if self._may_stand_there(errand) else None
            if ts is None:
                ts = self._post(errand, self._placeholder(errand))
        except Later:
            # 👀 has a limit of its own; it says meanwhile that the question arrived.
            if errand.question_id not in self._seen:
                self._react(client.reactions_add, errand, quiet=True)
                self._seen.add(errand.question_id)
            raise
        with self._sessions.begin() as session:
            store.set_placeholder(session, errand.question_id, ts)
        self._posted.discard(errand.question_id)
        if errand.question_id not in self._seen:
            self._react(client.reactions_add, errand, quiet=True)
        self._seen.discard(errand.question_id)
        placed = replace(errand, placeholder_ts=ts)
        if not errand.final:
            self._say_status(placed, say("status", errand.language))
        return placed

    def _settle(self, errand: Errand) -> Errand:
        if not is_person(errand.channel):
            return errand
        client = self._calls.client_for(errand.team)
        opened = self._calls.make(client.conversations_open, errand.team, users=errand.channel)
        channel = str(opened["channel"]["id"])
        with self._sessions.begin() as session:
            store.settle_channel(session, errand.question_id, channel=channel)
        return replace(errand, channel=channel)

    def _placeholder(self, errand: Errand) -> Message:
        outlook = self._waiting(errand.question_id) if errand.view is None else None
        asker = "" if errand.thread_ts else errand.asker
        message = draw_placeholder(
            errand.question_id, errand.language, outlook=outlook, asker=asker, text=errand.text, surface=errand.surface
        )
        with self._lock:
            self._told[errand.question_id] = (time.monotonic(), message.text)
        return message

    def _tell_news(self, errand: Errand) -> None:
        """A question that waits for long hears how the queue moves; what did not change is not said again."""
        with self._lock:
            told_at, told = self._told.get(errand.question_id, (time.monotonic(), ""))
        if time.monotonic() - told_at <= self._news_seconds:
            return
        message = self._placeholder(errand)
        if message.text != told:
            self._update(errand, message)

    def _may_stand_there(self, errand: Errand) -> bool:
        return errand.question_id in self._posted or errand.asked_at < self._began_at

    def _post(self, errand: Errand, message: Message) -> str:
        self._posted.add(errand.question_id)
        client = self._calls.client_for(errand.team)
        response = self._calls.make(
            client.chat_postMessage,
            errand.team,
            # One post a second is Slack's limit for each channel by itself.
            scope=errand.channel,
            channel=errand.channel,
            thread_ts=errand.thread_ts,
            text=message.text,
            blocks=list(message.blocks),
            metadata=question_metadata(errand.question_id),
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(response["ts"])

    def _find(self, errand: Errand) -> str | None:
        try:
            return find_message(
                self._calls,
                errand.team,
                channel=errand.channel,
                thread_ts=errand.thread_ts,
                oldest=errand.message_ts or str(errand.asked_at.timestamp() - 60),
                is_it=lambda message: speaks_of(message, errand.question_id),
            )
        except SlackApiError as error:
            if error_code(error) != "missing_scope":
                raise
            # Silence would lose the question; a second placeholder is the smaller evil.
            log.error("the scope %s is missing: threads cannot be searched", needed_scope(error))
            return None

    def _show(self, errand: Errand, view: AnswerView) -> None:
        drawn = (draw_answer(view), draw_answer(view, short=True))
        self._as_long_as_fits(errand, drawn, lambda message: self._update(errand, message))

    def _as_long_as_fits(self, errand: Errand, drawn: Sequence[Message], say_it: Callable[[Message], None]) -> None:
        smallest = Message(drawn[0].text, ())
        for message in (*drawn, smallest):
            try:
                say_it(message)
                return
            except SlackApiError as error:
                if error_code(error) not in TOO_MUCH or message is smallest:
                    raise
                log.error("question %s: Slack refused the message (%s)", errand.question_id, error_code(error))

    def _update(self, errand: Errand, message: Message) -> None:
        client = self._calls.client_for(errand.team)
        self._calls.make(
            client.chat_update,
            errand.team,
            channel=errand.channel,
            ts=errand.placeholder_ts,
            text=message.text,
            blocks=list(message.blocks),
        )

    def _clear(self, errand: Errand) -> None:
        """The question was deleted: its message goes, too."""
        if errand.placeholder_ts is not None:
            client = self._calls.client_for(errand.team)
            try:
                self._calls.make(client.chat_delete, errand.team, channel=errand.channel, ts=errand.placeholder_ts)
            except SlackApiError as error:
                log.warning("question %s: its message stays (%s)", errand.question_id, error_code(error))
            with self._sessions.begin() as session:
                store.set_placeholder(session, errand.question_id, None)

    def _take_eyes_away(self, errand: Errand) -> None:
        client = self._calls.client_for(errand.team)
        self._react(client.reactions_remove, errand, quiet=False)
        with self._lock:
            self._tidy.discard(errand.question_id)

    def _react(self, method: Callable[..., Any], errand: Errand, *, quiet: bool) -> None:
        """👀 is a courtesy: what keeps us from it (there already, not allowed, gone) is not worth a stop."""
        if errand.message_ts is None:
            return
        try:
            self._calls.make(method, errand.team, channel=errand.channel, name=EYES, timestamp=errand.message_ts)
        except SlackApiError as error:
            log.debug("question %s: no reaction (%s)", errand.question_id, error_code(error))
        except (Later, *UNCLEAR):
            if not quiet:
                raise

    def _say_status(self, errand: Errand, status: str) -> None:
        """
        The line beside our name in an assistant thread. Where a workspace does not have it, it is left out.
        """
        where = (errand.team, errand.channel)
        if not errand.thread_ts or self._no_status.get(where, 0.0) > time.monotonic():
            return
        if not status and errand.question_id not in self._with_status:
            return
        client = self._calls.client_for(errand.team)
        arguments = {"channel_id": errand.channel, "thread_ts": errand.thread_ts, "status": status}
        try:
            self._calls.make(client.assistant_threads_setStatus, errand.team, **arguments)
        except (SlackApiError, Later, *UNCLEAR):
            self._no_status[where] = time.monotonic() + _NO_STATUS_SECONDS
        if status:
            self._with_status.add(errand.question_id)
        else:
            self._with_status.discard(errand.question_id)


def find_message(
    calls: Calls,
    team: str,
    *,
    channel: str,
    thread_ts: str | None,
    oldest: str,
    is_it: Callable[[dict[str, Any]], bool],
) -> str | None:
    """
    The `ts` of a message of ours in a thread, or in a channel; None when it does not stand there.

    Raises:
        SlackApiError, Later: Slack does not let us look.
    """
    client, cursor = calls.client_for(team), ""
    for _ in range(_PAGES):
        arguments: dict[str, Any] = {
            "channel": channel,
            "oldest": oldest,
            "include_all_metadata": True,
            "limit": 200,
            "cursor": cursor,
        }
        if thread_ts:
            page = calls.make(client.conversations_replies, team, ts=thread_ts, **arguments)
        else:
            page = calls.make(client.conversations_history, team, **arguments)
        for message in page.get("messages") or ():
            if is_it(message):
                return str(message["ts"])
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return None
    return None
