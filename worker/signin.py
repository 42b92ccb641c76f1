"""
One-time sign-in links for the dashboard.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from worker.tables import SignIn


def create_sign_in(session: Session, *, person: str, now: datetime, minutes: int) -> str:
    """
    A token that lets *person* in once within *minutes*.

    Only its hash is stored: who reads the database cannot sign in with what is there.
    """
    token = secrets.token_urlsafe(32)
    expires = now + timedelta(minutes=minutes)
    session.add(SignIn(token_hash=sign_in_key(token), person=person, created_at=now, expires_at=expires))
    session.flush()
    return token


def redeem_sign_in(session: Session, token: str, now: datetime) -> str | None:
    """
    The person a token belongs to, the first time it is shown and before it expires; else None.
    """
    usable = update(SignIn).where(
        SignIn.token_hash == sign_in_key(token), SignIn.used_at.is_(None), SignIn.expires_at > now
    )
    return session.scalars(usable.values(used_at=now).returning(SignIn.person)).one_or_none()


def signed_in_person(session: Session, key: str) -> str | None:
    """
    The person whose redeemed link has this key, until `end_sign_in` forgets it.
    """
    redeemed = select(SignIn.person).where(SignIn.token_hash == key, SignIn.used_at.is_not(None))
    return session.scalars(redeemed).one_or_none()


def end_sign_in(session: Session, key: str) -> None:
    """
    Forget a redeemed link: every browser session that began with it ends.
    """
    session.execute(delete(SignIn).where(SignIn.token_hash == key))


def sign_in_key(token: str) -> str:
    """
    The key of a token's row: its SHA-256, which lets nobody in.
    """
    return hashlib.sha256(token.encode()).hexdigest()
