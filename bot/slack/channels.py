"""
Which repository is meant where.
"""

from sqlalchemy.orm import Session

from worker import store
from worker.settings import Settings
from worker.tables import Repository


def repository_of(session: Session, settings: Settings, *, team: str, channel: str) -> Repository | None:
    """
    The repository that a question in this channel is about; None when none is known.
    """
    name = settings.default_repository
    return store.repository_named(session, name) if name else store.default_repository(session)
