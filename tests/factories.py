"""
Rows with sensible contents. Tests name only what matters to them.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from inference.values import RankedModule
from worker import store
from worker.tables import Answer, Question, Release, Repository

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

MODULES = (
    RankedModule("shop.billing", "shop/billing", 0.71, ("shop/billing/tax.py",), "defines add_vat"),
    RankedModule("shop.cart", "shop/cart", 0.17, ("shop/cart/total.py",)),
    RankedModule("shop.mail", "shop/mail", 0.05),
)


def make_repository(session: Session, name: str = "shop", location: str = "/srv/shop") -> Repository:
    """
    The repository *name*, added if it is not there.
    """
    return store.add_repository(session, name=name, location=location, now=NOON)


def make_question(
    session: Session, text: str = "where is VAT added?", *, now: datetime = NOON, **values: Any
) -> Question:
    """
    A question from Ana at the command line, about the repository `shop`; *values* as in `NewQuestion`.
    """
    repository_id = values.pop("repository_id", None) or make_repository(session).id
    known = {"asker": "ana", "source": "cli", **values}
    question, _ = store.add_question(session, store.NewQuestion(repository_id, text, **known), now=now)
    return question


def make_release(
    session: Session, release_id: str = "", *, active: bool = True, now: datetime = NOON, **values: Any
) -> Release:
    """
    A release of `shop`, active unless told otherwise.
    """
    release_id = release_id or f"release-{uuid4().hex[:8]}"
    known: dict[str, Any] = {
        "repository_id": make_repository(session).id,
        "folder": f"/srv/releases/{release_id}",
        "dataset_hash": "d" * 64,
        "graph_commit": "c" * 40,
        "scorecard": {"hit@1": 0.5},
        **values,
    }
    release = store.add_release(session, release_id=release_id, now=now, **known)
    return store.promote_release(session, release_id, now) if active else release


def make_ranking(
    session: Session,
    question: Question,
    *,
    now: datetime = NOON,
    sure: bool = True,
    off_topic: bool = False,
    release_id: str = "",
    graph_commit: str = "c" * 40,
) -> Answer:
    """
    The ranking of a question, without reasoning, by the active release of `shop` (made if there is none).
    """
    active = store.active_release(session, question.repository_id)
    release_id = release_id or (active or make_release(session, repository_id=question.repository_id)).id
    return store.save_ranking(
        session,
        question.id,
        modules=[module.to_json() for module in MODULES],
        sure=sure,
        off_topic=off_topic,
        release_id=release_id,
        graph_commit=graph_commit,
        rank_ms=40,
        now=now,
    )


def make_answer(
    session: Session, question: Question, *, now: datetime = NOON, text: str = "It adds VAT.", **values: Any
) -> Answer:
    """
    A finished answer: ranking and reasoning.
    """
    answer = make_ranking(session, question, now=now, **values)
    store.save_reasoning(session, answer.id, text=text, evidence=[], reason_ms=900, now=now)
    session.refresh(answer)
    return answer
