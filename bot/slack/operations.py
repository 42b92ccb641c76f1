"""
What admins can do from Slack: each act does it and says in a sentence what became of it.

Rights are not checked here but by whoever heard the person, at the moment of the click.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from bot.slack.context import SlackContext
from bot.slack.phrases import Language, say
from bot.slack.progress import REINDEXING, TRAINING, follow
from bot.slack.text import code, fit, one_line
from inference.release import ReleaseError, read_release
from worker import store
from worker.queues import enqueue_reindexing, enqueue_training
from worker.reindexing import add_reindexing
from worker.tables import Repository

log = logging.getLogger("signpost.slack")


@dataclass(frozen=True, slots=True)
class Order:
    """
    Who orders something, and where they want to read what becomes of it.

    Args:
        place: A channel, or the person themselves for their direct message.
    """

    team: str
    person: str
    place: str
    language: Language


def retrain(context: SlackContext, order: Order, repository: Repository, *, quick: bool = False) -> str:
    """
    Ask for a training, and for a message that follows it; one that is under way is followed.
    """
    now = datetime.now(UTC)
    with context.sessions.begin() as session:
        latest = store.latest_training(session, repository.id)
        preset = "quick" if quick else (latest.preset if latest else "auto")
        training, new = store.add_training(
            session, repository_id=repository.id, requested_by=order.person, preset=preset, now=now
        )
        _follow(session, TRAINING, training.id, order, now)
    try:
        enqueue_training(context.connection, training.id)
    except RedisError as problem:
        log.warning("training %s waits in SQL, the queue cannot be reached: %s", training.id, problem)
    log.info("%s of %s ordered training %s of %s", order.person, order.team, training.id, repository.name)
    context.on_question()
    name = code(repository.name, 200)
    if new:
        return say("retrain_started", order.language, repository=name)
    return say("retrain_running", order.language, repository=name)


def reindex(context: SlackContext, order: Order, repository: Repository) -> str:
    """
    Ask for a look at the newest commit, and for a message with what it finds.
    """
    now = datetime.now(UTC)
    with context.sessions.begin() as session:
        wanted, new = add_reindexing(session, repository_id=repository.id, requested_by=order.person, now=now)
        _follow(session, REINDEXING, wanted.id, order, now)
    try:
        enqueue_reindexing(context.connection, wanted.id)
    except RedisError as problem:
        log.warning("re-indexing %s waits in SQL, the queue cannot be reached: %s", wanted.id, problem)
    log.info("%s of %s ordered re-indexing %s of %s", order.person, order.team, wanted.id, repository.name)
    context.on_question()
    name = code(repository.name, 200)
    if new:
        return say("reindex_started", order.language, repository=name)
    return say("reindex_running", order.language, repository=name)


def promote(context: SlackContext, order: Order, release_id: str) -> str:
    """
    Let a release serve after its files were checked, whatever the gate said about it.
    """
    shown = code(release_id, 200)
    try:
        with context.sessions() as session:
            chosen = store.release(session, release_id)
            repository = store.repository(session, chosen.repository_id)
    except store.UnknownRowError:
        return say("promote_unknown", order.language, release=shown)
    if chosen.state == "active":
        return say("promote_active", order.language, release=shown)
    try:
        read_release(Path(chosen.folder))
    except ReleaseError as problem:
        return say("promote_damaged", order.language, release=shown, problem=fit(one_line(str(problem)), 400))
    with context.sessions.begin() as session:
        store.promote_release(session, release_id, datetime.now(UTC))
    log.info("%s of %s promoted %s", order.person, order.team, release_id)
    return say("promote_done", order.language, release=shown, repository=code(repository.name, 200))


def roll_back(context: SlackContext, order: Order, repository: Repository) -> str:
    """
    Go back to the release that served before.
    """
    name = code(repository.name, 200)
    try:
        with context.sessions.begin() as session:
            previous = store.previous_release(session, repository.id)
            shown = code(previous.id, 200)
            read_release(Path(previous.folder))
            now_serving = store.rollback_release(session, repository.id).id
    except store.NoPreviousReleaseError:
        return say("rollback_none", order.language, repository=name)
    except ReleaseError as problem:
        return say("promote_damaged", order.language, release=shown, problem=fit(one_line(str(problem)), 400))
    log.info("%s of %s rolled %s back to %s", order.person, order.team, repository.name, now_serving)
    return say("rollback_done", order.language, release=code(now_serving, 200), repository=name)


def _follow(session: Session, kind: str, job: str, order: Order, now: datetime) -> None:
    follow(
        session,
        kind=kind,
        subject_id=job,
        team=order.team,
        recipient=order.place,
        asker=order.person,
        language=order.language,
        now=now,
    )
