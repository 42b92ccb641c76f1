"""
The worker process that stays: it holds a release in memory and takes one job after the other.

It does not fork. A model on a GPU (CUDA or Metal) does not survive a fork, and loading
gigabytes for every question would take longer than answering it. RQ's `SimpleWorker`
works like that but says nothing while a job runs, so a thread beside it does: it keeps
RQ's registration and the claim in SQL alive, and looks for stranded work. SQL says what
is to be done; a queue that was lost is filled again from there.

The schedule of trainings is a look into SQL by the same thread of the training worker.
RQ has a cron of its own, but it is marked beta, wants one more process, and knows
nothing of "earlier, because feedback waits".
"""

import logging
import os
import secrets
import signal
import socket
import threading
import time
from types import FrameType
from typing import Literal

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import as_text
from rq.worker import SimpleWorker
from sqlalchemy.exc import SQLAlchemyError

from worker import queues, reindexing, store
from worker.context import CLAIM_SECONDS, Context, set_context
from worker.database import open_database, session_factory
from worker.process import process_alive
from worker.rankers import LoadRanker, NoActiveReleaseError, RankerCache, load_release
from worker.retraining import Train, due_trainings, train
from worker.settings import Settings
from worker.valkey import open_redis

log = logging.getLogger("signpost.worker")

Kind = Literal["answers", "training"]

_BEAT_SECONDS = 3.0
_SWEEP_SECONDS = 9.0
_SCHEDULE_SECONDS = 60.0
_PATIENCE_SECONDS = 60.0


def run_worker(
    kind: Kind,
    settings: Settings,
    *,
    load: LoadRanker = load_release,
    train: Train = train,
    burst: bool = False,
) -> int:
    """
    Work until a SIGTERM or SIGINT comes, finishing the job in hand; a second one ends it at once.

    Args:
        kind: Which queue to serve.
        load: Makes a ranker out of a release folder.
        train: Trains a release.
        burst: Return when the queue is empty.

    Returns:
        The exit status: 0 after a stop that was asked for, 1 when something broke and the
        process should be started again.
    """
    engine = open_database(settings)
    try:
        with open_redis(settings) as connection:
            context = Context(
                settings=settings,
                sessions=session_factory(engine),
                connection=connection,
                worker=_worker_name(kind),
                rankers=RankerCache(load),
                train=train,
            )
            bury_the_dead(context)
            return _work(kind, context, burst=burst)
    finally:
        engine.dispose()


def _work(kind: Kind, context: Context, *, burst: bool) -> int:
    queue = (queues.answers_queue if kind == queues.ANSWERS else queues.training_queue)(context.connection)
    worker = ResidentWorker(queue, context)
    heartbeat = Heartbeat(kind, context, worker)
    set_context(context)
    heartbeat.sweep()
    if kind == queues.ANSWERS:
        _warm_up(context)
    log.info("%s is ready", context.worker)
    heartbeat.start()
    try:
        worker.work(burst=burst, logging_level="WARNING")
    finally:
        heartbeat.stop()
        set_context(None)
        with context.sessions.begin() as session:
            store.release_claims(session, context.worker)
    return 0 if burst or context.stopping.is_set() else 1


def _warm_up(context: Context) -> None:
    """
    Load the release that will most likely be asked first, so that nobody waits for it.
    """
    with context.sessions() as session:
        repository = store.default_repository(session)
        try:
            if repository is not None:
                context.rankers.for_repository(session, repository.id)
        except NoActiveReleaseError as problem:
            log.warning("%s", problem)
        except Exception:
            log.exception("the active release of %s cannot be loaded", repository.name if repository else "")


class ResidentWorker(SimpleWorker):  # type: ignore[misc]
    """
    RQ's non-forking worker with short lifetimes in Redis, because a thread renews them.

    The usual ones are as long as the longest job; a worker that was killed would look alive,
    and its job started, for that long.
    """

    def __init__(self, queue: Queue, context: Context) -> None:
        super().__init__(
            [queue],
            name=context.worker,
            connection=context.connection,
            serializer=JSONSerializer,
            worker_ttl=queues.WORKER_SILENCE_SECONDS,
        )
        self._context = context

    def subscribe(self) -> None:
        """
        Do not listen to commands over Redis: signals stop this worker, and nothing else is offered.
        """

    def heartbeat(self, timeout: int | None = None, pipeline: Redis | None = None) -> None:
        super().heartbeat(queues.WORKER_SILENCE_SECONDS, pipeline)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return queues.WORKER_SILENCE_SECONDS

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._context.stopping.set()
        super().request_stop(signum, frame)

    def beat(self) -> None:
        """
        Tell Redis that this worker and its job are alive.
        """
        executions = list(self.executions.values())
        for execution in executions:
            self.maintain_heartbeats(execution.job, execution)
        if not executions:
            self.heartbeat()

    def overdue(self) -> bool:
        """
        Whether a job is far beyond its time limit.

        RQ ends a late job by a signal, which reaches Python code alone. A call that hangs
        inside a driver cannot be interrupted from within the process.
        """
        for execution in list(self.executions.values()):
            working = time.time() - execution.created_at.timestamp()
            if working > (execution.job.timeout or 0) + _PATIENCE_SECONDS:
                return True
        return False


