"""
A dashboard with three months of life in it, to look at:

    python -m tests.bot.dashboard.seed /tmp/a-new-folder

fills a new SQLite database in that folder, serves it and prints a sign-in link.
"""

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from bot.dashboard.serve import serve_dashboard, sign_in_link
from inference.values import Evidence, RankedModule
from worker import store
from worker.database import make_engine, session_factory, upgrade
from worker.settings import Settings

HOSTILE = (
    '<script>alert("x")</script><img src=x onerror=alert(1)> "><svg/onload=alert(2)> {{ 7*7 }} '
    "' OR 1=1 -- \u202eetalpmet eht"
)

ASKED = (
    ("Where do I change how avoid-tolls routing is computed?", "core.routing.weighting", 0.83),
    ("turn restrictions are ignored when I import a clipped OSM extract", "core.reader.osm", 0.74),
    ("Add a max_height query parameter to the route endpoint", "web.resources", 0.69),
    ("the isochrone polygon has holes near ferry terminals", "core.isochrone", 0.58),
    ("where is the elevation smoothed before edges are stored?", "core.reader.dem", 0.91),
    ("speed up contraction hierarchy preparation by storing shortcuts off-heap", "core.routing.ch", 0.66),
    ("Wo wird entschieden, ob eine Straße für Lkw gesperrt ist?", "core.routing.ev", 0.61),
    ("navigation instructions say 'turn left' twice at a roundabout exit", "core.util.instructions", 0.77),
    ("support GeoJSON in the map matching response", "map-matching.web", 0.47),
    ("log which profile a request used, with the time it took", "web.resources", 0.31),
    ("make the health check fail when the graph cache could not be loaded", "web.bundle", 0.52),
    ("why are private driveways used as through roads", "core.routing.weighting", 0.28),
)
MODULES = (*dict.fromkeys(module for _, module, _ in ASKED), "core.storage", "core.util", "client-hc")
PEOPLE = ("U04ANA7QK2", "U04BEN91XZ", "U05CHIARA3", "U05DMITRI8", "U06EMEKA44", "U07FATIMA1")


def seed(session: Session, *, now: datetime) -> str:
    """
    Two repositories, five releases, about 190 questions over twelve weeks, votes, corrections, trainings.

    Returns:
        The id of a question with everything on it: ranking, reasoning, evidence, votes, an open correction.
    """
    dice = random.Random(7)
    engine = store.add_repository(session, name="route-engine", location="/srv/route-engine", now=_back(now, 90))
    mobile = store.add_repository(session, name="field-app", location="/srv/field-app", now=_back(now, 40))
    releases = _releases(session, engine.id, mobile.id, now=now)
    for days in sorted((dice.triangular(0.05, 84, 5) for _ in range(185)), reverse=True):
        moment = _back(now, days)
        repository_id = mobile.id if days < 35 and dice.random() < 0.2 else engine.id
        release_id = next(name for owner, name, age in releases if owner == repository_id and age >= days)
        _one_question(session, dice, repository_id, release_id, moment)
    _waiting_and_failed(session, engine.id, now)
    _trainings(session, engine.id, mobile.id, now)
    return _full_question(session, engine.id, releases, now)


def _releases(session: Session, engine_id: str, mobile_id: str, *, now: datetime) -> list[tuple[str, str, float]]:
    made = (
        (
            engine_id,
            "route-engine-20260831-a41f",
            85.0,
            (0.512, 0.730, 0.640),
            "Promoted: the first release.",
        ),
        (
            engine_id,
            "route-engine-20261002-77c0",
            52.0,
            (0.603, 0.780, 0.701),
            "Promoted: hit@1 +.091 on 363 held-out requirements, no group of rows is worse.",
        ),
        (
            engine_id,
            "route-engine-20261109-e5b2",
            14.0,
            (0.636, 0.807, 0.728),
            "Promoted: hit@1 +.033 on 363 held-out requirements, modules without history +.021.",
        ),
        (mobile_id, "field-app-20261019-0c9d", 35.0, (0.455, 0.642, 0.561), "Promoted: the first release."),
    )
    for owner, name, age, (hit1, hit3, mrr), verdict in made:
        _release(session, owner, name, _back(now, age), hit1=hit1, hit3=hit3, mrr=mrr, verdict=verdict)
        store.promote_release(session, name, _back(now, age))
    refused = "route-engine-20261116-b810"
    _release(
        session,
        engine_id,
        refused,
        _back(now, 7),
        hit1=0.622,
        hit3=0.810,
        mrr=0.719,
        state="refused",
        verdict="Refused: hit@1 −.014 against the active release (.636), most of it in core.reader.osm.",
    )
    # The newest that was already there when a question was asked answers it.
    return sorted(((owner, name, age) for owner, name, age, *_ in made), key=lambda row: row[2])


