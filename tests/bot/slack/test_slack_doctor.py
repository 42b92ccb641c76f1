"""
`signpost doctor` and Slack: a scope that is missing is named, with what it is for.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from bot.cli import app
from bot.slack.doctor import slack_access
from bot.slack.scopes import BOT_SCOPES
from tests.fakes import Failure, FakeSlack
from worker.database import Sessions
from worker.installations import Workspace, save_installation
from worker.sealing import Seal
from worker.settings import Settings

ALL = ",".join(BOT_SCOPES)


def test_an_app_with_all_scopes_is_well(slack: FakeSlack, slack_settings: Settings) -> None:
    slack.scopes = ALL

    assert [(check.name, check.state) for check in slack_access(slack_settings)] == [
        ("slack access", "ok"),
        ("slack socket mode", "ok"),
    ]


def test_a_missing_scope_is_named_with_its_reason(slack: FakeSlack, slack_settings: Settings) -> None:
    slack.scopes = ALL.replace("reactions:read,", "") + ",files:read"
    access, _ = slack_access(slack_settings)

    assert access.state == "fail"
    assert access.detail.endswith("scopes are missing: reactions:read (to count 👍 and 👎)")
    assert "reinstall" in access.remedy


def test_scopes_that_nothing_needs_are_named_too(slack: FakeSlack, slack_settings: Settings) -> None:
    slack.scopes = f"{ALL},files:read"

    assert next(slack_access(slack_settings)).detail.endswith("granted and not used: files:read")


def test_a_token_that_slack_refuses_is_a_failure(slack: FakeSlack, slack_settings: Settings) -> None:
    wrong = replace(slack_settings, slack_bot_token="xoxb-wrong-one", slack_app_token="xapp-wrong-one")
    access, sockets = slack_access(wrong)

    assert (access.state, access.detail) == ("fail", "Slack refuses the token (invalid_auth)")
    assert (sockets.state, sockets.detail) == ("fail", "Slack refuses it (invalid_auth)")


def test_a_slack_that_cannot_be_reached_is_no_failure_of_ours(slack: FakeSlack, slack_settings: Settings) -> None:
    slack.fail("auth.test", Failure(drop=True))

    assert next(slack_access(slack_settings)).state == "warn"


def test_without_slack_there_is_nothing_to_say(settings: Settings) -> None:
    assert list(slack_access(settings)) == []


def test_every_installed_workspace_is_asked(slack: FakeSlack, slack_settings: Settings, shop: Sessions) -> None:
    key = Fernet.generate_key().decode()
    many = replace(slack_settings, slack_bot_token=None, slack_client_id="1.2", slack_token_keys=(key,))
    slack.workspaces["xoxb-other"], slack.scopes = "T0OTHER", ALL
    with shop.begin() as session:
        for team, token in (("T0OTHER", "xoxb-other"), ("T0GONE", "xoxb-gone")):
            workspace = Workspace(team, f"Team {team}", "U0BOT", "B0BOT", ALL, "U0ANA")
            save_installation(session, workspace, token=token, seal=Seal([key]), now=datetime.now(UTC))

    found = {check.name: check.state for check in slack_access(many)}
    assert found == {"slack access T0OTHER": "ok", "slack access T0GONE": "fail", "slack socket mode": "ok"}


def test_looking_makes_no_database(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path}/new.db", slack_client_id="1.2")

    assert list(slack_access(settings)) == []
    assert not (tmp_path / "new.db").exists()


def test_the_command_prints_it_and_fails(
    slack: FakeSlack, slack_settings: Settings, shop: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.scopes = "chat:write"
    for name, value in slack_settings.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "500")
    printed = CliRunner().invoke(app, ["doctor"])

    assert printed.exit_code == 1
    assert "app_mentions:read (to hear mentions)" in printed.output
