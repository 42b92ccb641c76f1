"""
The log of questions as the dashboard shows it: pages of lines, one question whole, the corrections.

Everything comes out as plain values, because a page outlives its session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from inference.values import Evidence, RankedModule
from worker.reports import Approval, downs, ups
from worker.tables import Answer, Question, Repository, Vote

VoteFilter = Literal["", "up", "down", "none", "correction"]
StateFilter = Literal["", "sure", "unsure", "failed", "waiting"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """
    One line of the log. `state` is "sure", "unsure", "failed" or "waiting"; `top` is the first of the
    ranking.
    """

    id: str
    text: str
    asker: str
    source: str
    repository: str
    created_at: datetime
    state: str
    top: RankedModule | None
    approval: Approval
    corrections: int


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """
    Some lines of the log, newest first; `older` is the value of `before` for the next page, None on the last.
    """

    rows: tuple[QuestionRow, ...]
    older: str | None


@dataclass(frozen=True, slots=True)
class QuestionFilter:
    """
    Which questions are wanted; an empty field wants all.
    """

    repository: str = ""
    vote: VoteFilter = ""
    state: StateFilter = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class VoteRow:
    """
    One person's word on an answer; `module` is the right one, if they said so, and `wrong` what they found wrong.
    `trust` is "high" for somebody who was asked because the module is theirs.
    """

    id: str
    person: str
    value: int
    module: str | None
    comment: str | None
    updated_at: datetime
    reviewed: str
    reviewed_by: str | None
    wrong: str | None = None
    trust: str = "normal"


@dataclass(frozen=True, slots=True)
class AnswerDetail:
    """
    The whole answer of one question.
    """

    modules: tuple[RankedModule, ...]
    evidence: tuple[Evidence, ...]
    reasoning: str | None
    error: str | None
    release_id: str | None
    graph_commit: str | None
    ranked_at: datetime
    delivered_at: datetime | None
    rank_ms: int
    reason_ms: int


@dataclass(frozen=True, slots=True)
class QuestionDetail:
    """
    One question with everything known about it.
    """

    row: QuestionRow
    answer: AnswerDetail | None
    votes: tuple[VoteRow, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """
    A vote that names a module, with what was asked and what was answered.
    """

    vote: VoteRow
    question_id: str
    text: str
    repository: str
    answered: tuple[RankedModule, ...]


def question_page(
    session: Session, wanted: QuestionFilter, *, limit: int = 50, before: str | None = None
) -> QuestionPage:
    """
    The newest *limit* questions that *wanted* lets through, or those older than the question with the id
    *before*.
    """
    query = _question_query().where(*_filters(wanted))
    last = session.get(Question, before) if before else None
    if last is not None:
        query = query.where(
            or_(
                Question.created_at < last.created_at,
                and_(Question.created_at == last.created_at, Question.id < last.id),
            )
        )
    query = query.order_by(Question.created_at.desc(), Question.id.desc()).limit(limit + 1)
    found = session.execute(query).all()
    rows = _rows(session, found[:limit])
    return QuestionPage(rows=rows, older=rows[-1].id if len(found) > limit else None)


def question_detail(session: Session, question_id: str) -> QuestionDetail | None:
    """
    Everything about one question, None when there is no such question.
    """
    found = session.execute(_question_query().where(Question.id == question_id)).all()
    if not found:
        return None
    _, _, answer = found[0]
    votes: Sequence[Vote] = ()
    if answer is not None:
        votes = session.scalars(
            select(Vote).where(Vote.answer_id == answer.id).order_by(Vote.created_at, Vote.id)
        ).all()
    return QuestionDetail(
        row=_rows(session, found)[0],
        answer=None if answer is None else _answer_detail(answer),
        votes=tuple(_vote_row(vote) for vote in votes),
    )


def corrections(session: Session, *, open_ones: bool, limit: int = 100) -> tuple[Correction, ...]:
    """
    Votes that name a module: those waiting for a review, oldest first, or those reviewed, the latest first.
    """
    query = (
        select(Vote, Question, Repository.name, Answer)
        .join(Answer, Answer.id == Vote.answer_id)
        .join(Question, Question.id == Answer.question_id)
        .join(Repository, Repository.id == Question.repository_id)
        .where(Vote.module.is_not(None), (Vote.reviewed == "open") if open_ones else (Vote.reviewed != "open"))
        .order_by(Vote.updated_at if open_ones else Vote.updated_at.desc(), Vote.id)
        .limit(limit)
    )
    return tuple(
        Correction(
            vote=_vote_row(vote),
            question_id=question.id,
            text=question.text,
            repository=repository,
            answered=_known(RankedModule.from_json, RankedModule, answer.modules),
        )
        for vote, question, repository, answer in session.execute(query)
    )


_QuestionTuple = Row[Question, str, Answer | None]


def _filters(wanted: QuestionFilter) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = []
    if wanted.repository:
        asked.append(Repository.name == wanted.repository)
    if wanted.words:
        asked.append(Question.text.icontains(wanted.words, autoescape=True))
    if wanted.state:
        asked.append(_state_is(wanted.state))
    if wanted.vote:
        asked.append(_voted(wanted.vote))
    return asked


def _state_is(state: str) -> ColumnElement[bool]:
    ranked = and_(Answer.id.is_not(None), Answer.error.is_(None))
    return {
        "waiting": Answer.id.is_(None),
        "failed": Answer.error.is_not(None),
        "sure": and_(ranked, Answer.sure.is_(True)),
        "unsure": and_(ranked, Answer.sure.is_(False)),
    }[state]


def _voted(vote: str) -> ColumnElement[bool]:
    of_answer = select(Vote.id).where(Vote.answer_id == Answer.id)
    if vote == "none":
        return ~of_answer.exists()
    kind = {"up": Vote.value > 0, "down": Vote.value < 0, "correction": Vote.module.is_not(None)}[vote]
    return of_answer.where(kind).exists()


def _question_query() -> Select[Question, str, Answer | None]:
    query = (
        select(Question, Repository.name, Answer)
        .join(Repository, Repository.id == Question.repository_id)
        .outerjoin(Answer, Answer.question_id == Question.id)
    )
    # The outer join is what makes the answer optional; the types cannot see it.
    return cast(Select[Question, str, Answer | None], query)


def _rows(session: Session, found: Sequence[_QuestionTuple]) -> tuple[QuestionRow, ...]:
    answer_ids = [answer.id for _, _, answer in found if answer is not None]
    named = func.sum(case((Vote.module.is_not(None), 1), else_=0))
    query = select(Vote.answer_id, ups(), downs(), named).where(Vote.answer_id.in_(answer_ids)).group_by(Vote.answer_id)
    votes = {answer_id: (int(up), int(down), int(many)) for answer_id, up, down, many in session.execute(query)}
    rows = []
    for question, repository, answer in found:
        up, down, many = votes.get(answer.id, (0, 0, 0)) if answer is not None else (0, 0, 0)
        modules = _known(RankedModule.from_json, RankedModule, answer.modules[:1]) if answer is not None else ()
        rows.append(
            QuestionRow(
                id=question.id,
                text=question.text,
                asker=question.asker,
                source=question.source,
                repository=repository,
                created_at=question.created_at,
                state=_state(answer),
                top=modules[0] if modules else None,
                approval=Approval(up=up, down=down),
                corrections=many,
            )
        )
    return tuple(rows)


def _state(answer: Answer | None) -> str:
    if answer is None:
        return "waiting"
    if answer.error is not None:
        return "failed"
    return "sure" if answer.sure else "unsure"


def _answer_detail(answer: Answer) -> AnswerDetail:
    return AnswerDetail(
        modules=_known(RankedModule.from_json, RankedModule, answer.modules),
        evidence=_known(Evidence.from_json, Evidence, answer.evidence),
        reasoning=answer.reasoning,
        error=answer.error,
        release_id=answer.release_id,
        graph_commit=answer.graph_commit,
        ranked_at=answer.ranked_at,
        delivered_at=answer.delivered_at,
        rank_ms=answer.rank_ms,
        reason_ms=answer.reason_ms,
    )


def _vote_row(vote: Vote) -> VoteRow:
    return VoteRow(**{field.name: getattr(vote, field.name) for field in fields(VoteRow)})


def _known(make: Callable[[dict[str, Any]], T], kind: type[T], values: Iterable[dict[str, Any]]) -> tuple[T, ...]:
    # A row of an older or newer version may hold a field that this one does not know: it must still be
    # readable.
    names = {field.name for field in fields(cast(Any, kind))}
    return tuple(make({name: value[name] for name in names if name in value}) for value in values)
