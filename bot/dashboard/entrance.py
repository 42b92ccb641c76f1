"""
Signing in with a one-time link, and signing out.

Opening the link shows a button, and only pressing it uses the link up: chat programs fetch links to preview
them, and a preview must not burn what was meant for a person.
"""

from __future__ import annotations

import logging
import secrets

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from bot.dashboard.access import FORM_SECONDS, SESSION_SECONDS, Visitor
from bot.dashboard.desk import Desk, read_form
from worker import signin

log = logging.getLogger("signpost.dashboard")


def entrance(desk: Desk) -> APIRouter:
    """
    The two ways through the door; the only routes that a stranger reaches.
    """
    router = APIRouter()

    @router.get("/sign-in")
    def show_button(request: Request) -> Response:
        anchor = secrets.token_urlsafe(24)
        page = desk.page(
            request,
            "sign_in.html",
            token=request.query_params.get("token", "")[:200],
            form_token=desk.cookies.form_token(anchor),
        )
        page.set_cookie(
            desk.cookies.form_name,
            anchor,
            max_age=FORM_SECONDS,
            secure=desk.cookies.secure,
            httponly=True,
            samesite="strict",
        )
        return page

    @router.post("/sign-in")
    async def redeem(request: Request) -> Response:
        _slow_down(desk, request)
        form = await read_form(request)
        anchor = request.cookies.get(desk.cookies.form_name)
        if not desk.cookies.form_token_matches(anchor, form.get("form_token")):
            raise HTTPException(403, "This form is out of date. Open the sign-in link again.")
        visitor = await run_in_threadpool(_redeemed, desk, form.get("token", ""))
        if visitor is None:
            return desk.page(request, "sign_in_refused.html", status=403)
        return _signed_in(desk, visitor)

    return router


def way_out(desk: Desk) -> APIRouter:
    """
    Signing out: the session ends for every copy of its cookie.
    """
    router = APIRouter(dependencies=[Depends(desk.require_visitor), Depends(desk.require_form)])

    @router.post("/sign-out")
    def sign_out(request: Request) -> Response:
        visitor: Visitor = request.state.visitor
        with desk.sessions.begin() as session:
            signin.end_sign_in(session, visitor.key)
        page = RedirectResponse("/", status_code=303)
        page.delete_cookie(desk.cookies.session_name, secure=desk.cookies.secure, httponly=True, samesite="lax")
        return page

    return router


def _slow_down(desk: Desk, request: Request) -> None:
    client = request.client.host if request.client else "unknown"
    delay = desk.brake.wait(client)
    if delay > 0:
        log.warning("too many sign-in attempts from %s", client)
        raise HTTPException(
            429,
            "Too many attempts. Wait a minute and try again.",
            headers={"Retry-After": str(int(delay) + 1)},
        )


def _redeemed(desk: Desk, token: str) -> Visitor | None:
    if not token or len(token) > 200:
        return None
    with desk.sessions.begin() as session:
        person = signin.redeem_sign_in(session, token, desk.clock())
    if person is None:
        log.warning("a sign-in link was refused: unknown, expired or used before")
        return None
    log.info("%s signed in", person)
    return Visitor(person=person, key=signin.sign_in_key(token))


def _signed_in(desk: Desk, visitor: Visitor) -> Response:
    page = RedirectResponse("/", status_code=303)
    page.set_cookie(
        desk.cookies.session_name,
        desk.cookies.sign(visitor),
        max_age=SESSION_SECONDS,
        secure=desk.cookies.secure,
        httponly=True,
        samesite="lax",
    )
    page.delete_cookie(desk.cookies.form_name, secure=desk.cookies.secure, httponly=True, samesite="strict")
    return page
