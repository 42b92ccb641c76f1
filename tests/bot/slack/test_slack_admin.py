"""
`/where-admin`: what it does, and for whom it does nothing.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from redis import Redis

from bot.slack.roles import MEMBERS_SECONDS, Roles
from bot.slack.workspaces import OneWorkspace
from inference.release import ReleaseInfo, write_release_info
from tests.bot.slack.blockkit import problems
from tests.bot.slack.conftest import Serve
from tests.bot.slack.payloads import command, wait_until
from tests.factories import NOON, make_release, make_repository
from tests.fakes import Failure, FakeSlack
from worker import store
from worker.channels import change_channel
from worker.database import Sessions
from worker.notices import notice_by_key
from worker.queues import training_queue
from worker.reindexing import latest_reindexing
from worker.settings import Settings

ADMIN = "U0ADMIN"


@pytest.fixture
def administered(slack_settings: Settings) -> Settings:
    return replace(slack_settings, admins=(ADMIN,))


def said(response: httpx.Response) -> str:
    """
    What the person reads; Slack must be willing to show it, and to them alone.
    """
    assert response.status_code == 200
    shown = response.json()
    assert shown["response_type"] == "ephemeral"
    assert problems(shown["blocks"]) == []
    return "\n".join(block["text"]["text"] for block in shown["blocks"])


def write_release(folder: Path) -> None:
    """
    A release folder whose files are as its list says.
    """
    folder.mkdir()
    (folder / "catalog.json").write_text("{}")
    names = ("repository", "location", "graph_commit", "evaluated_commit", "catalog_fingerprint")
    more = dict.fromkeys((*names, "dataset_hash", "prompt_hash", "created_at"), "x")
    write_release_info(folder, ReleaseInfo(id=folder.name, base_model={}, versions={}, training={}, **more))


@pytest.mark.parametrize("words", ["status", "retrain", "promote release-1", "rollback", "reindex", "repos", "", "x"])
def test_who_is_no_admin_changes_and_learns_nothing(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings, words: str
) -> None:
    with serve(shop, connection, settings=administered) as sender:
        answer = said(sender.send_command("/where-admin", words, user="U0BEN"))

    assert answer.startswith("Only admins may do that")
    with shop() as session:
        assert store.trainings(session) == []


def test_the_state_names_release_workers_and_queue(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with serve(shop, connection, settings=administered) as sender:
        state = said(sender.send_command("/where-admin", "status", user=ADMIN))
        repositories = said(sender.send_command("/where-admin", "repos", user=ADMIN))

    assert "*Workers:* 0 answering, 0 training" in state
    assert "No worker answers questions" in state
    assert "*`shop`:* release `release-1`, code at `cccccccccccc`, in use since 2026-03-02 12:00 UTC" in state
    assert "Workers" not in repositories
    assert "release-1" in repositories


def test_a_retraining_is_queued_once_and_followed(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with serve(shop, connection, settings=administered) as sender:
        first = said(sender.send_command("/where-admin", "retrain shop quick", user=ADMIN))
        second = said(sender.send_command("/where-admin", "retrain", user=ADMIN))

    with shop() as session:
        (training,) = store.trainings(session)
        assert (training.requested_by, training.preset, training.state) == (ADMIN, "quick", "queued")
        assert notice_by_key(session, f"training:{training.id}:{FakeSlack.team}:C0ROADS") is not None
    assert "is queued" in first
    assert "under way already" in second
    assert training_queue(connection).job_ids == [f"training-{training.id}"]


def test_a_reindexing_is_queued(shop: Sessions, connection: Redis, serve: Serve, administered: Settings) -> None:
    with serve(shop, connection, settings=administered) as sender:
        answer = said(sender.send_command("/where-admin", "reindex", user=ADMIN))

    with shop() as session:
        wanted = latest_reindexing(session, make_repository(session).id)
    assert wanted is not None
    assert "`shop`" in answer
    assert training_queue(connection).job_ids == [f"reindexing-{wanted.id}"]


def test_an_unknown_repository_is_answered_with_the_known_ones(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with serve(shop, connection, settings=administered) as sender:
        answer = said(sender.send_command("/where-admin", "retrain <!channel>", user=ADMIN))

    assert answer == "I don't know a repository called `&lt;!channel&gt;`. I know: `shop`."


def test_rolling_back_goes_to_the_release_before_and_says_when_there_is_none(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings, tmp_path: Path
) -> None:
    write_release(tmp_path / "release-1")
    with shop.begin() as session:
        store.release(session, "release-1").folder = str(tmp_path / "release-1")
        make_release(session, "release-2", now=NOON + timedelta(days=1))
    with serve(shop, connection, settings=administered) as sender:
        back = said(sender.send_command("/where-admin", "rollback", user=ADMIN))
        nothing = said(sender.send_command("/where-admin", "rollback shop", user=ADMIN))

    assert back == "Back to `release-1` for `shop`."
    assert nothing == "There is no earlier release of `shop` to go back to."


def test_a_release_whose_files_are_damaged_is_not_promoted(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings, tmp_path: Path
) -> None:
    with shop.begin() as session:
        make_release(session, "release-2", active=False, folder=str(tmp_path))
    with serve(shop, connection, settings=administered) as sender:
        answer = said(sender.send_command("/where-admin", "promote release-2", user=ADMIN))

    assert answer.startswith("`release-2` cannot serve, its files are damaged")
    with shop() as session:
        assert store.release(session, "release-1").state == "active"


def test_nobody_goes_back_to_a_release_whose_files_are_damaged(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings, tmp_path: Path
) -> None:
    with shop.begin() as session:
        store.release(session, "release-1").folder = str(tmp_path)
        make_release(session, "release-2", now=NOON + timedelta(days=1))
    with serve(shop, connection, settings=administered) as sender:
        answer = said(sender.send_command("/where-admin", "rollback", user=ADMIN))

    assert answer.startswith("`release-1` cannot serve, its files are damaged")
    with shop() as session:
        assert store.release(session, "release-2").state == "active"


def test_a_release_with_good_files_is_promoted(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings, tmp_path: Path
) -> None:
    write_release(tmp_path / "release-2")
    with shop.begin() as session:
        make_release(session, "release-2", active=False, folder=str(tmp_path / "release-2"))
    with serve(shop, connection, settings=administered) as sender:
        done = said(sender.send_command("/where-admin", "promote release-2", user=ADMIN))
        again = said(sender.send_command("/where-admin", "promote release-2", user=ADMIN))

    assert done == "`release-2` answers questions about `shop` from now on."
    assert again == "`release-2` is the one that answers already."


def test_promoting_needs_a_name_and_lists_them(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with serve(shop, connection, settings=administered) as sender:
        which = said(sender.send_command("/where-admin", "promote", user=ADMIN))
        unknown = said(sender.send_command("/where-admin", "promote nonsense", user=ADMIN))

    assert which.endswith("There are: `release-1`.")
    assert unknown == "There is no release called `nonsense`."


def test_the_command_answers_in_the_language_of_the_channel(
    shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with shop.begin() as session:
        known = {"team": FakeSlack.team, "channel": "C0ROADS", "changed_by": ADMIN, "now": NOON}
        change_channel(session, **known, language="zh")
    with serve(shop, connection, settings=administered) as sender:
        answer = said(sender.send_command("/where-admin", "rollback", user=ADMIN))

    assert answer == "`shop` 没有更早的版本可以回退。"


def test_the_command_works_over_socket_mode(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with serve(shop, connection, settings=administered, http_port=None):
        assert slack.wait_for_connection()
        state = slack.send_command(command("/where-admin", "repos", user=ADMIN))
        refused = slack.send_command(command("/where-admin", "repos", user="U0BEN"))

    assert "release-1" in str(state["blocks"])
    assert refused["text"].startswith("Only admins may do that")


# Who is an admin.


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roles(slack: FakeSlack, slack_settings: Settings, clock: Clock) -> Roles:
    settings = replace(slack_settings, admins=(ADMIN,), admin_group="S0ADMINS")
    slack.groups["S0ADMINS"] = ["U0LEAD"]
    return Roles(settings, OneWorkspace(settings).client_for, clock=clock)


def test_members_of_the_group_and_those_of_the_settings_are_admins(roles: Roles) -> None:
    people = {person: roles.is_admin(FakeSlack.team, person) for person in (ADMIN, "U0LEAD", "U0BEN", "")}

    assert people == {ADMIN: True, "U0LEAD": True, "U0BEN": False, "": False}


def test_the_group_is_asked_for_once_a_minute(roles: Roles, slack: FakeSlack, clock: Clock) -> None:
    assert [roles.is_admin(FakeSlack.team, "U0LEAD") for _ in range(5)] == [True] * 5
    slack.groups["S0ADMINS"] = []
    assert roles.is_admin(FakeSlack.team, "U0LEAD")
    clock.now += MEMBERS_SECONDS

    assert not roles.is_admin(FakeSlack.team, "U0LEAD")
    assert len(slack.called("usergroups.users.list")) == 2


def test_while_slack_does_not_tell_the_group_has_no_members(roles: Roles, slack: FakeSlack, clock: Clock) -> None:
    slack.fail("usergroups.users.list", Failure(error="missing_scope"))

    assert not roles.is_admin(FakeSlack.team, "U0LEAD")
    assert roles.is_admin(FakeSlack.team, ADMIN)
    clock.now += 5
    assert roles.is_admin(FakeSlack.team, "U0LEAD")


def test_with_several_workspaces_an_id_counts_with_its_workspace_only(slack_settings: Settings) -> None:
    settings = replace(slack_settings, slack_client_id="1.2", admins=("U0ADMIN", "T1:U0LEAD"))
    roles = Roles(settings, OneWorkspace(settings).client_for)

    allowed = [roles.is_admin(team, person) for team in ("T1", "T2") for person in ("U0ADMIN", "U0LEAD")]
    assert allowed == [False, True, False, False]


def test_a_queue_that_is_away_is_said_and_loses_no_training(
    slack: FakeSlack, shop: Sessions, serve: Serve, administered: Settings, tmp_path: Path
) -> None:
    away = Redis(unix_socket_path=str(tmp_path / "nobody.sock"))
    with serve(shop, away, settings=administered) as sender:
        told = said(sender.send_command("/where-admin", "status", user=ADMIN))
        told += said(sender.send_command("/where-admin", "retrain", user=ADMIN))

    assert "The queue cannot be reached" in told
    assert "is queued" in told
    with shop() as session:
        assert len(store.trainings(session)) == 1


def test_what_takes_longer_than_slack_waits_is_finished_and_told_later(
    slack: FakeSlack, shop: Sessions, connection: Redis, serve: Serve, administered: Settings
) -> None:
    with serve(shop, connection, settings=administered) as sender:
        with shop() as other:  # somebody else writes, so that we have to wait
            other.connection().exec_driver_sql("UPDATE repositories SET name = name")
            first = said(sender.send_command("/where-admin", "retrain", user=ADMIN, url=slack.response_url))
            other.rollback()
        assert wait_until(lambda: len(slack.responses) == 1)

    assert first == "Working on it…"
    assert "is queued" in str(slack.responses[0]["blocks"])
    with shop() as session:
        assert len(store.trainings(session)) == 1
