"""Indexes for the references between tables that Pegasus's schema has none for: without them, each row that is taken
away has the database read through the whole of every table that may refer to it.

Readers and monitors need none of them, and each costs a little at every insert: they are made by the first prune.
"""

from __future__ import annotations

from sqlalchemy import URL, Connection, inspect
from sqlalchemy.exc import DBAPIError, ProgrammingError

from monitord_job.database.dialect import dialect_of, words_of
from monitord_job.errors import MonitorError, TryAgainError

INDEXES = {
    "bridle_task_job": "task (job_id)",
    "bridle_files_task": "workflow_files (task_id)",
    "bridle_files_lfn": "workflow_files (lfn_id)",
    "bridle_instance_host": "job_instance (host_id)",
    "bridle_instance_subworkflow": "job_instance (subwf_id) WHERE subwf_id IS NOT NULL",
    "bridle_tag_instance": "tag (job_instance_id)",
    "bridle_integrity_workflow": "integrity (wf_id)",
    "bridle_workflow_parent": "workflow (parent_wf_id)",
    "bridle_workflow_root": "workflow (root_wf_id)",
}
"""Name -> what it is on."""


def missing_indexes(url: URL) -> list[str]:
    """Those that the database lacks. Raises TryAgainError if it cannot be asked."""
    engine = dialect_of(url).writing_engine(url)
    try:
        with engine.connect() as connection:
            return _missing(connection)
    except DBAPIError as error:
        raise _away(url, error) from error
    finally:
        engine.dispose()


def make_indexes(url: URL) -> list[str]:
    """Make those that are missing, while monitors write on as far as the database can do that; their names.

    Raises MonitorError if the tables belong to another role, TryAgainError if the database cannot be used now.
    """
    dialect = dialect_of(url)
    engine = dialect.writing_engine(url)
    try:
        with engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            missing = _missing(connection)
            for name in missing:
                # One that was cut off half way is there, and of no use.
                connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
                connection.exec_driver_sql(f"CREATE INDEX {dialect.beside_writers} {name} ON {INDEXES[name]}")
            return missing
    except ProgrammingError as error:
        what = f"indexes that pruning needs cannot be made: {words_of(error)}"
        raise MonitorError(dialect.shown(url), what, "let the owner of its tables prune once") from error
    except DBAPIError as error:
        raise _away(url, error) from error
    finally:
        engine.dispose()


def _missing(connection: Connection) -> list[str]:
    there = inspect(connection)
    tables = {on.partition(" ")[0] for on in INDEXES.values()}
    known = {index["name"] for table in tables for index in there.get_indexes(table)}
    known -= set(dialect_of(connection.engine.url).broken_indexes(connection))
    return [name for name in INDEXES if name not in known]


def _away(url: URL, error: DBAPIError) -> TryAgainError:
    dialect = dialect_of(url)
    return TryAgainError(
        dialect.shown(url), f"the database cannot be used now: {words_of(error)}", dialect.away_hint
    )
