"""
What SQL says about questions whose messages in Slack are not yet what they should be.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.slack.blocks import AnswerView
from inference.values import RankedModule
from worker import store
from worker.tables import Answer, Question

_SLACK = "slack"


@dataclass(frozen=True, slots=True)
class Errand:
    """
    One question whose message is not yet what it should be.

    Args:
        view: The answer so far; None while there is no ranking.
        shown: Whether the ranking stands in the message already.
        final: Whether nothing more will come.
        delivered: Whether the final form stands there; then only 👀 may be left over.
    """

    question_id: str
    team: str
    channel: str
    thread_ts: str
    message_ts: str
    placeholder_ts: str | None
    asked_at: datetime
    view: AnswerView | None = None
    shown: bool = False
    final: bool = False
    delivered: bool = False


def unfinished(session: Session) -> list[str]:
    """
    Ids of the questions that need a call to Slack, oldest first within each kind.

    Those without a message, then those whose message does not show the newest state.
    """
    found = [asked.id for asked in store.questions_without_placeholder(session, _SLACK)]
    for asked, answer in store.outbox(session, _SLACK):
        if answer.shown_at is None or _is_final(answer):
            found.append(asked.id)
    return found


def read_errand(session: Session, question_id: str) -> Errand:
    """
    The state of one question as SQL has it now.

    Raises:
        UnknownRowError: there is no such question.
    """
    asked = store.question(session, question_id)
    answer = store.answer_of(session, question_id)
    message_ts = asked.message_ts or ""
    return Errand(
        question_id=asked.id,
        team=asked.team or "",
        channel=asked.channel or "",
        thread_ts=asked.thread_ts or message_ts,
        message_ts=message_ts,
        placeholder_ts=asked.placeholder_ts,
        asked_at=asked.created_at,
        view=None if answer is None else _view(session, asked, answer),
        shown=answer is not None and answer.shown_at is not None,
        final=answer is not None and _is_final(answer),
        delivered=answer is not None and answer.delivered_at is not None,
    )


def _is_final(answer: Answer) -> bool:
    return answer.reasoned_at is not None or answer.error is not None


def _view(session: Session, asked: Question, answer: Answer) -> AnswerView:
    return AnswerView(
        answer_id=answer.id,
        question_id=asked.id,
        modules=tuple(RankedModule.from_json(module) for module in answer.modules),
        sure=answer.sure,
        release=answer.release_id or "",
        graph_commit=answer.graph_commit or "",
        repository=store.repository(session, asked.repository_id).name,
        reasoning=answer.reasoning if answer.reasoned_at is not None else None,
        error=answer.error,
        rank_ms=answer.rank_ms,
    )
