"""
The job that looks at a repository's newest commit, and its rows in SQL.

It works as a training does: claimed, renewed by the heartbeat, found again when its
worker died. It changes nothing that answers; see `training.reindex` for what it is good for.
"""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from worker import store
from worker.context import CLAIM_SECONDS, Context, current
from worker.jobs import for_the_asker
from worker.rows import insert_new, row
from worker.tables import Reindexing, new_id

log = logging.getLogger("signpost.jobs")

MOST_ATTEMPTS = 2

_OPEN = ("queued", "running")


class ReindexingStoppedError(Exception):
    """The worker was asked to stop in the middle; another one begins again."""


def reindex(reindexing_id: str) -> None:
    """
    Index the newest commit of a repository and store how far the serving release is behind.
    """
    context, now = current(), current().now
    with context.sessions.begin() as session:
        if not claim(session, reindexing_id, worker=context.worker, now=now(), seconds=CLAIM_SECONDS):
            log.info("re-indexing %s is claimed by another worker, finished, or does not exist", reindexing_id)
            return
        mine = reindexing(session, reindexing_id)
        mine.state, mine.started_at = "running", mine.started_at or now()
        if mine.attempts > MOST_ATTEMPTS:
            _end(mine, now(), state="failed", error=f"The worker broke down {MOST_ATTEMPTS} times while indexing.")
            return
    context.reindexing_id = reindexing_id
    try:
        found = _look(context, reindexing_id)
        with context.sessions.begin() as session:
            _end(reindexing(session, reindexing_id), now(), state="done", found=found)
        log.info("re-indexing %s: commit %s, %s modules", reindexing_id, found["commit"][:12], found["modules"])
    except ReindexingStoppedError:
        with context.sessions.begin() as session:
            stopped = reindexing(session, reindexing_id)
            stopped.state, stopped.attempts = "queued", stopped.attempts - 1
    except Exception as problem:
        message = for_the_asker(problem, f"re-indexing {reindexing_id}")
        with context.sessions.begin() as session:
            _end(reindexing(session, reindexing_id), now(), state="failed", error=message)
    finally:
        context.reindexing_id = None
        with context.sessions.begin() as session:
            store.release_claims(session, context.worker)


def _look(context: Context, reindexing_id: str) -> dict[str, Any]:
    from training.reindex import reindex as look

    with context.sessions() as session:
        repository = store.repository(session, reindexing(session, reindexing_id).repository_id)
        active = store.active_release(session, repository.id)
    found = look(
        repository.location,
        name=repository.name,
        home=context.settings.home,
        serving=Path(active.folder) if active else None,
        report=_ProgressWriter(context, reindexing_id),
    )
    return found.to_json()


class _ProgressWriter:
    """Stores the progress, at most once a second, and stops the indexing when the worker stops."""

    def __init__(self, context: Context, reindexing_id: str) -> None:
        self._context = context
        self._reindexing_id = reindexing_id
        self._written = -1.0

    def __call__(self, stage: str, done: int, total: int, detail: str) -> None:
        if self._context.stopping.is_set():
            raise ReindexingStoppedError
        if self._written >= 0 and time.monotonic() - self._written < 1.0:
            return
        self._written = time.monotonic()
        progress = {"stage": stage, "done": done, "total": total, "label": detail}
        with self._context.sessions.begin() as session:
            reindexing(session, self._reindexing_id).progress = progress


def add_reindexing(
    session: Session, *, repository_id: str, requested_by: str, now: datetime | None = None
) -> tuple[Reindexing, bool]:
    """
    Ask for a look at the newest commit, unless one of this repository is queued or running.

    Returns:
        The re-indexing and whether it is new.
    """
    values: dict[str, Any] = {
        "id": new_id(),
        "repository_id": repository_id,
        "state": "queued",
        "requested_by": requested_by,
        "progress": {},
        "found": {},
        "created_at": now or datetime.now(UTC),
        "attempts": 0,
    }
    if insert_new(session, Reindexing, values):
        return reindexing(session, values["id"]), True
    running = select(Reindexing).where(Reindexing.repository_id == repository_id, Reindexing.state.in_(_OPEN))
    return session.scalars(running).one(), False


def reindexing(session: Session, reindexing_id: str) -> Reindexing:
    """
    The re-indexing with this id.

    Raises:
        UnknownRowError: there is none.
    """
    return row(session, Reindexing, reindexing_id)


def latest_reindexing(session: Session, repository_id: str) -> Reindexing | None:
    """
    The newest re-indexing of a repository, whatever became of it.
    """
    found = select(Reindexing).where(Reindexing.repository_id == repository_id)
    newest = found.order_by(Reindexing.created_at.desc(), Reindexing.id).limit(1)
    return session.scalars(newest.execution_options(populate_existing=True)).one_or_none()


def claim(session: Session, reindexing_id: str, *, worker: str, now: datetime, seconds: float) -> bool:
    """
    Take an open re-indexing for *worker*, unless another worker has it. Counts as an attempt.
    """
    free = or_(Reindexing.claimed_until.is_(None), Reindexing.claimed_until <= now, Reindexing.claimed_by == worker)
    claimed = session.scalars(
        update(Reindexing)
        .where(Reindexing.id == reindexing_id, Reindexing.state.in_(_OPEN), free)
        .values(
            claimed_by=worker,
            claimed_until=now + timedelta(seconds=seconds),
            attempts=Reindexing.attempts + 1,
        )
        .returning(Reindexing.id)
    )
    return claimed.one_or_none() is not None


def extend_claim(session: Session, reindexing_id: str, *, worker: str, now: datetime, seconds: float) -> bool:
    """
    Keep the claim on a running re-indexing alive. False when *worker* does not hold it.
    """
    extended = session.scalars(
        update(Reindexing)
        .where(Reindexing.id == reindexing_id, Reindexing.claimed_by == worker)
        .values(claimed_until=now + timedelta(seconds=seconds))
        .returning(Reindexing.id)
    )
    return extended.one_or_none() is not None


def stranded(session: Session, now: datetime) -> Sequence[str]:
    """
    Ids of the open re-indexings that no living worker has claimed, oldest first.
    """
    unclaimed = or_(Reindexing.claimed_until.is_(None), Reindexing.claimed_until <= now)
    waiting = select(Reindexing.id).where(Reindexing.state.in_(_OPEN), unclaimed)
    return session.scalars(waiting.order_by(Reindexing.created_at, Reindexing.id)).all()


def _end(
    mine: Reindexing, now: datetime, *, state: str, found: dict[str, Any] | None = None, error: str | None = None
) -> None:
    mine.state, mine.finished_at, mine.found, mine.error = state, now, found or {}, error
    mine.claimed_by, mine.claimed_until = None, None
