"""
The state of everything on one page: who works, what waits, which release answers, what was trained last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from worker import store
from worker.queues import ANSWERS, TRAINING, answers_queue, living_workers, training_queue
from worker.reindexing import latest_reindexing
from worker.tables import Reindexing, Release, Repository, Training

_MOST_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """
    One repository.

    Args:
        since: When its release was put to use.
        hit_at_1: Share of the held-out requirements whose first module was right; None when not measured.
        others: Releases that could be put to use instead, newest first.
    """

    id: str
    name: str
    release: str | None
    commit: str
    since: datetime | None
    hit_at_1: float | None
    others: tuple[str, ...]
    training: Training | None
    reindexing: Reindexing | None


@dataclass(frozen=True, slots=True)
class Overview:
    """
    Everything. `reachable`: whether the queue could be asked; its numbers are 0 when not.
    """

    reachable: bool
    answering: int
    training: int
    waiting: int
    waiting_trainings: int
    repositories: tuple[RepositoryState, ...]


def read_overview(session: Session, connection: Redis) -> Overview:
    """
    How things stand now.
    """
    repositories = tuple(repository_state(session, one) for one in store.repositories(session))
    try:
        return Overview(
            reachable=True,
            answering=len(living_workers(connection, ANSWERS)),
            training=len(living_workers(connection, TRAINING)),
            waiting=len(answers_queue(connection)),
            waiting_trainings=len(training_queue(connection)),
            repositories=repositories,
        )
    except RedisError:
        return Overview(False, 0, 0, 0, 0, repositories)


def repository_state(session: Session, repository: Repository) -> RepositoryState:
    """
    How one repository stands now.
    """
    active = store.active_release(session, repository.id)
    releases: Sequence[Release] = store.releases(session, repository.id)
    others = [one.id for one in releases if active is None or one.id != active.id]
    return RepositoryState(
        id=repository.id,
        name=repository.name,
        release=active.id if active else None,
        commit=active.graph_commit if active else "",
        since=active.promoted_at if active else None,
        hit_at_1=_hit_at_1(active) if active else None,
        others=tuple(others[:_MOST_CANDIDATES]),
        training=store.latest_training(session, repository.id),
        reindexing=latest_reindexing(session, repository.id),
    )


def _hit_at_1(release: Release) -> float | None:
    measured = release.scorecard.get("rankers", {}).get("system", {}).get("all", {}).get("hit@1")
    return float(measured) if isinstance(measured, (int, float)) else None
