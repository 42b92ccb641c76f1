"""
A Slack of our own on loopback: its Web API over HTTP, its Socket Mode over a WebSocket.

It keeps what was posted, checks blocks as Slack does, records every call and can fail in
the ways Slack fails. Our code meets it through nothing but the address in its settings.

    with FakeSlack() as slack:
        client = WebClient(token=slack.bot_token, base_url=slack.api_url)
"""

import itertools
import json
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any, Self

from tests.bot.slack.blockkit import problems, view_problems
from tests.bot.slack.wire import CLOSE, TEXT, Handler, Link


@dataclass(frozen=True)
class Failure:
    """
    One way in which a call goes wrong.

    Args:
        error: Slack's error code; the call does nothing.
        retry_after: HTTP 429 with this many seconds; the call does nothing.
        drop: The call is carried out, then the connection breaks before the reply.
        seconds: How long Slack takes before it does anything.
        channel: Only calls about this channel fail.
    """

    error: str = ""
    retry_after: int | None = None
    drop: bool = False
    seconds: float = 0.0
    channel: str | None = None


@dataclass(frozen=True)
class Call:
    method: str
    arguments: dict[str, Any]
    at: float
    token: str = ""


@dataclass
class Posted:
    """A message as it stands now; `versions` has the texts of every state it went through."""

    channel: str
    ts: str
    user: str
    text: str
    thread_ts: str | None = None
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)


class SlackError(Exception):
    """What a method answers instead of a result."""


