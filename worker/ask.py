"""
The two steps every asker takes: hand in a question, wait for its answer.
"""

import logging
import time
from typing import Literal

from redis import Redis
from redis.exceptions import RedisError

from worker import store
from worker.database import Sessions
from worker.queues import enqueue_answer
from worker.tables import Answer, Question

log = logging.getLogger("signpost.ask")


def submit_question(
    sessions: Sessions,
    connection: Redis,
    new: store.NewQuestion,
    *,
    must_queue: bool = False,
) -> Question:
    """
    Store a question, then put it into the queue.

    The row is what counts. A queue that cannot be reached is logged and no more: the
    workers look for stranded questions themselves. The same goes for a question that
    was delivered before; it is put into the queue again as long as it is not finished.

    Args:
        must_queue: Let a queue that cannot be reached be an error: for a caller whose sender
            delivers again what was not confirmed.

    Raises:
        RedisError: *must_queue* is set and the question, though stored, is not in the queue.
    """
    with sessions.begin() as session:
        question, _ = store.add_question(session, new)
        answer = store.answer_of(session, question.id)
    if not _is_final(answer):
        try:
            enqueue_answer(connection, question.id)
        except RedisError as problem:
            if must_queue:
                raise
            log.warning("question %s waits in SQL, the queue cannot be reached: %s", question.id, problem)
    return question


def wait_for_answer(
    sessions: Sessions,
    question_id: str,
    *,
    timeout: float,
    poll: float = 0.1,
    until: Literal["ranked", "reasoned"] = "ranked",
) -> Answer | None:
    """
    Wait until a question has its ranking, or its reasoning too.

    Args:
        timeout: Seconds to wait at most.
        poll: Seconds between two looks.
        until: `ranked` returns as early as possible; an answer that is an error is always final.

    Returns:
        The answer. When the time is over, what is there by then: None, or a ranking without
        reasoning (`reasoned_at` is None).
    """
    end = time.monotonic() + timeout
    while True:
        with sessions() as session:
            answer = store.answer_of(session, question_id)
        if answer is not None and (until == "ranked" or _is_final(answer)):
            return answer
        if time.monotonic() >= end:
            return answer
        time.sleep(poll)


def _is_final(answer: Answer | None) -> bool:
    return answer is not None and (answer.reasoned_at is not None or answer.error is not None)
