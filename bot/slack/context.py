"""
What every listener holds, and the private word to one person that most of them end with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.blocks import Message
from bot.slack.client import UNCLEAR, NotInstalledError, error_code
from bot.slack.roles import Roles
from bot.slack.text import escape
from bot.slack.views import Library
from bot.slack.workspaces import Workspaces
from worker.database import Sessions
from worker.settings import Settings

log = logging.getLogger("signpost.slack")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SlackContext:
    """
    The connections of the Slack process, handed to every module that registers listeners.

    Args:
        library: What answers are drawn with.
        on_question: Called after something was stored that has to be shown.
    """

    settings: Settings
    sessions: Sessions
    connection: Redis
    workspaces: Workspaces
    roles: Roles
    library: Library
    on_question: Callable[[], None]

    def client_for(self, team: str) -> WebClient:
        """
        The client that speaks in one workspace.

        Raises:
            NotInstalledError: that workspace has not installed the app.
        """
        return self.workspaces.client_for(team)

    def whisper(self, team: str, channel: str, person: str, message: Message, *, thread_ts: str | None) -> None:
        """
        Show *message* to *person* alone: a channel is not the place for help texts and thanks.
        """
        courtesy(
            lambda: self.client_for(team).chat_postEphemeral(
                channel=channel,
                user=person,
                text=message.text,
                blocks=list(message.blocks),
                thread_ts=thread_ts,
            )
        )


def courtesy(call: Callable[[], Any]) -> bool:
    """
    Make a call that nothing depends on; a refusal is worth a line in the log and no more.

    Returns:
        Whether Slack took it.
    """
    try:
        call()
        return True
    except SlackApiError as error:
        log.warning("something that is only a courtesy could not be shown (%s)", error_code(error))
    except (*UNCLEAR, NotInstalledError) as error:
        log.warning("something that is only a courtesy could not be shown (%s)", type(error).__name__)
    return False


def words(text: str) -> Message:
    """
    A sentence of ours as a message.
    """
    block = {"type": "section", "text": {"type": "mrkdwn", "text": escape(text), "verbatim": True}}
    return Message(text, (block,))


def acknowledge(ack: Callable[[], Any]) -> None:
    """
    The listener for what needs no more than "received".
    """
    ack()


def nothing_more() -> None:
    """
    The listener for events whose work was done in a middleware, or that we do not care about.
    """
