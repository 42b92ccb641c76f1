"""
Notices: messages beside the answers, said once each. See `worker.tables.Notice`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from worker.rows import insert_new, row
from worker.tables import Notice, new_id


def add_notice(
    session: Session,
    *,
    kind: str,
    key: str,
    team: str,
    recipient: str,
    now: datetime,
    payload: dict[str, Any] | None = None,
    question_id: str | None = None,
    channel: str | None = None,
    thread_ts: str | None = None,
    ready: bool = True,
) -> bool:
    """
    Write down something that is to be said, unless it was written down before.

    Args:
        key: What makes it one message: the same key is said once.
        recipient: Id of a person or of a channel.
        ready: False when something must be worked out first; `change_notice` makes it ready.

    Returns:
        Whether it is new.
    """
    values = {
        "id": new_id(),
        "kind": kind,
        "key": key,
        "team": team,
        "recipient": recipient,
        "channel": channel,
        "thread_ts": thread_ts,
        "question_id": question_id,
        "payload": payload or {},
        "revision": 1 if ready else 0,
        "shown": 0,
        "created_at": now,
    }
    return insert_new(session, Notice, values)


def notice(session: Session, notice_id: str) -> Notice:
    """
    The notice with this id, as the database has it now.

    Raises:
        UnknownRowError: there is none.
    """
    found = row(session, Notice, notice_id)
    session.refresh(found)
    return found


def notice_by_key(session: Session, key: str) -> Notice | None:
    """
    The notice with this key, None when there is none.
    """
    return session.scalars(select(Notice).where(Notice.key == key)).one_or_none()


def notice_at(session: Session, *, kind: str, team: str, channel: str, ts: str) -> Notice | None:
    """
    The notice of a kind whose message this is, None when it is none of them.
    """
    here = select(Notice).where(Notice.team == team, Notice.channel == channel, Notice.ts == ts)
    return session.scalars(here.where(Notice.kind == kind)).first()


def notices_about(session: Session, question_id: str, kind: str) -> Sequence[Notice]:
    """
    The notices of one kind about a question, oldest first.
    """
    about = select(Notice).where(Notice.question_id == question_id, Notice.kind == kind)
    return session.scalars(about.order_by(Notice.created_at, Notice.id)).all()


def unsaid_notices(session: Session) -> list[str]:
    """
    Ids of the notices that must be posted or updated, oldest first.
    """
    open_ones = select(Notice.id).where(Notice.failure.is_(None), Notice.shown < Notice.revision)
    return list(session.scalars(open_ones.order_by(Notice.created_at, Notice.id)))


def unready_notices(session: Session, kind: str) -> list[str]:
    """
    Ids of the notices of a kind for which something must be worked out first.
    """
    waiting = select(Notice.id).where(Notice.kind == kind, Notice.revision == 0, Notice.failure.is_(None))
    return list(session.scalars(waiting.order_by(Notice.created_at, Notice.id)))


def change_notice(session: Session, notice_id: str, *, payload: dict[str, Any] | None = None) -> None:
    """
    Have a notice said, or its message drawn again; with *payload*, about that.
    """
    values: dict[str, Any] = {"revision": Notice.revision + 1}
    if payload is not None:
        values["payload"] = payload
    session.execute(update(Notice).where(Notice.id == notice_id).values(**values))


def settle_notice(session: Session, notice_id: str, *, channel: str, ts: str | None = None) -> None:
    """
    Write down where a notice is posted, and its message once it stands there.
    """
    values = {"channel": channel} | ({"ts": ts} if ts else {})
    session.execute(update(Notice).where(Notice.id == notice_id).values(**values))


def mark_notice_shown(session: Session, notice_id: str, revision: int) -> None:
    """
    The message shows *revision*; one that came meanwhile is still to be shown.
    """
    session.execute(update(Notice).where(Notice.id == notice_id, Notice.shown < revision).values(shown=revision))


def close_notice(session: Session, notice_id: str, reason: str) -> None:
    """
    Nothing more is tried for this notice.
    """
    session.execute(update(Notice).where(Notice.id == notice_id).values(failure=reason))