def _release(
    session: Session,
    owner: str,
    name: str,
    moment: datetime,
    *,
    hit1: float,
    hit3: float,
    mrr: float,
    **more: Any,
) -> None:
    def score(first: float, third: float, rank: float) -> dict[str, Any]:
        every = {
            "n": 363,
            "hit@1": first,
            "hit@3": third,
            "mrr": rank,
            "hit@1_95": [first - 0.05, first + 0.05],
        }
        return {"all": every, "no_name": {"n": 190, "hit@1": first - 0.12}}

    card = {
        "rankers": {
            "majority": score(0.11, 0.27, 0.24),
            "bm25": score(0.455, 0.642, 0.561),
            "past": score(0.41, 0.6, 0.52),
            "classifier": score(0.537, 0.749, 0.655),
            "shortlist": score(0.581, 0.768, 0.688),
            "system": score(hit1, hit3, mrr),
        },
        "coverage": 0.71,
        "precision_when_sure": hit1 + 0.13,
        "ece": 0.034,
    }
    store.add_release(
        session,
        release_id=name,
        repository_id=owner,
        folder=f"/srv/releases/{name}",
        scorecard=card,
        dataset_hash=random.Random(name).randbytes(32).hex(),
        graph_commit=random.Random(name + "c").randbytes(20).hex(),
        now=moment,
        **more,
    )


def _one_question(session: Session, dice: random.Random, repository_id: str, release_id: str, moment: datetime) -> None:
    text, module, confidence = dice.choice(ASKED)
    question, _ = store.add_question(
        session,
        store.NewQuestion(repository_id, text, dice.choice(PEOPLE), dice.choice(("slack", "slack", "slack", "cli"))),
        now=moment,
    )
    confidence = min(0.97, max(0.08, confidence + dice.uniform(-0.12, 0.12)))
    took = dice.lognormvariate(0.6, 0.5)
    ranked = moment + timedelta(seconds=took)
    answer = store.save_ranking(
        session,
        question.id,
        modules=_modules(dice, module, confidence),
        sure=confidence > 0.34,
        release_id=release_id,
        graph_commit="9f3c2d41aa07b65e11d0" * 2,
        rank_ms=int(took * 700),
        now=ranked,
    )
    store.save_reasoning(
        session,
        answer.id,
        text="Put together from evidence.",
        evidence=[],
        reason_ms=2100,
        now=ranked + timedelta(seconds=2),
    )
    store.mark_delivered(session, answer.id, ranked + timedelta(seconds=3))
    good = 0.93 if release_id.endswith("e5b2") else 0.8 if release_id.endswith("77c0") else 0.62
    for person in dice.sample(PEOPLE, dice.choice((0, 0, 1, 1, 1, 2))):
        value = 1 if dice.random() < good * (0.6 + 0.4 * confidence) else -1
        right = dice.choice(MODULES) if value < 0 and dice.random() < 0.45 else None
        vote = store.cast_vote(
            session,
            answer_id=answer.id,
            person=person,
            value=value,
            module=right,
            now=ranked + timedelta(minutes=dice.randint(1, 300)),
        )
        if right and dice.random() < 0.8:
            word: store.Review = "confirmed" if dice.random() < 0.7 else "rejected"
            store.review_vote(
                session,
                vote.id,
                reviewed=word,
                reviewer="dana",
                now=ranked + timedelta(hours=dice.randint(6, 60)),
            )


def _modules(dice: random.Random, first: str, confidence: float) -> list[dict[str, Any]]:
    names = [first, *dice.sample([name for name in MODULES if name != first], 4)]
    left = 1 - confidence
    shares = [confidence, *(left * part for part in (0.5, 0.2, 0.12, 0.05))]
    return [
        RankedModule(name, name.replace(".", "/"), round(share, 4)).to_json()
        for name, share in sorted(zip(names, shares, strict=True), key=lambda pair: -pair[1])
    ]


def _waiting_and_failed(session: Session, repository_id: str, now: datetime) -> None:
    store.add_question(
        session,
        store.NewQuestion(repository_id, "does the bike profile know about gravel?", PEOPLE[2], "slack"),
        now=_back(now, 0.001),
    )
    failed, _ = store.add_question(
        session, store.NewQuestion(repository_id, "x" * 400, PEOPLE[3], "cli"), now=_back(now, 1.2)
    )
    store.save_error(
        session,
        failed.id,
        message="No release answers for route-engine yet: run `signpost retrain`.",
        now=_back(now, 1.19),
    )
    hostile, _ = store.add_question(
        session, store.NewQuestion(repository_id, HOSTILE, '"><b>mallory</b>', "slack"), now=_back(now, 0.3)
    )
    answer = store.save_ranking(
        session,
        hostile.id,
        sure=False,
        release_id="route-engine-20261109-e5b2",
        graph_commit="c" * 40,
        rank_ms=40,
        modules=[RankedModule(HOSTILE, HOSTILE, 0.21, (HOSTILE,), HOSTILE).to_json()],
        now=_back(now, 0.2999),
    )
    store.save_reasoning(
        session,
        answer.id,
        text=f"`{HOSTILE}`\n\n{HOSTILE}",
        reason_ms=900,
        now=_back(now, 0.2998),
        evidence=[Evidence("symbol", HOSTILE, HOSTILE, HOSTILE, HOSTILE, 3).to_json()],
    )
    store.cast_vote(
        session,
        answer_id=answer.id,
        person="<i>eve</i>",
        value=-1,
        module=HOSTILE,
        comment=HOSTILE,
        now=_back(now, 0.29),
    )


