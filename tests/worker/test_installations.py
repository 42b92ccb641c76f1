"""
Workspaces that installed the app: their tokens are safe in SQL, and every state works once.
"""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from tests.factories import NOON, make_repository
from worker.channels import ChannelRules, change_channel, channel_rules, choose_repository, person_repository
from worker.installations import (
    MOST_STATES,
    TooManyInstallationsError,
    Workspace,
    consume_install_state,
    installation,
    installations,
    issue_install_state,
    remove_installation,
    save_installation,
    seal_again,
)
from worker.sealing import Seal, SealError

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ROADS = Workspace("T0ROADS", "Roads", "U0BOT", "B0BOT", "chat:write,commands", "U0ANA")


def test_a_token_is_nowhere_in_the_database(sqlite_sessions, sqlite_url) -> None:
    with sqlite_sessions.begin() as session:
        save_installation(session, ROADS, token="xoxb-roads-secret", seal=Seal([NEW]), now=NOON)
    with sqlite_sessions() as session:
        session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    with open(sqlite_url.removeprefix("sqlite:///"), "rb") as file:
        assert b"xoxb-roads-secret" not in file.read()
    with sqlite_sessions() as session:
        assert Seal([NEW]).open("T0ROADS", installation(session, "T0ROADS").sealed_token) == "xoxb-roads-secret"


def test_installing_again_replaces_the_token(sessions) -> None:
    seal = Seal([NEW])
    with sessions.begin() as session:
        save_installation(session, ROADS, token="xoxb-1", seal=seal, now=NOON)
        save_installation(session, ROADS, token="xoxb-2", seal=seal, now=NOON + timedelta(days=1))

        (only,) = installations(session)
        assert seal.open("T0ROADS", only.sealed_token) == "xoxb-2"
        assert remove_installation(session, "T0ROADS")
        assert not remove_installation(session, "T0ROADS")


def test_a_key_is_changed_without_installing_anew(sqlite_sessions) -> None:
    with sqlite_sessions.begin() as session:
        save_installation(session, ROADS, token="xoxb-1", seal=Seal([OLD]), now=NOON)
        assert seal_again(session, Seal([NEW, OLD])) == 1

        sealed = installation(session, "T0ROADS").sealed_token
    assert Seal([NEW]).open("T0ROADS", sealed) == "xoxb-1"
    with pytest.raises(SealError, match="cannot be decrypted"):
        Seal([OLD]).open("T0ROADS", sealed)


def test_a_token_copied_into_the_row_of_another_workspace_is_refused() -> None:
    seal = Seal([NEW])

    with pytest.raises(SealError, match="tampered"):
        seal.open("T0OTHER", seal.close("T0ROADS", "xoxb-1"))


@pytest.mark.parametrize("keys", [[], ["short"], ["not base64 at all, and forty-four chars long!"]])
def test_a_malformed_key_says_how_to_make_one(keys) -> None:
    with pytest.raises(SealError, match="openssl rand"):
        Seal(keys)


def test_a_state_is_accepted_once_and_only_in_time(sessions) -> None:
    with sessions.begin() as session:
        state = issue_install_state(session, now=NOON, seconds=600)
        late = issue_install_state(session, now=NOON, seconds=600)

        assert consume_install_state(session, state, NOON)
        assert not consume_install_state(session, state, NOON)
        assert not consume_install_state(session, late, NOON + timedelta(seconds=600))
        assert not consume_install_state(session, "guessed", NOON)


def test_states_do_not_fill_the_disk_and_make_room_when_they_expire(sqlite_sessions) -> None:
    with sqlite_sessions.begin() as session:
        for _ in range(MOST_STATES):
            issue_install_state(session, now=NOON, seconds=600)
        with pytest.raises(TooManyInstallationsError):
            issue_install_state(session, now=NOON, seconds=600)

        assert issue_install_state(session, now=NOON + timedelta(seconds=600), seconds=600)


def test_a_channel_has_defaults_until_somebody_changes_one_thing(sessions) -> None:
    with sessions.begin() as session:
        shop = make_repository(session)
        assert channel_rules(session, team="T1", channel="C1") == ChannelRules()
        change_channel(session, team="T1", channel="C1", changed_by="U1", now=NOON, repository_id=shop.id)
        change_channel(session, team="T1", channel="C1", changed_by="U2", now=NOON, private=True)

        assert channel_rules(session, team="T1", channel="C1") == ChannelRules(repository_id=shop.id, private=True)
        assert channel_rules(session, team="T2", channel="C1") == ChannelRules()


def test_the_last_choice_of_a_person_counts(sessions) -> None:
    with sessions.begin() as session:
        shop, roads = make_repository(session), make_repository(session, "roads")
        assert person_repository(session, team="T1", person="U1") is None
        choose_repository(session, team="T1", person="U1", repository_id=shop.id, now=NOON)
        choose_repository(session, team="T1", person="U1", repository_id=roads.id, now=NOON)

        assert person_repository(session, team="T1", person="U1") == roads.id
