"""
Names of jobs and queues, and the way into them.

A job carries an id and nothing else; SQL says what it means. Functions are named by
strings, so that a process that enqueues never loads what the worker loads. Jobs are
JSON: with RQ's usual pickle, whoever can write to Redis could run code in the worker.
"""

from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import as_text

ANSWERS = "answers"
TRAINING = "training"

# A worker that said nothing for this long is dead; living ones say something every few seconds.
WORKER_SILENCE_SECONDS = 30

# Slack gives three seconds to whoever clicked. A server that hangs takes four of these: to connect and to reply, each
# repeated once.
_IMPATIENT_SECONDS = 0.5

_ANSWER_SECONDS = 300
_TRAINING_SECONDS = 24 * 60 * 60
_KEEP_FAILURES_SECONDS = 7 * 24 * 60 * 60


def connect(url: str) -> Redis:
    """
    A client for the Redis or Valkey server at *url* (`redis://`, `rediss://` or `unix://`).

    Nothing is sent yet: a server that is not there is noticed at the first command. A reply may
    take longer than the library's five seconds: a worker without work waits for fifteen at a time, and one that
    is cut off meanwhile pauses, up to a minute, before it listens again.
    """
    return Redis.from_url(
        url, socket_connect_timeout=5, socket_timeout=WORKER_SILENCE_SECONDS, health_check_interval=30
    )


def impatient(connection: Redis) -> Redis:
    """
    The same server, for a process in which somebody waits for the reply.

    By itself the library repeats a call for many seconds when the server is away. Here it is repeated
    once, at once: that is enough when the server was restarted and the open connection is dead.
    """
    pool = connection.connection_pool
    hurry = {
        "retry": Retry(NoBackoff(), 1),
        "socket_connect_timeout": _IMPATIENT_SECONDS,
        "socket_timeout": _IMPATIENT_SECONDS,
    }
    return Redis.from_pool(
        ConnectionPool(connection_class=pool.connection_class, **{**pool.connection_kwargs, **hurry})
    )


def answers_queue(connection: Redis) -> Queue:
    """
    The queue of questions.
    """
    return Queue(ANSWERS, connection=connection, serializer=JSONSerializer, default_timeout=_ANSWER_SECONDS)


def training_queue(connection: Redis) -> Queue:
    """
    The queue of trainings.
    """
    return Queue(TRAINING, connection=connection, serializer=JSONSerializer, default_timeout=_TRAINING_SECONDS)


def enqueue_answer(connection: Redis, question_id: str) -> bool:
    """
    Put a question into the queue, unless it waits there or a living worker has it.

    Returns:
        Whether it was put there by this call.
    """
    return _enqueue(answers_queue(connection), "worker.jobs.answer", question_id, f"answer-{question_id}")


def enqueue_news(connection: Redis, notice_id: str) -> bool:
    """
    Have a question ranked again for news, unless that waits already.

    Returns:
        Whether it was put there by this call.
    """
    return _enqueue(answers_queue(connection), "worker.jobs.rank_news", notice_id, f"news-{notice_id}")


def enqueue_training(connection: Redis, training_id: str) -> bool:
    """
    Put a training into the queue, unless it waits there or a living worker has it.

    Returns:
        Whether it was put there by this call.
    """
    return _enqueue(training_queue(connection), "worker.jobs.retrain", training_id, f"training-{training_id}")


def enqueue_reindexing(connection: Redis, reindexing_id: str) -> bool:
    """
    Put a re-indexing into the queue of trainings, unless it waits there or a living worker has it.

    It shares that queue because it writes what a training reads: never both at once.

    Returns:
        Whether it was put there by this call.
    """
    queue = training_queue(connection)
    return _enqueue(queue, "worker.reindexing.reindex", reindexing_id, f"reindexing-{reindexing_id}")


def queue_position(connection: Redis, question_id: str) -> int | None:
    """
    How many questions are before this one; None when it does not wait (any more).
    """
    position: int | None = answers_queue(connection).get_job_position(f"answer-{question_id}")
    return position


def living_workers(connection: Redis, queue: str) -> tuple[str, ...]:
    """
    Names of the workers that serve a queue now.
    """
    keys = connection.smembers(f"rq:workers:{queue}")
    names = sorted(as_text(key).removeprefix("rq:worker:") for key in keys)
    return tuple(name for name in names if worker_alive(connection, name))


def worker_alive(connection: Redis, name: str) -> bool:
    """
    Whether the worker called *name* gave a sign of life lately and has not said goodbye.
    """
    key = f"rq:worker:{name}"
    return bool(connection.exists(key)) and not connection.hexists(key, "death")


def _enqueue(queue: Queue, function: str, argument: str, job_id: str) -> bool:
    wanted: dict[str, Any] = {"job_id": job_id, "unique": True}
    # Nothing is kept of a job that went well: its id is free again, and SQL has the result.
    wanted |= {"result_ttl": 0, "failure_ttl": _KEEP_FAILURES_SECONDS, "description": job_id}
    try:
        queue.enqueue(function, argument, **wanted)
        return True
    except DuplicateJobError:
        if _has_a_future(queue, job_id):
            return False
    _forget(queue, job_id)
    try:
        queue.enqueue(function, argument, **wanted)
    except DuplicateJobError:
        return False  # another process noticed the same and was faster
    return True


def _has_a_future(queue: Queue, job_id: str) -> bool:
    if queue.get_job_position(job_id) is not None:
        return True
    try:
        job = Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer)
    except NoSuchJobError:
        return False
    started = job.get_status(refresh=False) == JobStatus.STARTED
    return bool(started and job.worker_name and worker_alive(queue.connection, job.worker_name))


def _forget(queue: Queue, job_id: str) -> None:
    try:
        Job.fetch(job_id, connection=queue.connection, serializer=JSONSerializer).delete()
    except NoSuchJobError:
        return
    except ValueError:
        # RQ does not find the record of an execution whose worker was killed: it has expired.
        queue.connection.delete(Job.key_for(job_id), f"rq:executions:{job_id}")
