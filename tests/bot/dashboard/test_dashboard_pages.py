"""
What the pages say, on both databases.
"""

import html
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import httpx
import pytest

from inference.values import Evidence, RankedModule
from tests.bot.dashboard.conftest import Site, form_token
from tests.bot.dashboard.seed import HOSTILE, seed
from tests.factories import make_answer, make_question, make_release, make_repository
from worker import store
from worker.tables import Vote

PAGES = ("/", "/?days=all", "/questions", "/review", "/releases", "/trainings")


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_dashboard_says_what_to_do(site: Site, path: str) -> None:
    with site.signed_in() as client:
        page = client.get(path)

    assert page.status_code == 200
    assert "nothing" in page.text


def test_every_page_shows_three_months_of_life_with_all_of_it_escaped(either_site: Site) -> None:
    with either_site.sessions.begin() as session:
        full = seed(session, now=datetime.now(UTC))
    with either_site.signed_in() as client:
        hostile = re.findall(r"/questions/\w{32}", client.get("/questions?words=alert").text)
        paths = [*PAGES, "/?repository=field-app&days=7", f"/questions/{full}", hostile[0]]
        pages = {path: client.get(path) for path in paths}

    for path, page in pages.items():
        assert page.status_code == 200, path
        seen = _Tags(page.text)
        assert seen.tags & {"script", "iframe", "object", "embed", "b", "i"} == set(), path
        assert {name for name in seen.attributes if name.startswith("on") or name == "style"} == set(), path
        assert seen.sources == {"/static/icon.svg"}, path
        assert "\u202e" not in page.text, path
    assert html.escape(HOSTILE[:40], quote=True).replace("&quot;", "&#34;") in pages[hostile[0]].text


def test_the_overview_counts_questions_votes_and_the_unsure(either_site: Site) -> None:
    now = datetime.now(UTC)
    with either_site.sessions.begin() as session:
        release = make_release(
            session,
            "shop-1",
            scorecard={"rankers": {"system": {"all": {"n": 40, "hit@1": 0.625, "hit@3": 0.8}}}},
        )
        for number, sure in enumerate((True, True, True, False)):
            question = make_question(session, f"question {number}", now=now - timedelta(hours=2))
            answer = make_answer(session, question, now=now - timedelta(hours=2, seconds=-1.5), sure=sure)
            store.cast_vote(session, answer_id=answer.id, person="ana", value=1 if sure else -1, now=now)
        make_question(session, "still waiting", now=now)
    with either_site.signed_in() as client:
        figures = _figures(client.get("/"))

    assert figures["Questions"] == "5 4 answered, 1 waiting"
    assert figures["Approval"] == "75 % 4 votes, likely 30–95 %"
    assert figures["Time to the ranking"] == "1.5 s median, waiting in the queue included"
    assert figures["Not sure"] == "25 % 1 answer below the threshold"
    assert (figures["hit@1"], figures["hit@3"]) == (".625", ".800")
    assert release.id == "shop-1"


def test_a_release_shows_what_was_measured_as_deployed_and_older_ones_do_without(site: Site) -> None:
    measured = {
        "stability": {"requirements": 30, "identical": 1.0},
        "paraphrases": {"requirements": 100, "top1": 0.91},
        "latency_ms": {"answer": {"n": 60, "p50": 81.4, "p95": 120.2}},
        "memory_mb": {"peak": 1234.4, "disk": 290.1},
        "symbols": {"system": {"all": {"n": 55, "hit@1": 0.56, "hit@3": 0.78}}},
    }
    with site.sessions.begin() as session:
        make_release(session, "shop-1", scorecard={"rankers": {"system": {"all": {"n": 40, "hit@1": 0.6}}}, **measured})
        make_release(session, "shop-0", scorecard={"rankers": {"system": {"all": {"n": 40, "hit@1": 0.6}}}})
    with site.signed_in() as client:
        page = client.get("/releases").text
    entries = {entry[:6]: entry for entry in page.split('id="')}
    new, old = entries["shop-1"], entries["shop-0"]

    assert "<dd>100\xa0% the same ranking; put otherwise, 91\xa0% the same first module</dd>" in new
    assert "<dd>81 ms, 95 of 100 within 120 ms</dd>" in new
    assert "<dd>1,234 MB</dd>" in new
    assert "first in 56\xa0% of 55 texts about code it was not shown, in the first three in 78\xa0%" in new
    assert "Unknown symbols" not in old
    assert "Asked again" not in old
    assert "Ranked in" not in old


