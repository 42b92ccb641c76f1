"""
Parse results kept on disk by blob id, so that a second index of almost the same code parses almost nothing.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

log = logging.getLogger("signpost.graph")

PARSER_VERSION = "10"
"""Part of every key. Raise it whenever the parser or a query file gives something else for the same bytes."""


class ParseCache:
    """
    A store of parse results in one SQLite file; a broken file is replaced, for it holds nothing that is not
    in the code.
    """

    def __init__(self, folder: Path) -> None:
        """
        Open the store in *folder*, making both where needed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "parsed.sqlite"
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            log.warning("the parse cache %s is damaged (%s): it is built anew", self._path, error)
            self._path.unlink(missing_ok=True)
            self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30)
        try:
            connection.execute("CREATE TABLE IF NOT EXISTS parsed (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            connection.execute("SELECT key FROM parsed LIMIT 1").fetchone()
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def load(self, keys: Iterable[str]) -> dict[str, str]:
        """
        Give what is stored under the keys; unknown ones are missing from the result.
        """
        query = "SELECT key, value FROM parsed WHERE key IN (SELECT value FROM json_each(?))"
        return dict(self._connection.execute(query, (json.dumps(list(keys)),)))

    def store(self, rows: Mapping[str, str]) -> None:
        """
        Keep new results, all of them or none.
        """
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO parsed VALUES (?, ?)", rows.items())

    def __enter__(self) -> ParseCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def cache_key(blob: str, language: str) -> str:
    """
    Name a parse result: the same bytes read as two languages are two results.
    """
    return f"{PARSER_VERSION}:{language}:{blob}"
