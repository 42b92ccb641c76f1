"""
What every page of the dashboard needs at hand: sessions, cookies, the clock, the templates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from sqlalchemy.orm import Session, sessionmaker

from bot.dashboard import wording
from bot.dashboard.access import Brake, Cookies, Visitor
from worker import reports, signin

FOLDER = Path(__file__).parent
LARGEST_FORM = 16 * 1024


class NotSignedInError(Exception):
    """
    This request has no live session; the person is shown how to get one.
    """


class Desk:
    """
    The things pages share. One per process; it holds no state of a visitor.

    Args:
        sessions: Makes database sessions.
        cookies: Signs and reads cookies.
        brake: Slows down guessing at the sign-in.
        clock: The present moment, aware.
        zone: The time zone pages speak in; the machine's own when None.
    """

    def __init__(
        self,
        *,
        sessions: sessionmaker[Session],
        cookies: Cookies,
        brake: Brake,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo | None = None,
    ) -> None:
        self.sessions = sessions
        self.cookies = cookies
        self.brake = brake
        self.clock = clock
        self.zone = zone
        self._templates = _templates()

    def require_visitor(self, request: Request) -> None:
        """
        Let only requests with a live session on; pages find the person in `request.state.visitor`.
        """
        visitor = self.cookies.visitor(request.cookies.get(self.cookies.session_name))
        if visitor is None:
            raise NotSignedInError
        with self.sessions() as session:
            person = signin.signed_in_person(session, visitor.key)
        if person is None:
            raise NotSignedInError
        request.state.visitor = Visitor(person=person, key=visitor.key)

    async def require_form(self, request: Request) -> None:
        """
        Let only forms on that were made for this session; handlers find the fields in `request.state.form`.
        """
        form = await read_form(request)
        if not self.cookies.form_token_matches(request.state.visitor.key, form.get("form_token")):
            raise HTTPException(403, "This form is out of date. Go back, reload the page and try again.")
        request.state.form = form

    def page(self, request: Request, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """
        A page as people see it, with what the frame around it needs.

        It reads the number of waiting reviews: call it with no session of your own open, so that a busy
        dashboard never holds one connection while it waits for another.
        """
        now = self.clock()
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        frame = {
            "visitor": visitor,
            "path": request.url.path,
            "status": status,
            "form_token": self.cookies.form_token(visitor.key) if visitor else "",
            "waiting_reviews": self._waiting_reviews() if visitor else 0,
            "when": lambda moment: self._when(moment, now),
            "stamp": lambda moment: wording.stamp(moment, self.zone),
            "took_until_now": lambda moment: wording.took(moment, now),
        }
        html = self._templates.get_template(template).render({**frame, **context})
        return HTMLResponse(html, status_code=status)

    def _waiting_reviews(self) -> int:
        with self.sessions() as session:
            return reports.open_corrections(session)

    def _when(self, moment: datetime | None, now: datetime) -> Markup | str:
        if moment is None:
            return wording.NOTHING
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            moment.isoformat(timespec="seconds"), wording.stamp(moment, self.zone), wording.ago(moment, now)
        )


async def read_form(request: Request) -> dict[str, str]:
    """
    The fields of a posted form, the last one of a name.

    Raises:
        HTTPException: The body is no form of ours: another content type, or longer than any of ours.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Forms are sent as application/x-www-form-urlencoded.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_FORM:
            raise HTTPException(413, "This form is too long.")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise HTTPException(400, "This form has too many fields.") from error
    return {name: values[-1] for name, values in fields.items()}


def static_files() -> dict[str, tuple[bytes, str]]:
    """
    The files that need no session, by name: contents and media type.
    """
    kinds = {".css": "text/css", ".svg": "image/svg+xml"}
    return {
        file.name: (file.read_bytes(), kinds[file.suffix])
        for file in sorted((FOLDER / "static").iterdir())
        if file.suffix in kinds
    }


def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        finalize=wording.harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(wording.filters())
    templates.globals.update(_globals())
    return templates


def _globals() -> dict[str, Any]:
    style = hashlib.sha256((FOLDER / "static" / "style.css").read_bytes()).hexdigest()[:12]
    return {"style_version": style, "likely_range": wording.likely_range, "took": wording.took}