def test_the_overview_of_a_period_leaves_older_questions_out(site: Site) -> None:
    now = datetime.now(UTC)
    with site.sessions.begin() as session:
        make_question(session, "old", now=now - timedelta(days=40))
        make_question(session, "new", now=now)
    with site.signed_in() as client:
        counts = [_figures(client.get(f"/?days={days}"))["Questions"] for days in ("7", "90", "all", "nonsense")]

    assert counts == ["1 0 answered, 1 waiting", *["2 0 answered, 2 waiting"] * 2, "1 0 answered, 1 waiting"]


def test_a_question_shows_ranking_reasoning_evidence_and_votes(either_site: Site) -> None:
    now = datetime.now(UTC)
    with either_site.sessions.begin() as session:
        make_release(session, "shop-1")
        question = make_question(session, "where is VAT added?", now=now)
        module = RankedModule("shop.billing", "shop/billing", 0.71, ("shop/billing/tax.py",), "defines add_vat")
        answer = store.save_ranking(
            session,
            question.id,
            modules=[module.to_json()],
            sure=True,
            release_id="shop-1",
            graph_commit="c" * 40,
            rank_ms=40,
            now=now,
        )
        evidence = Evidence("symbol", "add_vat adds it", "shop.billing", "add_vat", "shop/billing/tax.py", 12)
        store.save_reasoning(
            session, answer.id, text="See `add_vat`.", evidence=[evidence.to_json()], reason_ms=900, now=now
        )
        store.cast_vote(
            session,
            answer_id=answer.id,
            person="ben",
            value=-1,
            module="shop.cart",
            comment="It moved.",
            wrong="order",
            now=now,
        )
        store.cast_owner_word(session, answer_id=answer.id, person="olga", module="shop.cart", top=False, now=now)
    with either_site.signed_in() as client:
        text = _text(client.get(f"/questions/{question.id}"))
        review = _text(client.get("/review"))

    for expected in (
        "where is VAT added?",
        "shop/billing 71 %",
        "defines add_vat",
        "See add_vat.",
        "add_vat adds it shop/billing/tax.py:12",
        "▼ down ben",
        "Right module: shop.cart open",
        "The right module is named, but not first.",
        "Asked as an owner of the module.",
        "It moved.",
        "shop-1",
        "cccccccccc",
    ):
        assert expected in text
    assert "named, but not first" in review
    assert "olga, asked as an owner" in review


def test_an_answer_of_another_version_stays_readable(site: Site) -> None:
    now = datetime.now(UTC)
    with site.sessions.begin() as session:
        question = make_question(session, now=now)
        answer = make_answer(session, question, now=now)
        answer.modules = [{"id": "shop", "path": "shop", "confidence": 0.5, "heat": 3}]
    with site.signed_in() as client:
        assert client.get(f"/questions/{question.id}").status_code == 200


@pytest.mark.parametrize("path", ["/questions/" + "0" * 32, "/questions/a%00b", "/nowhere"])
def test_an_unknown_address_is_a_page_that_says_so(either_site: Site, path: str) -> None:
    with either_site.signed_in() as client:
        page = client.get(path)

    assert page.status_code == 404
    assert "To the overview" in page.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["failed", "unsure", "sure"]),
        ("state=unsure", ["unsure"]),
        ("state=failed", ["failed"]),
        ("vote=up", ["sure"]),
        ("vote=correction", ["unsure"]),
        ("vote=none", ["failed"]),
        ("words=UNS", ["unsure"]),
        ("words=%25", []),
        ("words=a%00b", []),
        ("repository=other", []),
        ("vote=nonsense&state=nonsense&before=nonsense", ["failed", "unsure", "sure"]),
    ],
)
def test_questions_can_be_filtered(either_site: Site, query: str, expected: list[str]) -> None:
    now = datetime.now(UTC)
    with either_site.sessions.begin() as session:
        make_repository(session, "other")
        sure = make_answer(session, make_question(session, "sure", now=now), now=now)
        unsure = make_answer(
            session, make_question(session, "unsure", now=now + timedelta(seconds=1)), now=now, sure=False
        )
        failed = make_question(session, "failed", now=now + timedelta(seconds=2))
        store.save_error(session, failed.id, message="No release.", now=now)
        store.cast_vote(session, answer_id=sure.id, person="ana", value=1, now=now)
        store.cast_vote(session, answer_id=unsure.id, person="ana", value=-1, module="shop.mail", now=now)
    with either_site.signed_in() as client:
        assert _asked(client.get(f"/questions?{query}")) == expected


