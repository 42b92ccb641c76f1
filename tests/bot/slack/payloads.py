"""
What Slack sends: events and clicks as its documentation shows them, signed as Slack signs.
"""

import hmac
import itertools
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.fakes import FakeSlack

_numbers = itertools.count(1)


def wait_until(happened: Callable[[], object], *, seconds: float = 10.0) -> bool:
    """
    Whether *happened* became true in time.
    """
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def event(inner: dict[str, Any], *, event_id: str = "", **outer: Any) -> dict[str, Any]:
    """
    One delivery of the Events API; every one has its own id unless told otherwise.
    """
    return {
        "token": "verification-token",
        "team_id": FakeSlack.team,
        "api_app_id": "A0APP",
        "type": "event_callback",
        "event_id": event_id or f"Ev{next(_numbers):08d}",
        "event_time": int(time.time()),
        "is_ext_shared_channel": False,
        "authorizations": [{"team_id": FakeSlack.team, "user_id": FakeSlack.bot_user, "is_bot": True}],
        "event": inner,
        **outer,
    }


def mention(text: str, ts: str, *, channel: str = "C0ROADS", user: str = "U0ANA", **inner: Any) -> dict[str, Any]:
    return {
        "type": "app_mention",
        "user": user,
        "text": text,
        "ts": ts,
        "channel": channel,
        "event_ts": ts,
        **inner,
    }


def direct(text: str, ts: str, *, channel: str = "D0ANA", user: str = "U0ANA", **inner: Any) -> dict[str, Any]:
    message = {"type": "message", "channel_type": "im", "user": user, "text": text, "ts": ts}
    return {**message, "channel": channel, "event_ts": ts, **inner}


def reaction(kind: str, name: str, ts: str, *, channel: str = "C0ROADS", user: str = "U0BEN") -> dict[str, Any]:
    item = {"type": "message", "channel": channel, "ts": ts}
    return {"type": kind, "user": user, "reaction": name, "item": item, "item_user": FakeSlack.bot_user}


def click(
    value: str, message_ts: str, *, user: str = "U0BEN", channel: str = "C0ROADS", team: str = FakeSlack.team
) -> dict[str, Any]:
    """
    A click on one of the two vote buttons.
    """
    action = {"type": "feedback_buttons", "action_id": "signpost_vote", "block_id": "b1", "value": value}
    return {
        "type": "block_actions",
        "user": {"id": user, "username": user.lower(), "team_id": team},
        "api_app_id": "A0APP",
        "team": {"id": FakeSlack.team, "domain": "roads"},
        "container": {
            "type": "message",
            "message_ts": message_ts,
            "channel_id": channel,
            "is_ephemeral": False,
        },
        "channel": {"id": channel, "name": "roads"},
        "message": {"ts": message_ts, "thread_ts": message_ts},
        "actions": [{**action, "action_ts": str(time.time())}],
        "trigger_id": "1.2.3",
        "response_url": "http://127.0.0.1:9/response",
    }


def press(
    action_id: str,
    value: str,
    message_ts: str,
    *,
    user: str = "U0BEN",
    channel: str = "C0ROADS",
    team: str = FakeSlack.team,
    **action: Any,
) -> dict[str, Any]:
    """
    A click on any button in a message.
    """
    payload = click(value, message_ts, user=user, channel=channel, team=team)
    (known,) = payload["actions"]
    payload["actions"] = [{**known, "type": "button", "action_id": action_id, **action}]
    return payload


def choose(action_id: str, block_id: str, key: str, message_ts: str, **place: Any) -> dict[str, Any]:
    """
    A choice from a type-ahead menu in a message.
    """
    option = {"text": {"type": "plain_text", "text": "…"}, "value": key}
    more = {"type": "external_select", "block_id": block_id, "selected_option": option}
    return press(action_id, "", message_ts, **place, **more)


def view_press(
    action_id: str, value: str, view_id: str, view: dict[str, Any], *, user: str = "U0BEN"
) -> dict[str, Any]:
    """
    A click on a button in a window of ours.
    """
    payload = press(action_id, value, "", user=user)
    del payload["message"], payload["channel"]
    payload["container"] = {"type": "view", "view_id": view_id}
    return payload | {"view": {**view, "id": view_id, "hash": "1.abc"}}


def typed(words: str, action_id: str, **where: Any) -> dict[str, Any]:
    """
    Somebody types into a type-ahead menu; *where* is the window, or the message and the block.
    """
    return {
        "type": "block_suggestion",
        "user": {"id": "U0BEN", "team_id": FakeSlack.team},
        "team": {"id": FakeSlack.team, "domain": "roads"},
        "api_app_id": "A0APP",
        "action_id": action_id,
        "block_id": action_id,
        "value": words,
        **where,
    }


