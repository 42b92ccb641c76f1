"""
The connections and processes behind a command: database, queue, workers.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from worker import store
from worker.ask import submit_question, wait_for_answer
from worker.database import Sessions, open_database, session_factory
from worker.process import Children
from worker.queues import ANSWERS, TRAINING, enqueue_training, living_workers
from worker.settings import Settings, without_password
from worker.tables import Answer, Question, Release, Repository, Training
from worker.valkey import open_redis

_START_SECONDS = 120.0


class CommandError(Exception):
    """
    A command cannot do what was asked; the message is one sentence for the person who typed it.
    """


@dataclass(frozen=True, slots=True)
class Stack:
    """
    An upgraded database and a reachable queue.
    """

    settings: Settings
    sessions: Sessions
    connection: Redis


@contextmanager
def open_stack(settings: Settings) -> Iterator[Stack]:
    """
    Upgrade the database, start or find the queue, and let go of both at the end.

    Raises:
        CommandError: one of them cannot be reached.
    """
    try:
        engine = open_database(settings)
    except OperationalError as error:
        where = without_password(settings.database_url)
        raise CommandError(
            f"The database {where} cannot be reached: check SIGNPOST_DATABASE_URL ({error.orig})."
        ) from error
    try:
        with open_redis(settings) as connection:
            _ping(connection, settings)
            yield Stack(settings, session_factory(engine), connection)
    finally:
        engine.dispose()


def _ping(connection: Redis, settings: Settings) -> None:
    try:
        connection.ping()
    except RedisError as error:
        where = without_password(settings.redis_url or "")
        raise CommandError(f"The queue {where} cannot be reached: check SIGNPOST_REDIS_URL ({error}).") from error


@contextmanager
def worker_for(stack: Stack, kind: str, *, urgent: bool = False) -> Iterator[None]:
    """
    Make sure that a worker of *kind* runs: one that is there, or a child of ours for as long as the block lasts.

    The block begins when the worker takes jobs, its release in memory.

    Args:
        kind: "answers" or "training".
        urgent: Do not give way to other processes while training.
    """
    if living_workers(stack.connection, kind):
        yield
        return
    with Children(stack.settings) as children:
        children.spawn(kind, urgent=urgent)
        until = time.monotonic() + _START_SECONDS
        while not living_workers(stack.connection, kind) and time.monotonic() < until:
            time.sleep(0.1)
        yield


def find_repository(session: Session, settings: Settings, name: str | None) -> Repository:
    """
    Give the repository called *name*, or the default one.

    Raises:
        CommandError: there is none of that name, or none at all.
    """
    wanted = name or settings.default_repository
    known = [repository.name for repository in store.repositories(session)]
    found = store.repository_named(session, wanted) if wanted else store.default_repository(session)
    if found is None and wanted:
        hint = f"known are {', '.join(known)}" if known else "none was added yet; `signpost train PATH` adds one"
        raise CommandError(f"There is no repository called {wanted!r}: {hint}.")
    if found is None:
        raise CommandError("No repository was added yet: run `signpost train PATH` with the path of a git checkout.")
    return found


def add_repository(stack: Stack, location: Path, name: str | None) -> Repository:
    """
    Register the code base at *location* under *name* (by default its folder's name).

    Raises:
        graph.values.RepositoryError: there is nothing there that can be indexed.
        CommandError: the name is taken by another place.
    """
    from graph.snapshot import open_snapshot

    with open_snapshot(location) as snapshot:
        place, chosen = Path(snapshot.location), name or snapshot.repository
    with stack.sessions.begin() as session:
        known = store.repository_named(session, chosen)
        if known is not None and Path(known.location) != place:
            raise CommandError(
                f"The name {chosen!r} belongs to {known.location} already: give this one another with --name."
            )
        return store.add_repository(session, name=chosen, location=str(place))


def ask(
    stack: Stack,
    repository: Repository,
    text: str,
    *,
    timeout: float,
    ranked: Callable[[Answer], None] = lambda answer: None,
) -> Answer:
    """
    Send one question the way every question goes: SQL, queue, worker, SQL.

    Args:
        ranked: Called as soon as the ranking is there; the reasoning takes a few seconds more.

    Returns:
        The answer with reasoning.

    Raises:
        CommandError: no answer within *timeout* seconds; the question stays in the queue.
    """
    new = store.NewQuestion(repository_id=repository.id, text=text, asker="cli", source="cli")
    question = submit_question(stack.sessions, stack.connection, new)
    answer = wait_for_answer(stack.sessions, question.id, timeout=timeout, until="ranked")
    if answer is not None and answer.error is None:
        ranked(answer)
    answer = wait_for_answer(stack.sessions, question.id, timeout=timeout, until="reasoned")
    if answer is None or (answer.reasoned_at is None and answer.error is None):
        raise CommandError(
            f"No answer within {timeout:.0f} seconds; question {question.id[:8]} stays in the queue. "
            "`signpost doctor` tells what the worker does."
        )
    with stack.sessions.begin() as session:
        store.mark_delivered(session, answer.id, answer.reasoned_at or answer.ranked_at)
    return answer


def usual_seconds(stack: Stack) -> float:
    """
    Seconds that recent answers took from ranking to the end of the reasoning.
    """
    recent = select(Answer.rank_ms + Answer.reason_ms).where(Answer.error.is_(None)).order_by(Answer.ranked_at.desc())
    with stack.sessions() as session:
        took = [int(value) for value in session.scalars(recent.limit(20))]
    return median(took) / 1000 if took else 5.0


def answer_json(answer: Answer) -> dict[str, Any]:
    """
    The JSON form of an answer.
    """
    return {
        "modules": answer.modules,
        "sure": answer.sure,
        "off_topic": answer.off_topic,
        "reasoning": answer.reasoning or "",
        "evidence": answer.evidence,
        "release": answer.release_id,
        "graph_commit": answer.graph_commit,
        "rank_ms": answer.rank_ms,
        "question": answer.question_id,
    }


def answered_question(session: Session, id: str) -> tuple[Question, Answer, Release]:
    """
    Find a question by its id or the beginning of it, with its answer and the release that gave it.

    Raises:
        CommandError: none, more than one, or one that was not ranked.
    """
    found = session.scalars(select(Question).where(Question.id.startswith(id, autoescape=True)).limit(2)).all()
    if len(found) != 1 or not id:
        several = "More than one question begins" if found else "No question begins"
        raise CommandError(f"{several} with {id!r}: `signpost ask --json` and the dashboard show whole ids.")
    answer = store.answer_of(session, found[0].id)
    if answer is None:
        raise CommandError(f"Question {found[0].id[:8]} has no answer yet.")
    if answer.release_id is None:
        raise CommandError(f"Question {found[0].id[:8]} was not ranked: {answer.error}")
    return found[0], answer, store.release(session, answer.release_id)


def check_module(session: Session, answer: Answer, module: str | None) -> None:
    """
    Make sure that a correction names a module that the answering release knows.

    Raises:
        CommandError: it does not; the message names the nearest ids.
    """
    if module is None or answer.release_id is None:
        return
    from graph.values import Catalog

    catalog = Catalog.load(Path(store.release(session, answer.release_id).folder) / "catalog.json")
    if module not in catalog.module_ids:
        near = difflib.get_close_matches(module, catalog.module_ids, n=3, cutoff=0.3)
        hint = f"did you mean {', '.join(near)}?" if near else "`signpost graph show` lists them."
        raise CommandError(f"There is no module {module!r} in {catalog.repository}: {hint}")


def train(
    stack: Stack,
    repository: Repository,
    *,
    preset: str,
    requested_by: str,
    report: Callable[[str, int, int, str], None],
) -> Training:
    """
    Ask for a training and follow it to its end; a worker must be running.

    Raises:
        CommandError: it failed, with the worker's sentence.
    """
    with stack.sessions.begin() as session:
        training, _ = store.add_training(session, repository_id=repository.id, requested_by=requested_by, preset=preset)
    enqueue_training(stack.connection, training.id)
    started = time.monotonic()
    while True:
        with stack.sessions() as session:
            training = store.training(session, training.id)
        if training.progress:
            told = training.progress
            report(told["stage"], told["done"], told["total"], told["label"])
        if training.state == "failed":
            raise CommandError(f"The training failed: {training.error}")
        if training.state in ("done", "refused"):
            return training
        waited = training.state == "queued" and time.monotonic() - started > _START_SECONDS
        if waited and not living_workers(stack.connection, TRAINING):
            raise CommandError("No training worker is running: start one with `signpost worker training`.")
        time.sleep(0.3)


__all__ = [
    "ANSWERS",
    "TRAINING",
    "CommandError",
    "Stack",
    "add_repository",
    "answer_json",
    "answered_question",
    "ask",
    "open_stack",
    "train",
]
