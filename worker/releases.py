"""
Releases (which one answers) and the trainings that make them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from worker.rows import insert_new, row
from worker.tables import Release, Training, new_id

_OPEN = ("queued", "running")


class NoPreviousReleaseError(Exception):
    """There is nothing to roll back to."""


def add_release(
    session: Session,
    *,
    release_id: str,
    repository_id: str,
    folder: str,
    dataset_hash: str,
    graph_commit: str,
    scorecard: dict[str, Any],
    verdict: str = "",
    state: str = "candidate",
    now: datetime | None = None,
) -> Release:
    """
    Register a release folder. The same folder registered twice is one row.

    Args:
        release_id: The name of the folder.
        state: `candidate`, or `refused` when the promotion gate said no. It becomes active by
            `promote_release` alone.
    """
    values = {
        "id": release_id,
        "repository_id": repository_id,
        "folder": folder,
        "state": state,
        "dataset_hash": dataset_hash,
        "graph_commit": graph_commit,
        "scorecard": scorecard,
        "verdict": verdict,
        "created_at": now or datetime.now(UTC),
    }
    insert_new(session, Release, values)
    return release(session, release_id)


def release(session: Session, release_id: str) -> Release:
    """
    The release with this id.

    Raises:
        UnknownRowError: there is none.
    """
    return row(session, Release, release_id)


def active_release(session: Session, repository_id: str) -> Release | None:
    """
    The release that answers questions about a repository now.
    """
    active = select(Release).where(Release.repository_id == repository_id, Release.state == "active")
    return session.scalars(active.execution_options(populate_existing=True)).one_or_none()


def releases(session: Session, repository_id: str | None = None) -> Sequence[Release]:
    """
    All releases, of one repository or of all, newest first.
    """
    found = select(Release).order_by(Release.created_at.desc(), Release.id)
    return session.scalars(
        found if repository_id is None else found.where(Release.repository_id == repository_id)
    ).all()


def promote_release(session: Session, release_id: str, now: datetime) -> Release:
    """
    Make a release the active one of its repository; the one before is retired.

    Raises:
        UnknownRowError: there is no such release.
    """
    chosen = release(session, release_id)
    if chosen.state != "active":
        _activate(session, chosen)
        chosen.promoted_at = now
        session.flush()
    return chosen


def previous_release(session: Session, repository_id: str) -> Release:
    """
    The release that a rollback goes to: the one that served last before the active one.

    Raises:
        NoPreviousReleaseError: the repository never had another one, or was rolled back from all others.
    """
    current = active_release(session, repository_id)
    before = select(Release).where(Release.repository_id == repository_id, Release.state == "retired")
    if current is not None and current.promoted_at is not None:
        before = before.where(Release.promoted_at < current.promoted_at)
    previous = session.scalars(before.order_by(Release.promoted_at.desc()).limit(1)).one_or_none()
    if previous is None:
        raise NoPreviousReleaseError("there is no earlier release to roll back to; train one with `signpost train`")
    return previous


def rollback_release(session: Session, repository_id: str) -> Release:
    """
    Go back to the release that was active before, once more with every call.

    The release just left is withdrawn: no later rollback returns to it, but it can be promoted again.

    Raises:
        NoPreviousReleaseError: see `previous_release`.
    """
    previous, left = previous_release(session, repository_id), active_release(session, repository_id)
    _activate(session, previous)
    if left is not None:
        left.state = "withdrawn"
        session.flush()
    return previous


def _activate(session: Session, chosen: Release) -> None:
    active = select(Release).where(Release.repository_id == chosen.repository_id, Release.state == "active")
    for current in session.scalars(active):
        current.state = "retired"
    session.flush()  # two are never active, not even within a transaction
    chosen.state = "active"
    session.flush()


def follow_releases(session: Session, releases: Path) -> int:
    """
    Find releases again whose home was moved, or put back from a backup under another path.

    A folder that is where its row says stays; else it is the one of the same name in *releases*, if it is there.

    Returns:
        How many rows were changed.
    """
    followed = 0
    for release in session.scalars(select(Release)):
        here = releases / release.id
        if not Path(release.folder).is_dir() and here.is_dir():
            release.folder = str(here)
            followed += 1
    session.flush()
    return followed


def add_training(
    session: Session,
    *,
    repository_id: str,
    requested_by: str,
    preset: str = "auto",
    now: datetime | None = None,
) -> tuple[Training, bool]:
    """
    Ask for a training, unless one of this repository is queued or running.

    Args:
        preset: Name of a configuration, see `training.config.config_named`.

    Returns:
        The training and whether it is new.
    """
    values = {
        "id": new_id(),
        "repository_id": repository_id,
        "state": "queued",
        "preset": preset,
        "requested_by": requested_by,
        "progress": {},
        "created_at": now or datetime.now(UTC),
        "attempts": 0,
    }
    if insert_new(session, Training, values):
        return training(session, str(values["id"])), True
    running = select(Training).where(Training.repository_id == repository_id, Training.state.in_(_OPEN))
    return session.scalars(running).one(), False


def training(session: Session, training_id: str) -> Training:
    """
    The training with this id.

    Raises:
        UnknownRowError: there is none.
    """
    return row(session, Training, training_id)


def trainings(session: Session, repository_id: str | None = None, *, limit: int = 50) -> Sequence[Training]:
    """
    Trainings of one repository or of all, newest first.
    """
    found = select(Training).order_by(Training.created_at.desc(), Training.id).limit(limit)
    if repository_id is not None:
        found = found.where(Training.repository_id == repository_id)
    return session.scalars(found.execution_options(populate_existing=True)).all()


def latest_training(session: Session, repository_id: str) -> Training | None:
    """
    The newest training of a repository, whatever became of it.
    """
    return next(iter(trainings(session, repository_id, limit=1)), None)


def update_training(
    session: Session,
    training_id: str,
    *,
    now: datetime,
    state: str | None = None,
    progress: dict[str, Any] | None = None,
    error: str | None = None,
    release_id: str | None = None,
) -> Training:
    """
    Write down how a training gets on; what is left out stays as it is.

    The first `running` sets the start, and `done`, `failed` and `refused` set the end
    and give the claim back.

    Raises:
        UnknownRowError: there is no such training.
    """
    changed = training(session, training_id)
    changed.state = state or changed.state
    changed.progress = changed.progress if progress is None else progress
    changed.error = error or changed.error
    changed.release_id = release_id or changed.release_id
    if state == "running":
        changed.started_at = changed.started_at or now
    if state in ("done", "failed", "refused"):
        changed.finished_at, changed.claimed_by, changed.claimed_until = now, None, None
    session.flush()
    return changed


def claim_training(session: Session, training_id: str, *, worker: str, now: datetime, seconds: float) -> bool:
    """
    Take an open training for *worker*, unless another worker has it. Counts as an attempt.
    """
    free = or_(Training.claimed_until.is_(None), Training.claimed_until <= now, Training.claimed_by == worker)
    claimed = session.scalars(
        update(Training)
        .where(Training.id == training_id, Training.state.in_(_OPEN), free)
        .values(
            claimed_by=worker,
            claimed_until=now + timedelta(seconds=seconds),
            attempts=Training.attempts + 1,
        )
        .returning(Training.id)
    )
    return claimed.one_or_none() is not None


def extend_training_claim(session: Session, training_id: str, *, worker: str, now: datetime, seconds: float) -> bool:
    """
    Keep the claim on a running training alive. False when *worker* does not hold it.
    """
    extended = session.scalars(
        update(Training)
        .where(Training.id == training_id, Training.claimed_by == worker)
        .values(claimed_until=now + timedelta(seconds=seconds))
        .returning(Training.id)
    )
    return extended.one_or_none() is not None


def stranded_trainings(session: Session, now: datetime) -> list[str]:
    """
    Ids of the open trainings that no living worker has claimed, oldest first.
    """
    unclaimed = or_(Training.claimed_until.is_(None), Training.claimed_until <= now)
    waiting = select(Training.id).where(Training.state.in_(_OPEN), unclaimed)
    return list(session.scalars(waiting.order_by(Training.created_at, Training.id)))
