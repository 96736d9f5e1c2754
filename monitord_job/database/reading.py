"""Databases open for reading: of ours, whatever their version, and any Stampede database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Connection, Engine, Table, inspect
from sqlalchemy.exc import DatabaseError

from monitord_job.database import bridle_tables
from monitord_job.database import schema as s
from monitord_job.database.dialect import dialect_of, sqlite_url, words_of
from monitord_job.database.migrations import version_of
from monitord_job.database.url import Database
from monitord_job.errors import MonitorError

OpenDatabase: TypeAlias = Engine
"""A database that is open for reading, for those who hand it to a question."""


def open_database(database: Database | Path) -> Engine:
    """A database, or the SQLite file at a path, for reading only. Raises MonitorError if the file is not there."""
    url = sqlite_url(database) if isinstance(database, Path) else database.url
    return dialect_of(url).reading_engine(url)


def has_table(connection: Connection, table: Table) -> bool:
    """Whether a database has it: another monitor's may not."""
    return inspect(connection).has_table(table.name)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to ask. Raises MonitorError if the database cannot be read.

    One of an earlier version can, as it stands: a question asks for columns of the oldest version alone, or looks
    first which version it is.
    """
    dialect = dialect_of(engine.url)
    where = dialect.shown(engine.url)
    try:
        with engine.connect() as connection:
            version_of(connection, where)
            yield connection
    except (DatabaseError, engine.dialect.loaded_dbapi.DatabaseError) as error:
        hint = dialect.unreadable_hint
        raise MonitorError(where, f"the database cannot be read: {words_of(error)}", hint) from error


@contextmanager
def reading_any(engine: Engine) -> Iterator[tuple[Connection, int | None]]:
    """The same of any Stampede database, with the version of our tables: None in one of pegasus-monitord's.

    Raises MonitorError if it cannot be read, or there is no Stampede database.
    """
    dialect = dialect_of(engine.url)
    where = dialect.shown(engine.url)
    try:
        with engine.connect() as connection:
            if _is_of_today(connection):
                yield connection, bridle_tables.BRIDLE_VERSION
            elif has_table(connection, bridle_tables.BRIDLE_SCHEMA):
                yield connection, version_of(connection, where)
            elif has_table(connection, s.WORKFLOW):
                yield connection, None
            else:
                raise MonitorError(where, "there is no Stampede database in it", "name the one of the run")
    except DatabaseError as error:
        raise MonitorError(
            where, f"the database cannot be read: {words_of(error)}", dialect.unreadable_hint
        ) from error


def _is_of_today(connection: Connection) -> bool:
    """The usual case, asked with one question: to look for tables takes longer than all that is asked of a run."""
    try:
        version = connection.exec_driver_sql("SELECT max(version) FROM bridle_schema").scalar()
    except DatabaseError:
        connection.rollback()
        return False
    return version == bridle_tables.BRIDLE_VERSION