class FakeSlack:
    bot_token = "xoxb-1-loopback"
    app_token = "xapp-1-loopback"
    signing_secret = "8f742231b10e8888abcd99yyyzzz85a5"
    team, bot_user, bot_id = "T0TEAM", "U0BOT", "B0BOT"

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.messages: dict[tuple[str, str], Posted] = {}
        self.reactions: set[tuple[str, str, str]] = set()
        self.whispers: list[dict[str, Any]] = []
        self.homes: dict[str, dict[str, Any]] = {}
        self.archived: set[str] = set()
        self.strange: set[str] = set()
        self.people: dict[str, str] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.statuses: dict[str, str] = {}
        self.workspaces = {self.bot_token: self.team}
        self.codes: dict[str, tuple[str, str]] = {}
        self.groups: dict[str, list[str]] = {}
        self.scopes = ""
        self.responses: list[dict[str, Any]] = []
        self.replies: dict[str, dict[str, Any]] = {}
        self.deaf = False
        self._failures: list[tuple[str, Failure]] = []
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self.links: list[Link] = []
        self.acknowledged: dict[str, threading.Event] = {}
        handler = type("Handler", (Handler,), {"slack": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.break_connections()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/"

    @property
    def response_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/response/1"

    # What a test does and sees.

    def fail(self, method: str, failure: Failure, *, times: int = 1) -> None:
        """
        Let the next calls of *method* go wrong.
        """
        self._failures += [(method, failure)] * times

    def say(self, text: str, *, channel: str = "C0ROADS", user: str = "U0ANA", thread_ts: str | None = None) -> str:
        """
        A person writes; returns the message's `ts`.
        """
        with self._lock:
            ts = f"{int(time.time())}.{next(self._numbers):06d}"
            self.messages[channel, ts] = Posted(channel, ts, user, text, thread_ts)
            return ts

    def ours(self, channel: str = "C0ROADS") -> list[Posted]:
        """
        Our messages in a channel, oldest first.
        """
        with self._lock:
            return [post for post in self.messages.values() if (post.user, post.channel) == (self.bot_user, channel)]

    @staticmethod
    def direct(user: str) -> str:
        """
        The channel of our conversation with a person.
        """
        return f"D{user[1:]}"

    def called(self, method: str) -> list[Call]:
        with self._lock:
            return [call for call in self.calls if call.method == method]

    def delete(self, channel: str, ts: str) -> None:
        with self._lock:
            del self.messages[channel, ts]

    # Socket Mode.

    def wait_for_connection(self, *, count: int = 1, seconds: float = 10.0) -> bool:
        """
        Wait until *count* connections are open.
        """
        end = time.monotonic() + seconds
        while len(self.links) != count and time.monotonic() < end:
            time.sleep(0.01)
        return len(self.links) == count

    def push(
        self, payload: dict[str, Any], *, kind: str = "events_api", seconds: float = 3.0, attempt: int = 0
    ) -> bool:
        """
        Send one envelope over the newest connection; returns whether it was acknowledged in time.
        """
        envelope = f"envelope-{next(self._numbers)}"
        arrived = self.acknowledged[envelope] = threading.Event()
        retry = {"retry_attempt": attempt, "retry_reason": "timeout" if attempt else ""}
        frame = {
            "envelope_id": envelope,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind == "slash_commands",
        }
        self.links[-1].send(TEXT, json.dumps(frame | retry).encode())
        return arrived.wait(seconds)

    def send_command(self, payload: dict[str, Any], *, seconds: float = 5.0) -> dict[str, Any]:
        """
        Send a slash command over the newest connection; returns what its acknowledgement shows.
        """
        before = set(self.replies)
        assert self.push(payload, kind="slash_commands", seconds=seconds)
        (envelope,) = set(self.replies) - before
        return self.replies[envelope]

    def close_connections(self, code: int = 1012) -> None:
        """
        Say goodbye properly, as Slack does when it moves connections elsewhere.
        """
        for one in list(self.links):
            one.send(CLOSE, struct.pack("!H", code))

    def break_connections(self) -> None:
        """
        Vanish without a word.
        """
        for one in list(self.links):
            one.close()

    # The Web API.

    def answer(self, method: str, arguments: dict[str, Any], token: str) -> tuple[int, dict[str, str], Any] | None:
        """
        Status, headers and body of a call; None when the connection breaks instead.
        """
        failure = self._failure_of(method, arguments)
        time.sleep(failure.seconds)
        with self._lock:
            self.calls.append(Call(method, arguments, time.monotonic(), token))
            if failure.retry_after is not None:
                headers = {"Retry-After": str(failure.retry_after)}
                return 429, headers, {"ok": False, "error": "ratelimited"}
            try:
                if failure.error:
                    raise SlackError(failure.error)
                result = {"ok": True, **self._carry_out(method, arguments, token)}
            except SlackError as error:
                result = {"ok": False, "error": str(error)}
        return None if failure.drop else (200, {"x-oauth-scopes": self.scopes}, result)

    def _failure_of(self, method: str, arguments: dict[str, Any]) -> Failure:
        with self._lock:
            for planned in self._failures:
                name, failure = planned
                if name == method and failure.channel in (None, arguments.get("channel")):
                    self._failures.remove(planned)
                    return failure
        return Failure()

    def _carry_out(self, method: str, arguments: dict[str, Any], token: str) -> dict[str, Any]:
        if method == "oauth.v2.access":
            return self._access(arguments)
        if token not in ({self.app_token} if method == "apps.connections.open" else self.workspaces):
            raise SlackError("invalid_auth")
        if method == "auth.revoke":
            del self.workspaces[token]
            return {"revoked": True}
        if method == "auth.test":
            return self._auth_test(self.workspaces[token])
        known: dict[str, Callable[..., dict[str, Any] | None]] = {
            "apps.connections.open": self._open_connection,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.postEphemeral": self._whisper,
            "conversations.replies": self._replies,
            "reactions.add": self._add_reaction,
            "reactions.remove": self._remove_reaction,
            "views.publish": self._publish,
            "usergroups.users.list": self._group_members,
            "chat.delete": self._delete,
            "conversations.open": self._open,
            "conversations.history": self._history,
            "users.lookupByEmail": self._look_up,
            "views.open": self._open_view,
            "views.update": self._update_view,
            "assistant.threads.setStatus": self._set_status,
            "chat.getPermalink": self._link,
        }
        if method not in known:
            raise SlackError("unknown_method")
        return known[method](arguments) or {}

    def _link(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel, ts = arguments["channel"], arguments["message_ts"]
        if (channel, ts) not in self.messages:
            raise SlackError("message_not_found")
        return {"permalink": f"https://roads.slack.example/archives/{channel}/p{ts.replace('.', '')}"}

    def allow_installation(self, team: str, *, code: str, token: str) -> None:
        """
        Somebody of *team* pressed "Allow": *code* can be exchanged for *token*, once.
        """
        self.codes[code] = (team, token)

    def _access(self, arguments: dict[str, Any]) -> dict[str, Any]:
        team, token = self.codes.pop(arguments.get("code", ""), ("", ""))
        if not team:
            raise SlackError("invalid_code")
        self.workspaces[token] = team
        return {
            "access_token": token,
            "token_type": "bot",
            "scope": self.scopes,
            "bot_user_id": self.bot_user,
            "app_id": "A0APP",
            "team": {"id": team, "name": f"Team <{team}>"},
            "enterprise": None,
            "is_enterprise_install": False,
            "authed_user": {"id": "U0ANA"},
        }

    def _group_members(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["usergroup"] not in self.groups:
            raise SlackError("no_such_subteam")
        return {"users": self.groups[arguments["usergroup"]]}

    def _auth_test(self, team: str) -> dict[str, Any]:
        return {
            "team_id": team,
            "user_id": self.bot_user,
            "bot_id": self.bot_id,
            "url": "https://t.example/",
        }

    def _open_connection(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"url": f"ws://127.0.0.1:{self._server.server_address[1]}/socket?ticket=secret-ticket"}

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._check(arguments)
        ts = self.say("", channel=arguments["channel"], user=self.bot_user, thread_ts=arguments.get("thread_ts"))
        self._write(self.messages[arguments["channel"], ts], arguments)
        self.statuses.pop(arguments.get("thread_ts", ""), None)
        return {"channel": arguments["channel"], "ts": ts}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._check(arguments)
        post = self.messages.get((arguments["channel"], arguments["ts"]))
        if post is None:
            raise SlackError("message_not_found")
        if post.user != self.bot_user:
            raise SlackError("cant_update_message")
        self._write(post, arguments)
        return {"channel": post.channel, "ts": post.ts}

    def _check(self, arguments: dict[str, Any]) -> None:
        if arguments["channel"] in self.archived:
            raise SlackError("is_archived")
        if arguments["channel"] in self.strange or arguments["channel"][:1] not in ("C", "D", "G"):
            raise SlackError("channel_not_found")
        wrong = problems(arguments.get("blocks") or [])
        if wrong:
            raise SlackError("msg_blocks_too_long" if wrong[0].startswith("msg_") else "invalid_blocks")
        if not arguments.get("text") and not arguments.get("blocks"):
            raise SlackError("no_text")

    @staticmethod
    def _write(post: Posted, arguments: dict[str, Any]) -> None:
        post.text, post.blocks = arguments.get("text", ""), arguments.get("blocks") or []
        post.metadata = arguments.get("metadata") or post.metadata
        post.versions.append(post.text)

    def _whisper(self, arguments: dict[str, Any]) -> None:
        self._check(arguments)
        self.whispers.append(arguments)

    def _replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel, root = arguments["channel"], arguments["ts"]
        if (channel, root) not in self.messages:
            raise SlackError("thread_not_found")
        found = [
            post for post in self.messages.values() if post.channel == channel and root in (post.ts, post.thread_ts)
        ]
        return self._page(found, arguments)

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["channel"] in self.strange:
            raise SlackError("channel_not_found")
        found = [
            post
            for post in self.messages.values()
            if post.channel == arguments["channel"]
            and not post.thread_ts
            and float(post.ts) >= float(arguments["oldest"])
        ]
        return self._page(found[::-1], arguments)

    @staticmethod
    def _page(found: list[Posted], arguments: dict[str, Any]) -> dict[str, Any]:
        limit = int(arguments.get("limit", 1000))
        start = int(arguments.get("cursor") or 0)
        more = str(start + limit) if len(found) > start + limit else ""
        keys = ("ts", "user", "text", "blocks", "metadata")
        page = [{key: getattr(post, key) for key in keys} for post in found[start : start + limit]]
        return {"messages": page, "has_more": bool(more), "response_metadata": {"next_cursor": more}}

    def _add_reaction(self, arguments: dict[str, Any]) -> None:
        mark = (arguments["channel"], arguments["timestamp"], arguments["name"])
        if mark in self.reactions:
            raise SlackError("already_reacted")
        self.reactions.add(mark)

    def _remove_reaction(self, arguments: dict[str, Any]) -> None:
        mark = (arguments["channel"], arguments["timestamp"], arguments["name"])
        if mark not in self.reactions:
            raise SlackError("no_reaction")
        self.reactions.discard(mark)

    def _delete(self, arguments: dict[str, Any]) -> None:
        if self.messages.pop((arguments["channel"], arguments["ts"]), None) is None:
            raise SlackError("message_not_found")

    def _open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["users"][:1] not in ("U", "W"):
            raise SlackError("user_not_found")
        return {"channel": {"id": self.direct(arguments["users"])}}

    def _look_up(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["email"] not in self.people:
            raise SlackError("users_not_found")
        return {"user": {"id": self.people[arguments["email"]], "deleted": False, "is_bot": False}}

    def _open_view(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._keep_view(f"V{next(self._numbers)}", arguments)

    def _update_view(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["view_id"] not in self.views:
            raise SlackError("not_found")
        return self._keep_view(arguments["view_id"], arguments)

    def _keep_view(self, view_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if view_problems(arguments["view"]):
            raise SlackError("invalid_arguments")
        self.views[view_id] = arguments["view"]
        return {"view": {"id": view_id, "hash": "1.abc"}}

    def _set_status(self, arguments: dict[str, Any]) -> None:
        self.statuses[arguments["thread_ts"]] = arguments["status"]

    def _publish(self, arguments: dict[str, Any]) -> None:
        if problems(arguments["view"]["blocks"]):
            raise SlackError("invalid_arguments")
        self.homes[arguments["user_id"]] = arguments["view"]
