"""
Serving the dashboard until the process is told to stop.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import uvicorn
from sqlalchemy.orm import Session, sessionmaker

from bot.dashboard.app import build_dashboard
from worker.settings import Settings

log = logging.getLogger("signpost.dashboard")


class AddressInUseError(Exception):
    """
    The dashboard cannot listen where the settings say; the message says what to change.
    """


def serve_dashboard(
    settings: Settings,
    sessions: sessionmaker[Session],
    *,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """
    Serve the dashboard on the address of *settings* (loopback, unless they say otherwise) until SIGINT or
    SIGTERM.

    Args:
        settings: Where to listen, and the address people use.
        sessions: Makes database sessions; the schema must be up to date.
        ready: Called with the address people use, once connections are accepted: the place to print a link.

    Raises:
        AddressInUseError: Somebody else listens there, or the address is not this machine's.
    """
    with open_socket(settings.dashboard_host, settings.dashboard_port) as listening:
        url = public_url(settings, port=listening.getsockname()[1])
        app = build_dashboard(replace(settings, dashboard_url=url), sessions)
        if is_public(url):
            log.warning("%s is plain http: put a proxy with TLS before it and set SIGNPOST_DASHBOARD_URL", url)
        ready(url)
        server_for(app).run(sockets=[listening])


def server_for(app: object) -> uvicorn.Server:
    """
    The HTTP server around *app*.

    No access log: sign-in links are one-time secrets and would stand in it. No proxy headers: the guard and
    the sign-in brake go by what really connects.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            access_log=False,
            proxy_headers=False,
            server_header=False,
            log_config=None,
            lifespan="off",
            ws="none",
            limit_concurrency=200,
            timeout_graceful_shutdown=5,
        )
    )


def open_socket(host: str, port: int) -> socket.socket:
    """
    A socket that listens on *host* and *port*; port 0 takes a free one.

    Connections wait in it from now on, so a link can be printed before the server has started.

    Raises:
        AddressInUseError: It cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise AddressInUseError(f"SIGNPOST_DASHBOARD_HOST={host} cannot be used: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise AddressInUseError(
            f"the dashboard cannot listen on {host}, port {port} ({error.strerror}): "
            "set SIGNPOST_DASHBOARD_PORT to a free port, or 0 for any"
        ) from error
    return listening


def public_url(settings: Settings, *, port: int) -> str:
    """
    The address people use: the one in the settings, made true where it names port 0 or all interfaces.

    >>> from pathlib import Path
    >>> settings = Settings(Path("/srv"), "sqlite://", dashboard_host="::1", dashboard_url="http://::1:0")
    >>> public_url(settings, port=8321)
    'http://[::1]:8321'
    """
    host = settings.dashboard_host
    made_up = settings.dashboard_url in (
        f"http://{host}:{settings.dashboard_port}",
        f"http://{host}:0",
        "http://127.0.0.1:8321",
    )
    if not made_up:
        return settings.dashboard_url.rstrip("/")
    name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def sign_in_link(url: str, token: str) -> str:
    """
    The link that lets a person in once.

    >>> sign_in_link("http://127.0.0.1:8321", "abc")
    'http://127.0.0.1:8321/sign-in?token=abc'
    """
    return f"{url.rstrip('/')}/sign-in?token={token}"


def is_public(url: str) -> bool:
    """
    Whether people on other machines may reach *url* in the clear: then the operator should put TLS before it.
    """
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1")
