from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from tests.factories import make_release
from worker import store
from worker.database import (
    SchemaError,
    downgrade,
    make_engine,
    open_database,
    pending_migrations,
    session_factory,
    upgrade,
)
from worker.settings import Settings
from worker.tables import Table


@pytest.fixture
def empty_url(database_url):
    downgrade(database_url, "base")
    return database_url


@pytest.fixture
def engine(empty_url):
    engine = make_engine(empty_url)
    yield engine
    engine.dispose()


def test_migrations_lead_from_an_empty_database_to_the_tables_of_the_code(empty_url, engine):
    upgrade(empty_url)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_pending_migrations_are_named_until_they_are_done(empty_url, engine):
    before = pending_migrations(engine)
    upgrade(empty_url)

    assert before[0] == "0001"
    assert pending_migrations(engine) == ()


def test_migrating_twice_changes_nothing(empty_url, engine):
    upgrade(empty_url)
    upgrade(empty_url)

    assert pending_migrations(engine) == ()


def test_processes_that_migrate_at_the_same_time_wait_for_each_other(empty_url, engine):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, [empty_url] * 4))

    assert pending_migrations(engine) == ()


def test_a_database_of_a_newer_version_is_left_alone(empty_url, engine):
    upgrade(empty_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    for look in (lambda: upgrade(empty_url), lambda: pending_migrations(engine)):
        with pytest.raises(SchemaError, match="another version of Signpost"):
            look()


def test_a_migration_that_fails_leaves_no_half_schema(empty_url, engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE trainings (id integer)"))
    with pytest.raises(DBAPIError, match="already exists"):
        upgrade(empty_url)

    assert "questions" not in inspect(engine).get_table_names()


def test_going_back_to_the_beginning_leaves_no_table(empty_url, engine):
    upgrade(empty_url)
    downgrade(empty_url, "base")

    assert inspect(engine).get_table_names() == ["alembic_version"]


def test_an_empty_database_gets_its_folder(tmp_path):
    upgrade(f"sqlite:///{tmp_path}/new/folder/signpost.db")

    assert (tmp_path / "new/folder/signpost.db").exists()


def test_opening_the_database_follows_a_home_that_was_moved(empty_url, tmp_path):
    settings = replace(Settings.from_environment({"SIGNPOST_HOME": str(tmp_path)}), database_url=empty_url)
    engine = open_database(settings)
    with session_factory(engine).begin() as session:
        make_release(session, "r1").folder = "/moved/away/r1"
    engine.dispose()
    (tmp_path / "releases" / "r1").mkdir(parents=True)
    engine = open_database(settings)
    with session_factory(engine)() as session:
        assert store.release(session, "r1").folder == str(tmp_path / "releases" / "r1")
    engine.dispose()
