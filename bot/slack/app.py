"""
The Bolt app: who listens to what is said in the modules that register here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from redis import Redis
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltError

from bot.slack import admin, home, installation, people, private, questions, votes
from bot.slack.client import SlackSetupError, library_logger
from bot.slack.context import SlackContext, acknowledge, nothing_more
from bot.slack.roles import Roles
from bot.slack.views import Library
from bot.slack.workspaces import InstalledWorkspaces, OneWorkspace, open_workspaces
from worker.database import Sessions
from worker.settings import Settings

_LISTENERS = 24

# In this order: the first listener that matches gets the event.
_PARTS = (questions, votes, people, private, admin, home, installation)


def build_app(
    settings: Settings,
    sessions: Sessions,
    connection: Redis,
    *,
    workspaces: OneWorkspace | InstalledWorkspaces | None = None,
    library: Library | None = None,
    on_question: Callable[[], None] = lambda: None,
) -> App:
    """
    The Bolt app with all listeners; the token of a single workspace is checked with Slack.

    Args:
        workspaces: Whose token speaks where; by default what the settings say.
        library: What answers are drawn with; best the one that `Delivery` uses, for it remembers catalogs.
        on_question: Called after a question was stored and acknowledged: there is something to deliver.

    Raises:
        SlackSetupError: Slack refuses the token, or the environment switches Bolt to another mode.
        OSError: Slack could not be reached.
    """
    workspaces = workspaces or open_workspaces(settings, sessions)
    try:
        app = _bolt(settings, workspaces)
    except BoltError as error:
        raise SlackSetupError(
            "Slack refuses SIGNPOST_SLACK_BOT_TOKEN: copy the bot token (xoxb-…) of the installed app again"
        ) from error
    if app.oauth_flow is not None:
        raise SlackSetupError(
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are set, which makes Bolt drop the bot token: unset both"
        )
    roles = Roles(settings, workspaces.client_for)
    register(
        app, SlackContext(settings, sessions, connection, workspaces, roles, library or Library(settings), on_question)
    )
    return app


def _bolt(settings: Settings, workspaces: OneWorkspace | InstalledWorkspaces) -> App:
    known = {
        "name": "signpost",
        "client": workspaces.client,
        "signing_secret": settings.slack_signing_secret or "",
        "logger": library_logger(),
        # Bolt has five. A click is acknowledged by its listener, and must not wait for others that wait for Slack.
        "listener_executor": ThreadPoolExecutor(_LISTENERS, thread_name_prefix="slack-listener"),
    }
    if isinstance(workspaces, OneWorkspace):
        return App(**known)

    # A function, because Bolt reads the names of its arguments.
    def authorize(team_id: str | None) -> AuthorizeResult | None:
        return workspaces.authorize(team_id)

    return App(**known, authorize=authorize)


def register(app: App, context: SlackContext) -> None:
    """
    Give every event that may arrive a listener: one without is not acknowledged, and comes again.
    """
    for part in _PARTS:
        part.register(app, context)
    app.event(re.compile(".*"))(nothing_more)
    app.action(re.compile(".*"))(acknowledge)
