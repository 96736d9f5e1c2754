"""An SQLite database that is open for a handful of questions, with SQLite's own library.

SQLAlchemy's engine and its results take twice as long as the questions themselves, to a run of some jobs; whoever looks
at a thousand runs feels it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from monitord_job.database.bridle_tables import BRIDLE_VERSION
from monitord_job.database.dialect import LOCK_SECONDS, dialect_of
from monitord_job.database.url import Database


class Brief:
    """Questions in the form of `bulk_sql.Bulk.select`."""

    def __init__(self, connection: sqlite3.Connection, database: Database) -> None:
        self._connection, self._dialect = connection, dialect_of(database.url)

    def select(self, text: str, *values: object) -> list[Any]:
        """All rows of a question; ?* stands for a list's elements."""
        given = [self._dialect.list_value(value) if isinstance(value, list) else value for value in values]
        return self._connection.execute(self._dialect.text(text), given).fetchall()


@contextmanager
def brief_reading(database: Database) -> Iterator[Brief | None]:
    """Questions to an SQLite file whose tables are those of today; None for any other database.

    Raises sqlite3.Error within the block: whoever opens it in full says what is wrong with it.
    """
    file = database.file
    if file is None or not file.is_file():
        yield None
        return
    with closing(_connected(file)) as connection:
        brief = Brief(connection, database)
        yield brief if _is_of_today(brief) else None


def is_empty(database: Database, table: str) -> bool:
    """Whether a table has no rows; False also if a look cannot tell."""
    with suppress(sqlite3.Error), brief_reading(database) as brief:
        return brief is not None and not brief.select(f"SELECT 1 FROM {table} LIMIT 1")
    return False


def _connected(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=LOCK_SECONDS)


def _is_of_today(brief: Brief) -> bool:
    try:
        ((version,),) = brief.select("SELECT max(version) FROM bridle_schema")
    except sqlite3.DatabaseError:
        return False
    return bool(version == BRIDLE_VERSION)
