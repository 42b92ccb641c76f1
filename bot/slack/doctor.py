"""
What `signpost doctor` asks Slack: is the token good, and what was the app allowed to do?
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from bot.slack.client import UNCLEAR, client_with, error_code
from bot.slack.scopes import BOT_SCOPES
from worker.database import make_engine, session_factory
from worker.health import Check
from worker.installations import installations
from worker.sealing import Seal, SealError
from worker.settings import Settings

_TIMEOUT = 5
_REINSTALL = "Paste deploy/slack-manifest.yaml into App Manifest of your Slack app again, then reinstall it."


def slack_access(settings: Settings) -> Iterator[Check]:
    """
    One line per workspace, and one for Socket Mode; nothing when Slack is not set up.
    """
    if settings.slack_bot_token:
        yield _workspace(settings, "slack access", settings.slack_bot_token)
    elif settings.slack_client_id:
        yield from _installed(settings)
    if settings.slack_app_token and settings.slack_mode == "socket":
        yield _socket_mode(settings)


def _installed(settings: Settings) -> Iterator[Check]:
    address = make_url(settings.database_url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        return  # looking into it would make it
    engine = make_engine(settings.database_url)
    try:
        seal = Seal(settings.slack_token_keys)
        with session_factory(engine)() as session:
            known = [(one.team, one.name, seal.open(one.team, one.sealed_token)) for one in installations(session)]
    except SealError as problem:
        yield Check("slack access", "fail", "tokens cannot be read", str(problem))
        return
    except (SQLAlchemyError, OSError):
        return  # the line about the database says it
    finally:
        engine.dispose()
    if not known:
        page = f"{(settings.slack_url or '').rstrip('/')}/slack/install"
        yield Check("slack access", "warn", "no workspace has installed the app", f"Open {page} in a browser.")
    for team, name, token in known:
        yield _workspace(settings, f"slack access {team}", token, name=name)


def _workspace(settings: Settings, label: str, token: str, *, name: str = "") -> Check:
    try:
        answer = client_with(settings, token, timeout=_TIMEOUT).auth_test()
    except SlackApiError as error:
        remedy = "Copy the bot token of the installed app again, or install the app again."
        return Check(label, "fail", f"Slack refuses the token ({error_code(error)})", remedy)
    except UNCLEAR as error:
        return Check(label, "warn", f"Slack cannot be reached ({type(error).__name__})", "Check the network.")
    where = name or str(answer.get("team") or answer.get("team_id"))
    granted = _scopes(answer.headers)
    if granted is None:
        return Check(label, "warn", f"{where}; Slack does not say which scopes were granted", _REINSTALL)
    missing = [f"{scope} (to {BOT_SCOPES[scope]})" for scope in BOT_SCOPES if scope not in granted]
    if missing:
        return Check(label, "fail", f"{where}; scopes are missing: {', '.join(missing)}", _REINSTALL)
    unused = sorted(granted - set(BOT_SCOPES))
    more = f"; granted and not used: {', '.join(unused)}" if unused else ""
    return Check(label, "ok", f"{where}; all {len(BOT_SCOPES)} scopes granted{more}")


def _scopes(headers: object) -> set[str] | None:
    listed = next((value for name, value in dict(headers).items() if name.lower() == "x-oauth-scopes"), None)  # type: ignore[call-overload]
    text = ",".join(listed) if isinstance(listed, list) else listed
    return {scope.strip() for scope in text.split(",") if scope.strip()} if text else None


def _socket_mode(settings: Settings) -> Check:
    """Asks for the address of a connection and does not open it."""
    client: WebClient = client_with(settings, settings.slack_app_token, timeout=_TIMEOUT)
    try:
        client.apps_connections_open(app_token=settings.slack_app_token or "")
    except SlackApiError as error:
        remedy = "Make an app-level token with the scope connections:write, and switch Socket Mode on."
        return Check("slack socket mode", "fail", f"Slack refuses it ({error_code(error)})", remedy)
    except UNCLEAR as error:
        problem = f"Slack cannot be reached ({type(error).__name__})"
        return Check("slack socket mode", "warn", problem, "Check the network.")
    return Check("slack socket mode", "ok", "the app token opens connections")
