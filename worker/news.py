"""
News for those who corrected an answer: a release that learned from it is in use.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session

from worker.feedback import FeedbackRow
from worker.notices import add_notice
from worker.rows import insert_new
from worker.tables import Answer, Notice, Question, Release, Training, TrainingCorrection, Vote

NEWS = "news"


def mark_trained(session: Session, training_id: str, rows: list[FeedbackRow]) -> None:
    """
    Write down which corrections a training learns from; a training that begins again begins this again.
    """
    session.execute(delete(TrainingCorrection).where(TrainingCorrection.training_id == training_id))
    for row in rows:
        values = {"training_id": training_id, "vote_id": row.vote_id, "module": row.module}
        insert_new(session, TrainingCorrection, values)


def add_news(
    session: Session, *, source: str, now: datetime, reachable: Callable[[str], bool] = lambda _: True
) -> list[str]:
    """
    Write down what the authors of corrections are to be told, once for each correction.

    A correction is news when a training learned from it, that training's release is in use,
    and its author still says the same. The new answer to the question is not known yet, so
    the notices are not ready; a worker ranks for them.

    Args:
        source: Where the questions came from; only there can their people be told.
        reachable: Whether somebody can be told there: votes on those questions may come from elsewhere.

    Returns:
        The keys of the new notices.
    """
    learned = (
        select(Vote, Question, Release.id)
        .join(TrainingCorrection, and_(TrainingCorrection.vote_id == Vote.id, TrainingCorrection.module == Vote.module))
        .join(Training, Training.id == TrainingCorrection.training_id)
        .join(Release, and_(Release.id == Training.release_id, Release.state == "active"))
        .join(Answer, Answer.id == Vote.answer_id)
        .join(Question, Question.id == Answer.question_id)
        .outerjoin(Notice, Notice.key == "news:" + Vote.id)
        .where(Question.source == source, Question.text != "", Notice.id.is_(None))
        .order_by(Vote.created_at, Vote.id)
    )
    told = []
    for vote, question, release_id in session.execute(learned).all():
        if not reachable(vote.person):
            continue
        key = f"news:{vote.id}"
        new = add_notice(
            session,
            kind=NEWS,
            key=key,
            team=question.team or "",
            recipient=vote.person,
            question_id=question.id,
            payload={"module": vote.module, "release": release_id},
            ready=False,
            now=now,
        )
        if new:
            told.append(key)
    return told
