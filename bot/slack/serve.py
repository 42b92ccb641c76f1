"""
`signpost slack`: the process that stands between Slack and the queue.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from redis import Redis
from redis.exceptions import RedisError
from slack_bolt import App

from bot.slack.app import build_app
from bot.slack.client import UNCLEAR, SlackSetupError
from bot.slack.delivery import Delivery
from bot.slack.errands import SLACK
from bot.slack.kit import is_person
from bot.slack.oauth import build_flow, install_pages
from bot.slack.progress import follow_jobs
from bot.slack.socket_mode import SocketLink
from bot.slack.views import Library
from bot.slack.web import Pages, WebServer, build_web, need_signing_secret
from bot.slack.workspaces import InstalledWorkspaces, open_workspaces
from worker import store
from worker.database import Sessions
from worker.news import NEWS
from worker.process import set_by_signals
from worker.queues import enqueue_news, impatient
from worker.settings import Settings
from worker.waiting import Outlook, outlook

log = logging.getLogger("signpost.slack")

DEFAULT_HTTP_PORT = 3000

_RETRY_SECONDS = 5.0

_Result = TypeVar("_Result")


class _Part(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...

    def is_running(self) -> bool: ...


def serve_slack(
    settings: Settings,
    *,
    sessions: Sessions,
    connection: Redis,
    http_port: int | None = None,
    http_host: str = "127.0.0.1",
    health_port: int | None = None,
    stop: threading.Event | None = None,
    on_ready: Callable[[int | None], None] = lambda _: None,
) -> None:
    """
    Take questions from Slack and deliver answers until *stop* is set, or a signal to end arrives.

    Slack that cannot be reached is waited for: after a power cut the machine is often
    back before its network.

    Args:
        http_port: Take events over HTTP at this port; left out, `settings.slack_mode` decides.
        http_host: The address to listen on. A proxy with a certificate belongs in front of it.
        health_port: In Socket Mode, serve `/healthz` at this port; over HTTP it is served anyway. With several
            workspaces there is always a port, because they install the app through the browser.
        on_ready: Called once events can arrive, with the port of the HTTP server if there is one.

    Raises:
        SlackSetupError: something has to be set up first; the message says what.
    """
    stop = stop or threading.Event()
    connection = impatient(connection)
    if http_port is None and settings.slack_mode == "http":
        http_port = DEFAULT_HTTP_PORT
    _check(settings, over_http=http_port is not None)
    with _only_one(settings.home), set_by_signals(stop), contextlib.ExitStack() as running:
        workspaces = open_workspaces(settings, sessions)
        library = Library(settings)
        delivery = Delivery(
            sessions=sessions,
            client_for=workspaces.client_for,
            library=library,
            waiting=lambda question_id: _waiting(sessions, connection, question_id),
            chores=(lambda: gather_news(sessions, connection), lambda: follow_jobs(sessions)),
        )
        app = _once_reachable(
            stop,
            lambda: build_app(
                settings, sessions, connection, workspaces=workspaces, library=library, on_question=delivery.wake
            ),
        )
        if app is None:
            return
        running.callback(app.listener_runner.listener_executor.shutdown)
        parts: dict[str, _Part] = {"delivery": delivery}
        if http_port is None:
            parts["events"] = SocketLink(app, app_token=settings.slack_app_token or "")
        pages = None
        if isinstance(workspaces, InstalledWorkspaces):
            pages = install_pages(build_flow(settings, workspaces))
            health_port = DEFAULT_HTTP_PORT if health_port is None else health_port
        server = _web_server(settings, app, parts, pages, host=http_host, port=http_port, health_port=health_port)
        for part in (*parts.values(), *([server] if server else [])):
            running.callback(part.stop)
            if not _once_reachable(stop, lambda part=part: part.start() or True):  # type: ignore[misc]
                return
        log.info("Slack: taking events over %s", "Socket Mode" if http_port is None else "HTTP")
        on_ready(server.port if server else None)
        stop.wait()


def _check(settings: Settings, *, over_http: bool) -> None:
    """What would be noticed last, or only once Slack can be reached; the rest is checked where it is used."""
    if over_http:
        need_signing_secret(settings.slack_signing_secret)
    elif not settings.slack_app_token:
        raise SlackSetupError(
            "SIGNPOST_SLACK_APP_TOKEN is not set: create an app-level token (xapp-…) with the scope "
            "connections:write, see docs/slack.md"
        )


def _web_server(
    settings: Settings,
    app: App,
    parts: Mapping[str, _Part],
    pages: Pages | None,
    *,
    host: str,
    port: int | None,
    health_port: int | None,
) -> WebServer | None:
    def health() -> dict[str, bool]:
        return {name: part.is_running() for name, part in parts.items()}

    if port is not None:
        web = build_web(health, app=app, signing_secret=settings.slack_signing_secret or "", pages=pages)
        return WebServer(web, host=host, port=port)
    if health_port is not None:
        return WebServer(build_web(health, pages=pages), host=host, port=health_port)
    return None


def _once_reachable(stop: threading.Event, action: Callable[[], _Result]) -> _Result | None:
    """The result of *action*, tried until Slack can be reached; None when *stop* comes first."""
    while not stop.is_set():
        try:
            return action()
        except UNCLEAR as error:
            log.warning("Slack cannot be reached (%s); trying again in %.0f s", type(error).__name__, _RETRY_SECONDS)
            stop.wait(_RETRY_SECONDS)
    return None


def gather_news(sessions: Sessions, connection: Redis) -> None:
    """
    Write down what authors of corrections are to be told, and have the worker rank for them.
    """
    with sessions.begin() as session:
        store.add_news(session, source=SLACK, now=datetime.now(UTC), reachable=is_person)
    with sessions() as session:
        waiting = store.unready_notices(session, NEWS)
    try:
        for notice_id in waiting:
            enqueue_news(connection, notice_id)
    except RedisError as problem:
        log.warning("news wait in SQL, the queue cannot be reached: %s", problem)


def _waiting(sessions: Sessions, connection: Redis, question_id: str) -> Outlook | None:
    try:
        with sessions() as session:
            return outlook(session, connection, question_id, now=datetime.now(UTC))
    except RedisError:
        return None


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """
    One such process per home: two would both post a placeholder for a question.

    The lock is the system's, so that it goes with its process, however that ends.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "slack.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SlackSetupError(
                f"another `signpost slack` runs with the home {home}: end it first, or use another SIGNPOST_HOME"
            ) from error
        yield
