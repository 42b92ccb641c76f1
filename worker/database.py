"""
Engines, sessions and migrations for SQLite and PostgreSQL.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from worker.releases import follow_releases
from worker.settings import Settings

log = logging.getLogger("signpost.worker")

Sessions = sessionmaker[Session]

# Any number will do, as long as every version of Signpost takes the same one.
_MIGRATION_LOCK = 7_466_001


class SchemaError(Exception):
    """The database has a schema that this version does not know; the message says what to do."""


def make_engine(url: str) -> Engine:
    """
    An engine for *url*, with what each database needs to behave the same.

    SQLite: write-ahead log (readers never wait for the writer), a writer waits up to
    ten seconds for another one, foreign keys are checked. PostgreSQL: the psycopg 3
    driver whatever the URL says, times in UTC, and connections are tried before use, so
    that a restarted server costs nobody an error.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        if address.database and address.database != ":memory:":
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(address)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    return create_engine(address, pool_pre_ping=True, connect_args={"options": "-c timezone=utc"})


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # busy_timeout first: switching to the log needs the lock for a moment, too.
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def open_database(settings: Settings) -> Engine:
    """
    Bring the database of *settings* to the newest schema and say where its releases lie now; its engine.

    Raises:
        SchemaError: a newer version of Signpost has been here.
    """
    upgrade(settings.database_url)
    engine = make_engine(settings.database_url)
    with session_factory(engine)() as session, session.begin():
        followed = follow_releases(session, settings.home / "releases")
    if followed:
        log.info("%d releases were found again in %s", followed, settings.home / "releases")
    return engine


def session_factory(engine: Engine) -> Sessions:
    """
    Sessions for *engine*; rows stay readable after the commit, so that they can be handed on.
    """
    return sessionmaker(engine, expire_on_commit=False)


def upgrade(url: str) -> None:
    """
    Bring the database at *url* to the newest schema; an empty one gets all tables.

    All steps together are one transaction under a lock: processes that start at the
    same time wait for each other, and a step that fails leaves the schema as it was.

    Raises:
        SchemaError: a newer version of Signpost has been here.
    """
    _migrate(url, lambda config: command.upgrade(config, "head"))


def downgrade(url: str, revision: str) -> None:
    """
    Take the schema back to *revision* (`base`: no tables at all).
    """
    _migrate(url, lambda config: command.downgrade(config, revision))


def pending_migrations(engine: Engine) -> tuple[str, ...]:
    """
    The revisions that the database still needs, next one first; empty when it is up to date.

    Raises:
        SchemaError: a newer version of Signpost has been here.
    """
    scripts = ScriptDirectory.from_config(_config())
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    with _known_revisions_only():
        waiting = list(scripts.iterate_revisions("head", current or "base"))
    return tuple(reversed([step.revision for step in waiting if step.revision != current]))


def _migrate(url: str, action: Callable[[Config], None]) -> None:
    engine = make_engine(url)
    sqlite = engine.dialect.name == "sqlite"
    if sqlite:
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin_with_lock)
    try:
        with _known_revisions_only(), engine.begin() as connection:
            if not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            config = _config()
            config.attributes["connection"] = connection
            action(config)
    finally:
        engine.dispose()


@contextlib.contextmanager
def _known_revisions_only() -> Iterator[None]:
    try:
        yield
    except (CommandError, RevisionError) as problem:
        raise SchemaError(
            f"the database is of another version of Signpost than this one ({problem}): update Signpost"
        ) from problem


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    # Python's driver would commit tables one by one; this way they come together or not at all.
    connection.isolation_level = None


def _begin_with_lock(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
