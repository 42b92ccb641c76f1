"""
HTTP: `POST /slack/events` for Slack, with a guard in front, and `GET /healthz` for whoever watches us.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Callable, Mapping

import uvicorn
from slack_bolt import App, BoltRequest, BoltResponse
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.slack.client import SlackSetupError

log = logging.getLogger("signpost.slack")

# Slack's own requests stay far below; what is larger is not read to its end.
_LARGEST_BODY = 1024 * 1024

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)

_START_SECONDS = 10.0

Health = Callable[[], Mapping[str, bool]]
Pages = Mapping[str, Callable[[BoltRequest], BoltResponse]]


def build_web(
    health: Health, *, app: App | None = None, signing_secret: str = "", pages: Pages | None = None
) -> Starlette:
    """
    The HTTP side; without *app* and *pages* it only tells how we are.

    Args:
        pages: For the browsers of people who install the app, by path.

    Raises:
        SlackSetupError: there is an app, but no signing secret, so that anyone could pose as Slack.
    """
    routes = [Route("/healthz", _health_route(health), methods=["GET"])]
    if app is not None:
        need_signing_secret(signing_secret)
        verifier = SignatureVerifier(signing_secret)
        routes.append(Route("/slack/events", _events_route(app, verifier), methods=["POST"]))
    routes += [Route(path, _page_route(page), methods=["GET"]) for path, page in (pages or {}).items()]
    return Starlette(routes=routes)


def need_signing_secret(secret: str | None) -> None:
    """
    Raises:
        SlackSetupError: there is none, so that anyone could pose as Slack.
    """
    if not (secret or "").strip():
        raise SlackSetupError(
            "SIGNPOST_SLACK_SIGNING_SECRET is not set: over HTTP it is all that tells Slack from a "
            "stranger; copy it from the Basic Information page of your Slack app"
        )


class WebServer:
    """
    A running HTTP server on a thread of its own.

    Args:
        port: 0 takes a free one; `port` then says which.

    Raises:
        SlackSetupError: the address is taken.
    """

    def __init__(self, web: Starlette, *, host: str, port: int) -> None:
        try:
            self._socket = socket.create_server((host, port))
        except OSError as error:
            raise SlackSetupError(
                f"cannot listen on {host}:{port} ({error.strerror}): is it in use? Choose another port"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(web, lifespan="off", ws="none", log_config=None, access_log=False, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="slack-web", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def is_running(self) -> bool:
        return self._thread.is_alive() and self._server.started

    def stop(self) -> None:
        """
        Finish the requests under way, then close.
        """
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=_START_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _health_route(health: Health) -> Callable[[Request], Response]:
    def answer(_request: Request) -> Response:
        parts = dict(health())
        well = all(parts.values())
        return JSONResponse({"ok": well, **parts}, status_code=200 if well else 503)

    return answer


def _events_route(app: App, verifier: SignatureVerifier) -> Callable[..., object]:
    async def answer(request: Request) -> Response:
        body = await _read(request)
        if body is None:
            return PlainTextResponse("too large", status_code=413)
        text = _verified(request, body, verifier)
        if text is None:
            return PlainTextResponse("not signed by Slack", status_code=401)
        return await run_in_threadpool(_dispatch, app, text, dict(request.headers))

    return answer


def _page_route(page: Callable[[BoltRequest], BoltResponse]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            done = page(BoltRequest(body="", query=request.url.query, headers=dict(request.headers)))
        except Exception:
            log.exception("an installation failed")
            return PlainTextResponse("Something went wrong; it is in the log of Signpost.", status_code=500)
        response = Response(done.body, status_code=done.status, headers=done.first_headers_without_set_cookie())
        for cookie in done.headers.get("set-cookie", ()):
            response.headers.append("set-cookie", cookie)
        return response

    return answer


async def _read(request: Request) -> bytes | None:
    """The body, or None when it is larger than anything Slack sends."""
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared) > _LARGEST_BODY:
        return None
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > _LARGEST_BODY:
                return None
    except ClientDisconnect:
        return None
    return bytes(body)


def _verified(request: Request, body: bytes, verifier: SignatureVerifier) -> str | None:
    """
    The body as text if Slack signed it lately, else None.

    Bolt checks the signature, too, but parses the body before it does, fails on a timestamp
    that is no number, and writes the whole body of a forged request into the log.
    """
    timestamp = request.headers.get("x-slack-request-timestamp", "")
    signature = request.headers.get("x-slack-signature", "")
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        return None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if verifier.is_valid(text, timestamp, signature) else None


def _dispatch(app: App, body: str, headers: Mapping[str, str]) -> Response:
    try:
        done = app.dispatch(BoltRequest(body=body, headers=dict(headers)))
    except Exception:
        # Bolt catches what listeners raise; this is a signed body that it cannot read.
        log.exception("a request from Slack could not be read")
        return PlainTextResponse("", status_code=400)
    return Response(done.body, status_code=done.status, headers=done.first_headers_without_set_cookie())
