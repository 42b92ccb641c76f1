"""
Who may do what: the admins of the settings, and the members of a user group in Slack.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.client import UNCLEAR, NotInstalledError, client_with, error_code, needed_scope
from worker.settings import Settings

log = logging.getLogger("signpost.slack")

# Somebody who left the group is an admin for this long at most.
MEMBERS_SECONDS = 60.0

_FAILED_SECONDS = 5.0
_TIMEOUT = 2  # whoever clicked waits for it, and Slack gives us three seconds


class Roles:
    """
    Answers whether a person may retrain, promote, roll back and re-index.

    When Slack does not tell who is in the group, its members are not admins until it does;
    those of the settings always are.

    Args:
        clock: Seconds, always growing.
    """

    def __init__(
        self,
        settings: Settings,
        client_for: Callable[[str], WebClient],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._client_for = client_for
        self._clock = clock
        self._lock = threading.Lock()
        self._members: dict[str, tuple[float, frozenset[str]]] = {}

    def is_admin(self, team: str, person: str) -> bool:
        """
        Whether *person* of the workspace *team* is an admin now.

        With several workspaces an id counts together with its workspace only (`T…:U…` in the
        settings): Slack promises no more.
        """
        if not team or not person:
            return False
        if f"{team}:{person}" in self._settings.admins:
            return True
        if not self._settings.slack_client_id and person in self._settings.admins:
            return True
        return person in self._group(team)

    def _group(self, team: str) -> frozenset[str]:
        """
        The group's members in one workspace. The group's id exists in one workspace alone, others know none.
        """
        if not self._settings.admin_group:
            return frozenset()
        with self._lock:
            until, members = self._members.get(team, (0.0, frozenset()))
            if self._clock() >= until:
                members, seconds = self._ask(team, self._settings.admin_group)
                self._members[team] = (self._clock() + seconds, members)
            return members

    def _ask(self, team: str, group: str) -> tuple[frozenset[str], float]:
        try:
            client = client_with(self._settings, self._client_for(team).token, timeout=_TIMEOUT)
            found = client.usergroups_users_list(usergroup=group)
            return frozenset(found.get("users") or ()), MEMBERS_SECONDS
        except SlackApiError as error:
            log.error("the members of the group %s are unknown: %s %s", group, error_code(error), needed_scope(error))
        except UNCLEAR as error:
            log.error("the members of the group %s are unknown: %s", group, type(error).__name__)
        except NotInstalledError as error:
            log.error("the members of the group %s are unknown: %s", group, error)
        return frozenset(), _FAILED_SECONDS


def acting(body: Mapping[str, Any]) -> tuple[str, str]:
    """
    Team and person of a click or a command, both empty for guests of other organisations.

    Anyone who sees a message can click in it. A person counts with their own workspace, and
    it must be the one in which the app was called.

    >>> acting({"user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1"}})
    ('T1', 'U1')
    >>> acting({"user": {"id": "U1", "team_id": "T9"}, "team": {"id": "T1"}})
    ('', '')
    >>> acting({"user_id": "U1", "team_id": "T1", "command": "/where-admin"})
    ('T1', 'U1')
    """
    if "user_id" in body:
        return str(body.get("team_id") or ""), str(body["user_id"])
    user, team = body.get("user") or {}, body.get("team") or {}
    own = str(user.get("team_id") or "")
    if not own or own != str(team.get("id") or ""):
        return "", ""
    return own, str(user.get("id") or "")
