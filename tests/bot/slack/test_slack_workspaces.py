"""
Several workspaces: each installs the app itself, is spoken to with its own token, and can leave.
"""

import re
import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from redis import Redis
from sqlalchemy import text

from bot.slack.client import SlackSetupError
from bot.slack.serve import serve_slack
from tests.bot.slack.conftest import Serve
from tests.bot.slack.payloads import Sender, mention, wait_until
from tests.fakes import Failure, FakeSlack
from worker.database import Sessions
from worker.settings import Settings

ASKED = "where is VAT added?"
OTHER = "T0OTHER"


@pytest.fixture
def many(slack_settings: Settings) -> Settings:
    return replace(
        slack_settings,
        slack_bot_token=None,
        slack_client_id="1.2",
        slack_client_secret="client-secret",
        slack_token_keys=(Fernet.generate_key().decode(),),
        slack_url="https://signpost.example.org",
        slack_workspaces=(FakeSlack.team, OTHER),
    )


def begin(sender: Sender) -> tuple[str, str]:
    """
    Open the installation page; returns the state and the cookie that goes with it.
    """
    page = httpx.get(f"{sender.url}/slack/install")
    assert page.status_code == 302
    state = parse_qs(urlsplit(page.headers["location"]).query)["state"][0]
    return state, page.headers["set-cookie"].partition(";")[0]


def come_back(sender: Sender, *, cookie: str, **query: str) -> httpx.Response:
    return httpx.get(f"{sender.url}/slack/oauth_redirect", params=query, headers={"cookie": cookie})


def install(slack: FakeSlack, sender: Sender, team: str, token: str) -> httpx.Response:
    slack.allow_installation(team, code=f"code-of-{team}", token=token)
    state, cookie = begin(sender)
    return come_back(sender, cookie=cookie, code=f"code-of-{team}", state=state)


def test_slack_is_asked_for_the_scopes_of_the_manifest_and_sent_back_to_us(
    shop: Sessions, connection: Redis, serve: Serve, many: Settings
) -> None:
    with serve(shop, connection, settings=many) as sender:
        page = httpx.get(f"{sender.url}/slack/install")
    address = urlsplit(page.headers["location"])
    query = parse_qs(address.query)

    assert address.netloc == "slack.com"
    assert query["redirect_uri"] == ["https://signpost.example.org/slack/oauth_redirect"]
    assert "chat:write" in query["scope"][0].split(",")
    assert {"Secure", "HttpOnly"} <= {part.strip() for part in page.headers["set-cookie"].split(";")}


def test_every_workspace_is_answered_with_its_own_token(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, many: Settings
) -> None:
    with serve(shop, connection, settings=many) as sender:
        assert install(slack, sender, FakeSlack.team, "xoxb-first").status_code == 200
        assert install(slack, sender, OTHER, "xoxb-second").status_code == 200
        for team, channel in ((FakeSlack.team, "C0ROADS"), (OTHER, "C0OTHER")):
            ts = slack.say(ASKED, channel=channel)
            assert sender.send_event(mention(ASKED, ts, channel=channel), team_id=team).status_code == 200
        assert wait_until(lambda: slack.ours("C0ROADS") and slack.ours("C0OTHER"))

    spoken = {call.arguments["channel"]: call.token for call in slack.called("chat.postMessage")}
    assert spoken == {"C0ROADS": "xoxb-first", "C0OTHER": "xoxb-second"}


