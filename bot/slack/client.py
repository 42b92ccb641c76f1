"""
The way to Slack's Web API, and the reading of its refusals.
"""

import http.client
import logging
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from worker.settings import Settings

# Slack's libraries log whole request bodies at DEBUG and INFO: questions, and the ticket in
# the address of a Socket Mode connection. This logger lets warnings and errors through only.
LIBRARY_LOG = "signpost.slack.library"

_TIMEOUT = 10

# What a call raises when nobody can say whether Slack carried it out.
UNCLEAR = (OSError, http.client.HTTPException)


class SlackSetupError(Exception):
    """Slack cannot be used with these settings; the message says what is wrong and what to do."""


class NotInstalledError(Exception):
    """A workspace has not installed the app, or has removed it; there is no way to speak there."""


def make_client(settings: Settings) -> WebClient:
    """
    A client with the bot token of the settings.

    Raises:
        SlackSetupError: there is no bot token.
    """
    if not settings.slack_bot_token:
        raise SlackSetupError(
            "SIGNPOST_SLACK_BOT_TOKEN is not set: copy the bot token (xoxb-…) of your Slack app, see docs/slack.md"
        )
    return client_with(settings, settings.slack_bot_token)


def client_with(settings: Settings, token: str | None, *, timeout: int = _TIMEOUT) -> WebClient:
    """
    A client with *token*, which never repeats a call by itself.

    The library's default repeats a post whose connection broke after Slack had taken it:
    the answer would stand there twice. Repeating is the business of `Delivery`, which looks
    into the thread first.
    """
    return WebClient(
        token=token,
        base_url=settings.slack_api_url.rstrip("/") + "/",
        timeout=timeout,
        retry_handlers=[],
        logger=library_logger(),
    )


def library_logger() -> logging.Logger:
    """
    The logger for Bolt and the SDK: warnings and errors, whatever level we ourselves log at.
    """
    logger = logging.getLogger(LIBRARY_LOG)
    logger.setLevel(logging.WARNING)
    return logger


def error_code(error: SlackApiError) -> str:
    """
    Slack's name for what went wrong, such as `message_not_found`; `http_503` when it gave none.
    """
    code = _read(error, "error")
    status = getattr(error.response, "status_code", None)
    return str(code) if code else f"http_{status}"


def needed_scope(error: SlackApiError) -> str:
    """
    The scope that a `missing_scope` error asks for; empty for other errors.
    """
    return str(_read(error, "needed") or "")


def retry_after(error: SlackApiError, *, default: float = 5.0) -> float | None:
    """
    The seconds to wait when Slack says that we call too often; None when it says something else.
    """
    status = getattr(error.response, "status_code", None)
    if status != 429 and _read(error, "error") not in ("ratelimited", "rate_limited"):
        return None
    headers = {name.lower(): value for name, value in dict(getattr(error.response, "headers", {})).items()}
    try:
        return max(0.0, float(headers.get("retry-after", default)))
    except ValueError:
        return default


def _read(error: SlackApiError, field: str) -> Any:
    # The response is a plain string when Slack, or a proxy before it, did not answer in JSON.
    get = getattr(error.response, "get", None)
    return get(field) if get else None
