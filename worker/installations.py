"""
The Slack workspaces that installed the app, and installations under way.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from worker.rows import insert_new
from worker.sealing import Seal
from worker.tables import Installation, InstallState

MOST_STATES = 1_000


class TooManyInstallationsError(Exception):
    """More installations were begun than anybody can finish; it passes within minutes."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """
    What is known of a workspace when it installs the app.

    Args:
        team: Slack's id of the workspace, T…
        scopes: What it allowed us to do, separated by commas.
    """

    team: str
    name: str
    bot_user: str
    bot_id: str
    scopes: str
    installed_by: str


def save_installation(session: Session, workspace: Workspace, *, token: str, seal: Seal, now: datetime) -> None:
    """
    Keep the token of a workspace; installing again replaces what was there.
    """
    values: dict[str, Any] = {
        "team": workspace.team,
        "name": workspace.name[:200],
        "bot_user": workspace.bot_user,
        "bot_id": workspace.bot_id,
        "scopes": workspace.scopes,
        "sealed_token": seal.close(workspace.team, token),
        "installed_by": workspace.installed_by,
        "installed_at": now,
    }
    if insert_new(session, Installation, values):
        return
    known = session.get_one(Installation, workspace.team)
    for name, value in values.items():
        setattr(known, name, value)
    session.flush()


def installation(session: Session, team: str) -> Installation | None:
    """
    The installation of one workspace; None when it did not install the app, or removed it.
    """
    return session.get(Installation, team)


def installations(session: Session) -> Sequence[Installation]:
    """
    All workspaces that installed the app, first one first.
    """
    return session.scalars(select(Installation).order_by(Installation.installed_at, Installation.team)).all()


def remove_installation(session: Session, team: str) -> bool:
    """
    Forget a workspace and its token. False when it was not there.
    """
    gone = delete(Installation).where(Installation.team == team).returning(Installation.team)
    return session.scalars(gone).one_or_none() is not None


def seal_again(session: Session, seal: Seal) -> int:
    """
    Encrypt every token with the newest key, so that older keys can be thrown away.

    Returns:
        How many there are.

    Raises:
        SealError: one of them cannot be read with any key.
    """
    known = installations(session)
    for one in known:
        one.sealed_token = seal.close(one.team, seal.open(one.team, one.sealed_token))
    session.flush()
    return len(known)


def issue_install_state(session: Session, *, now: datetime, seconds: int) -> str:
    """
    A state for one installation: it comes back from Slack and is accepted once, within *seconds*.

    Only its hash is stored. What expired is swept out on the way.

    Raises:
        TooManyInstallationsError: anyone can open the page, and this keeps them from filling the disk.
    """
    session.execute(delete(InstallState).where(InstallState.expires_at <= now))
    if (session.scalar(select(func.count()).select_from(InstallState)) or 0) >= MOST_STATES:
        raise TooManyInstallationsError(f"{MOST_STATES} installations are under way: somebody plays with the page")
    state = secrets.token_urlsafe(32)
    session.add(InstallState(state_hash=_hash(state), expires_at=now + timedelta(seconds=seconds)))
    session.flush()
    return state


def consume_install_state(session: Session, state: str, now: datetime) -> bool:
    """
    Whether *state* is one of ours, not expired, and shown for the first time.
    """
    mine = delete(InstallState).where(InstallState.state_hash == _hash(state), InstallState.expires_at > now)
    return session.scalars(mine.returning(InstallState.state_hash)).one_or_none() is not None


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
