"""
The outbox: every question in Slack has one message, and it shows the newest state of its answer.

What must be done is read from SQL again and again, never remembered: a process that died
anywhere is followed by one that goes on at the same place. Posting is the only step that
cannot simply be repeated; see `Delivery._place`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.blocks import (
    AnswerView,
    Message,
    draw_answer,
    draw_placeholder,
    question_metadata,
    speaks_of,
)
from bot.slack.client import UNCLEAR, NotInstalledError, error_code, needed_scope, retry_after
from bot.slack.errands import Errand, read_errand, unfinished
from worker import store
from worker.database import Sessions

log = logging.getLogger("signpost.slack")

EYES = "eyes"

# There is nothing left to write to: the message, the channel or our place in it is gone.
_GONE = {
    "message_not_found",
    "channel_not_found",
    "thread_not_found",
    "is_archived",
    "not_in_channel",
    "cant_update_message",
    "edit_window_closed",
    "restricted_action",
    "restricted_action_thread_locked",
}
_TOO_MUCH = {"msg_blocks_too_long", "msg_too_long", "invalid_blocks", "invalid_blocks_format"}
_TOKEN = {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope"}

_SLOWEST_RETRY = 300.0
_MOST_FAILURES = 50  # with the pauses between them about four hours
_PAGES = 5


class _Later(Exception):  # noqa: N818  not an error: a reason to come back
    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Delivery:
    """
    The loop that brings messages up to date, on a thread of its own with a few helpers.

    No thread ever sleeps for Slack: a call that must wait is put off, and other questions go
    on in the meantime. One question is never served by two helpers at once.

    Args:
        client_for: The client that speaks in one workspace, by its team id.
        waiting: How many questions are queued before this one; None when that is unknown.
        poll: Seconds between two looks into the database when nobody calls `wake`.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        client_for: Callable[[str], WebClient],
        waiting: Callable[[str], int | None] = lambda _: None,
        poll: float = 0.5,
        helpers: int = 4,
    ) -> None:
        self._sessions = sessions
        self._client_for = client_for
        self._waiting = waiting
        self._poll = poll
        self._began_at = datetime.now(UTC)
        self._pool = ThreadPoolExecutor(max_workers=helpers, thread_name_prefix="slack-delivery")
        self._thread = threading.Thread(target=self._run, name="slack-outbox", daemon=True)
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._tidy: set[str] = set()
        self._posted: set[str] = set()
        self._paused: dict[tuple[str, str, str], float] = {}

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """
        Look into the database now: something was stored.
        """
        self._awake.set()

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """
        Finish the calls under way and end. What is left is done by the next process.
        """
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                self._hand_out(self._unfinished())
            except Exception:
                # The database may be away for a while; the loop must be there when it is back.
                log.exception("the outbox could not be read; trying again")
            self._awake.wait(self._poll)

    def _unfinished(self) -> list[str]:
        with self._sessions() as session:
            found = unfinished(session)
        with self._lock:
            return list(dict.fromkeys([*found, *self._tidy]))

    def _hand_out(self, question_ids: Iterable[str]) -> None:
        now = time.monotonic()
        for question_id in question_ids:
            with self._lock:
                if question_id in self._busy or self._due.get(question_id, 0.0) > now:
                    continue
                self._busy.add(question_id)
            self._pool.submit(self._serve, question_id)

    def _serve(self, question_id: str) -> None:
        errand: Errand | None = None
        try:
            # Read only now: another helper may have served it since it was listed.
            with self._sessions() as session:
                errand = read_errand(session, question_id)
            self._advance(errand)
            self._failures.pop(question_id, None)
            self._due.pop(question_id, None)
        except _Later as later:
            self._put_off(question_id, later.seconds)
        except SlackApiError as error:
            self._refused(errand, question_id, error)
        except NotInstalledError as error:
            self._give_up(errand, question_id, str(error))
        except UNCLEAR as error:
            log.warning("question %s: Slack could not be reached (%s)", question_id, type(error).__name__)
            self._failed(errand, question_id)
        except Exception:
            log.exception("question %s could not be brought up to date", question_id)
            self._failed(errand, question_id)
        finally:
            with self._lock:
                self._busy.discard(question_id)

    def _advance(self, errand: Errand) -> None:
        if errand.delivered:
            if errand.question_id in self._tidy:
                self._take_eyes_away(errand)
            return
        if errand.placeholder_ts is None:
            errand = replace(errand, placeholder_ts=self._place(errand))
        if errand.view is None or (errand.shown and not errand.final):
            return
        self._show(errand, errand.view)
        with self._sessions.begin() as session:
            mark = store.mark_delivered if errand.final else store.mark_shown
            mark(session, errand.view.answer_id, datetime.now(UTC))
        if errand.final:
            with self._lock:
                self._tidy.add(errand.question_id)
            self._take_eyes_away(errand)

    def _place(self, errand: Errand) -> str:
        """
        Put the message of a question into its thread, once.

        A post whose reply got lost may have arrived, and so may one of a process that died
        before it could write down the message's `ts`. In both cases the thread is searched
        before anything is posted.
        """
        client = self._client_for(errand.team)
        self._react(client.reactions_add, errand, quiet=True)
        ts = self._find(errand) if self._may_stand_there(errand) else None
        if ts is None:
            waiting = self._waiting(errand.question_id) if errand.view is None else None
            ts = self._post(errand, draw_placeholder(errand.question_id, waiting=waiting or 0))
        with self._sessions.begin() as session:
            store.set_placeholder(session, errand.question_id, ts)
        self._posted.discard(errand.question_id)
        return ts

    def _may_stand_there(self, errand: Errand) -> bool:
        return errand.question_id in self._posted or errand.asked_at < self._began_at

    def _post(self, errand: Errand, message: Message) -> str:
        self._posted.add(errand.question_id)
        client = self._client_for(errand.team)
        response = self._call(
            client.chat_postMessage,
            errand,
            # One post a second is Slack's limit for each channel by itself.
            scope=errand.channel,
            thread_ts=errand.thread_ts,
            text=message.text,
            blocks=list(message.blocks),
            metadata=question_metadata(errand.question_id),
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(response["ts"])

    def _find(self, errand: Errand) -> str | None:
        client, cursor = self._client_for(errand.team), ""
        for _ in range(_PAGES):
            try:
                page = self._call(
                    client.conversations_replies,
                    errand,
                    ts=errand.thread_ts,
                    oldest=errand.message_ts,
                    include_all_metadata=True,
                    limit=200,
                    cursor=cursor,
                )
            except SlackApiError as error:
                if error_code(error) != "missing_scope":
                    raise
                # Silence would lose the question; a second placeholder is the smaller evil.
                log.error("the scope %s is missing: threads cannot be searched", needed_scope(error))
                return None
            for message in page.get("messages") or ():
                if speaks_of(message, errand.question_id):
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
        return None

    def _show(self, errand: Errand, view: AnswerView) -> None:
        client, full = self._client_for(errand.team), draw_answer(view)
        smaller = (draw_answer(view, short=True), Message(full.text, ()))
        for message in (full, *smaller):
            try:
                self._call(
                    client.chat_update,
                    errand,
                    ts=errand.placeholder_ts,
                    text=message.text,
                    blocks=list(message.blocks),
                )
                return
            except SlackApiError as error:
                if error_code(error) not in _TOO_MUCH or message is smaller[-1]:
                    raise
                log.error("question %s: Slack refused the message (%s)", errand.question_id, error_code(error))

    def _take_eyes_away(self, errand: Errand) -> None:
        client = self._client_for(errand.team)
        self._react(client.reactions_remove, errand, quiet=False)
        with self._lock:
            self._tidy.discard(errand.question_id)

    def _react(self, method: Callable[..., Any], errand: Errand, *, quiet: bool) -> None:
        """👀 is a courtesy: what keeps us from it (there already, not allowed, gone) is not worth a stop."""
        try:
            self._call(method, errand, name=EYES, timestamp=errand.message_ts)
        except SlackApiError as error:
            log.debug("question %s: no reaction (%s)", errand.question_id, error_code(error))
        except _Later:
            if not quiet:
                raise

    def _call(self, method: Callable[..., Any], errand: Errand, *, scope: str = "", **arguments: Any) -> Any:
        """One call, unless Slack asked us to leave this method alone for a while."""
        key = (errand.team, getattr(method, "__name__", ""), scope)
        wait = self._paused.get(key, 0.0) - time.monotonic()
        if wait > 0:
            raise _Later(wait)
        try:
            return method(channel=errand.channel, **arguments)
        except SlackApiError as error:
            seconds = retry_after(error)
            if seconds is None:
                raise
            self._paused[key] = time.monotonic() + seconds
            raise _Later(seconds) from error

    def _refused(self, errand: Errand | None, question_id: str, error: SlackApiError) -> None:
        code = error_code(error)
        if code in _GONE:
            self._give_up(errand, question_id, f"there is nothing to write to ({code})")
        elif code in _TOKEN:
            log.error("Slack refuses the bot token: %s %s; see docs/slack.md", code, needed_scope(error))
            self._put_off(question_id, 60.0)
        else:
            log.warning("question %s: Slack answered %s", question_id, code)
            self._failed(errand, question_id)

    def _failed(self, errand: Errand | None, question_id: str) -> None:
        failures = self._failures.get(question_id, 0) + 1
        self._failures[question_id] = failures
        if failures >= _MOST_FAILURES:
            self._give_up(errand, question_id, f"{failures} attempts failed")
        else:
            self._put_off(question_id, min(_SLOWEST_RETRY, 0.5 * 2.0 ** min(failures, 10)))

    def _give_up(self, errand: Errand | None, question_id: str, reason: str) -> None:
        """An answer that nobody can be shown leaves the outbox; the row itself stays."""
        log.error("question %s is not delivered: %s", question_id, reason)
        with self._lock:
            self._tidy.discard(question_id)
        if errand is None or errand.view is None:
            self._put_off(question_id, _SLOWEST_RETRY)
            return
        with self._sessions.begin() as session:
            store.mark_delivered(session, errand.view.answer_id, datetime.now(UTC))

    def _put_off(self, question_id: str, seconds: float) -> None:
        self._due[question_id] = time.monotonic() + seconds
