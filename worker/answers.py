"""
Answers: the ranking first, the reasoning later, and the outbox from which they are delivered.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from worker.rows import UnknownRowError, insert_new, row
from worker.tables import Answer, Question, new_id


def answer(session: Session, answer_id: str) -> Answer:
    """
    The answer with this id.

    Raises:
        UnknownRowError: there is none.
    """
    return row(session, Answer, answer_id)


def answer_of(session: Session, question_id: str) -> Answer | None:
    """
    The answer to a question, as the database has it now; None while there is none.
    """
    found = select(Answer).where(Answer.question_id == question_id)
    return session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def save_ranking(
    session: Session,
    question_id: str,
    *,
    modules: list[dict[str, Any]],
    sure: bool,
    release_id: str,
    graph_commit: str,
    rank_ms: int,
    now: datetime,
    off_topic: bool = False,
) -> Answer:
    """
    Store the ranking of a question. Where there is an answer already it stays as it is.

    Args:
        modules: `RankedModule.to_json()` of each module, best first.
        off_topic: Whether the question does not look like one about this code.

    Returns:
        The one answer of the question.
    """
    values = _answer_values(question_id, now)
    values |= {"modules": modules, "sure": sure, "off_topic": off_topic, "release_id": release_id}
    values |= {"graph_commit": graph_commit, "rank_ms": rank_ms}
    return _first_answer(session, values)


def save_reasoning(
    session: Session,
    answer_id: str,
    *,
    text: str,
    evidence: list[dict[str, Any]],
    reason_ms: int,
    now: datetime,
) -> None:
    """
    Add the reasoning to a ranking. The first one stays: it may be on a screen already.
    """
    unreasoned = update(Answer).where(Answer.id == answer_id, Answer.reasoned_at.is_(None))
    session.execute(unreasoned.values(reasoning=text, evidence=evidence, reason_ms=reason_ms, reasoned_at=now))


def save_error(session: Session, question_id: str, *, message: str, now: datetime) -> Answer:
    """
    Finish a question that cannot be answered, so that the asker sees why.

    A question that has its ranking already keeps it; the message then takes the place
    of the reasoning.
    """
    values = _answer_values(question_id, now) | {"error": message, "reasoned_at": now}
    stored = _first_answer(session, values)
    save_reasoning(session, stored.id, text=message, evidence=[], reason_ms=0, now=now)
    return stored


def outbox(session: Session, source: str) -> list[tuple[Question, Answer]]:
    """
    Answers to questions from *source* that were not delivered in their final form, oldest first.

    A row is listed as soon as the ranking is there; `Answer.reasoned_at` and
    `Answer.error` tell whether what is there is final.
    """
    undelivered = (
        select(Question, Answer)
        .join(Answer, Answer.question_id == Question.id)
        .where(Question.source == source, Question.withdrawn_at.is_(None), Answer.delivered_at.is_(None))
        .order_by(Question.created_at, Question.id)
        .execution_options(populate_existing=True)
    )
    return [(asked, answered) for asked, answered in session.execute(undelivered)]


def mark_shown(session: Session, answer_id: str, now: datetime) -> None:
    """
    The ranking is on the asker's screen. The first time stays.
    """
    session.execute(update(Answer).where(Answer.id == answer_id, Answer.shown_at.is_(None)).values(shown_at=now))


def mark_delivered(session: Session, answer_id: str, now: datetime) -> None:
    """
    The final form is on the asker's screen: the row leaves the outbox.
    """
    mark_shown(session, answer_id, now)
    undelivered = update(Answer).where(Answer.id == answer_id, Answer.delivered_at.is_(None))
    session.execute(undelivered.values(delivered_at=now))


def _answer_values(question_id: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "question_id": question_id,
        "modules": [],
        "evidence": [],
        "sure": False,
        "ranked_at": now,
        "rank_ms": 0,
        "reason_ms": 0,
    }


def _first_answer(session: Session, values: dict[str, Any]) -> Answer:
    insert_new(session, Answer, values)
    stored = answer_of(session, values["question_id"])
    if stored is None:
        raise UnknownRowError(f"no question {values['question_id']}")
    return stored