def test_paging_shows_every_question_once_even_those_of_the_same_moment(either_site: Site) -> None:
    now = datetime.now(UTC)
    with either_site.sessions.begin() as session:
        for number in range(103):
            make_question(session, f"question {number}", now=now - timedelta(seconds=number // 40))
    seen: list[str] = []
    with either_site.signed_in() as client:
        path: str | None = "/questions"
        while path:
            page = client.get(path)
            seen += _asked(page)
            older = re.search(r'href="([^"]+)" rel="next"', page.text)
            path = html.unescape(older[1]) if older else None

    assert sorted(seen) == sorted(f"question {number}" for number in range(103))


@pytest.mark.parametrize("word", ["confirmed", "rejected"])
def test_a_lead_decides_about_a_correction_and_can_take_it_back(either_site: Site, word: str) -> None:
    vote_id = _correction(either_site)
    with either_site.signed_in("dana") as client:
        page = client.get("/review")
        assert "shop.mail" in page.text
        data = {"form_token": form_token(page), "module": "shop.mail"}

        answer = client.post(f"/review/{vote_id}", data={**data, "reviewed": word})
        decided = _vote(either_site, vote_id)
        client.post(f"/review/{vote_id}", data={**data, "reviewed": "open"})

    assert answer.headers["location"] == f"/review?notice={word}"
    assert (decided.reviewed, decided.reviewed_by) == (word, "dana")
    assert _vote(either_site, vote_id).reviewed == "open"


def test_a_correction_that_changed_meanwhile_is_not_confirmed_unseen(either_site: Site) -> None:
    vote_id = _correction(either_site)
    with either_site.signed_in() as client:
        token = form_token(client.get("/review"))
        with either_site.sessions.begin() as session:
            answer_id = session.get_one(Vote, vote_id).answer_id
            store.cast_vote(
                session,
                answer_id=answer_id,
                person="ben",
                value=-1,
                module="shop.cart",
                now=datetime.now(UTC),
            )
        answer = client.post(
            f"/review/{vote_id}", data={"form_token": token, "module": "shop.mail", "reviewed": "confirmed"}
        )
        page = client.get(answer.headers["location"])

    assert _vote(either_site, vote_id).reviewed == "open"
    assert "Not stored" in page.text


@pytest.mark.parametrize(("path", "word", "status"), [("{id}", "true", 400), ("0" * 32, "confirmed", 404)])
def test_a_decision_that_makes_no_sense_is_refused(site: Site, path: str, word: str, status: int) -> None:
    vote_id = _correction(site)
    with site.signed_in() as client:
        data = {"form_token": form_token(client.get("/review")), "module": "shop.mail", "reviewed": word}

        assert client.post(f"/review/{path.format(id=vote_id)}", data=data).status_code == status
    assert _vote(site, vote_id).reviewed == "open"


def test_a_running_training_shows_its_progress_and_refreshes(site: Site) -> None:
    now = datetime.now(UTC)
    with site.sessions.begin() as session:
        repository = make_repository(session)
        training, _ = store.add_training(session, repository_id=repository.id, requested_by="dana", now=now)
        progress = {"done": 30, "total": 40, "label": "epoch 2"}
        store.update_training(session, training.id, state="running", progress=progress, now=now)
    with site.signed_in() as client:
        page = client.get("/trainings")

    assert "epoch 2 · 75 %" in _text(page)
    assert '<meta http-equiv="refresh" content="10">' in page.text


def test_an_unexpected_error_ends_in_an_id_that_the_log_knows(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with site.signed_in() as client:
        with site.sessions.begin() as session:
            session.connection().exec_driver_sql("DROP TABLE trainings")
        page = client.get("/trainings")
    found = re.search(r"error (\w{8})", page.text)

    assert page.status_code == 500
    assert found is not None
    assert f"error {found[1]}: GET /trainings" in caplog.text
    assert "trainings" not in page.text


def _correction(site: Site) -> str:
    now = datetime.now(UTC)
    with site.sessions.begin() as session:
        answer = make_answer(session, make_question(session, now=now), now=now)
        return store.cast_vote(session, answer_id=answer.id, person="ben", value=-1, module="shop.mail", now=now).id


def _vote(site: Site, vote_id: str) -> Vote:
    with site.sessions() as session:
        return session.get_one(Vote, vote_id)


def _asked(page: httpx.Response) -> list[str]:
    return re.findall(r'<a class="asked"[^>]*><bdi>([^<]*)</bdi>', page.text)


def _text(page: httpx.Response) -> str:
    plain = html.unescape(re.sub(r"<[^>]*>", " ", page.text)).replace("\u00a0", " ")
    return re.sub(r" (?=[.,])", "", " ".join(plain.split()))


def _figures(page: httpx.Response) -> dict[str, str]:
    found = re.findall(r"<dt[^>]*>([^<]*)</dt>(.*?)</div>", page.text, re.DOTALL)
    return {
        name: " ".join(html.unescape(re.sub(r"<[^>]*>", " ", value)).replace("\u00a0", " ").split())
        for name, value in found
    }


class _Tags(HTMLParser):
    """
    The tags, attributes and picture sources that a browser would find on a page.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: set[str | None] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.sources.update(value for name, value in attrs if name == "src")
