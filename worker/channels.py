"""
What was decided for a channel or a person in Slack: repository, privacy, votes, language.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from worker.rows import insert_new
from worker.tables import ChannelSetting, PersonSetting


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """
    How Signpost behaves in one place, defaults filled in.

    Args:
        repository_id: What the channel asks about; None when nobody decided.
        private: The asker alone sees the answer, and may share it.
        votes_hidden: Answers carry no vote buttons.
        everything: Every message is a question, not mentions only.
        language: Of all replies; None follows the question.
    """

    repository_id: str | None = None
    private: bool = False
    votes_hidden: bool = False
    everything: bool = False
    language: str | None = None


def channel_rules(session: Session, *, team: str, channel: str) -> ChannelRules:
    """
    What holds in a channel; the defaults where nobody changed anything.
    """
    found = session.get(ChannelSetting, (team, channel))
    if found is None:
        return ChannelRules()
    return ChannelRules(
        repository_id=found.repository_id,
        private=found.private,
        votes_hidden=found.votes_hidden,
        everything=found.listens == "everything",
        language=found.language,
    )


def change_channel(
    session: Session, *, team: str, channel: str, changed_by: str, now: datetime, **changes: Any
) -> None:
    """
    Change some settings of a channel; the others stay.

    Args:
        changes: Columns of `ChannelSetting`.
    """
    stamp = {"changed_by": changed_by, "changed_at": now}
    fresh = {"private": False, "votes_hidden": False, "listens": "mentions"}
    if insert_new(session, ChannelSetting, {"team": team, "channel": channel, **fresh, **stamp, **changes}):
        return
    known = session.get_one(ChannelSetting, (team, channel))
    for name, value in {**stamp, **changes}.items():
        setattr(known, name, value)
    session.flush()


def person_repository(session: Session, *, team: str, person: str) -> str | None:
    """
    The id of the repository that a person chose; None when they never did.
    """
    found = session.get(PersonSetting, (team, person))
    return found.repository_id if found is not None else None


def choose_repository(session: Session, *, team: str, person: str, repository_id: str, now: datetime) -> None:
    """
    Remember which repository a person asks about where no channel decides it.
    """
    values = {"team": team, "person": person, "repository_id": repository_id, "changed_at": now}
    if not insert_new(session, PersonSetting, values):
        known = session.get_one(PersonSetting, (team, person))
        known.repository_id, known.changed_at = repository_id, now
        session.flush()
