"""Questions to a Stampede database, ours or another monitor's, in SQL that SQLite and PostgreSQL both understand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DatabaseError

from monitord_job.database.bridle_tables import BRIDLE_SCHEMA
from monitord_job.database.dialect import dialect_of, words_of
from monitord_job.database.migrations import version_of
from monitord_job.database.reading import open_database
from monitord_job.database.schema import WORKFLOW
from monitord_job.database.url import Database
from monitord_job.errors import MonitorError

_ROWS = 2000
"""of a server that are in memory at a time"""


class Questions:
    """An open database to ask."""

    def __init__(self, connection: Connection, where: str) -> None:
        self.connection = connection
        """for those whose questions are no text"""
        self._dialect = dialect_of(connection.engine.url)
        self._tables = frozenset(inspect(connection).get_table_names())
        self.where = where
        """the database for people"""

    def has(self, table: str) -> bool:
        """Whether it has a table: that of another monitor has none of ours."""
        return table in self._tables

    def has_column(self, table: str, column: str) -> bool:
        """Whether it has that: one of an earlier version of ours may not."""
        return self.has(table) and any(
            one["name"] == column for one in inspect(self.connection).get_columns(table)
        )

    def rows(self, text: str, *values: object) -> Iterator[Any]:
        """The rows of a question, as they are asked for. In its text ? is a value, ?* stands for a list's elements."""
        given = tuple(self._dialect.list_value(one) if isinstance(one, list) else one for one in values)
        # Past SQLAlchemy's own rows, which cost as much again as those of the driver.
        driver = self.connection.connection
        with closing(self._dialect.streaming_cursor(driver)) as cursor:
            cursor.execute(self._dialect.text(text), given)
            while rows := cursor.fetchmany(_ROWS):
                yield from rows


@contextmanager
def asking(database: Database) -> Iterator[Questions]:
    """A database to ask. Raises MonitorError if it cannot be read, or has no workflow in it.

    One of a version that this program does not know is refused, one of pegasus-monitord is not.
    """
    engine = open_database(database)
    dialect = dialect_of(engine.url)
    where = dialect.shown(engine.url)
    try:
        with engine.connect() as connection:
            there = inspect(connection)
            if there.has_table(BRIDLE_SCHEMA.name):
                version_of(connection, where)
            elif not there.has_table(WORKFLOW.name):
                raise MonitorError(where, "there is no Stampede database in it", "name the one of the run")
            yield Questions(connection, where)
    except (DatabaseError, engine.dialect.loaded_dbapi.DatabaseError) as error:
        what = f"the database cannot be read: {words_of(error)}"
        raise MonitorError(where, what, dialect.unreadable_hint) from error
    finally:
        engine.dispose()
