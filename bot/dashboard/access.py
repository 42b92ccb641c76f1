"""
Who may look: the secret, the signed cookies, the form tokens and the sign-in brake of the dashboard.

A session is a row (the redeemed sign-in link) and a signed cookie that names it. Signing out deletes the
row, so a copied cookie dies with it, on every process that serves the dashboard.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer

SESSION_SECONDS = 12 * 3600
FORM_SECONDS = 3600
SECRET_BYTES = 32


class SecretError(Exception):
    """
    The dashboard's secret file cannot be trusted; the message says what to do about it.
    """


@dataclass(frozen=True, slots=True)
class Visitor:
    """
    A signed-in person: the name on the sign-in link, and the key of the link's row.
    """

    person: str
    key: str


def dashboard_secret(home: Path) -> bytes:
    """
    The secret that signs cookies and form tokens, made on first use and readable by its owner alone.

    It lives in a file so that people stay signed in over a restart. Two processes starting together agree:
    the file appears complete or not at all.

    Raises:
        SecretError: The file is readable by others, or too short to be one of ours.
    """
    path = home / "dashboard.secret"
    if not path.exists():
        _write_secret(path)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise SecretError(f"{path} has mode {mode:o}: others may have read it, delete it and start again")
    secret = bytes.fromhex(_hex_text(path))
    if len(secret) != SECRET_BYTES:
        raise SecretError(f"{path} holds {len(secret)} bytes, not {SECRET_BYTES}: delete it and start again")
    return secret


class Cookies:
    """
    Signs and reads the two cookies: the session, and the small one that ties the sign-in form to this
    browser.

    Over https both carry the `__Host-` prefix, which browsers accept only with Secure, without Domain and
    for the whole site: a neighbour on a sub-domain cannot plant one.
    """

    def __init__(self, secret: bytes, *, secure: bool) -> None:
        self.secure = secure
        prefix = "__Host-" if secure else ""
        self.session_name = f"{prefix}signpost_session"
        self.form_name = f"{prefix}signpost_form"
        self._session = URLSafeTimedSerializer(secret, salt="signpost.dashboard.session", signer_kwargs=_SHA256)
        self._secret = secret

    def sign(self, visitor: Visitor) -> str:
        """
        The value of the session cookie.
        """
        return str(self._session.dumps([visitor.person, visitor.key]))

    def visitor(self, value: str | None) -> Visitor | None:
        """
        Who the session cookie names, or None when it is absent, forged or too old.
        """
        if not value:
            return None
        try:
            person, key = self._session.loads(value, max_age=SESSION_SECONDS)
        except (BadSignature, ValueError, TypeError):
            return None
        return Visitor(person=str(person), key=str(key))

    def form_token(self, anchor: str) -> str:
        """
        The hidden field that a form must send back; *anchor* is what only this browser holds.
        """
        return hmac.new(self._secret, f"form:{anchor}".encode(), hashlib.sha256).hexdigest()

    def form_token_matches(self, anchor: str | None, token: str | None) -> bool:
        """
        Whether *token* was written into a form of ours for the browser that holds *anchor*.
        """
        if not anchor or not token:
            return False
        return hmac.compare_digest(self.form_token(anchor).encode(), token.encode())


class Brake:
    """
    Lets each client, and all clients together, try only so often within a sliding window.

    Kept in memory: a restart forgets, which costs an attacker on a 256-bit token nothing worth having.
    """

    def __init__(
        self, *, clock: Callable[[], float], each: int = 10, together: int = 60, seconds: float = 60.0
    ) -> None:
        self._clock = clock
        self._each = each
        self._seconds = seconds
        self._all: deque[float] = deque(maxlen=together)
        self._clients: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """
        Count one try of *client*; the seconds it has to wait, 0.0 when it may go on.
        """
        now = self._clock()
        tries = self._clients.setdefault(client, deque(maxlen=self._each))
        self._clients.move_to_end(client)
        while len(self._clients) > 1000:
            self._clients.popitem(last=False)
        delay = max(self._delay(tries, now), self._delay(self._all, now))
        if delay == 0.0:
            tries.append(now)
            self._all.append(now)
        return delay

    def _delay(self, tries: deque[float], now: float) -> float:
        if len(tries) < (tries.maxlen or 0):
            return 0.0
        return max(0.0, self._seconds - (now - tries[0]))


_SHA256 = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}


def _write_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: the process that comes second keeps the first one's secret.
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink(missing_ok=True)


def _hex_text(path: Path) -> str:
    text = path.read_bytes().decode("ascii", errors="replace").strip()
    if not text or set(text) - set("0123456789abcdef") or len(text) % 2:
        raise SecretError(f"{path} is not a secret of ours: delete it and start again")
    return text
