"""
Calls to Slack that wait for nobody, and what its refusals mean for what we wanted to write.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.client import retry_after

# We may not write there (any more), but perhaps elsewhere.
SHUT = {
    "channel_not_found",
    "is_archived",
    "not_in_channel",
    "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
}
# What we wanted to write to is gone.
GONE = {"message_not_found", "thread_not_found", "cant_update_message", "cant_delete_message", "edit_window_closed"}
# There is nobody to write to.
NOBODY = {"user_not_found", "users_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot", "user_is_bot"}
TOO_MUCH = {"msg_blocks_too_long", "msg_too_long", "invalid_blocks", "invalid_blocks_format"}
TOKEN = {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope"}


class Later(Exception):  # noqa: N818  not an error: a reason to come back
    """Come back in so many seconds; other work goes on in the meantime."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Calls:
    """
    Calls in the name of every workspace. A method that Slack wants left alone is left alone, by every thread.
    """

    def __init__(self, client_for: Callable[[str], WebClient]) -> None:
        self.client_for = client_for
        self._paused: dict[tuple[str, str, str], float] = {}

    def make(self, method: Callable[..., Any], team: str, *, scope: str = "", **arguments: Any) -> Any:
        """
        One call.

        Args:
            scope: What Slack's limit for this method counts by, besides the workspace.

        Raises:
            Later: Slack asked us to wait, now or at an earlier call.
            SlackApiError: it refused for another reason.
        """
        key = (team, getattr(method, "__name__", ""), scope)
        wait = self._paused.get(key, 0.0) - time.monotonic()
        if wait > 0:
            raise Later(wait)
        try:
            return method(**arguments)
        except SlackApiError as error:
            seconds = retry_after(error)
            if seconds is None:
                raise
            self._paused[key] = time.monotonic() + seconds
            raise Later(seconds) from error
