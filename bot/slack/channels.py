"""
Which repository is meant where.
"""

from sqlalchemy.orm import Session

from bot.slack.blocks import Message, draw_help
from bot.slack.context import Json, SlackContext
from worker import store
from worker.settings import Settings
from worker.tables import Repository


def repository_of(
    session: Session, settings: Settings, *, team: str, channel: str, person: str = ""
) -> Repository | None:
    """
    The repository that a question in this channel is about; None when none is known.
    """
    name = settings.default_repository
    return store.repository_named(session, name) if name else store.default_repository(session)


def where_command(context: SlackContext, body: Json) -> Message | None:
    """
    What `/where` answers when it is about settings; None when it is a question.
    """
    return None if str(body.get("text") or "").strip() else draw_help()