def test_tokens_are_nowhere_in_the_database_or_the_log(
    slack: FakeSlack,
    shop: Sessions,
    connection: Redis,
    serve: Serve,
    many: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with serve(shop, connection, settings=many) as sender:
        assert install(slack, sender, OTHER, "xoxb-very-secret").status_code == 200
        assert come_back(sender, cookie="x=y", code="code-unused", state="forged").status_code == 400
    with shop() as session:
        stored = str(session.execute(text("SELECT * FROM installations")).all())

    assert OTHER in stored
    for secret in ("xoxb-very-secret", "client-secret", many.slack_token_keys[0]):
        assert secret not in stored
        assert secret not in caplog.text


def test_a_state_counts_once_and_only_in_the_browser_that_began(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, many: Settings
) -> None:
    with serve(shop, connection, settings=many) as sender:
        slack.allow_installation(OTHER, code="c1", token="xoxb-1")
        state, cookie = begin(sender)
        other_state, _ = begin(sender)
        elsewhere = come_back(sender, cookie="signpost-install=other", code="c1", state=state)
        mixed = come_back(sender, cookie=cookie, code="c1", state=other_state)
        invented = come_back(sender, cookie="signpost-install=made-up", code="c1", state="made-up")
        good = come_back(sender, cookie=cookie, code="c1", state=state)
        slack.allow_installation(OTHER, code="c2", token="xoxb-2")
        again = come_back(sender, cookie=cookie, code="c2", state=state)

    statuses = [page.status_code for page in (elsewhere, mixed, invented, good, again)]
    assert statuses == [400, 400, 401, 200, 401]
    assert [call.arguments["code"] for call in slack.called("oauth.v2.access")] == ["c1"]


def test_a_workspace_that_nobody_named_cannot_install_and_its_token_is_given_back(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, many: Settings
) -> None:
    with serve(shop, connection, settings=replace(many, slack_workspaces=("T0ELSE",))) as sender:
        page = install(slack, sender, OTHER, "xoxb-stranger")
        asked = sender.send_event(mention(ASKED, slack.say(ASKED)), team_id=OTHER)

    assert page.status_code == 403
    assert "T0OTHER (Team &lt;T0OTHER&gt;) may not install" in page.text
    assert "xoxb-stranger" not in slack.workspaces
    assert asked.status_code == 200
    with shop() as session:
        assert session.execute(text("SELECT count(*) FROM installations")).scalar() == 0
        assert session.execute(text("SELECT count(*) FROM questions")).scalar() == 0


@pytest.mark.parametrize(
    "goodbye", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0BOT"], "oauth": []}}]
)
def test_a_workspace_that_leaves_is_forgotten(
    slack: FakeSlack,
    shop: Sessions,
    connection: Redis,
    serve: Serve,
    many: Settings,
    goodbye: dict[str, object],
) -> None:
    with serve(shop, connection, settings=many) as sender:
        install(slack, sender, OTHER, "xoxb-1")
        late = sender.send_event(goodbye, team_id=OTHER, event_time=int(time.time()) - 60)
        with shop() as session:
            assert session.execute(text("SELECT count(*) FROM installations")).scalar() == 1
        gone = sender.send_event(goodbye, team_id=OTHER, event_time=int(time.time()) + 1)
        with shop() as session:
            assert session.execute(text("SELECT count(*) FROM installations")).scalar() == 0

    assert (late.status_code, gone.status_code) == (200, 200)


def test_an_answer_for_a_workspace_that_left_does_not_hold_up_the_others(
    slack: FakeSlack,
    shop: Sessions,
    connection: Redis,
    serve: Serve,
    many: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serve(shop, connection, settings=many) as sender:
        install(slack, sender, FakeSlack.team, "xoxb-first")
        install(slack, sender, OTHER, "xoxb-second")
        slack.fail("chat.postMessage", Failure(retry_after=1, channel="C0OTHER"), times=1)
        sender.send_event(mention(ASKED, "1.1", channel="C0OTHER"), team_id=OTHER)
        assert wait_until(lambda: slack.called("chat.postMessage"))
        sender.send_event({"type": "app_uninstalled"}, team_id=OTHER, event_time=int(time.time()) + 1)
        ts = slack.say(ASKED)
        sender.send_event(mention(ASKED, ts))

        assert wait_until(lambda: slack.ours("C0ROADS"))
        time.sleep(1.5)
        assert not slack.ours("C0OTHER")
        assert "workspace T0OTHER has not installed the app" in caplog.text


def test_removing_a_persons_token_keeps_the_workspace(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, many: Settings
) -> None:
    with serve(shop, connection, settings=many) as sender:
        install(slack, sender, OTHER, "xoxb-1")
        event = {"type": "tokens_revoked", "tokens": {"oauth": ["U1"]}}
        sender.send_event(event, team_id=OTHER, event_time=int(time.time()) + 1)

    with shop() as session:
        assert session.execute(text("SELECT count(*) FROM installations")).scalar() == 1


def test_in_socket_mode_the_pages_are_served_beside_the_health(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, many: Settings
) -> None:
    with serve(shop, connection, settings=many, http_port=None, health_port=0) as sender:
        assert install(slack, sender, OTHER, "xoxb-1").status_code == 200
        assert httpx.post(f"{sender.url}/slack/events", content=b"{}").status_code == 404


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"slack_client_secret": None}, "SIGNPOST_SLACK_CLIENT_SECRET is not"),
        ({"slack_token_keys": (), "slack_url": None}, "SIGNPOST_SLACK_TOKEN_KEY and SIGNPOST_SLACK_URL are not"),
        ({"slack_workspaces": ()}, "SIGNPOST_SLACK_WORKSPACES is not"),
        ({"slack_token_keys": ("short",)}, "openssl rand"),
        ({"slack_bot_token": "xoxb-1"}, "both set"),
    ],
)
def test_what_is_missing_is_named(
    shop: Sessions, connection: Redis, many: Settings, change: dict[str, object], named: str
) -> None:
    with pytest.raises(SlackSetupError, match=re.escape(named)):
        serve_slack(replace(many, **change), sessions=shop, connection=connection, http_port=0)  # type: ignore[arg-type]


def test_a_key_that_was_lost_is_noticed_at_the_start(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, many: Settings
) -> None:
    with serve(shop, connection, settings=many) as sender:
        install(slack, sender, OTHER, "xoxb-1")
    fresh = Fernet.generate_key().decode()

    with pytest.raises(SlackSetupError, match="cannot be decrypted"):
        serve_slack(replace(many, slack_token_keys=(fresh,)), sessions=shop, connection=connection, http_port=0)
    with serve(shop, connection, settings=replace(many, slack_token_keys=(fresh, *many.slack_token_keys))):
        pass
    with serve(shop, connection, settings=replace(many, slack_token_keys=(fresh,))):
        pass
