"""
Threads: what a turn means given the turns before it, and what becomes of questions that people edit or delete.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from worker.rows import insert_new, row, storable
from worker.tables import Answer, Question, new_id

LONGEST = 4_000
MOST_ADDITIONS = 3
OF_LATE = timedelta(minutes=30)
MOVED = "moved"
ELSEWHERE = frozenset({MOVED})
"""Surfaces of questions that are not answered where they were asked, because that is not possible."""
SHARED = "shared"
"""The surface of a question whose private answer its asker wants everybody to see."""

_FEW_WORDS = 5
_FEW_SIGNS = 10
_SHORT_WORDS = 8
_SHORT_SIGNS = 16
_OPENERS = re.compile(
    r"(and|or|but|no|nope|not|yes|also|plus|then|so|same|what about|how about|only|instead|rather)\b"
    r"|那|不是|不对|不|还有|另外|以及|但|或者|也|只"
)
_POINTERS = re.compile(r"\b(it|its|this|that|these|those|them|they|there|one|ones|same)\b|它|这|那")
_SHORT_CODE = re.compile(r":[a-z0-9_+-]+:")
_NO_WORD = re.compile(r"[\W_]+")
_THANKS = re.compile(
    r"\b(?:thanks|thank|thx|ty|cheers|great|perfect|awesome|nice|cool|super|brilliant|excellent|ok|okay|kudos|got)\b"
    r"|谢谢|多谢|感谢|好的|明白|收到|知道|太好|辛苦"
)
_GREETING = re.compile(r"\b(?:hi|hello|hey|morning|afternoon|evening|help)\b|你好|您好|在吗|早上好|大家好|帮助")
_BESIDE = re.compile(
    r"\b(?:you|u|so|very|much|many|a|lot|again|all|everyone|folks|there|good|really|it|that|this|thats|is|was|helped"
    r"|helps|helpful|works|worked|signpost|bot|for|the|your|answer|job|one|and)\b|[了你您啦呀的们很非常有用大家]"
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def stands_alone(said: str) -> bool:
    """
    Whether a turn says by itself what it wants.

    It does not when it opens like a reply ("and the tests?", "no, the iOS one"), when it
    points at something said before ("where is it read?"), or when it is shorter than five words. In
    doubt a turn belongs to what was said before: a few words too many cost the ranking less
    than a lost subject.

    >>> [stands_alone(said) for said in ("where do we add VAT to an order?", "and the tests?", "no, the iOS one")]
    [True, False, False]
    >>> stands_alone("避开收费道路的路线在哪里计算？"), stands_alone("那测试呢？")
    (True, False)
    """
    if _points_back(said):
        return False
    signs = len(_CJK.findall(said))
    return signs >= _FEW_SIGNS if signs else len(said.split()) >= _FEW_WORDS


def refers_back(said: str) -> bool:
    """
    Whether a short turn says of itself that something came before it: it opens like a reply, or points at something.

    Where nothing but the time connects two messages this is what counts: a long one that points at something
    mostly means a part of itself ("the route that avoids tolls"), and a short one alone may be a subject of its own.

    >>> [refers_back(said) for said in ("and the tests?", "where is it read?", "toll parser")]
    [True, True, False]
    >>> refers_back("no route is found when the only road that leads there has tolls")
    False
    """
    signs = len(_CJK.findall(said))
    short = signs < _SHORT_SIGNS if signs else len(said.split()) < _SHORT_WORDS
    return short and _points_back(said)


def _points_back(said: str) -> bool:
    plain = said.casefold().strip()
    return bool(_OPENERS.match(plain) or _POINTERS.search(plain))


def small_talk(said: str) -> Literal["thanks", "greeting"] | None:
    """
    What somebody says who asks nothing: thanks and praise, or a greeting; None for everything else.

    Only whole messages of nothing but such words: what names anything at all is a question.

    >>> small_talk("Thanks a lot, that helped! :tada:"), small_talk("hi there"), small_talk("谢谢！")
    ('thanks', 'greeting', 'thanks')
    >>> small_talk("thanks, and the tests?"), small_talk("where do we say hello?"), small_talk("ok button")
    (None, None, None)
    """
    plain = _SHORT_CODE.sub(" ", said.casefold()).replace("'", "").replace("’", "")
    without_greeting = _GREETING.sub(" ", plain)  # first: it may hold words of the others
    thanked = bool(_THANKS.search(without_greeting))
    left = _BESIDE.sub(" ", _THANKS.sub(" ", without_greeting))
    if _NO_WORD.sub("", left):
        return None
    if thanked:
        return "thanks"
    return "greeting" if without_greeting != plain else None


def compose(before: Sequence[str], said: str) -> str:
    """
    The requirement that reaches the ranker: the turn itself, after the turns that it builds on.

    Those are the last turn that stands alone and the additions since (the latest three): a
    thread that has come to another subject leaves the old one behind. One line for each turn, oldest first.

    Args:
        before: What was asked earlier in the thread, oldest first, each in its own words.

    >>> compose(["where are tolls avoided?", "and the tests?"], "no, the iOS one")
    'where are tolls avoided?\\nand the tests?\\nno, the iOS one'
    >>> compose(["where are tolls avoided?"], "where do we add VAT to an order?")
    'where do we add VAT to an order?'
    """
    if stands_alone(said) or not before:
        return said
    start = next((at for at in reversed(range(len(before))) if stands_alone(before[at])), 0)
    subject, additions = before[start], before[start + 1 :][-MOST_ADDITIONS:]
    kept = [subject, *additions, said]
    while len(kept) > 2 and len("\n".join(kept)) > LONGEST:
        del kept[1]
    if len("\n".join(kept)) > LONGEST:
        return said
    return "\n".join(kept)


def earlier_turns(
    session: Session, *, team: str, channel: str, thread_ts: str, until: datetime | None = None
) -> list[str]:
    """
    What was asked in a thread so far, oldest first, each turn in its own words.

    A thread may hang below a person's message or below an answer that stands alone.

    Args:
        until: Only what was asked before this moment.
    """
    thread = or_(
        Question.thread_ts == thread_ts, and_(Question.thread_ts.is_(None), Question.placeholder_ts == thread_ts)
    )
    return _turns(session, Question.team == team, Question.channel == channel, thread, until=until)


def turns_of_late(session: Session, *, team: str, channel: str, until: datetime) -> list[str]:
    """
    What was asked in a conversation with one person during the last half hour, in whatever thread, oldest first.

    In a direct conversation people write on below, not into a thread.
    """
    lately = Question.created_at >= until - OF_LATE
    return _turns(session, Question.team == team, Question.channel == channel, lately, until=until)


def _turns(session: Session, *which: ColumnElement[bool], until: datetime | None) -> list[str]:
    asked = select(Question).where(*which, Question.withdrawn_at.is_(None))
    if until is not None:
        asked = asked.where(Question.created_at < until)
    found = session.scalars(asked.order_by(Question.created_at, Question.id))
    return [question.said or question.text for question in found]


def question_at(session: Session, *, team: str, channel: str, message_ts: str) -> Question | None:
    """
    The question that was asked in this message; None when it asked nothing.
    """
    here = and_(Question.team == team, Question.channel == channel, Question.message_ts == message_ts)
    return session.scalars(select(Question).where(here)).one_or_none()


def edit_question(
    session: Session, question_id: str, *, said: str, text: str, language: str, event_id: str, now: datetime
) -> str | None:
    """
    Take the new words of a question.

    One that nobody works on yet is changed. One that a worker has, or that is answered, keeps its
    row, its answer and its votes, which speak of the old words; a new question takes over
    its place in Slack, so that the one message gets the new answer.

    Returns:
        The id of the question to answer now; None when nothing changed.
    """
    said, text = storable(said), storable(text)
    old = row(session, Question, question_id)
    session.refresh(old)
    if (old.said or old.text) == said or old.withdrawn_at is not None:
        return None
    untouched = update(Question).where(
        Question.id == question_id,
        or_(Question.claimed_until.is_(None), Question.claimed_until <= now),
        ~select(Answer.id).where(Answer.question_id == question_id).exists(),
    )
    changed = session.execute(
        untouched.values(text=text, said=said, language=language)
        .returning(Question.id)
        .execution_options(synchronize_session=False)
    )
    if changed.one_or_none() is not None:
        return question_id
    place = {name: getattr(old, name) for name in ("message_ts", "placeholder_ts")}
    if place["placeholder_ts"] is None:
        return None  # its message is being posted at this moment, for the old words
    session.execute(
        update(Question)
        .where(Question.id == question_id)
        .values(message_ts=None, placeholder_ts=None, withdrawn_at=now)
        .execution_options(synchronize_session=False)
    )
    kept = ("repository_id", "asker", "source", "surface", "team", "channel", "thread_ts")
    values: dict[str, Any] = {name: getattr(old, name) for name in kept} | place
    values |= {"language": language}
    values |= {"id": new_id(), "text": text, "said": said, "event_id": event_id, "created_at": now, "attempts": 0}
    return str(values["id"]) if insert_new(session, Question, values) else None


def withdraw_question(session: Session, question_id: str, *, now: datetime, forget: bool) -> None:
    """
    Take a question out of everything that is still to be done.

    Args:
        forget: Its author deleted it, so that its words go, too, and teach nothing any more.
    """
    values: dict[str, Any] = {"withdrawn_at": now}
    if forget:
        values |= {"text": "", "said": None}
    session.execute(update(Question).where(Question.id == question_id).values(**values))


def move_question(session: Session, question_id: str, *, channel: str) -> None:
    """
    Answer a question in another channel than where it was asked, in a message of its own.
    """
    values = {"channel": channel, "thread_ts": None, "placeholder_ts": None, "surface": MOVED}
    session.execute(update(Question).where(Question.id == question_id).values(**values))


def share_answer(session: Session, answer_id: str) -> None:
    """
    Have an answer that its asker alone saw posted for everybody.
    """
    answer = row(session, Answer, answer_id)
    answer.shown_at = answer.delivered_at = None
    session.execute(update(Question).where(Question.id == answer.question_id).values(surface=SHARED))


def settle_channel(session: Session, question_id: str, *, channel: str) -> None:
    """
    Write down which channel a conversation with a person turned out to be.
    """
    session.execute(update(Question).where(Question.id == question_id).values(channel=channel))


def questions_waiting(session: Session, source: str) -> Sequence[Question]:
    """
    Questions from *source* whose message stands there and whose answer does not, oldest first.
    """
    waiting = select(Question).outerjoin(Answer, Answer.question_id == Question.id)
    waiting = waiting.where(Question.source == source, Question.placeholder_ts.is_not(None), Answer.id.is_(None))
    return session.scalars(waiting.where(Question.withdrawn_at.is_(None)).order_by(Question.created_at)).all()


def questions_to_clear(session: Session, source: str) -> list[str]:
    """
    Ids of the questions from *source* that are none any more, but have a message.
    """
    left = select(Question.id).where(Question.source == source, Question.placeholder_ts.is_not(None))
    return list(session.scalars(left.where(Question.withdrawn_at.is_not(None)).order_by(Question.created_at)))
