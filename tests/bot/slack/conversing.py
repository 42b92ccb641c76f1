"""
What tests of conversations share: the two halves of a worker, and looks into the database.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from tests.bot.slack.payloads import Sender, mention, wait_until
from tests.factories import MODULES, make_ranking
from tests.fakes import FakeSlack, Posted
from worker import store
from worker.database import Sessions
from worker.tables import Answer, Question

REASONING = "It adds VAT."


def stored(sessions: Sessions, table: type[Any]) -> list[Any]:
    """
    All rows of a table.
    """
    with sessions() as session:
        return list(session.scalars(select(table)))


def answer_everything(sessions: Sessions, **ranking: Any) -> None:
    """
    The worker: every question gets its ranking and its reasoning.
    """
    with sessions.begin() as session:
        for question in session.scalars(select(Question).where(Question.withdrawn_at.is_(None))).all():
            if store.answer_of(session, question.id) is None:
                answer = make_ranking(session, question, now=datetime.now(UTC), **ranking)
                store.save_reasoning(
                    session, answer.id, text=REASONING, evidence=[], reason_ms=9, now=datetime.now(UTC)
                )


def shown(slack: FakeSlack, words: str, channel: str = "C0ROADS") -> Callable[[], bool]:
    """
    Whether a message of ours in the channel shows *words*.
    """
    return lambda: any(words in json.dumps(post.blocks, ensure_ascii=False) for post in slack.ours(channel))


def asked_and_answered(
    slack: FakeSlack, sessions: Sessions, sender: Sender, text: str = "where is VAT added to an order?", **ranking: Any
) -> tuple[Question, Answer, Posted]:
    """
    A mention and its finished answer: question, answer, and the message in which it stands.
    """
    asked_at = slack.say(text)
    assert sender.send_event(mention(text, asked_at)).status_code == 200
    answer_everything(sessions, **ranking)
    found = [one for one in stored(sessions, Question) if one.message_ts == asked_at]
    assert wait_until(lambda: _delivered(sessions, found[0].id))
    with sessions() as session:
        question, answer = store.question(session, found[0].id), store.answer_of(session, found[0].id)
    assert answer is not None
    return question, answer, slack.messages["C0ROADS", str(question.placeholder_ts)]


def _delivered(sessions: Sessions, question_id: str) -> bool:
    with sessions() as session:
        answer = store.answer_of(session, question_id)
        return answer is not None and answer.delivered_at is not None


TOP = MODULES[0]
