"""
The outbox: what SQL says should stand in Slack and does not yet.

What must be done is read from SQL again and again, never remembered: a process that died
anywhere is followed by one that goes on at the same place. What is done for one answer or
one notice is said in its courier.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy.orm import Session

from bot.slack.answer_courier import AnswerCourier
from bot.slack.calls import GONE, NOBODY, SHUT, TOKEN, Calls, Later
from bot.slack.client import UNCLEAR, NotInstalledError, error_code, needed_scope
from bot.slack.notice_courier import NoticeCourier
from bot.slack.views import Library
from worker.database import Sessions
from worker.waiting import Outlook

log = logging.getLogger("signpost.slack")

_SLOWEST_RETRY = 300.0
_MOST_FAILURES = 50  # with the pauses between them about four hours
_CHORES_SECONDS = 5.0


class Courier(Protocol):
    """What the loop asks of whoever brings one kind of thing to Slack."""

    what: str

    def pending(self, session: Session) -> Sequence[str]:
        """Ids of what needs a call to Slack, the most urgent first."""
        ...

    def serve(self, item: str) -> None:
        """Do the next steps for one of them."""
        ...

    def lost(self, item: str, code: str) -> bool:
        """Slack says that there is nothing to write to: find another way. False when there is none."""
        ...

    def give_up(self, item: str) -> bool:
        """Take it out of the outbox for good. False when it must stay."""
        ...


class Delivery:
    """
    The loop that brings messages up to date, on a thread of its own with a few helpers.

    No thread ever sleeps for Slack: a call that must wait is put off, and others go on
    in the meantime. One thing is never served by two helpers at once.

    Args:
        client_for: The client that speaks in one workspace, by its team id.
        library: What answers are drawn with.
        waiting: What a question waits for; None when that is unknown.
        chores: What else is to be looked after every few seconds.
        poll: Seconds between two looks into the database when nobody calls `wake`.
        news_seconds: Seconds after which those who wait hear how the queue moved.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        client_for: Callable[[str], WebClient],
        library: Library,
        waiting: Callable[[str], Outlook | None] = lambda _: None,
        chores: Sequence[Callable[[], object]] = (),
        poll: float = 0.5,
        news_seconds: float = 15.0,
        helpers: int = 4,
    ) -> None:
        calls, began_at = Calls(client_for), datetime.now(UTC)
        self._couriers: tuple[Courier, ...] = (
            AnswerCourier(sessions, calls, library, waiting=waiting, began_at=began_at, news_seconds=news_seconds),
            NoticeCourier(sessions, calls, library, began_at=began_at),
        )
        self._sessions = sessions
        self._chores = chores
        self._chores_due = 0.0
        self._poll = poll
        self._pool = ThreadPoolExecutor(max_workers=helpers, thread_name_prefix="slack-delivery")
        self._thread = threading.Thread(target=self._run, name="slack-outbox", daemon=True)
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}

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
                self._do_chores()
                self._hand_out()
            except Exception:
                # The database may be away for a while; the loop must be there when it is back.
                log.exception("the outbox could not be read; trying again")
            self._awake.wait(self._poll)

    def _do_chores(self) -> None:
        if time.monotonic() >= self._chores_due:
            self._chores_due = time.monotonic() + _CHORES_SECONDS
            for chore in self._chores:
                chore()

    def _hand_out(self) -> None:
        with self._sessions() as session:
            found = [(courier, list(courier.pending(session))) for courier in self._couriers]
        now = time.monotonic()
        for courier, items in found:
            for item in dict.fromkeys(items):
                with self._lock:
                    if item in self._busy or self._due.get(item, 0.0) > now:
                        continue
                    self._busy.add(item)
                self._pool.submit(self._serve, courier, item)

    def _serve(self, courier: Courier, item: str) -> None:
        try:
            courier.serve(item)
            self._failures.pop(item, None)
            self._due.pop(item, None)
        except Later as later:
            self._put_off(item, later.seconds)
        except SlackApiError as error:
            self._refused(courier, item, error)
        except UNCLEAR as error:
            log.warning("%s %s: Slack could not be reached (%s)", courier.what, item, type(error).__name__)
            self._failed(courier, item)
        except NotInstalledError as error:
            log.warning("%s %s waits: %s", courier.what, item, error)
            self._put_off(item, _SLOWEST_RETRY)
        except Exception:
            log.exception("%s %s could not be brought up to date", courier.what, item)
            self._failed(courier, item)
        finally:
            with self._lock:
                self._busy.discard(item)

    def _refused(self, courier: Courier, item: str, error: SlackApiError) -> None:
        code = error_code(error)
        if code in SHUT | GONE | NOBODY:
            if courier.lost(item, code):
                self._awake.set()
            else:
                self._give_up(courier, item, f"there is nothing to write to ({code})")
        elif code in TOKEN:
            log.error("Slack refuses the bot token: %s %s; see docs/slack.md", code, needed_scope(error))
            self._put_off(item, 60.0)
        else:
            log.warning("%s %s: Slack answered %s", courier.what, item, code)
            self._failed(courier, item)

    def _failed(self, courier: Courier, item: str) -> None:
        failures = self._failures.get(item, 0) + 1
        self._failures[item] = failures
        if failures >= _MOST_FAILURES:
            self._give_up(courier, item, f"{failures} attempts failed")
        else:
            self._put_off(item, min(_SLOWEST_RETRY, 0.5 * 2.0 ** min(failures, 10)))

    def _give_up(self, courier: Courier, item: str, reason: str) -> None:
        """What nobody can be shown leaves the outbox; its row stays."""
        log.error("%s %s is not delivered: %s", courier.what, item, reason)
        if not courier.give_up(item):
            self._put_off(item, _SLOWEST_RETRY)

    def _put_off(self, item: str, seconds: float) -> None:
        self._due[item] = time.monotonic() + seconds
