"""
"Add to Slack": a workspace installs the app through the browser of one of its people.

Slack's library does the steps. What it leaves open is decided here: states are single-use
rows in our SQL, tokens are stored encrypted, and only workspaces that the operator named
may install at all, because whoever can ask can read the names of modules and files.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable

from slack_bolt import BoltRequest, BoltResponse
from slack_bolt.error import BoltError
from slack_bolt.oauth import OAuthFlow
from slack_bolt.oauth.callback_options import CallbackOptions, FailureArgs, SuccessArgs
from slack_bolt.oauth.oauth_settings import OAuthSettings
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth import OAuthStateUtils
from slack_sdk.oauth.installation_store import Installation, InstallationStore
from slack_sdk.oauth.state_store import OAuthStateStore

from bot.slack.client import UNCLEAR, client_with, library_logger
from bot.slack.scopes import BOT_SCOPES
from bot.slack.workspaces import InstalledWorkspaces
from worker.installations import Workspace
from worker.settings import Settings

log = logging.getLogger("signpost.slack")

INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"

_STATE_SECONDS = 600
_COOKIE = "signpost-install"

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Signpost</title></head>'
    "<body><h1>{title}</h1><p>{text}</p></body></html>"
)
_REASONS = {
    "access_denied": "The installation was cancelled in Slack. Nothing was stored.",
    "invalid_browser": (
        "This page was not opened by the browser that began the installation, or cookies are blocked. Begin again."
    ),
    "invalid_state": "This installation was finished before, or it took longer than ten minutes. Begin again.",
    "invalid_code": "Slack did not accept the installation. Begin again.",
    "missing_code": "Slack sent no code. Begin again.",
}


class NotAllowedError(BoltError):  # type: ignore[misc]
    """A workspace that nobody named wants to install the app; the message is for its admin."""


def build_flow(settings: Settings, workspaces: InstalledWorkspaces) -> OAuthFlow:
    """
    The two pages of an installation, to be served under the public address of the settings.
    """
    address = (settings.slack_url or "").rstrip("/")
    return OAuthFlow(
        client=client_with(settings, None),
        logger=library_logger(),
        settings=OAuthSettings(
            client_id=settings.slack_client_id or "",
            client_secret=settings.slack_client_secret or "",
            scopes=list(BOT_SCOPES),
            user_scopes=[],
            redirect_uri=f"{address}{REDIRECT_PATH}",
            install_path=INSTALL_PATH,
            install_page_rendering_enabled=False,
            redirect_uri_path=REDIRECT_PATH,
            callback_options=CallbackOptions(success=_tell_success, failure=_tell_failure),
            installation_store=_Store(settings, workspaces),
            state_store=_States(workspaces),
            state_cookie_name=_COOKIE,
            state_expiration_seconds=_STATE_SECONDS,
            logger=library_logger(),
        ),
    )


def install_pages(flow: OAuthFlow) -> dict[str, Callable[[BoltRequest], BoltResponse]]:
    """
    The pages by their paths.
    """
    return {INSTALL_PATH: flow.handle_installation, REDIRECT_PATH: flow.handle_callback}


class _Store(InstallationStore):
    """Where the flow puts what it got; nothing else of the library's store is used."""

    def __init__(self, settings: Settings, workspaces: InstalledWorkspaces) -> None:
        self._settings = settings
        self._workspaces = workspaces

    def save(self, installation: Installation) -> None:
        team, token = installation.team_id or "", installation.bot_token or ""
        if installation.is_enterprise_install or team not in self._settings.slack_workspaces:
            self._give_back(token)
            name = f"{team} ({installation.team_name})" if team else "a whole organisation"
            log.warning("the workspace %s wanted to install the app and is not in SIGNPOST_SLACK_WORKSPACES", name)
            raise NotAllowedError(
                f"{name} may not install this Signpost. Whoever runs it can allow a workspace by adding its id to "
                "SIGNPOST_SLACK_WORKSPACES."
            )
        workspace = Workspace(
            team=team,
            name=installation.team_name or team,
            bot_user=installation.bot_user_id or "",
            bot_id=installation.bot_id or "",
            scopes=",".join(installation.bot_scopes or ()),
            installed_by=installation.user_id or "",
        )
        self._workspaces.save(workspace, token)
        log.info("the workspace %s installed the app", team)

    def _give_back(self, token: str) -> None:
        try:
            client_with(self._settings, token).auth_revoke()
        except (SlackApiError, *UNCLEAR):
            log.warning("the token of an installation that was refused could not be revoked; it is not stored")


class _States(OAuthStateStore):
    def __init__(self, workspaces: InstalledWorkspaces) -> None:
        self._workspaces = workspaces

    def issue(self, *args: object, **kwargs: object) -> str:
        return self._workspaces.issue_state(_STATE_SECONDS)

    def consume(self, state: str) -> bool:
        return self._workspaces.consume_state(state)


def _tell_success(args: SuccessArgs) -> BoltResponse:
    name = args.installation.team_name or args.installation.team_id or ""
    return _page(200, "Signpost is installed", f"{name} can ask now: write a direct message to Signpost.")


def _tell_failure(args: FailureArgs) -> BoltResponse:
    if isinstance(args.error, NotAllowedError):
        return _page(403, "Not installed", str(args.error))
    text = _REASONS.get(args.reason, "Something went wrong; whoever runs this Signpost finds it in the log.")
    if args.reason not in _REASONS:
        log.error("an installation failed: %.80r", args.reason)
    return _page(args.suggested_status_code, "Not installed", text)


def _page(status: int, title: str, text: str) -> BoltResponse:
    forget = OAuthStateUtils(cookie_name=_COOKIE, expiration_seconds=0).build_set_cookie_for_deletion()
    return BoltResponse(
        status=status,
        body=_PAGE.format(title=html.escape(title), text=html.escape(text)),
        headers={
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "Set-Cookie": forget,
        },
    )
