"""
The dashboard in a real browser: forms work, our own policy blocks nothing we need, pages fit on a phone.
"""

from datetime import UTC, datetime

import pytest

from bot.dashboard.serve import sign_in_link
from tests.bot.dashboard.chromium import browser, chromium_path
from tests.bot.dashboard.conftest import Site
from tests.bot.dashboard.seed import seed
from worker import reports

pytestmark = pytest.mark.skipif(chromium_path() is None, reason="chromium is not installed")


def test_a_lead_signs_in_reviews_and_signs_out_in_a_browser(site: Site) -> None:
    with site.sessions.begin() as session:
        seed(session, now=datetime.now(UTC))
        waiting = reports.open_corrections(session)
    with browser() as tab:
        tab.open(sign_in_link(site.url, site.token()))
        tab.click("button")
        tab.open(f"{site.url}/review")
        tab.click(".correction button.main")
        notice = tab.value("document.querySelector('.notice').innerText")
        tab.click(".person button")
        heading = tab.value("document.querySelector('h1').innerText")
        complaints = [text for text in tab.complaints if "401" not in text]

    with site.sessions() as session:
        assert reports.open_corrections(session) == waiting - 1
    assert notice.startswith("Confirmed.")
    assert heading == "You are signed out"
    assert complaints == []


def test_no_page_is_wider_than_a_phone(site: Site) -> None:
    with site.sessions.begin() as session:
        full = seed(session, now=datetime.now(UTC))
    paths = ("/?days=all", "/questions", f"/questions/{full}", "/review", "/releases", "/trainings")
    widths = {}
    with browser() as tab:
        tab.dress(width=360, dark=True)
        tab.open(sign_in_link(site.url, site.token()))
        tab.click("button")
        for path in paths:
            tab.open(site.url + path)
            widths[path] = tab.value("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
        complaints = tab.complaints

    assert widths == dict.fromkeys(paths, 360)
    assert complaints == []
