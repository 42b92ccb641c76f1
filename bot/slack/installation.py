"""
What Slack says about the installation itself.
"""

from __future__ import annotations

import logging

from slack_bolt import App

from bot.slack.context import Json, SlackContext

log = logging.getLogger("signpost.slack")


def register(app: App, context: SlackContext) -> None:
    """
    Listen for the end of our permission.
    """
    app.event("app_uninstalled")(_say_goodbye)
    app.event("tokens_revoked")(_say_goodbye)


def _say_goodbye(event: Json) -> None:
    log.error("Slack says %s: the app must be installed again, see docs/slack.md", event.get("type"))
