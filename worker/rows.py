"""
Two ways to reach a row that every query shares.
"""

from typing import Any, TypeVar

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from worker.tables import Table

Row = TypeVar("Row", bound=Table)


class UnknownRowError(LookupError):
    """There is no such row: the id is wrong, or it belongs to another database."""


def row(session: Session, table: type[Row], key: str) -> Row:
    """
    The row of *table* with this primary key.

    Raises:
        UnknownRowError: there is none.
    """
    found = session.get(table, key)
    if found is None:
        raise UnknownRowError(f"no {table.__name__.lower()} {key}")
    return found


def insert_new(session: Session, table: type[Table], values: dict[str, Any]) -> bool:
    """
    Insert a row unless a unique constraint says that it is there already.

    `ON CONFLICT DO NOTHING` lets the database decide, so that two processes with the
    same message cannot both win; SQLite and PostgreSQL both have it.

    Returns:
        Whether this call made the row.
    """
    session.flush()
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    key = inspect(table).primary_key[0]
    made = session.execute(insert(table).values(**values).on_conflict_do_nothing().returning(key))
    return made.one_or_none() is not None
