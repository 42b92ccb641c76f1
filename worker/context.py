"""
What a job finds in the worker that runs it.

RQ calls plain functions with ids. The connections and the models they need are made
once, when the worker starts, and are reached through `current`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from redis import Redis

from worker.database import Sessions
from worker.rankers import RankerCache
from worker.retraining import Train
from worker.settings import Settings

# A claim that nobody renews for this long is free again. The heartbeat renews it every few seconds.
CLAIM_SECONDS = 20.0


def utc_now() -> datetime:
    """
    This moment.
    """
    return datetime.now(UTC)


@dataclass(slots=True)
class Context:
    """
    One worker process.

    Args:
        worker: Its name in RQ's registry and on the claims it makes.
        stopping: Set when the worker was asked to stop; a long job looks at it now and then.
        question_id: What it is working on, for the heartbeat; the same goes for `training_id`
            and `reindexing_id`.
    """

    settings: Settings
    sessions: Sessions
    connection: Redis
    worker: str
    rankers: RankerCache
    train: Train
    now: Callable[[], datetime] = utc_now
    stopping: threading.Event = field(default_factory=threading.Event)
    question_id: str | None = None
    training_id: str | None = None
    reindexing_id: str | None = None


_current: Context | None = None


def set_context(context: Context | None) -> None:
    """
    Make *context* the one that jobs in this process find.
    """
    global _current
    _current = context


def current() -> Context:
    """
    The context of the worker that runs the current job.

    Raises:
        RuntimeError: this process is not a worker of ours.
    """
    if _current is None:
        raise RuntimeError("jobs run in a Signpost worker: start one with `signpost worker answers`")
    return _current
