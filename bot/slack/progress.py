"""
The message that follows a training or a re-indexing to its end.

It is a notice: written down before it is posted, posted once, and updated from then on. What
it shows is read from the row of the training again and again, so that a bot that was
restarted goes on with the same message.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.slack.blocks import Message
from bot.slack.kit import section
from bot.slack.phrases import ENGLISH, LANGUAGES, Language, count, say
from bot.slack.text import code, escape, fit, one_line
from worker import store
from worker.database import Sessions
from worker.notices import add_notice, change_notice
from worker.reindexing import reindexing
from worker.rows import UnknownRowError
from worker.tables import Notice, Reindexing, Training

TRAINING = "training"
REINDEXING = "reindexing"
FOLLOWED = (TRAINING, REINDEXING)

_OVER = frozenset({"done", "failed", "refused"})
_MOST_FOLLOWED = 200
_BAR = 10
_NAMES = 5


def follow(
    session: Session,
    *,
    kind: str,
    subject_id: str,
    team: str,
    recipient: str,
    asker: str,
    language: Language,
    now: datetime,
) -> bool:
    """
    Have a message in *recipient* (a channel, or a person's direct message) that follows a job.

    Args:
        asker: Who wants to know; the message goes to them when the channel is shut to us.

    Returns:
        Whether it is new; one message follows a job in one place.
    """
    return add_notice(
        session,
        kind=kind,
        key=f"{kind}:{subject_id}:{team}:{recipient}",
        team=team,
        recipient=recipient,
        payload=read_progress(session, kind, subject_id) | {"language": language, "asker": asker},
        now=now,
    )


def read_progress(session: Session, kind: str, subject_id: str) -> dict[str, Any]:
    """
    All that the message shows about a job as it is now.

    Raises:
        UnknownRowError: there is no such job.
    """
    job = store.training(session, subject_id) if kind == TRAINING else reindexing(session, subject_id)
    release = store.release(session, job.release_id) if isinstance(job, Training) and job.release_id else None
    began = job.started_at or job.created_at
    return {
        "id": subject_id,
        "repository": store.repository(session, job.repository_id).name,
        "person": job.requested_by,
        "state": job.state,
        "progress": {name: job.progress.get(name) for name in ("stage", "done", "total") if name in job.progress},
        "seconds": int((job.finished_at - began).total_seconds()) if job.finished_at else 0,
        "error": job.error or "",
        "release": release.id if release else "",
        "verdict": release.verdict if release else "",
        "found": dict(job.found) if isinstance(job, Reindexing) else {},
    }


def follow_jobs(sessions: Sessions) -> int:
    """
    Have every message drawn again whose job got on since; returns how many those are.
    """
    with sessions.begin() as session:
        return refresh(session)


def refresh(session: Session) -> int:
    """
    The same within a transaction.
    """
    newest = (
        select(Notice).where(Notice.kind.in_(FOLLOWED), Notice.failure.is_(None)).order_by(Notice.created_at.desc())
    )
    changed = 0
    for notice in session.scalars(newest.limit(_MOST_FOLLOWED)).all():
        if notice.payload.get("state") in _OVER:
            continue
        try:
            payload = read_progress(session, notice.kind, str(notice.payload.get("id")))
        except UnknownRowError:
            continue
        payload |= {name: notice.payload.get(name) for name in ("language", "asker")}
        if payload != notice.payload:
            change_notice(session, notice.id, payload=payload)
            changed += 1
    return changed


def draw_progress(kind: str, payload: dict[str, Any]) -> Message:
    """
    The message about a job, in whatever state it is.
    """
    language: Language = payload["language"] if payload.get("language") in LANGUAGES else ENGLISH
    person = str(payload["person"])
    by = f"<@{person}>" if person.startswith(("U", "W")) and person.isalnum() and person.isupper() else code(person, 80)
    key_values = {"repository": code(str(payload["repository"]), 200), "person": by}
    heading = (
        say("progress_training", language, **key_values)
        if kind == TRAINING
        else say("progress_reindexing", language, **key_values)
    )
    body = describe(payload, language)
    return Message(f"{one_line(str(payload['repository']))}: {payload['state']}", (section(f"{heading}\n{body}"),))


def describe(payload: dict[str, Any], language: Language) -> str:
    """
    One line about a job as marked-up text: how far it is, or how it ended.
    """
    took = _took(int(payload.get("seconds") or 0), language)
    state = payload["state"]
    if state == "failed":
        return say("progress_failed", language, took=took, error=fit(one_line(str(payload["error"])), 600))
    if state in ("done", "refused") and payload.get("found"):
        return _found(payload["found"], language)
    if state in ("done", "refused"):
        release, verdict = code(str(payload["release"]), 200), fit(one_line(str(payload["verdict"])), 600)
        if state == "done":
            return say("progress_done", language, took=took, release=release, verdict=verdict)
        return say("progress_refused", language, took=took, release=release, verdict=verdict)
    progress = payload.get("progress") or {}
    if state == "queued" or not progress.get("stage"):
        return say("progress_queued", language)
    stage, done, total = escape(str(progress["stage"])), int(progress["done"] or 0), int(progress["total"] or 0)
    if total <= 0:
        return say("progress_stage_open", language, stage=stage)
    full = max(0, min(_BAR, done * _BAR // total))
    return f"{'▰' * full}{'▱' * (_BAR - full)}  {say('progress_stage', language, stage=stage, done=done, total=total)}"


def _found(found: dict[str, Any], language: Language) -> str:
    values = {
        "commit": code(str(found["commit"])[:12], 20),
        "modules": count("modules", int(found["modules"]), language),
    }
    if not found.get("serving_commit"):
        return say("found_first", language, **values)
    changes = []
    if found["new"]:
        changes.append(count("modules_new", found["new"], language, names=_names(found["new_names"])))
    if found["gone"]:
        changes.append(count("modules_gone", found["gone"], language, names=_names(found["gone_names"])))
    if found["changed"]:
        changes.append(count("modules_changed", found["changed"], language))
    if not changes:
        return say("found_current", language, **values)
    serving = code(str(found["serving_commit"])[:12], 20)
    return say("found_behind", language, **values, serving=serving, changes=", ".join(changes))


def _names(names: list[str]) -> str:
    shown = ", ".join(code(name, 120) for name in names[:_NAMES])
    return f" ({shown}{', …' if len(names) > _NAMES else ''})" if shown else ""


def _took(seconds: int, language: Language) -> str:
    if seconds < 120:
        return say("took_seconds", language, number=seconds)
    if seconds < 7200:
        return say("took_minutes", language, number=round(seconds / 60))
    return say("took_hours", language, number=round(seconds / 3600, 1))
