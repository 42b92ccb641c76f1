"""
The two jobs: answer a question, train a release.

Both can be delivered twice and can die at any point, so both begin by claiming a row
and go on from what SQL says is done. A job that comes too late finds nothing to do.
"""

import logging
import math
import time
import uuid
from collections.abc import Callable

from inference.values import RankedModule, Ranking
from worker import store
from worker.context import CLAIM_SECONDS, Context, current
from worker.retraining import make_order, register
from worker.tables import Answer

log = logging.getLogger("signpost.jobs")

# Errors whose message is a sentence for people already. By name: some live beside PyTorch.
FOR_PEOPLE = frozenset(
    (
        "graph.values.RepositoryError",
        "inference.ranker.RequirementError",
        "inference.release.ReleaseError",
        "training.base_model.BaseModelError",
        "training.building.DiskFullError",
        "training.merge.MergeError",
        "training.preference.check.PreferenceError",
        "training.sft.TrainingError",
        "worker.rankers.NoActiveReleaseError",
    )
)

MOST_ATTEMPTS = 3
MOST_TRAININGS = 2


class TrainingStoppedError(Exception):
    """The worker was asked to stop in the middle of a training; it begins again later."""


def answer(question_id: str) -> None:
    """
    Rank a question, store that, write the reasoning, store that.

    The asker always gets something: what goes wrong becomes an answer that says so.
    """
    context = current()
    with context.sessions.begin() as session:
        claimed = store.claim_question(
            session, question_id, worker=context.worker, now=context.now(), seconds=CLAIM_SECONDS
        )
    if not claimed:
        log.info("question %s is claimed by another worker or does not exist", question_id)
        return
    context.question_id = question_id
    try:
        _answer(context, question_id)
    except Exception as problem:
        message = for_the_asker(problem, question_id)
        with context.sessions.begin() as session:
            store.save_error(session, question_id, message=message, now=context.now())
    finally:
        context.question_id = None
        with context.sessions.begin() as session:
            store.release_claims(session, context.worker)


def _answer(context: Context, question_id: str) -> None:
    with context.sessions() as session:
        question = store.question(session, question_id)
        stored = store.answer_of(session, question_id)
    if question.withdrawn_at is not None:
        log.info("question %s was withdrawn", question_id)
        return
    if stored is not None and (stored.error is not None or stored.reasoned_at is not None):
        return
    if question.attempts > MOST_ATTEMPTS:
        log.error("question %s is given up after %d attempts", question_id, MOST_ATTEMPTS)
        with context.sessions.begin() as session:
            store.save_error(
                session,
                question_id,
                message=f"The worker broke down {MOST_ATTEMPTS} times on this question, so it was given up. "
                f"Tell an admin (question {question_id[:8]}).",
                now=context.now(),
            )
        return
    ranked = stored or _rank(context, question_id, question.repository_id, question.text)
    if ranked.error is None:
        _explain(context, ranked, question.text)


def _rank(context: Context, question_id: str, repository_id: str, text: str) -> Answer:
    with context.sessions() as session:
        release_id, ranker = context.rankers.for_repository(session, repository_id)
    began = time.monotonic()
    ranking = ranker.rank(text)
    milliseconds = round(1000 * (time.monotonic() - began))
    with context.sessions.begin() as session:
        stored = store.save_ranking(
            session,
            question_id,
            modules=[module.to_json() for module in ranking.modules],
            sure=ranking.sure,
            off_topic=ranking.off_topic,
            release_id=release_id,
            graph_commit=ranking.graph_commit,
            rank_ms=milliseconds,
            now=context.now(),
        )
    log.info("question %s ranked in %d ms by %s", question_id, milliseconds, release_id)
    return stored


def _explain(context: Context, ranked: Answer, text: str) -> None:
    # The release that ranked explains, too, even when another one was promoted in between.
    with context.sessions() as session:
        ranker = context.rankers.for_release(session, ranked.release_id or "")
    ranking = Ranking(
        modules=tuple(RankedModule.from_json(module) for module in ranked.modules),
        sure=ranked.sure,
        release=ranked.release_id or "",
        graph_commit=ranked.graph_commit or "",
        off_topic=ranked.off_topic,
    )
    began = time.monotonic()
    seconds = float(context.settings.reasoning_seconds)
    reasoning = ranker.explain(text, ranking, generate=context.settings.reasoning and seconds > 0, seconds=seconds)
    milliseconds = round(1000 * (time.monotonic() - began))
    with context.sessions.begin() as session:
        store.save_reasoning(
            session,
            ranked.id,
            text=reasoning.text,
            evidence=[piece.to_json() for piece in reasoning.evidence],
            reason_ms=milliseconds,
            now=context.now(),
        )
    log.info("question %s explained in %d ms", ranked.question_id, milliseconds)


