"""
The dashboard behind a real HTTP server on loopback, and a browser-like client that is signed in.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bot.dashboard.app import build_dashboard
from bot.dashboard.serve import open_socket, public_url, server_for
from worker import store
from worker.database import Sessions
from worker.settings import Settings

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Site:
    """
    A dashboard that is being served.
    """

    url: str
    sessions: Sessions

    def client(self, **options: object) -> httpx.Client:
        """
        A stranger's browser: it keeps cookies, and does not follow redirects by itself.
        """
        return httpx.Client(base_url=self.url, trust_env=False, timeout=20, **options)  # type: ignore[arg-type]

    def token(self, *, minutes: int = 10, person: str = "dana") -> str:
        """
        A fresh one-time token.
        """
        with self.sessions.begin() as session:
            return store.create_sign_in(session, person=person, now=datetime.now(UTC), minutes=minutes)

    @contextmanager
    def signed_in(self, person: str = "dana") -> Iterator[httpx.Client]:
        """
        A browser that has gone through the door.
        """
        with self.client() as client:
            answer = sign_in(client, self.token(person=person))
            assert answer.status_code == 303, answer.text
            yield client


def sign_in(client: httpx.Client, token: str) -> httpx.Response:
    """
    Open the link and press the button.
    """
    page = client.get("/sign-in", params={"token": token})
    return client.post("/sign-in", data={"token": token, "form_token": form_token(page)})


def form_token(page: httpx.Response) -> str:
    """
    The hidden field of the first form on a page.
    """
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', page.text)
    assert found is not None, page.text
    return found[1]


@contextmanager
def serving(settings: Settings, sessions: Sessions, clock: Clock = lambda: datetime.now(UTC)) -> Iterator[Site]:
    """
    The dashboard on a free port, by the same parts that `serve_dashboard` is made of.
    """
    with open_socket("127.0.0.1", 0) as listening:
        url = public_url(settings, port=listening.getsockname()[1])
        app = build_dashboard(replace(settings, dashboard_url=url), sessions, clock=clock, zone=UTC)
        server = server_for(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield Site(url=f"http://127.0.0.1:{listening.getsockname()[1]}", sessions=sessions)
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """
    An empty home folder.
    """
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def site(home: Path, sqlite_sessions: Sessions) -> Iterator[Site]:
    """
    A served dashboard on an empty SQLite database.
    """
    with serving(Settings(home=home, database_url="sqlite://", dashboard_port=0), sqlite_sessions) as served:
        yield served


@pytest.fixture
def either_site(home: Path, sessions: Sessions) -> Iterator[Site]:
    """
    A served dashboard, once on SQLite and once on PostgreSQL.
    """
    with serving(Settings(home=home, database_url="sqlite://", dashboard_port=0), sessions) as served:
        yield served