def _trainings(session: Session, engine_id: str, mobile_id: str, now: datetime) -> None:
    def done(repository_id: str, days: float, state: str, **more: Any) -> None:
        training, _ = store.add_training(
            session, repository_id=repository_id, requested_by="schedule", now=_back(now, days)
        )
        store.update_training(session, training.id, state="running", now=_back(now, days))
        store.update_training(session, training.id, state=state, now=_back(now, days - 0.012), **more)

    done(engine_id, 14.1, "done", release_id="route-engine-20261109-e5b2")
    done(engine_id, 7.1, "refused", release_id="route-engine-20261116-b810")
    done(
        mobile_id,
        3.0,
        "failed",
        error="/srv/field-app has no commit 4be1: fetch it there and train again.",
    )
    running, _ = store.add_training(session, repository_id=engine_id, requested_by="dana", now=_back(now, 0.005))
    store.update_training(
        session,
        running.id,
        state="running",
        now=_back(now, 0.004),
        progress={"done": 412, "total": 980, "label": "training, epoch 1 of 2"},
    )
    store.add_training(session, repository_id=mobile_id, requested_by="U04ANA7QK2", now=_back(now, 0.002))


def _full_question(session: Session, repository_id: str, releases: list[tuple[str, str, float]], now: datetime) -> str:
    question, _ = store.add_question(
        session, store.NewQuestion(repository_id, ASKED[0][0], PEOPLE[0], "slack"), now=_back(now, 0.02)
    )
    modules = (
        RankedModule(
            "core.routing.weighting",
            "core/src/main/java/routing/weighting",
            0.83,
            ("TollWeighting.java", "custom/CustomModelParser.java"),
            "defines TollWeighting; two past requirements about tolls changed it",
        ),
        RankedModule(
            "core.routing.ev",
            "core/src/main/java/routing/ev",
            0.09,
            ("Toll.java",),
            "declares the toll value",
        ),
        RankedModule("web.resources", "web/src/main/java/resources", 0.04, ("RouteResource.java",)),
        RankedModule("core.reader.osm", "core/src/main/java/reader/osm", 0.02),
        RankedModule("core.util", "core/src/main/java/util", 0.01),
    )
    answer = store.save_ranking(
        session,
        question.id,
        modules=[module.to_json() for module in modules],
        sure=True,
        release_id="route-engine-20261109-e5b2",
        graph_commit="9f3c2d41aa07b65e11d09f3c2d41aa07b65e11d0",
        rank_ms=830,
        now=_back(now, 0.02) + timedelta(seconds=1.4),
    )
    evidence = (
        Evidence(
            "symbol",
            "TollWeighting.calcEdgeWeight decides what a toll road costs",
            "core.routing.weighting",
            "TollWeighting.calcEdgeWeight",
            "core/src/main/java/routing/weighting/TollWeighting.java",
            41,
        ),
        Evidence(
            "past",
            "Let profiles avoid tolls by country",
            "core.routing.weighting",
            commit="4be1c02f77a94d0c8e1b66f3aa52c7190d3f1e88",
        ),
        Evidence(
            "relation",
            "web.resources imports core.routing.weighting in 3 files",
            "web.resources",
            "core.routing.weighting",
        ),
    )
    store.save_reasoning(
        session,
        answer.id,
        reason_ms=3400,
        now=_back(now, 0.0199),
        evidence=[item.to_json() for item in evidence],
        text="Tolls enter the route through the weighting: `TollWeighting.calcEdgeWeight` adds the cost of a "
        "toll road, and `CustomModelParser` reads the factor a request may set.\n\nThe value itself is "
        "declared in `core.routing.ev`; change that one only if a new kind of toll is needed.",
    )
    store.mark_delivered(session, answer.id, _back(now, 0.0198))
    store.cast_vote(session, answer_id=answer.id, person=PEOPLE[0], value=1, now=_back(now, 0.015))
    store.cast_vote(
        session,
        answer_id=answer.id,
        person=PEOPLE[3],
        value=-1,
        module="core.routing.ev",
        comment="The country rules are in the encoded value since spring.",
        now=_back(now, 0.012),
    )
    return question.id


def _back(now: datetime, days: float) -> datetime:
    return now - timedelta(days=days)


def main(home: Path) -> None:
    """
    Fill a new home and serve it.
    """
    home.mkdir(parents=True)
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'signpost.db'}", dashboard_port=0)
    upgrade(settings.database_url)
    sessions = session_factory(make_engine(settings.database_url))
    with sessions.begin() as session:
        full = seed(session, now=datetime.now(UTC))

    def show(url: str) -> None:
        with sessions.begin() as session:
            token = store.create_sign_in(session, person="dana", now=datetime.now(UTC), minutes=600)
        print(sign_in_link(url, token), f"{url}/questions/{full}", flush=True)

    serve_dashboard(settings, sessions, ready=show)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