class Heartbeat:
    """
    The thread beside the work: signs of life, renewed claims, stranded work, the schedule.
    """

    def __init__(self, kind: Kind, context: Context, worker: ResidentWorker) -> None:
        self._kind = kind
        self._context = context
        self._worker = worker
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def sweep(self) -> None:
        """
        Put work that has no living worker into the queue (again).
        """
        context = self._context
        now = context.now()
        with context.sessions() as session:
            questions = store.stranded_questions(session, now) if self._kind == queues.ANSWERS else []
            trainings = store.stranded_trainings(session, now) if self._kind == queues.TRAINING else []
            reindexings = reindexing.stranded(session, now) if self._kind == queues.TRAINING else []
        for question_id in questions:
            if queues.enqueue_answer(context.connection, question_id):
                log.info("question %s was stranded and is queued again", question_id)
        for training_id in trainings:
            if queues.enqueue_training(context.connection, training_id):
                log.info("training %s was stranded and is queued again", training_id)
        for reindexing_id in reindexings:
            if queues.enqueue_reindexing(context.connection, reindexing_id):
                log.info("re-indexing %s was stranded and is queued again", reindexing_id)

    def schedule(self) -> None:
        """
        Ask for the trainings that are due.
        """
        context = self._context
        with context.sessions.begin() as session:
            for repository_id, reason in due_trainings(session, context.settings, context.now()):
                latest = store.latest_training(session, repository_id)
                store.add_training(
                    session,
                    repository_id=repository_id,
                    requested_by=reason,
                    preset=latest.preset if latest else "auto",
                    now=context.now(),
                )
        self.sweep()

    def _run(self) -> None:
        beats = 0
        while not self._done.wait(_BEAT_SECONDS):
            beats += 1
            try:
                self._renew_claims()
                self._worker.beat()
                if beats % (_SWEEP_SECONDS // _BEAT_SECONDS) == 0:
                    self.sweep()
                if self._kind == queues.TRAINING and beats % (_SCHEDULE_SECONDS // _BEAT_SECONDS) == 0:
                    self.schedule()
            except (RedisError, SQLAlchemyError) as problem:
                log.warning("heartbeat skipped: %s", problem)
            if self._worker.overdue():
                log.critical("a job hangs beyond its time limit; this process ends and has to be started again")
                os._exit(75)

    def _renew_claims(self) -> None:
        context = self._context
        question_id, training_id = context.question_id, context.training_id
        with context.sessions.begin() as session:
            worker, now = context.worker, context.now()
            if question_id is not None:
                store.extend_claim(session, question_id, worker=worker, now=now, seconds=CLAIM_SECONDS)
            if training_id is not None:
                store.extend_training_claim(session, training_id, worker=worker, now=now, seconds=CLAIM_SECONDS)
            if context.reindexing_id is not None:
                reindexing.extend_claim(session, context.reindexing_id, worker=worker, now=now, seconds=CLAIM_SECONDS)


def bury_the_dead(context: Context) -> None:
    """
    Free what workers on this machine left behind when they were killed.

    Claims and registrations of dead workers run out by themselves; after a restart on the same
    machine there is no need to wait for that, because the process id in their names is gone.
    """
    with context.sessions.begin() as session:
        for name in store.claiming_workers(session):
            if _died_here(name):
                store.release_claims(session, name)
    registered = context.connection.smembers("rq:workers")
    for key in (as_text(entry) for entry in registered):
        if _died_here(key.removeprefix("rq:worker:")):
            context.connection.delete(key, f"{key}:executions")
            for index in ("rq:workers", f"rq:workers:{queues.ANSWERS}", f"rq:workers:{queues.TRAINING}"):
                context.connection.srem(index, key)


def _worker_name(kind: Kind) -> str:
    return f"{kind}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def _died_here(name: str) -> bool:
    parts = name.rsplit("-", 2)
    if len(parts) != 3 or not parts[1].isdigit() or parts[0].partition("-")[2] != socket.gethostname():
        return False
    return not process_alive(int(parts[1]))


def ignore_hangup() -> None:
    """
    Stay when the terminal closes: whoever started the worker decides when it ends.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