def rank_news(notice_id: str) -> None:
    """
    Rank the question of a correction again, by the release that learned from it.

    The result goes into the notice for the correction's author, which is ready then. What goes wrong
    closes the notice: nobody asked for it, so that nobody must read about the error.
    """
    context = current()
    with context.sessions() as session:
        notice = store.notice(session, notice_id)
        if notice.revision or notice.failure is not None or notice.question_id is None:
            return
        question = store.question(session, notice.question_id)
        payload = dict(notice.payload)
    try:
        with context.sessions() as session:
            release_id, ranker = context.rankers.for_repository(session, question.repository_id)
        ranking = ranker.rank(question.text)
    except Exception as problem:
        log.error("news %s cannot be told", notice_id, exc_info=problem)
        with context.sessions.begin() as session:
            store.close_notice(session, notice_id, "the question could not be ranked again")
        return
    modules = [module.to_json() for module in ranking.modules]
    payload |= {"release": release_id, "modules": modules, "commit": ranking.graph_commit, "sure": ranking.sure}
    with context.sessions.begin() as session:
        store.change_notice(session, notice_id, payload=payload)


def for_the_asker(problem: Exception, subject: str) -> str:
    """
    The sentence that a person gets to see; what we did not expect goes to the log under a short id.
    """
    if FOR_PEOPLE & {f"{kind.__module__}.{kind.__qualname__}" for kind in type(problem).__mro__}:
        return str(problem)
    # safetensors and SQLite tell it in errors of their own
    if "No space left on device" in str(problem) or "database or disk is full" in str(problem):
        log.error("the disk filled at %s", subject, exc_info=problem)
        return "The disk of the worker is full: free some space and try again; what was there before is untouched."
    number = uuid.uuid4().hex[:8]
    log.error("error %s at %s", number, subject, exc_info=problem)
    return f"Something went wrong here (error {number}). It is in the log; ask again, or tell an admin."


def retrain(training_id: str) -> None:
    """
    Train a release with the feedback confirmed so far, and promote it if it is good enough.

    Answers keep flowing meanwhile: this runs in another process, at a lower priority.
    """
    context = current()
    now = context.now
    with context.sessions.begin() as session:
        if not store.claim_training(session, training_id, worker=context.worker, now=now(), seconds=CLAIM_SECONDS):
            log.info("training %s is claimed by another worker, finished, or does not exist", training_id)
            return
        training = store.update_training(session, training_id, now=now(), state="running")
        if training.attempts > MOST_TRAININGS:
            message = f"The worker broke down {MOST_TRAININGS} times during this training."
            store.update_training(session, training_id, now=now(), state="failed", error=message)
            return
    context.training_id = training_id
    try:
        _retrain(context, training_id)
    except TrainingStoppedError:
        with context.sessions.begin() as session:
            stopped = store.update_training(session, training_id, now=now(), state="queued")
            stopped.attempts -= 1  # only a breakdown counts against it
    except Exception as problem:
        message = for_the_asker(problem, f"training {training_id}")
        with context.sessions.begin() as session:
            store.update_training(session, training_id, now=now(), state="failed", error=message)
    finally:
        context.training_id = None
        with context.sessions.begin() as session:
            store.release_claims(session, context.worker)


def _retrain(context: Context, training_id: str) -> None:
    with context.sessions.begin() as session:
        order = make_order(session, context.settings, training_id)
    made = context.train(order, ProgressWriter(context, training_id))
    with context.sessions.begin() as session:
        state = register(session, training_id, made, now=context.now())
    log.info("training %s of %s: %s, release %s", training_id, order.name, state, made.id)


class ProgressWriter:
    """
    Stores the progress of a training, at most once a second, and stops it when the worker stops.

    Args:
        clock: Seconds, of which the rest of a stage is estimated. What a stage begins with was done by a killed
            training before this one, and says nothing about the pace.
    """

    def __init__(self, context: Context, training_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._training_id = training_id
        self._clock = clock
        self._written = -math.inf
        self._stage, self._began, self._first = "", 0.0, 0

    def __call__(self, stage: str, done: int, total: int, detail: str) -> None:
        if self._context.stopping.is_set():
            raise TrainingStoppedError
        now = self._clock()
        if stage != self._stage:
            self._stage, self._began, self._first = stage, now, done
        if now - self._written < 1.0:
            return
        self._written = now
        fresh = done - self._first
        left = round((now - self._began) / fresh * (total - done)) if fresh > 0 and done < total else None
        with self._context.sessions.begin() as session:
            store.update_training(
                session,
                self._training_id,
                now=self._context.now(),
                progress={"stage": stage, "done": done, "total": total, "label": detail, "seconds_left": left},
            )
