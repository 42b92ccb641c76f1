"""
Who gets in, and what is refused.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from bot.dashboard.access import Brake, Cookies, SecretError, Visitor, dashboard_secret
from bot.dashboard.app import build_dashboard
from tests.bot.dashboard.conftest import Site, form_token, serving, sign_in
from worker.database import Sessions
from worker.settings import Settings
from worker.tables import SignIn

OPEN_TO_ALL = {"/sign-in", "/static/{name}"}


def test_a_sign_in_link_lets_its_person_in(either_site: Site) -> None:
    with either_site.client() as client:
        answer = sign_in(client, either_site.token(person="Dana <lead>"))
        page = client.get("/")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert page.status_code == 200
    assert "Dana &lt;lead&gt;" in page.text


def test_a_sign_in_link_works_once(either_site: Site) -> None:
    token = either_site.token()
    with either_site.client() as first, either_site.client() as second:
        sign_in(first, token)
        again = sign_in(second, token)

        assert again.status_code == 403
        assert "session" not in str(again.headers.get_list("set-cookie"))
        assert second.get("/").status_code == 401


def test_opening_the_link_does_not_use_it_up(site: Site) -> None:
    token = site.token()
    with site.client() as preview:
        for _ in range(3):
            preview.get("/sign-in", params={"token": token})
    with site.client() as client:
        assert sign_in(client, token).status_code == 303


def test_an_expired_link_is_refused(home: Path, sqlite_sessions: Sessions) -> None:
    settings = Settings(home=home, database_url="sqlite://", dashboard_port=0)
    later = datetime.now(UTC) + timedelta(minutes=11)
    with serving(settings, sqlite_sessions, clock=lambda: later) as site, site.client() as client:
        assert sign_in(client, site.token(minutes=10)).status_code == 403


def test_the_database_holds_no_token(site: Site) -> None:
    token = site.token()
    with site.sessions() as session:
        row = session.query(SignIn).one()

        assert token not in (row.token_hash, row.person)


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    with site.client() as client:
        cookie = next(
            value for value in sign_in(client, site.token()).headers.get_list("set-cookie") if "session" in value
        )

    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(home: Path, sqlite_sessions: Sessions) -> None:
    url = "https://signpost.example.org"
    settings = Settings(home=home, database_url="sqlite://", dashboard_url=url)
    with serving(settings, sqlite_sessions) as site, site.client() as client:
        token = site.token()
        page = client.get("/sign-in", params={"token": token}, headers={"host": "signpost.example.org"})
        anchor = page.headers["set-cookie"]
        answer = client.post(
            "/sign-in",
            data={"token": token, "form_token": form_token(page)},
            headers={"host": "signpost.example.org", "origin": url, "cookie": anchor.split(";")[0]},
        )
        cookie = answer.headers.get_list("set-cookie")[0]

    assert cookie.startswith("__Host-signpost_session=")
    assert "Secure" in cookie
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_signing_out_ends_every_copy_of_the_session(either_site: Site) -> None:
    with either_site.signed_in() as client, either_site.client() as thief:
        thief.cookies = httpx.Cookies(client.cookies)
        assert thief.get("/").status_code == 200

        client.post("/sign-out", data={"form_token": form_token(client.get("/"))})

        assert client.get("/").status_code == 401
        assert thief.get("/").status_code == 401


def test_a_forged_or_old_cookie_opens_nothing(site: Site) -> None:
    forged = Cookies(b"another secret", secure=False).sign(Visitor("dana", "0" * 64))
    for value in (forged, "", "x", "a.b.c"):
        with site.client(cookies={"signpost_session": value}) as client:
            assert client.get("/").status_code == 401


def test_no_route_is_open_without_a_session(site: Site, home: Path) -> None:
    app = build_dashboard(Settings(home=home, database_url="sqlite://"), site.sessions)
    routes = _routes(app)
    assert len(routes) >= 9
    with site.client() as client:
        for path, method in routes:
            answer = client.request(method, re.sub(r"{\w+}", "abc", path))

            assert answer.status_code == (401 if path not in OPEN_TO_ALL else answer.status_code), (
                method,
                path,
            )


@pytest.mark.parametrize("path", ["/sign-out", "/review/abc"])
@pytest.mark.parametrize("data", [{}, {"form_token": "0" * 64}, {"form_token": "é"}])
def test_a_write_without_the_form_token_is_refused(site: Site, path: str, data: dict[str, str]) -> None:
    with site.signed_in() as client:
        assert client.post(path, data=data).status_code in (403, 415)
        assert client.get("/").status_code == 200


def test_a_form_token_of_another_session_is_refused(site: Site) -> None:
    with site.signed_in() as client, site.signed_in("eve") as other:
        foreign = form_token(other.get("/"))

        assert client.post("/sign-out", data={"form_token": foreign}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
)
def test_a_write_from_another_site_is_refused(site: Site, headers: dict[str, str]) -> None:
    with site.signed_in() as client:
        data = {"form_token": form_token(client.get("/"))}

        assert client.post("/sign-out", data=data, headers=headers).status_code == 403


def test_a_sign_in_form_from_another_browser_is_refused(site: Site) -> None:
    token = site.token()
    with site.client() as attacker, site.client() as victim:
        prepared = form_token(attacker.get("/sign-in", params={"token": token}))

        assert victim.post("/sign-in", data={"token": token, "form_token": prepared}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1"])
def test_a_foreign_host_name_is_refused(site: Site, host: str) -> None:
    with site.client() as client:
        answer = client.get("/sign-in", headers={"host": host})

    assert answer.status_code == 421
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9999", "127.0.0.1:1", "[::1]:8321"])
def test_names_of_this_machine_are_accepted(site: Site, host: str) -> None:
    with site.client() as client:
        assert client.get("/sign-in", headers={"host": host}).status_code == 200


def test_every_answer_carries_the_security_headers(site: Site) -> None:
    with site.signed_in() as client:
        answers = [client.get(path) for path in ("/", "/questions/abc", "/nowhere", "/static/style.css")]
        answers.append(client.post("/sign-out"))

    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'self'; script-src 'none'")
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert answers[0].headers["cache-control"] == "no-store"
    assert "server" not in answers[0].headers


def test_guessing_tokens_is_slowed_down(site: Site) -> None:
    with site.client() as client:
        statuses = [sign_in(client, f"guess-{number}").status_code for number in range(12)]
        last = sign_in(client, "guess")

    assert statuses == [403] * 10 + [429] * 2
    assert int(last.headers["retry-after"]) in range(1, 62)


def test_the_brake_lets_go_after_its_window() -> None:
    now = [0.0]
    brake = Brake(clock=lambda: now[0], each=2, together=3, seconds=60)

    waits = [brake.wait("a"), brake.wait("a"), brake.wait("a"), brake.wait("b"), brake.wait("c")]
    now[0] = 60.0

    assert waits == [0.0, 0.0, 60.0, 0.0, 60.0]
    assert brake.wait("a") == 0.0


def test_a_huge_form_is_refused(site: Site) -> None:
    with site.signed_in() as client:
        assert client.post("/sign-out", data={"x": "y" * 20_000}).status_code == 413


def test_the_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first = dashboard_secret(tmp_path / "home")
    file = tmp_path / "home" / "dashboard.secret"

    assert dashboard_secret(tmp_path / "home") == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["dashboard.secret"]


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    dashboard_secret(tmp_path)
    (tmp_path / "dashboard.secret").chmod(0o644)

    with pytest.raises(SecretError, match="mode 644: others may have read it"):
        dashboard_secret(tmp_path)


@pytest.mark.parametrize("content", ["", "not hex", "abcd"])
def test_a_broken_secret_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "dashboard.secret"
    file.write_text(content)
    file.chmod(0o600)

    with pytest.raises(SecretError, match="delete it and start again"):
        dashboard_secret(tmp_path)


def test_people_stay_signed_in_over_a_restart(home: Path, sqlite_sessions: Sessions) -> None:
    settings = Settings(home=home, database_url="sqlite://", dashboard_port=0)
    with serving(settings, sqlite_sessions) as site, site.signed_in() as client:
        cookies = dict(client.cookies)
    with serving(settings, sqlite_sessions) as site, site.client(cookies=cookies) as client:
        assert client.get("/").status_code == 200


def _routes(app: FastAPI) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for route in app.routes:
        inner = getattr(getattr(route, "original_router", None), "routes", [route])
        found += [(each.path, method) for each in inner if isinstance(each, APIRoute) for method in each.methods or ()]
    return found
