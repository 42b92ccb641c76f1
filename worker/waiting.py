"""
How long a question will wait: measured from the answers of late, not promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from statistics import median

from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from worker.queues import ANSWERS, living_workers, queue_position
from worker.tables import Answer, Question

SAMPLE = 30


@dataclass(frozen=True, slots=True)
class Outlook:
    """
    What can be said to somebody who waits.

    Args:
        ahead: Questions that come first, those in work included; 0 when it is this one's turn.
        seconds: Until the ranking, if it goes on as it did lately; None when nothing was answered yet.
        workers: How many processes answer questions now.
    """

    ahead: int
    seconds: float | None
    workers: int


def outlook(session: Session, connection: Redis, question_id: str, *, now: datetime) -> Outlook | None:
    """
    What a question waits for; None when it waits no more.

    Raises:
        RedisError: the queue cannot be reached.
    """
    place = queue_position(connection, question_id)
    if place is None:
        return None
    workers = len(living_workers(connection, ANSWERS))
    busy = session.scalar(select(func.count(Question.id)).where(Question.claimed_until > now)) or 0
    ahead = place + busy
    lately = session.execute(
        select(Answer.rank_ms, Answer.reason_ms)
        .where(Answer.error.is_(None), Answer.reasoned_at.is_not(None))
        .order_by(Answer.reasoned_at.desc())
        .limit(SAMPLE)
    ).all()
    if not lately or not workers:
        return Outlook(ahead, None, workers)
    whole = median(rank + reason for rank, reason in lately) / 1000
    own = median(rank for rank, _ in lately) / 1000
    return Outlook(ahead, ahead * whole / workers + own, workers)
