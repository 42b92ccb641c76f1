"""
The dashboard as one ASGI application: the routes, the guard around them, the pages for what goes wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import cast

from fastapi import FastAPI, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session, sessionmaker
from starlette.exceptions import HTTPException

from bot.dashboard.access import Brake, Cookies, dashboard_secret
from bot.dashboard.desk import Desk, NotSignedInError, static_files
from bot.dashboard.entrance import entrance, way_out
from bot.dashboard.guard import Guard, allowed_names
from bot.dashboard.pages import pages, reviews
from worker.settings import Settings

NOTHING_HERE = "There is no page at this address."


def build_dashboard(
    settings: Settings,
    sessions: sessionmaker[Session],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    zone: tzinfo | None = None,
) -> FastAPI:
    """
    The dashboard for the database behind *sessions*.

    Every route but `/sign-in` and the style sheet needs a session; every write needs a form token too.

    Args:
        settings: Home folder (the secret lives there) and the address people use.
        sessions: Makes database sessions; the schema must be up to date.
        clock: The present moment, aware.
        zone: The time zone pages speak in; the machine's own when None.

    Raises:
        SecretError: The secret in the home folder cannot be trusted.
    """
    secure = settings.dashboard_url.startswith("https://")
    desk = Desk(
        sessions=sessions,
        cookies=Cookies(dashboard_secret(settings.home), secure=secure),
        brake=Brake(clock=time.monotonic),
        clock=clock,
        zone=zone,
    )
    app = FastAPI(title="Signpost", docs_url=None, redoc_url=None, openapi_url=None)
    names, any_address = allowed_names(settings.dashboard_host, settings.dashboard_url)
    app.add_middleware(Guard, names=names, any_address=any_address, url=settings.dashboard_url, secure=secure)
    _add_static_files(app)
    for router in (entrance(desk), way_out(desk), pages(desk), reviews(desk)):
        app.include_router(router)
    _add_error_pages(app, desk)
    return app


def _add_static_files(app: FastAPI) -> None:
    files = static_files()

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        content, kind = files[name]
        # Pages name the file with a hash of its contents, so that it may be kept for ever.
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(content, media_type=kind, headers=kept)


def _add_error_pages(app: FastAPI, desk: Desk) -> None:
    def signed_out(request: Request, error: Exception) -> Response:
        return desk.page(request, "signed_out.html", status=401)

    def refused(request: Request, error: Exception) -> Response:
        told = cast(HTTPException, error)
        reason = NOTHING_HERE if told.detail == "Not Found" else told.detail
        page = desk.page(request, "refused.html", status=told.status_code, reason=reason)
        page.headers.update(told.headers or {})
        return page

    app.add_exception_handler(NotSignedInError, signed_out)
    app.add_exception_handler(HTTPException, refused)
