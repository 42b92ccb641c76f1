"""
Brings the messages beside the answers to Slack: questions to owners, what they said, news of corrections.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from slack_sdk.errors import SlackApiError
from sqlalchemy.orm import Session

from bot.slack.answer_courier import find_message
from bot.slack.blocks import Message
from bot.slack.calls import SHUT, Calls
from bot.slack.client import error_code, needed_scope
from bot.slack.helpers import ASK, HELP, REPLY, VERDICT, add_help_notices
from bot.slack.kit import is_person
from bot.slack.notice_blocks import (
    draw_help_wanted,
    draw_news,
    draw_reply,
    draw_verdict,
    is_notice,
    notice_block,
    notice_metadata,
)
from bot.slack.progress import FOLLOWED, draw_progress
from bot.slack.views import Library
from worker import store
from worker.database import Sessions
from worker.news import NEWS
from worker.tables import Notice

log = logging.getLogger("signpost.slack")


class NoticeCourier:
    """
    Posts notices once, and updates them when they change.

    Args:
        began_at: Before this moment another process may have posted.
    """

    what = "notice"

    def __init__(self, sessions: Sessions, calls: Calls, library: Library, *, began_at: datetime) -> None:
        self._sessions = sessions
        self._calls = calls
        self._library = library
        self._began_at = began_at
        self._posted: set[str] = set()

    def pending(self, session: Session) -> Sequence[str]:
        return store.unsaid_notices(session)

    def serve(self, item: str) -> None:
        with self._sessions() as session:
            notice = store.notice(session, item)
        if notice.shown >= notice.revision or notice.failure is not None:
            return
        revision = notice.revision
        if notice.kind == ASK:
            add_help_notices(self._sessions, self._calls, self._library, notice)
        else:
            with self._sessions() as session:
                message = draw_notice(session, self._library, notice)
            if message is None:
                self.give_up(item)
                return
            self._say(notice, message)
        with self._sessions.begin() as session:
            store.mark_notice_shown(session, item, revision)

    def lost(self, item: str, code: str) -> bool:
        """What an owner said, or how a job gets on, goes to who asked when the channel is shut; the rest nowhere."""
        with self._sessions.begin() as session:
            notice = store.notice(session, item)
            asker = str(notice.payload.get("asker", ""))
            if (
                notice.kind not in (VERDICT, REPLY, *FOLLOWED)
                or code not in SHUT
                or notice.recipient == asker
                or not asker
            ):
                return False
            notice.recipient, notice.channel, notice.thread_ts = asker, None, None
            return True

    def give_up(self, item: str) -> bool:
        with self._sessions.begin() as session:
            store.close_notice(session, item, "it could not be said in Slack")
        return True

    def _say(self, notice: Notice, message: Message) -> None:
        blocks = [{**message.blocks[0], "block_id": notice_block(notice.id)}, *message.blocks[1:]]
        client = self._calls.client_for(notice.team)
        arguments: dict[str, Any] = {"text": message.text, "blocks": blocks}
        if notice.ts is not None:
            self._calls.make(client.chat_update, notice.team, channel=notice.channel, ts=notice.ts, **arguments)
            return
        channel = notice.channel or self._open(notice)
        ts = self._find(notice, channel) if self._may_stand_there(notice) else None
        if ts is None:
            self._posted.add(notice.id)
            posted = self._calls.make(
                client.chat_postMessage,
                notice.team,
                scope=channel,
                channel=channel,
                thread_ts=notice.thread_ts,
                metadata=notice_metadata(notice.id),
                unfurl_links=False,
                unfurl_media=False,
                **arguments,
            )
            ts = str(posted["ts"])
        with self._sessions.begin() as session:
            store.settle_notice(session, notice.id, channel=channel, ts=ts)
        self._posted.discard(notice.id)

    def _open(self, notice: Notice) -> str:
        """The channel of a conversation with a person; channels are what they are."""
        channel = notice.recipient
        if is_person(channel):
            client = self._calls.client_for(notice.team)
            opened = self._calls.make(client.conversations_open, notice.team, users=channel)
            channel = str(opened["channel"]["id"])
        with self._sessions.begin() as session:
            store.settle_notice(session, notice.id, channel=channel)
        return channel

    def _may_stand_there(self, notice: Notice) -> bool:
        return notice.id in self._posted or notice.created_at < self._began_at

    def _find(self, notice: Notice, channel: str) -> str | None:
        try:
            return find_message(
                self._calls,
                notice.team,
                channel=channel,
                thread_ts=notice.thread_ts,
                oldest=str(notice.created_at.timestamp() - 60),
                is_it=lambda message: is_notice(message, notice.id),
            )
        except SlackApiError as error:
            if error_code(error) != "missing_scope":
                raise
            log.error("the scope %s is missing: messages cannot be searched", needed_scope(error))
            return None


def draw_notice(session: Session, library: Library, notice: Notice) -> Message | None:
    """
    A notice as it looks now; None when what it speaks of is gone.
    """
    if notice.kind in FOLLOWED:
        return draw_progress(notice.kind, notice.payload)
    question_id = notice.question_id
    if question_id is None:
        return None
    asked, answer = store.question(session, question_id), store.answer_of(session, question_id)
    if answer is None or not asked.text:
        return None
    view = library.view(session, asked, answer)
    if notice.kind == HELP:
        return draw_help_wanted(notice.id, view, notice.payload)
    if notice.kind == VERDICT:
        return draw_verdict(view, notice.payload)
    if notice.kind == REPLY:
        return draw_reply(view, notice.payload)
    if notice.kind == NEWS:
        return draw_news(library.renewed(view, notice.payload), notice.payload)
    return None
