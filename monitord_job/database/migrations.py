"""The version of our tables in a database, and the way from an earlier one to today's, in place.

docs/architecture.md, "Changing our tables", has the rules for whoever adds a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.exc import ProgrammingError

from monitord_job.database.bridle_tables import BRIDLE_CURSOR, BRIDLE_SCHEMA, BRIDLE_VERSION
from monitord_job.database.schema import METADATA, WORKFLOW
from monitord_job.errors import BrokenDatabaseError, DatabaseVersionError, NewerDatabaseError, TryAgainError

MIGRATIONS: Mapping[int, tuple[str, ...]] = {
    # Whoever is refused by a database from the future reads there which program it needs.
    7: (
        "ALTER TABLE bridle_schema ADD COLUMN since BIGINT",
        "ALTER TABLE bridle_schema ADD COLUMN program TEXT",
    ),
    # NULL until a monitor, or a reader that catches up, has looked at the DAG.
    8: (
        "ALTER TABLE bridle_run ADD COLUMN aborted_by TEXT",
        "ALTER TABLE bridle_node ADD COLUMN service BOOLEAN",
    ),
}
"""By the version that they lead to from the one before: statements that SQLite and PostgreSQL both understand."""

OLDEST_VERSION = min(MIGRATIONS) - 1

_OTHERS = (
    "`bridle analyzer` takes it as it is, as do statistics, jobs, plots and report; "
    "`bridle monitord --rebuild SUBMIT_DIR` makes ours from the run's logs (an SQLite file is kept aside)"
)
_REBUILD = "move it away and run `bridle monitord --rebuild SUBMIT_DIR`, which reads the run's logs anew"


UNTOUCHED = 0
"""The version of a database that Pegasus's own tools have made, in which no run of ours is: `mend` takes it up."""


def version_of(connection: Connection, where: str, root_wf_uuid: str | None = None) -> int | None:
    """The version of our tables in a database, None if it has no tables yet. `where` names it in errors.

    UNTOUCHED: it has Pegasus's tables alone, and that run, if one is named, is not in them.
    Raises DatabaseVersionError for a database that this program does not understand, NewerDatabaseError if a later
    program would.
    """
    there = inspect(connection)
    if not there.has_table(BRIDLE_SCHEMA.name):
        if not there.has_table("workflow"):
            return None
        if there.has_table(BRIDLE_CURSOR.name):
            raise BrokenDatabaseError(where, f"table {BRIDLE_SCHEMA.name} is missing", _REBUILD)
        if root_wf_uuid is not None and not _has_run(connection, root_wf_uuid):
            return UNTOUCHED
        raise DatabaseVersionError(where, "this Stampede database was made by another monitor", _OTHERS)
    stored_version = connection.scalar(select(func.max(BRIDLE_SCHEMA.c.version))) or 0
    if stored_version > BRIDLE_VERSION:
        raise _newer(connection, where, stored_version)
    if stored_version < OLDEST_VERSION:
        raise DatabaseVersionError(
            where, f"it is of bridle schema {stored_version}, older than any release", _REBUILD
        )
    return int(stored_version)


def _has_run(connection: Connection, root_wf_uuid: str) -> bool:
    statement = select(WORKFLOW.c.wf_id).where(WORKFLOW.c.wf_uuid == root_wf_uuid)
    return connection.scalar(statement) is not None


def _newer(connection: Connection, where: str, stored_version: int) -> NewerDatabaseError:
    # With *, because this program may ask a table from the future for no column by name.
    row = connection.exec_driver_sql("SELECT * FROM bridle_schema ORDER BY version DESC").mappings().first()
    program = (row and row.get("program")) or "the bridle that made it"
    what = f"it is of bridle schema {stored_version}, this bridle knows none later than {BRIDLE_VERSION}"
    return NewerDatabaseError(where, what, f"use {program} or a later one; nothing in it was changed")


def migrate(connection: Connection, where: str, stored_version: int, now: int) -> None:
    """Take the tables up from `stored_version` to today's, within the caller's transaction. `now` is in seconds.

    Raises TryAgainError if the tables belong to another role of the server.
    """
    try:
        for number in range(stored_version + 1, BRIDLE_VERSION + 1):
            for statement in MIGRATIONS[number]:
                connection.exec_driver_sql(statement)
    except ProgrammingError as error:
        what = f"it cannot be taken up from bridle schema {stored_version} to {BRIDLE_VERSION}: {error.orig}"
        hint = "let the owner of its tables run `bridle monitord --catch-up SUBMIT_DIR` once"
        raise TryAgainError(where, what, hint) from error
    note_version(connection, now)


def mend(connection: Connection, now: int) -> list[str]:
    """Make the tables and columns that a database of today's version lacks; the names of these tables."""
    before = set(inspect(connection).get_table_names())
    METADATA.create_all(connection)
    there, made = inspect(connection), sorted(METADATA.tables.keys() - before)
    preparer = connection.dialect.identifier_preparer
    for table in METADATA.sorted_tables:
        has = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in has:
                # It may be NULL, whatever it was: other runs' rows have no value for it any more.
                kind = column.type.compile(connection.dialect)
                name = preparer.quote(column.name)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}")
    if BRIDLE_SCHEMA.name in made:
        note_version(connection, now)
    return made


def note_version(connection: Connection, now: int) -> None:
    """From now on, in seconds, the database is of today's version."""
    row = {"version": BRIDLE_VERSION, "since": now, "program": _program()}
    connection.execute(BRIDLE_SCHEMA.insert(), row)


def _program() -> str:
    try:
        return f"pegasus-bridle {version('pegasus-bridle')}"
    except PackageNotFoundError:  # a source tree that nobody installed
        return "pegasus-bridle"
