"""
The figures of the dashboard: counts, time to the ranking, approval by week and by release.

Everything comes out as plain values, because a page outlives its session. Approval is counted per answer's
day, not per vote's: it says how good the answers of that week were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median, quantiles
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from worker.tables import Answer, Question, Release, Repository, Vote

LATENCY_SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class Approval:
    """
    Thumbs up and down, and their share.

    >>> Approval(up=3, down=1).share, Approval(up=0, down=0).share
    (0.75, None)
    """

    up: int = 0
    down: int = 0

    @property
    def votes(self) -> int:
        return self.up + self.down

    @property
    def share(self) -> float | None:
        return self.up / self.votes if self.votes else None


@dataclass(frozen=True, slots=True)
class Totals:
    """
    The headline figures of a period.

    Args:
        questions: Everything asked.
        ranked: Questions that got a ranking.
        failed: Questions that got an error instead.
        unsure: Rankings that said "not sure".
        approval: Votes on the answers of the period.
        median_ms: From the asking to the ranking, waiting in the queue included; None without rankings.
        slow_ms: The same for the slowest tenth; None below ten rankings.
    """

    questions: int
    ranked: int
    failed: int
    unsure: int
    approval: Approval
    median_ms: float | None
    slow_ms: float | None

    @property
    def waiting(self) -> int:
        return self.questions - self.ranked - self.failed

    @property
    def unsure_share(self) -> float | None:
        return self.unsure / self.ranked if self.ranked else None


@dataclass(frozen=True, slots=True)
class WeekApproval:
    """
    One week, named by its Monday (UTC).
    """

    monday: date
    approval: Approval


@dataclass(frozen=True, slots=True)
class ReleaseApproval:
    """
    How the answers of one release were received.
    """

    release_id: str
    repository: str
    state: str
    answers: int
    unsure: int
    approval: Approval


def totals(session: Session, *, since: datetime | None = None, repository_id: str | None = None) -> Totals:
    """
    The headline figures of the questions asked since *since*, of one repository or of all.
    """
    scope = _scope(since, repository_id)
    counted = select(
        func.count(Question.id),
        func.count(Answer.id),
        func.count(Answer.error),
        func.sum(case((and_(Answer.error.is_(None), Answer.sure.is_(False)), 1), else_=0)),
    ).outerjoin(Answer, Answer.question_id == Question.id)
    questions, answered, failed, unsure = session.execute(counted.where(*scope)).one()
    milliseconds = _latencies(session, scope)
    return Totals(
        questions=questions,
        ranked=answered - failed,
        failed=failed,
        unsure=int(unsure or 0),
        approval=_approval(session, scope),
        median_ms=median(milliseconds) if milliseconds else None,
        slow_ms=quantiles(milliseconds, n=10)[-1] if len(milliseconds) >= 10 else None,
    )


def approval_by_week(
    session: Session, *, now: datetime, weeks: int = 12, repository_id: str | None = None
) -> tuple[WeekApproval, ...]:
    """
    Approval of each of the last *weeks* weeks, oldest first, this one last; weeks without votes are there,
    empty.
    """
    this_monday = _monday(now)
    mondays = [this_monday - timedelta(weeks=back) for back in range(weeks - 1, -1, -1)]
    since = datetime.combine(mondays[0], datetime.min.time(), tzinfo=UTC)
    query = (
        select(Answer.ranked_at, Vote.value)
        .join(Vote, Vote.answer_id == Answer.id)
        .join(Question, Question.id == Answer.question_id)
        .where(Answer.ranked_at >= since, *_scope(None, repository_id))
    )
    # Days are cut in Python: the two databases have no date function in common.
    seen: dict[date, list[int]] = {monday: [] for monday in mondays}
    for ranked_at, value in session.execute(query):
        seen.setdefault(_monday(ranked_at), []).append(value)
    return tuple(WeekApproval(monday=monday, approval=_thumbs(seen[monday])) for monday in mondays)


def approval_by_release(session: Session, *, repository_id: str | None = None) -> tuple[ReleaseApproval, ...]:
    """
    How each release that answered something was received, newest release first.
    """
    votes = select(Vote.answer_id, ups().label("up"), downs().label("down")).group_by(Vote.answer_id).subquery()
    query = (
        select(
            Release.id,
            Repository.name,
            Release.state,
            func.count(Answer.id),
            func.sum(case((Answer.sure.is_(False), 1), else_=0)),
            func.sum(votes.c.up),
            func.sum(votes.c.down),
        )
        .join(Repository, Repository.id == Release.repository_id)
        .join(Answer, Answer.release_id == Release.id)
        .outerjoin(votes, votes.c.answer_id == Answer.id)
        .where(Answer.error.is_(None))
        .group_by(Release.id, Repository.name, Release.state, Release.created_at)
        .order_by(Release.created_at.desc(), Release.id)
    )
    if repository_id is not None:
        query = query.where(Release.repository_id == repository_id)
    return tuple(
        ReleaseApproval(
            release_id=release_id,
            repository=repository,
            state=state,
            answers=answers,
            unsure=int(unsure or 0),
            approval=Approval(up=int(up or 0), down=int(down or 0)),
        )
        for release_id, repository, state, answers, unsure, up, down in session.execute(query)
    )


def open_corrections(session: Session, *, repository_id: str | None = None) -> int:
    """
    How many corrections wait for a review.
    """
    query = (
        select(func.count(Vote.id))
        .join(Answer, Answer.id == Vote.answer_id)
        .join(Question, Question.id == Answer.question_id)
        .where(Vote.module.is_not(None), Vote.reviewed == "open", *_scope(None, repository_id))
    )
    return session.scalar(query) or 0


def ups() -> ColumnElement[Any]:
    """
    The number of votes up, as a column of a grouped query.
    """
    return func.sum(case((Vote.value > 0, 1), else_=0))


def downs() -> ColumnElement[Any]:
    """
    The number of votes down, likewise.
    """
    return func.sum(case((Vote.value < 0, 1), else_=0))


def _scope(since: datetime | None, repository_id: str | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(Question.created_at >= since)
    if repository_id is not None:
        wanted.append(Question.repository_id == repository_id)
    return wanted


def _latencies(session: Session, scope: Sequence[ColumnElement[bool]]) -> list[float]:
    query = (
        select(Question.created_at, Answer.ranked_at)
        .join(Answer, Answer.question_id == Question.id)
        .where(Answer.error.is_(None), *scope)
        .order_by(Question.created_at.desc())
        .limit(LATENCY_SAMPLE)
    )
    return [(ranked - asked) / timedelta(milliseconds=1) for asked, ranked in session.execute(query)]


def _approval(session: Session, scope: Sequence[ColumnElement[bool]]) -> Approval:
    query = (
        select(ups(), downs())
        .select_from(Vote)
        .join(Answer, Answer.id == Vote.answer_id)
        .join(Question, Question.id == Answer.question_id)
        .where(*scope)
    )
    up, down = session.execute(query).one()
    return Approval(up=int(up or 0), down=int(down or 0))


def _thumbs(values: Sequence[int]) -> Approval:
    return Approval(up=sum(value > 0 for value in values), down=sum(value < 0 for value in values))


def _monday(moment: datetime) -> date:
    day = moment.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())
