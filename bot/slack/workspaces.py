"""
Whose token speaks where: one workspace with a token from the settings, or several that installed the app.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.slack.client import NotInstalledError, SlackSetupError, client_with, make_client
from worker.database import Sessions
from worker.installations import (
    Workspace,
    consume_install_state,
    installation,
    issue_install_state,
    remove_installation,
    save_installation,
    seal_again,
)
from worker.sealing import Seal, SealError
from worker.settings import Settings


class Workspaces(Protocol):
    """What the rest of the bot knows about workspaces."""

    def client_for(self, team: str) -> WebClient:
        """
        The client that speaks in a workspace.

        Raises:
            NotInstalledError: that workspace has not installed the app.
        """
        ...


class OneWorkspace:
    """
    The simple case: the token of the settings speaks, wherever a question comes from.

    Raises:
        SlackSetupError: there is no token.
    """

    def __init__(self, settings: Settings) -> None:
        self.client = make_client(settings)

    def client_for(self, team: str) -> WebClient:
        return self.client


class InstalledWorkspaces:
    """
    Workspaces that installed the app by OAuth, each with a token of its own in SQL.

    The row is read for every call: an installation or a removal counts at once, in every
    process, and nothing that was removed lives on in a cache.

    Raises:
        SlackSetupError: a setting that this needs is missing, or the stored tokens cannot be read.
    """

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        _check(settings)
        self._settings = settings
        self._sessions = sessions
        self.client = client_with(settings, None)
        try:
            self._seal = Seal(settings.slack_token_keys)
            with sessions.begin() as session:
                seal_again(session, self._seal)
        except SealError as problem:
            raise SlackSetupError(str(problem)) from problem

    def client_for(self, team: str) -> WebClient:
        found = self.authorize(team_id=team)
        if found is None:
            raise NotInstalledError(f"the workspace {team} has not installed the app, or removed it")
        return client_with(self._settings, found.bot_token)

    def authorize(self, team_id: str | None) -> AuthorizeResult | None:
        """
        Who we are in a workspace, for Bolt; None when the app is not installed there.

        Bolt's own way asks Slack (`auth.test`) before every event: that is a tenth of a
        second before each acknowledgement, and a limit on the number of events.
        """
        with self._sessions() as session:
            found = installation(session, team_id or "")
            if found is None:
                return None
            token = self._seal.open(found.team, found.sealed_token)
        return AuthorizeResult(
            enterprise_id=None,
            team_id=found.team,
            bot_id=found.bot_id,
            bot_user_id=found.bot_user,
            bot_token=token,
            bot_scopes=found.scopes.split(","),
        )

    def save(self, workspace: Workspace, token: str) -> None:
        """
        Keep an installation, encrypted.
        """
        with self._sessions.begin() as session:
            save_installation(session, workspace, token=token, seal=self._seal, now=datetime.now(UTC))

    def remove(self, team: str, *, as_of: datetime) -> bool:
        """
        Forget a workspace, unless it installed the app again after *as_of*.

        Slack delivers events late and repeats them: the news of a removal may come after
        the next installation.
        """
        with self._sessions.begin() as session:
            found = installation(session, team)
            if found is None or found.installed_at > as_of:
                return False
            return remove_installation(session, team)

    def issue_state(self, seconds: int) -> str:
        with self._sessions.begin() as session:
            return issue_install_state(session, now=datetime.now(UTC), seconds=seconds)

    def consume_state(self, state: str) -> bool:
        with self._sessions.begin() as session:
            return consume_install_state(session, state, datetime.now(UTC))


def open_workspaces(settings: Settings, sessions: Sessions) -> OneWorkspace | InstalledWorkspaces:
    """
    The workspaces of these settings: several as soon as there is a client id.

    Raises:
        SlackSetupError: something has to be set up first; the message says what.
    """
    if not settings.slack_client_id:
        return OneWorkspace(settings)
    if settings.slack_bot_token:
        raise SlackSetupError(
            "SIGNPOST_SLACK_BOT_TOKEN and SIGNPOST_SLACK_CLIENT_ID are both set: the token is for one workspace, the "
            "client id for several that install the app; unset one"
        )
    return InstalledWorkspaces(settings, sessions)


def _check(settings: Settings) -> None:
    needed = {
        "SIGNPOST_SLACK_CLIENT_SECRET": settings.slack_client_secret,
        "SIGNPOST_SLACK_TOKEN_KEY": settings.slack_token_keys,
        "SIGNPOST_SLACK_URL": settings.slack_url,
        "SIGNPOST_SLACK_WORKSPACES": settings.slack_workspaces,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise SlackSetupError(
            f"SIGNPOST_SLACK_CLIENT_ID is set, which means several workspaces, but {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not: see docs/slack.md"
        )
