"""
What SQL says about questions whose messages in Slack are not yet what they should be.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.slack.phrases import Language
from bot.slack.views import AnswerView, Library, language_in
from worker import store
from worker.channels import channel_rules
from worker.tables import Answer, Question

SLACK = "slack"


@dataclass(frozen=True, slots=True)
class Errand:
    """
    One question whose message is not yet what it should be.

    Args:
        channel: Where the message stands or shall stand; a person's id as long as the conversation with
            them is not known.
        thread_ts: The thread it belongs into; None when it stands alone.
        message_ts: The message that asked, in `channel`; None when there is none.
        view: The answer so far; None while there is no ranking.
        shown: Whether the ranking stands in the message already.
        final: Whether nothing more will come.
        delivered: Whether the final form stands there; then only 👀 may be left over.
        withdrawn: Whether the question is no longer one, so that its message must go.
        private: Whether the asker alone gets to see the answer, see `bot.slack.private`.
    """

    question_id: str
    team: str
    channel: str
    thread_ts: str | None
    message_ts: str | None
    placeholder_ts: str | None
    asked_at: datetime
    asker: str
    text: str
    language: Language
    surface: str
    view: AnswerView | None = None
    shown: bool = False
    final: bool = False
    delivered: bool = False
    withdrawn: bool = False
    private: bool = False


def unfinished(session: Session) -> list[str]:
    """
    Ids of the questions that need a call to Slack, oldest first within each kind.

    Those without a message, then those whose message does not show the newest state, then
    those whose message has to go.
    """
    found = [asked.id for asked in store.questions_without_placeholder(session, SLACK)]
    for asked, answer in store.outbox(session, SLACK):
        if answer.shown_at is None or _is_final(answer):
            found.append(asked.id)
    return found + store.questions_to_clear(session, SLACK)


def read_errand(session: Session, library: Library, question_id: str) -> Errand:
    """
    The state of one question as SQL has it now.

    Raises:
        UnknownRowError: there is no such question.
    """
    asked = store.question(session, question_id)
    answer = store.answer_of(session, question_id)
    elsewhere = asked.surface in store.ELSEWHERE
    return Errand(
        question_id=asked.id,
        team=asked.team or "",
        channel=asked.channel or "",
        thread_ts=asked.thread_ts or (None if elsewhere else asked.message_ts),
        message_ts=None if elsewhere else asked.message_ts,
        placeholder_ts=asked.placeholder_ts,
        asked_at=asked.created_at,
        asker=asked.asker,
        text=asked.said or asked.text,
        language=language_in(asked),
        surface=asked.surface or "",
        view=None if answer is None else library.view(session, asked, answer),
        shown=answer is not None and answer.shown_at is not None,
        final=answer is not None and _is_final(answer),
        delivered=answer is not None and answer.delivered_at is not None,
        withdrawn=asked.withdrawn_at is not None,
        private=_is_private(session, asked),
    )


def _is_private(session: Session, asked: Question) -> bool:
    """Nothing is private that stands in the channel already: its message is brought up to date there."""
    in_channel = (asked.channel or "").startswith(("C", "G")) and asked.surface != store.SHARED
    if not in_channel or asked.placeholder_ts is not None:
        return False
    return channel_rules(session, team=asked.team or "", channel=asked.channel or "").private


def _is_final(answer: Answer) -> bool:
    return answer.reasoned_at is not None or answer.error is not None
