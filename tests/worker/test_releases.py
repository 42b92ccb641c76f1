from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.factories import NOON, make_release, make_repository
from worker import store
from worker.releases import follow_releases


@pytest.fixture
def session(sessions):
    with sessions.begin() as session:
        yield session


def states(session):
    return {release.id: release.state for release in store.releases(session)}


def test_promoting_a_release_retires_the_one_before(session):
    make_release(session, "r1", now=NOON)
    make_release(session, "r2", now=NOON + timedelta(days=1))

    assert states(session) == {"r2": "active", "r1": "retired"}


def test_each_repository_has_its_own_active_release(session):
    make_release(session, "r1")
    other = make_repository(session, "other")
    make_release(session, "o1", repository_id=other.id)

    assert states(session) == {"r1": "active", "o1": "active"}
    assert [release.id for release in store.releases(session, other.id)] == ["o1"]


def test_the_database_refuses_two_active_releases(sessions):
    with sessions() as session:
        make_release(session, "r1")
        second = make_release(session, "r2", active=False)
        second.state = "active"

        with pytest.raises(IntegrityError):
            session.flush()


def test_rolling_back_goes_further_back_each_time(session):
    for day in range(3):
        make_release(session, f"r{day}", now=NOON + timedelta(days=day))
    repository_id = make_repository(session).id

    assert store.rollback_release(session, repository_id).id == "r1"
    assert store.rollback_release(session, repository_id).id == "r0"
    with pytest.raises(store.NoPreviousReleaseError, match="no earlier release"):
        store.rollback_release(session, repository_id)
    assert states(session) == {"r0": "active", "r1": "withdrawn", "r2": "withdrawn"}


def test_a_release_that_was_rolled_back_from_is_not_returned_to(session):
    for day in range(2):
        make_release(session, f"r{day}", now=NOON + timedelta(days=day))
    repository_id = make_repository(session).id
    store.rollback_release(session, repository_id)
    make_release(session, "r2", now=NOON + timedelta(days=2))

    assert store.rollback_release(session, repository_id).id == "r0"
    store.promote_release(session, "r1", NOON + timedelta(days=3))
    assert states(session) == {"r0": "retired", "r1": "active", "r2": "withdrawn"}


def test_a_refused_release_is_never_rolled_back_to(session):
    make_release(session, "r1")
    make_release(session, "bad", active=False, state="refused")
    make_release(session, "r2", now=NOON + timedelta(days=1))

    assert store.rollback_release(session, make_repository(session).id).id == "r1"


def test_one_training_at_a_time_per_repository(session):
    repository = make_repository(session)
    first, made = store.add_training(session, repository_id=repository.id, requested_by="ana")
    second, made_again = store.add_training(session, repository_id=repository.id, requested_by="bo")
    store.update_training(session, first.id, now=NOON, state="done")
    third, made_after = store.add_training(session, repository_id=repository.id, requested_by="bo")

    assert (second.id, made, made_again, made_after) == (first.id, True, False, True)
    assert third.id != first.id


def test_a_training_remembers_when_it_began_and_ended(session):
    training, _ = store.add_training(session, repository_id=make_repository(session).id, requested_by="ana")
    for minute, state in enumerate(["running", "queued", "running", "failed"]):
        store.update_training(session, training.id, now=NOON + timedelta(minutes=minute), state=state)

    assert training.started_at == NOON
    assert training.finished_at == NOON + timedelta(minutes=3)


def test_a_training_without_a_living_worker_is_stranded(session):
    training, _ = store.add_training(session, repository_id=make_repository(session).id, requested_by="ana")
    store.claim_training(session, training.id, worker="a", now=NOON, seconds=20)

    assert store.stranded_trainings(session, NOON) == []
    assert store.stranded_trainings(session, NOON + timedelta(seconds=20)) == [training.id]


def test_a_finished_training_cannot_be_claimed(session):
    training, _ = store.add_training(session, repository_id=make_repository(session).id, requested_by="ana")
    store.update_training(session, training.id, now=NOON, state="done")

    assert not store.claim_training(session, training.id, worker="a", now=NOON, seconds=20)


def test_releases_are_found_again_when_their_home_has_moved(session, tmp_path):
    moved, stayed, gone = (make_release(session, name, active=False) for name in ("r1", "r2", "r3"))
    stayed.folder = str(tmp_path / "elsewhere" / "r2")
    for folder in (tmp_path / "releases" / "r1", tmp_path / "releases" / "r2", tmp_path / "elsewhere" / "r2"):
        folder.mkdir(parents=True)
    before = gone.folder

    assert follow_releases(session, tmp_path / "releases") == 1
    assert moved.folder == str(tmp_path / "releases" / "r1")
    assert stayed.folder == str(tmp_path / "elsewhere" / "r2")
    assert gone.folder == before
