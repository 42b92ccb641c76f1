"""
The pages of the dashboard: each reads what it shows in one session and hands it to its template.
"""

from __future__ import annotations

from datetime import timedelta
from typing import cast, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from bot.dashboard.charts import approval_chart
from bot.dashboard.desk import Desk
from bot.dashboard.scorecard import read_scorecard
from worker import question_log, reports, store
from worker.question_log import QuestionFilter, StateFilter, VoteFilter
from worker.tables import Vote

PERIODS = {"7": 7, "30": 30, "90": 90, "all": None}
DEFAULT_PERIOD = "30"
PAGE_LENGTH = 50
REVIEW_WORDS = ("confirmed", "rejected", "open")


def pages(desk: Desk) -> APIRouter:
    """
    What a signed-in person can look at.
    """
    router = APIRouter(dependencies=[Depends(desk.require_visitor)])

    @router.get("/")
    def overview(request: Request) -> Response:
        return _overview(desk, request)

    @router.get("/questions")
    def questions(request: Request) -> Response:
        return _questions(desk, request)

    @router.get("/questions/{question_id}")
    def question(request: Request, question_id: str) -> Response:
        return _question(desk, request, question_id)

    @router.get("/review")
    def review(request: Request) -> Response:
        with desk.sessions() as session:
            waiting = question_log.corrections(session, open_ones=True)
            done = question_log.corrections(session, open_ones=False, limit=10)
        notice = NOTICES.get(request.query_params.get("notice", ""), "")
        return desk.page(request, "review.html", waiting=waiting, done=done, notice=notice)

    @router.get("/releases")
    def releases(request: Request) -> Response:
        with desk.sessions() as session:
            names = {repository.id: repository.name for repository in store.repositories(session)}
            rows = [(release, read_scorecard(release.scorecard)) for release in store.releases(session)]
            received = {row.release_id: row for row in reports.approval_by_release(session)}
        return desk.page(request, "releases.html", rows=rows, names=names, received=received)

    @router.get("/trainings")
    def trainings(request: Request) -> Response:
        with desk.sessions() as session:
            names = {repository.id: repository.name for repository in store.repositories(session)}
            rows = store.trainings(session)
        busy = any(training.state in ("queued", "running") for training in rows)
        return desk.page(request, "trainings.html", rows=rows, names=names, refresh=10 if busy else None)

    return router


def reviews(desk: Desk) -> APIRouter:
    """
    What a signed-in person can decide: whether a correction is true.
    """
    router = APIRouter(dependencies=[Depends(desk.require_visitor), Depends(desk.require_form)])

    @router.post("/review/{vote_id}")
    def decide(request: Request, vote_id: str) -> Response:
        return _decide(desk, request, vote_id)

    return router


NOTICES = {
    "confirmed": "Confirmed. The next training learns from it.",
    "rejected": "Rejected. It will not be learned from.",
    "open": "Open again.",
    "changed": "Not stored: the person has changed this correction since the page was loaded. Look again.",
}


def _overview(desk: Desk, request: Request) -> Response:
    now = desk.clock()
    period = request.query_params.get("days", DEFAULT_PERIOD)
    period = period if period in PERIODS else DEFAULT_PERIOD
    days = PERIODS[period]
    with desk.sessions() as session:
        repositories = store.repositories(session)
        chosen = next((row for row in repositories if row.name == request.query_params.get("repository")), None)
        chosen_id = chosen.id if chosen else None
        since = now - timedelta(days=days) if days else None
        shown = [repository for repository in repositories if chosen is None or repository.id == chosen.id]
        totals = reports.totals(session, since=since, repository_id=chosen_id)
        corrections = reports.open_corrections(session, repository_id=chosen_id)
        active = [(row, store.active_release(session, row.id)) for row in shown]
        weeks = reports.approval_by_week(session, now=now, repository_id=chosen_id)
        made = store.releases(session, chosen_id)
        by_release = reports.approval_by_release(session, repository_id=chosen_id)
    promoted = [(release.promoted_at, release.id) for release in made if release.promoted_at]
    return desk.page(
        request,
        "overview.html",
        repositories=repositories,
        chosen=chosen.name if chosen else "",
        periods=tuple(PERIODS),
        period=period,
        totals=totals,
        corrections=corrections,
        active=active,
        read_scorecard=read_scorecard,
        chart=approval_chart(weeks, promoted=promoted),
        by_release=by_release,
    )


def _questions(desk: Desk, request: Request) -> Response:
    asked = request.query_params
    vote, state = asked.get("vote", ""), asked.get("state", "")
    wanted = QuestionFilter(
        repository=asked.get("repository", ""),
        vote=cast(VoteFilter, vote if vote in get_args(VoteFilter) else ""),
        state=cast(StateFilter, state if state in get_args(StateFilter) else ""),
        words=asked.get("words", "").replace("\x00", "").strip()[:200],
    )
    before = asked.get("before", "")[:32]
    with desk.sessions() as session:
        repositories = store.repositories(session)
        found = question_log.question_page(session, wanted, limit=PAGE_LENGTH, before=_plain(before))
    kept = {
        "repository": wanted.repository,
        "vote": wanted.vote,
        "state": wanted.state,
        "words": wanted.words,
    }
    filters = {name: value for name, value in kept.items() if value}
    return desk.page(
        request,
        "questions.html",
        repositories=repositories,
        wanted=wanted,
        filtered=bool(filters),
        rows=found.rows,
        older=f"/questions?{urlencode({**filters, 'before': found.older})}" if found.older else None,
        newest=f"/questions?{urlencode(filters)}" if before else None,
    )


def _question(desk: Desk, request: Request, question_id: str) -> Response:
    with desk.sessions() as session:
        detail = question_log.question_detail(session, question_id) if _plain(question_id) else None
    if detail is None:
        raise HTTPException(404, "There is no such question.")
    return desk.page(request, "question.html", detail=detail, row=detail.row, answer=detail.answer)


def _decide(desk: Desk, request: Request, vote_id: str) -> Response:
    form: dict[str, str] = request.state.form
    word = form.get("reviewed", "")
    if word not in REVIEW_WORDS:
        raise HTTPException(400, "A review is confirmed, rejected or open.")
    with desk.sessions.begin() as session:
        vote = session.get(Vote, vote_id) if _plain(vote_id) else None
        if vote is None or vote.module is None:
            raise HTTPException(404, "There is no such correction.")
        # What the lead saw is what the lead decides on: people may change their vote at any time.
        if vote.module != form.get("module"):
            word = "changed"
        else:
            store.review_vote(
                session,
                vote.id,
                reviewed=cast(store.Review, word),
                reviewer=request.state.visitor.person,
                now=desk.clock(),
            )
    return RedirectResponse(f"/review?{urlencode({'notice': word})}", status_code=303)


def _plain(identifier: str) -> str | None:
    # PostgreSQL refuses a NUL inside a text with an error; our ids are letters and digits anyway.
    return identifier if identifier.isascii() and identifier.isalnum() else None