def sent(
    view_id: str, view: dict[str, Any], *, module: str = "", choice: str = "", comment: str | None = None, **who: str
) -> dict[str, Any]:
    """
    The window "What was wrong?" is sent.
    """

    def chosen(value: str) -> dict[str, Any] | None:
        return {"text": {"type": "plain_text", "text": "…"}, "value": value} if value else None

    values = {
        "signpost_module": {"type": "external_select", "selected_option": chosen(module)},
        "signpost_choice": {"type": "radio_buttons", "selected_option": chosen(choice)},
        "signpost_comment": {"type": "plain_text_input", "value": comment},
    }
    state = {"values": {name: {name: value} for name, value in values.items()}}
    user = {"id": who.get("user", "U0BEN"), "team_id": who.get("team", FakeSlack.team)}
    return {
        "type": "view_submission",
        "team": {"id": FakeSlack.team, "domain": "roads"},
        "user": user,
        "api_app_id": "A0APP",
        "view": {**view, "id": view_id, "state": state},
    }


def shortcut(message: dict[str, Any], *, user: str = "U0BEN", channel: str = "C0ROADS") -> dict[str, Any]:
    """
    "Find modules for this" in the menu of a message.
    """
    return {
        "type": "message_action",
        "callback_id": "signpost_find",
        "user": {"id": user, "team_id": FakeSlack.team},
        "team": {"id": FakeSlack.team, "domain": "roads"},
        "channel": {"id": channel, "name": "roads"},
        "message": {"type": "message", **message},
        "message_ts": message["ts"],
        "api_app_id": "A0APP",
        "trigger_id": f"{next(_numbers)}.2.3",
        "response_url": "http://127.0.0.1:9/response",
    }


def command(
    name: str, text: str, *, user: str = "U0ANA", channel: str = "C0ROADS", team: str = FakeSlack.team, url: str = ""
) -> dict[str, str]:
    """
    A slash command, as the form that Slack posts.
    """
    return {
        "token": "verification-token",
        "team_id": team,
        "team_domain": "roads",
        "channel_id": channel,
        "channel_name": "roads",
        "user_id": user,
        "user_name": user.lower(),
        "command": name,
        "text": text,
        "api_app_id": "A0APP",
        "is_enterprise_install": "false",
        "response_url": url or "http://127.0.0.1:9/response",
        "trigger_id": f"{time.time_ns()}.2.3",
    }


def home_click(
    action: dict[str, Any],
    *,
    user: str = "U0ANA",
    team: str = FakeSlack.team,
    typed: str | None = None,
    block: str = "ask:1",
) -> dict[str, Any]:
    """
    A click in the Home tab, with what stands in the ask box.
    """
    values = {block: {"signpost_home_question": {"type": "plain_text_input", "value": typed}}}
    return {
        "type": "block_actions",
        "user": {"id": user, "username": user.lower(), "team_id": team},
        "api_app_id": "A0APP",
        "team": {"id": FakeSlack.team, "domain": "roads"},
        "container": {"type": "view", "view_id": "V1"},
        "view": {"id": "V1", "type": "home", "team_id": FakeSlack.team, "state": {"values": values}},
        "actions": [{"block_id": "b1", "action_ts": str(time.time()), **action}],
        "trigger_id": "1.2.3",
    }


class Sender:
    """
    Slack's side of HTTP mode: signed requests to one address.
    """

    def __init__(self, port: int, client: httpx.Client | None = None) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._post = client.post if client else httpx.post

    def send_event(self, inner: dict[str, Any], **outer: Any) -> httpx.Response:
        return self.post(json.dumps(event(inner, **outer)).encode(), content_type="application/json")

    def send_click(self, payload: dict[str, Any]) -> httpx.Response:
        return self.post(urlencode({"payload": json.dumps(payload)}).encode())

    def send_command(self, name: str, text: str, **known: str) -> httpx.Response:
        return self.post(urlencode(command(name, text, **known)).encode())

    def post(
        self,
        body: bytes,
        *,
        content_type: str = "application/x-www-form-urlencoded",
        secret: str = FakeSlack.signing_secret,
        at: float | None = None,
        path: str = "/slack/events",
        **headers: str,
    ) -> httpx.Response:
        timestamp = str(int(time.time() if at is None else at))
        digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, "sha256").hexdigest()
        signed = {
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": f"v0={digest}",
            "content-type": content_type,
        }
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = {name: value.encode() for name, value in {**signed, **changed}.items()}
        return self._post(f"{self.url}{path}", content=body, headers=raw, timeout=20)
