"""
The outermost layer of the dashboard: which hosts and origins it answers, and the headers every answer
carries.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("signpost.dashboard")

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
ALL_INTERFACES = ("", "0.0.0.0", "::")  # noqa: S104  (to recognise them)
READING = ("GET", "HEAD")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """
    ASGI middleware: refuses foreign hosts and cross-site writes, adds the security headers, ends unexpected
    errors.

    A page on the internet can point its own name at 127.0.0.1 (DNS rebinding) and would then read the
    dashboard as its own site; it cannot change the Host header, so names we do not know are refused. A
    literal address needs no name and cannot be rebound: it is accepted when the dashboard listens on all
    interfaces.

    Args:
        app: What is being guarded.
        names: Host names this dashboard answers to, lower case, without ports.
        any_address: Whether literal IP addresses are accepted too.
        url: The address people use; behind a proxy it differs from the Host header.
        secure: Whether people reach it over https.
    """

    def __init__(self, app: ASGIApp, *, names: frozenset[str], any_address: bool, url: str, secure: bool) -> None:
        self.app = app
        self.published = urlsplit(url).netloc.lower()
        self.names = names
        self.any_address = any_address
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sending = _Sending(send, secure=self.secure)
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, sending)
            return
        try:
            await self.app(scope, receive, sending)
        except Exception:
            error_id = secrets.token_hex(4)
            log.exception("error %s: %s %s", error_id, scope["method"], scope["path"])
            if sending.started:
                raise
            await _broken(error_id)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._answers_to(hosts[0]):
            return PlainTextResponse(
                "This host name is not known to the dashboard. Set SIGNPOST_DASHBOARD_URL to the address people use.\n",
                status_code=421,
            )
        if scope["method"] not in READING and _cross_site(headers, (hosts[0].lower(), self.published)):
            return PlainTextResponse("Refused: this request comes from another site.\n", status_code=403)
        return None

    def _answers_to(self, host: str) -> bool:
        name = host_name(host)
        if name is None:
            return False
        return name in self.names or (self.any_address and _is_address(name))


def allowed_names(host: str, url: str | None) -> tuple[frozenset[str], bool]:
    """
    The host names a dashboard bound to *host* and published as *url* answers to, and whether any address
    will do.

    >>> names, any_address = allowed_names("127.0.0.1", "https://signpost.example.org")
    >>> sorted(names), any_address
    (['127.0.0.1', '::1', 'localhost', 'signpost.example.org'], False)
    """
    names = {host.lower().strip("[]"), (urlsplit(url).hostname or "") if url else ""}
    return frozenset({*LOOPBACK_NAMES, *names} - set(ALL_INTERFACES)), host in ALL_INTERFACES


def host_name(host: str) -> str | None:
    """
    The name in a Host header, lower case and without the port; None when it is no host at all.

    >>> host_name("LocalHost:8765"), host_name("[::1]:8765"), host_name("a b")
    ('localhost', '::1', None)
    """
    if not host or any(sign in host for sign in "/@?#\\ \t"):
        return None
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018  (raises for a port that is no number)
    except ValueError:
        return None
    return parts.hostname.rstrip(".") if parts.hostname else None


class _Sending:
    def __init__(self, send: Send, *, secure: bool) -> None:
        self._send = send
        self._secure = secure
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers.update(SECURITY_HEADERS)
            headers.setdefault("Cache-Control", "no-store")
            if self._secure:
                headers["Strict-Transport-Security"] = "max-age=31536000"
        await self._send(message)


def _cross_site(headers: Headers, own: tuple[str, str]) -> bool:
    # Our own forms send "Origin: null", because of our Referrer-Policy; so "null" decides nothing, and the
    # form token does. Browsers that send Sec-Fetch-Site say the truth here in one word.
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin not in (None, "null") and urlsplit(origin or "").netloc.lower() not in own


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _broken(error_id: str) -> PlainTextResponse:
    return PlainTextResponse(
        f"Something broke here. The log of the dashboard has the details under error {error_id}.\n",
        status_code=500,
    )
