"""
What Slack says about the installation itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App

from bot.slack.context import Json, SlackContext, nothing_more
from bot.slack.workspaces import InstalledWorkspaces

log = logging.getLogger("signpost.slack")


def register(app: App, context: SlackContext) -> None:
    """
    Listen for the end of our permission.

    A workspace that removed the app is forgotten before Slack hears "received": its token
    must not stay because the database was away for a moment.
    """

    def take_goodbye(body: Json, event: Json, next: Callable[[], Any]) -> Any:
        if event.get("type") == "app_uninstalled" or event.get("tokens", {}).get("bot"):
            _forget(context, str(body.get("team_id", "")), float(body.get("event_time") or 0))
        return next()

    app.event("app_uninstalled", middleware=[take_goodbye])(nothing_more)
    app.event("tokens_revoked", middleware=[take_goodbye])(nothing_more)


def _forget(context: SlackContext, team: str, event_time: float) -> None:
    if not isinstance(context.workspaces, InstalledWorkspaces):
        log.error("Slack says that the app was removed or its token revoked: install it again, see docs/slack.md")
        return
    if context.workspaces.remove(team, as_of=datetime.fromtimestamp(event_time, UTC)):
        log.warning("the workspace %s removed the app; its token is forgotten", team)
