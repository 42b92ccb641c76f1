"""
Two ways to reach a row that every query shares, and what a text must be before it can lie in one.
"""

from typing import Any, TypeVar

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from worker.tables import Table

Row = TypeVar("Row", bound=Table)

LISTED_BY = {"release": "signpost release list", "vote": "signpost feedback list"}


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
        kind = table.__name__.lower()
        raise UnknownRowError(f"no {kind} {key}" + (f": `{LISTED_BY[kind]}` lists them" if kind in LISTED_BY else ""))
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


def storable(text: str) -> str:
    """
    The text as every database takes it: PostgreSQL has no NUL, and none has half a character, which is what bytes that
    are no UTF-8 become on the command line, and an emoji cut in two in JSON.

    >>> storable("a\\0b \\udcff"), storable("½ 🚀")
    ('ab ?', '½ 🚀')
    """
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
