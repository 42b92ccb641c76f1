"""
Every query of Signpost: the one module through which rows are read and written.

Functions take a session first and never commit; sessions are opened and committed at
the edge. Where two processes may do the same thing at the same time, the database
decides who was first (a unique constraint, or an UPDATE with a condition), never a
read followed by a write. Repositories and questions are here; the rest lives
beside this file and is named here, so that callers need one import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from worker.answers import (
    answer,
    answer_of,
    mark_delivered,
    mark_shown,
    outbox,
    save_error,
    save_ranking,
    save_reasoning,
)
from worker.feedback import (
    FeedbackRow,
    JudgementRow,
    Review,
    asked_questions,
    candidate_votes,
    cast_candidate_vote,
    cast_owner_word,
    cast_vote,
    confirmed_feedback,
    normalised,
    review_vote,
    trusted_judgements,
    vote_of,
    votes,
    votes_to_review,
    withdraw_vote,
)
from worker.news import add_news, mark_trained
from worker.notices import (
    add_notice,
    change_notice,
    close_notice,
    mark_notice_shown,
    notice,
    notice_at,
    notice_by_key,
    notices_about,
    settle_notice,
    unready_notices,
    unsaid_notices,
)
from worker.releases import (
    NoPreviousReleaseError,
    active_release,
    add_release,
    add_training,
    claim_training,
    extend_training_claim,
    latest_training,
    previous_release,
    promote_release,
    release,
    releases,
    rollback_release,
    stranded_trainings,
    training,
    trainings,
    update_training,
)
from worker.rows import UnknownRowError, insert_new, row, storable
from worker.signin import create_sign_in, redeem_sign_in
from worker.tables import Answer, Question, Reindexing, Repository, Training, new_id
from worker.threads import (
    ELSEWHERE,
    MOVED,
    SHARED,
    earlier_turns,
    edit_question,
    move_question,
    question_at,
    questions_to_clear,
    questions_waiting,
    settle_channel,
    share_answer,
    turns_of_late,
    withdraw_question,
)

__all__ = [
    "ELSEWHERE",
    "MOVED",
    "SHARED",
    "FeedbackRow",
    "JudgementRow",
    "NewQuestion",
    "NoPreviousReleaseError",
    "Review",
    "UnknownRowError",
    "active_release",
    "add_news",
    "add_notice",
    "add_question",
    "add_release",
    "add_repository",
    "add_training",
    "answer",
    "answer_of",
    "asked_questions",
    "candidate_votes",
    "cast_candidate_vote",
    "cast_owner_word",
    "cast_vote",
    "change_notice",
    "claim_question",
    "claim_training",
    "claiming_workers",
    "close_notice",
    "confirmed_feedback",
    "create_sign_in",
    "default_repository",
    "earlier_turns",
    "edit_question",
    "extend_claim",
    "extend_training_claim",
    "latest_training",
    "mark_delivered",
    "mark_notice_shown",
    "mark_shown",
    "mark_trained",
    "move_question",
    "normalised",
    "notice",
    "notice_at",
    "notice_by_key",
    "notices_about",
    "outbox",
    "previous_release",
    "promote_release",
    "question",
    "question_at",
    "question_by_placeholder",
    "questions_of",
    "questions_to_clear",
    "questions_waiting",
    "questions_without_placeholder",
    "redeem_sign_in",
    "release",
    "release_claims",
    "releases",
    "repositories",
    "repository",
    "repository_named",
    "review_vote",
    "rollback_release",
    "save_error",
    "save_ranking",
    "save_reasoning",
    "set_placeholder",
    "settle_channel",
    "settle_notice",
    "share_answer",
    "stranded_questions",
    "stranded_trainings",
    "training",
    "trainings",
    "trusted_judgements",
    "turns_of_late",
    "unready_notices",
    "unsaid_notices",
    "update_training",
    "vote_of",
    "votes",
    "votes_to_review",
    "withdraw_question",
    "withdraw_vote",
]


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """
    What is known when a question arrives.

    `event_id` and (team, channel, message_ts) say whether it arrived before; a question from
    the command line has neither and is always new. `said` is what was written in this turn, when
    *text* holds earlier turns as well.
    """

    repository_id: str
    text: str
    asker: str
    source: str
    team: str | None = None
    channel: str | None = None
    thread_ts: str | None = None
    message_ts: str | None = None
    event_id: str | None = None
    said: str | None = None
    surface: str | None = None
    language: str | None = None


def add_repository(session: Session, *, name: str, location: str, now: datetime | None = None) -> Repository:
    """
    The repository called *name*, added if it is new, with *location* as its place from now on.
    """
    values = {"id": new_id(), "name": name, "location": location, "created_at": now or datetime.now(UTC)}
    insert_new(session, Repository, values)
    found = session.scalars(select(Repository).where(Repository.name == name)).one()
    found.location = location
    return found


def repository(session: Session, repository_id: str) -> Repository:
    """
    The repository with this id.

    Raises:
        UnknownRowError: there is none.
    """
    return row(session, Repository, repository_id)


def repository_named(session: Session, name: str) -> Repository | None:
    """
    The repository called *name*, exactly as written.
    """
    return session.scalars(select(Repository).where(Repository.name == name)).one_or_none()


def repositories(session: Session) -> Sequence[Repository]:
    """
    All repositories, first added first.
    """
    return session.scalars(select(Repository).order_by(Repository.created_at, Repository.id)).all()


def default_repository(session: Session) -> Repository | None:
    """
    The repository meant when none is named: the one added first.
    """
    return next(iter(repositories(session)), None)


def add_question(session: Session, new: NewQuestion, *, now: datetime | None = None) -> tuple[Question, bool]:
    """
    Store a question unless it arrived before.

    Returns:
        The question and whether it is new. A repeated delivery gets the row of the first one.
    """
    values: dict[str, Any] = {
        "id": new_id(),
        "repository_id": new.repository_id,
        "text": storable(new.text),
        "asker": new.asker,
        "source": new.source,
        # Unique constraints ignore rows with a NULL: a channel without a team must not slip through.
        "team": new.team if new.team is not None or new.channel is None else "",
        "channel": new.channel,
        "thread_ts": new.thread_ts,
        "message_ts": new.message_ts,
        "event_id": new.event_id,
        "said": None if new.said is None else storable(new.said),
        "surface": new.surface,
        "language": new.language,
        "created_at": now or datetime.now(UTC),
        "attempts": 0,
    }
    if insert_new(session, Question, values):
        return question(session, values["id"]), True
    same_event = Question.event_id == new.event_id
    same_message = and_(
        Question.team == values["team"],
        Question.channel == new.channel,
        Question.message_ts == new.message_ts,
    )
    first = select(Question).where(or_(same_event, same_message)).order_by(Question.created_at).limit(1)
    return session.scalars(first).one(), False


def question(session: Session, question_id: str) -> Question:
    """
    The question with this id.

    Raises:
        UnknownRowError: there is none.
    """
    return row(session, Question, question_id)


def set_placeholder(session: Session, question_id: str, ts: str | None) -> None:
    """
    Remember the message that holds the place of the answer; None when it is gone.
    """
    session.execute(update(Question).where(Question.id == question_id).values(placeholder_ts=ts))


def question_by_placeholder(session: Session, *, team: str, channel: str, ts: str) -> Question | None:
    """
    The question whose answer stands in this message; None when the message is not an answer.
    """
    here = and_(Question.team == team, Question.channel == channel, Question.placeholder_ts == ts)
    return session.scalars(select(Question).where(here)).one_or_none()


def questions_without_placeholder(session: Session, source: str) -> Sequence[Question]:
    """
    Questions from *source* for which no message stands yet, oldest first; delivered ones need none.
    """
    waiting = select(Question).outerjoin(Answer, Answer.question_id == Question.id)
    missing = and_(Question.source == source, Question.placeholder_ts.is_(None), Answer.delivered_at.is_(None))
    return session.scalars(
        waiting.where(missing, Question.withdrawn_at.is_(None)).order_by(Question.created_at, Question.id)
    ).all()


def questions_of(session: Session, *, team: str, person: str, limit: int) -> Sequence[Question]:
    """
    What a person of one workspace asked lately, newest first.
    """
    asked = select(Question).where(Question.team == team, Question.asker == person, Question.text != "")
    return session.scalars(asked.order_by(Question.created_at.desc(), Question.id).limit(limit)).all()


def claim_question(session: Session, question_id: str, *, worker: str, now: datetime, seconds: float) -> bool:
    """
    Take a question for *worker* until *seconds* from *now*, unless another worker has it.

    Every claim counts as an attempt.
    """
    free = or_(Question.claimed_until.is_(None), Question.claimed_until <= now, Question.claimed_by == worker)
    claimed = session.execute(
        update(Question)
        .where(Question.id == question_id, free)
        .values(
            claimed_by=worker,
            claimed_until=now + timedelta(seconds=seconds),
            attempts=Question.attempts + 1,
        )
        .returning(Question.id)
    )
    return claimed.one_or_none() is not None


def extend_claim(session: Session, question_id: str, *, worker: str, now: datetime, seconds: float) -> bool:
    """
    Keep a claim alive. False when *worker* does not hold it (any more).
    """
    extended = session.execute(
        update(Question)
        .where(Question.id == question_id, Question.claimed_by == worker)
        .values(claimed_until=now + timedelta(seconds=seconds))
        .returning(Question.id)
    )
    return extended.one_or_none() is not None


def release_claims(session: Session, worker: str) -> None:
    """
    Give back every question, training and re-indexing that *worker* holds: it stopped, or it is done.
    """
    for table in (Question, Training, Reindexing):
        mine = update(table).where(table.claimed_by == worker)
        session.execute(mine.values(claimed_by=None, claimed_until=None))


def claiming_workers(session: Session) -> set[str]:
    """
    Names of the workers that hold something, alive or not.
    """
    held = [
        session.scalars(select(table.claimed_by).where(table.claimed_by.is_not(None)).distinct())
        for table in (Question, Training, Reindexing)
    ]
    return {name for names in held for name in names if name is not None}


def stranded_questions(session: Session, now: datetime) -> list[str]:
    """
    Ids of the questions that still need a worker and have none, oldest first.

    That is: no answer yet, or a ranking without reasoning, and no live claim. Waiting
    in the queue looks the same from here; enqueueing twice does no harm.
    """
    unfinished = or_(Answer.id.is_(None), and_(Answer.error.is_(None), Answer.reasoned_at.is_(None)))
    unclaimed = or_(Question.claimed_until.is_(None), Question.claimed_until <= now)
    waiting = select(Question.id).outerjoin(Answer, Answer.question_id == Question.id)
    waiting = waiting.where(unfinished, unclaimed, Question.withdrawn_at.is_(None))
    return list(session.scalars(waiting.order_by(Question.created_at, Question.id)))
