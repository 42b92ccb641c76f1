"""
The Home tab.
"""

from __future__ import annotations

from slack_bolt import App

from bot.slack.blocks import draw_home
from bot.slack.context import Json, SlackContext, courtesy


def register(app: App, context: SlackContext) -> None:
    """
    Listen for people who open the Home tab.
    """

    def show_home(body: Json, event: Json) -> None:
        if event.get("tab") != "home":
            return
        client = context.client_for(str(body.get("team_id", "")))
        courtesy(lambda: client.views_publish(user_id=str(event["user"]), view=draw_home()))

    app.event("app_home_opened")(show_home)
