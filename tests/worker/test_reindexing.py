"""
Re-indexing: what it finds in a real repository, and that it survives its worker.
"""

from datetime import timedelta

import pytest

from tests.factories import NOON, make_release, make_repository
from tests.graph.repositories import GitRepository, python_file
from training.corpus import index_newest
from worker.queues import enqueue_reindexing, training_queue
from worker.reindexing import MOST_ATTEMPTS, add_reindexing, claim, latest_reindexing, reindexing, stranded
from worker.tables import Release


def shop_files(*names):
    return {f"shop/{name}/{part}.py": python_file(f"{name}_{part}") for name in names for part in ("one", "two")}


@pytest.fixture
def checkout(tmp_path):
    repository = GitRepository.create(tmp_path / "shop")
    repository.commit("Begin.", {"README.md": "# Shop\n", **shop_files("billing", "cart")})
    return repository


@pytest.fixture
def served(checkout, settings, sqlite_sessions) -> Release:
    """
    A release made from the first commit of the checkout.
    """
    catalog = index_newest(checkout.folder, name="shop", home=settings.home, report=lambda *_: None)
    catalog.save(settings.home / "releases/shop-0/catalog.json")
    with sqlite_sessions.begin() as session:
        folder = str(settings.home / "releases/shop-0")
        release = make_release(session, "shop-0", folder=folder, graph_commit=catalog.commit)
        make_repository(session, location=str(checkout.folder))
        return release


def order(sessions, connection, repository_id):
    with sessions.begin() as session:
        ordered, _ = add_reindexing(session, repository_id=repository_id, requested_by="ana")
    enqueue_reindexing(connection, ordered.id)
    return ordered.id


def test_it_says_what_the_serving_release_does_not_know(
    checkout, served, settings, sqlite_sessions, connection, work
) -> None:
    before = (settings.home / "releases/shop-0/catalog.json").read_bytes()
    checkout.git("rm", "-rq", "shop/cart")
    newest = checkout.commit("Mail instead of a cart.", shop_files("mail"))
    order(sqlite_sessions, connection, served.repository_id)
    work("training")

    with sqlite_sessions() as session:
        done = latest_reindexing(session, served.repository_id)
    assert (done.state, done.error, done.claimed_by) == ("done", None, None)
    assert done.found["commit"] == newest
    assert done.found["serving_commit"] == served.graph_commit
    assert (done.found["new_names"], done.found["gone_names"]) == (["shop/mail"], ["shop/cart"])
    assert (settings.home / "releases/shop-0/catalog.json").read_bytes() == before


def test_a_release_that_is_up_to_date_is_said_to_be(served, sqlite_sessions, connection, work) -> None:
    order(sqlite_sessions, connection, served.repository_id)
    work("training")

    with sqlite_sessions() as session:
        found = latest_reindexing(session, served.repository_id).found
    assert (found["new"], found["gone"], found["changed"]) == (0, 0, 0)
    assert found["commit"] == found["serving_commit"]


def test_asking_twice_is_one_look(sessions, connection) -> None:
    with sessions.begin() as session:
        repository = make_repository(session)
        first, is_new = add_reindexing(session, repository_id=repository.id, requested_by="ana")
        second, again = add_reindexing(session, repository_id=repository.id, requested_by="bo")

    assert (is_new, again, second.id) == (True, False, first.id)
    assert enqueue_reindexing(connection, first.id)
    assert not enqueue_reindexing(connection, first.id)
    assert training_queue(connection).job_ids == [f"reindexing-{first.id}"]


def test_a_repository_that_is_gone_fails_with_a_sentence(sqlite_sessions, connection, work) -> None:
    with sqlite_sessions.begin() as session:
        repository = make_repository(session, location="/srv/nowhere")
    order(sqlite_sessions, connection, repository.id)
    work("training")

    with sqlite_sessions() as session:
        failed = latest_reindexing(session, repository.id)
    assert failed.state == "failed"
    assert "/srv/nowhere" in failed.error


def test_one_whose_worker_died_is_found_and_in_the_end_given_up(sqlite_sessions, connection, served, work) -> None:
    with sqlite_sessions.begin() as session:
        ordered, _ = add_reindexing(session, repository_id=served.repository_id, requested_by="ana")
        for _ in range(MOST_ATTEMPTS):
            assert claim(session, ordered.id, worker="dead", now=NOON, seconds=20)
        assert stranded(session, NOON) == []
        assert stranded(session, NOON + timedelta(seconds=21)) == [ordered.id]
    work("training")

    with sqlite_sessions() as session:
        given_up = reindexing(session, ordered.id)
    assert given_up.state == "failed"
    assert "broke down" in given_up.error
