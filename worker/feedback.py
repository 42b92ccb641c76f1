"""
Votes on answers, and the rules by which they become training data.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from worker.rows import insert_new, row, storable
from worker.tables import Answer, CandidateVote, Question, Vote, new_id

Review = Literal["open", "confirmed", "rejected"]


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """One confirmed correction: *person* says that the requirement *text* belongs to *module*."""

    question_id: str
    text: str
    module: str
    person: str
    value: int
    answered_at: datetime
    voted_at: datetime
    vote_id: str = ""


def cast_vote(
    session: Session,
    *,
    answer_id: str,
    person: str,
    value: int,
    now: datetime,
    module: str | None = None,
    comment: str | None = None,
    wrong: str | None = None,
) -> Vote:
    """
    Store what *person* says about an answer; the last word counts.

    A vote that changes is open for review again. A 👍 or 👎 without a module withdraws the
    correction that the person gave before.

    Args:
        value: +1 or -1.
        module: The id of the right module, when the person named one.
        wrong: A word for what was wrong, when the person chose one.

    Raises:
        ValueError: *value* is something else.
    """
    if value not in (1, -1):
        raise ValueError(f"a vote is +1 or -1, got {value}")
    comment = None if comment is None else storable(comment)
    words = {"value": value, "module": module, "comment": comment, "wrong": wrong}
    keys = {"id": new_id(), "answer_id": answer_id, "person": person, "reviewed": "open"}
    made = insert_new(session, Vote, {**keys, **words, "created_at": now, "updated_at": now})
    mine = select(Vote).where(Vote.answer_id == answer_id, Vote.person == person)
    vote = session.scalars(mine.execution_options(populate_existing=True)).one()
    if not made and (vote.value, vote.module, vote.comment, vote.wrong) != (value, module, comment, wrong):
        if (vote.value, vote.module) != (value, module):
            vote.reviewed, vote.reviewed_by, vote.trust = "open", None, "normal"
        vote.value, vote.module, vote.comment, vote.updated_at = value, module, comment, now
        vote.wrong = wrong
        session.flush()
    return vote


def vote_of(session: Session, *, answer_id: str, person: str) -> Vote | None:
    """
    What *person* said about an answer so far; None when nothing.
    """
    mine = select(Vote).where(Vote.answer_id == answer_id, Vote.person == person)
    return session.scalars(mine.execution_options(populate_existing=True)).one_or_none()


def cast_owner_word(session: Session, *, answer_id: str, person: str, module: str, top: bool, now: datetime) -> Vote:
    """
    Store what somebody says who was asked because the module is theirs.

    It is a correction of high trust: confirmed at once, without a lead's review. A lead may
    still reject it.

    Args:
        top: Whether *module* is the first of the ranking, so that the answer was right.
    """
    vote = cast_vote(session, answer_id=answer_id, person=person, value=1 if top else -1, module=module, now=now)
    vote.trust, vote.reviewed, vote.reviewed_by = "high", "confirmed", person
    session.flush()
    return vote


def cast_candidate_vote(
    session: Session, *, answer_id: str, person: str, module: str, value: int, now: datetime
) -> None:
    """
    Store what *person* says about one module of an answer; the last word about it counts.

    Raises:
        ValueError: *value* is neither +1 nor -1.
    """
    if value not in (1, -1):
        raise ValueError(f"a vote is +1 or -1, got {value}")
    keys = {"id": new_id(), "answer_id": answer_id, "person": person, "module": module}
    if insert_new(session, CandidateVote, {**keys, "value": value, "created_at": now, "updated_at": now}):
        return
    mine = update(CandidateVote).where(
        CandidateVote.answer_id == answer_id, CandidateVote.person == person, CandidateVote.module == module
    )
    session.execute(mine.values(value=value, updated_at=now))


def candidate_votes(session: Session, *, answer_id: str, person: str) -> dict[str, int]:
    """
    What *person* said about the modules of an answer: module id → +1 or -1.
    """
    mine = select(CandidateVote).where(CandidateVote.answer_id == answer_id, CandidateVote.person == person)
    return {vote.module: vote.value for vote in session.scalars(mine)}


def withdraw_vote(session: Session, *, answer_id: str, person: str, value: int) -> bool:
    """
    Take back a vote, if *person*'s word is still this *value*.

    Who removes an old 👍 after a 👎 keeps the 👎.

    Returns:
        Whether a vote went.
    """
    mine = delete(Vote).where(Vote.answer_id == answer_id, Vote.person == person, Vote.value == value)
    return session.execute(mine.returning(Vote.id)).one_or_none() is not None


def votes(session: Session, answer_id: str) -> Sequence[Vote]:
    """
    All votes on one answer, first one first.
    """
    return session.scalars(select(Vote).where(Vote.answer_id == answer_id).order_by(Vote.created_at, Vote.id)).all()


def votes_to_review(session: Session, *, limit: int = 100) -> list[tuple[Vote, Question]]:
    """
    Corrections that nobody has reviewed yet, oldest first, with what was asked.
    """
    waiting = (
        select(Vote, Question)
        .join(Answer, Answer.id == Vote.answer_id)
        .join(Question, Question.id == Answer.question_id)
        .where(Vote.module.is_not(None), Vote.reviewed == "open")
        .order_by(Vote.updated_at, Vote.id)
        .limit(limit)
    )
    return [(vote, asked) for vote, asked in session.execute(waiting)]


def review_vote(session: Session, vote_id: str, *, reviewed: Review, reviewer: str, now: datetime) -> Vote:
    """
    Say whether a correction is true.

    Raises:
        UnknownRowError: there is no such vote.
        ValueError: *reviewed* is not a known word.
    """
    if reviewed not in ("open", "confirmed", "rejected"):
        raise ValueError(f"a review is open, confirmed or rejected, got {reviewed!r}")
    vote = row(session, Vote, vote_id)
    vote.reviewed, vote.reviewed_by, vote.updated_at = reviewed, reviewer, now
    session.flush()
    return vote


def confirmed_feedback(session: Session, repository_id: str) -> list[FeedbackRow]:
    """
    The votes that may become training labels, oldest question first.

    Only votes that name a module say where a requirement belongs; a bare 👍 or 👎 does not. A
    question that its author deleted teaches nothing. Of those:

    - a confirmed one counts, and the word of an asked owner (`cast_owner_word`) is confirmed at once;
    - a rejected one never does;
    - open ones count when at least two people name the same module for the same
      normalised text and nobody names another one. Contradictions wait for a review.
    """
    asked = (
        select(Question, Answer, Vote)
        .join(Answer, Answer.question_id == Question.id)
        .join(Vote, Vote.answer_id == Answer.id)
        .where(Question.repository_id == repository_id, Question.text != "")
        .where(Vote.module.is_not(None), Vote.reviewed != "rejected")
        .order_by(Question.created_at, Question.id, Vote.created_at, Vote.id)
    )
    groups: dict[str, list[tuple[FeedbackRow, bool]]] = defaultdict(list)
    for question, answer, vote in session.execute(asked):
        feedback = FeedbackRow(
            question.id,
            question.text,
            vote.module or "",
            vote.person,
            vote.value,
            answer.ranked_at,
            vote.updated_at,
            vote.id,
        )
        groups[normalised(question.text)].append((feedback, vote.reviewed == "confirmed"))
    return [feedback for group in groups.values() for feedback in _countable(group)]


def asked_questions(session: Session, repository_id: str) -> list[Question]:
    """
    What was asked about a repository and was not taken back, oldest first: commits may have answered it since.
    """
    asked = select(Question).where(
        Question.repository_id == repository_id, Question.text != "", Question.withdrawn_at.is_(None)
    )
    return list(session.scalars(asked.order_by(Question.created_at, Question.id)))


def _countable(group: Sequence[tuple[FeedbackRow, bool]]) -> list[FeedbackRow]:
    modules = {feedback.module for feedback, _ in group}
    people = {feedback.person for feedback, _ in group}
    agreed = len(modules) == 1 and len(people) >= 2
    return [feedback for feedback, confirmed in group if confirmed or agreed]


@dataclass(frozen=True, slots=True)
class JudgementRow:
    """One trusted word on what an answer showed first; *module* is where people say that the requirement belongs."""

    question_id: str
    text: str
    shown: str
    value: int
    module: str | None = None


def trusted_judgements(session: Session, repository_id: str) -> list[JudgementRow]:
    """
    The votes from which a preference step may learn, oldest question first: one a requirement and shown module.

    A 👍 or 👎 is weaker than a correction, and one person alone must not turn the model away from a module. So the
    rules are those of `confirmed_feedback`, applied to the vote itself:

    - a confirmed one counts, and the word of an asked owner is confirmed at once;
    - a rejected one never does, nor does a question that its author deleted;
    - open ones count when at least two people vote alike on the same module shown first for the same normalised text,
      and nobody votes otherwise.

    The module that a vote names is told only where `confirmed_feedback` would make a label of it.
    """
    named: dict[str, list[str]] = defaultdict(list)
    for feedback in confirmed_feedback(session, repository_id):
        named[normalised(feedback.text)].append(feedback.module)
    asked = (
        select(Question, Answer, Vote)
        .join(Answer, Answer.question_id == Question.id)
        .join(Vote, Vote.answer_id == Answer.id)
        .where(Question.repository_id == repository_id, Question.text != "", Vote.reviewed != "rejected")
        .order_by(Question.created_at, Question.id, Vote.created_at, Vote.id)
    )
    groups: dict[tuple[str, str], list[tuple[JudgementRow, Vote]]] = defaultdict(list)
    for question, answer, vote in session.execute(asked):
        if answer.modules:
            shown = str(answer.modules[0]["id"])
            judged = JudgementRow(question.id, question.text, shown, vote.value)
            groups[normalised(question.text), shown].append((judged, vote))
    trusted = []
    for (text, _), group in groups.items():
        value = _trusted_value([vote for _, vote in group])
        if value is not None:
            modules = named.get(text, [])
            module = max(modules, key=modules.count) if modules else None
            trusted.append(replace(group[0][0], value=value, module=module))
    return trusted


def _trusted_value(group: Sequence[Vote]) -> int | None:
    """
    What the confirmed ones say, else what at least two people agree on; None where they contradict each other.
    """
    confirmed = {vote.value for vote in group if vote.reviewed == "confirmed"}
    values = confirmed or {vote.value for vote in group}
    agreed = bool(confirmed) or len({vote.person for vote in group}) >= 2
    return values.pop() if agreed and len(values) == 1 else None


def normalised(text: str) -> str:
    """
    The form in which two askings of the same thing are equal.

    >>> normalised("  Where do I change   VAT?? ")
    'where do i change vat'
    """
    return " ".join(text.casefold().split()).rstrip(" ?!.…")
