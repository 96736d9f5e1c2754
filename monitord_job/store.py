"""The database, and its only writer: rows, cursors and the state of the rules go in by one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import DatabaseError, OperationalError

from monitord_job import schema
from monitord_job.errors import SchemaError, TryAgainError
from monitord_job.events import NodeLogEvent, NodeLogKind
from monitord_job.follow import Cursor
from monitord_job.job import NodeState, RunState, WorkflowState
from monitord_job.row_writer import RowWriter, upsert
from monitord_job.rows import Row
from monitord_job.run import Turn

LOCK_SECONDS = 30
"""How long one transaction waits for a database that somebody else has locked."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What one transaction is to store: the rows of the turn or of a plan, and how far the files were read."""

    rows: Iterable[Row]
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    turn: Turn | None = None


def sqlite_url(path: Path) -> URL:
    """The URL of an SQLite file."""
    return URL.create("sqlite", database=str(path))


class Store:
    """A Stampede database. One at a time writes to it; whoever calls `commit` holds the submit directory's lock."""

    def __init__(self, url: URL | str) -> None:
        self._url = make_url(url)
        self._engine = _engine(self._url)
        self._writers: dict[str, RowWriter] = {}

    @property
    def name(self) -> str:
        """The database as it may be shown: without a password."""
        return self._url.render_as_string(hide_password=True)

    def create(self) -> None:
        """Make the tables that are not there. Raises SchemaError for a database of another version."""
        with self._transaction() as connection:
            found = set(inspect(connection).get_table_names())
            if "bridle_schema" in found:
                self._check_version(connection)
            elif "workflow" in found:
                raise SchemaError(
                    self.name,
                    "this Stampede database was made by another monitor",
                    "move it away and run `bridle monitord --rebuild`, which reads the run's logs anew",
                )
            else:
                self._make_tables(connection)

    def close(self) -> None:
        """Give up the connections."""
        self._engine.dispose()

    def commit(self, wf_uuid: str, changes: Changes) -> None:
        """Store all of the changes, or on an error none of them. Raises TryAgainError if the database cannot now."""
        writer = self._writers.setdefault(wf_uuid, RowWriter(wf_uuid))
        try:
            with self._transaction() as connection:
                writer.write(connection, changes.rows)
                self._write_cursors(connection, writer.wf_id, changes.cursors)
                if changes.turn is not None:
                    self._write_state(connection, writer.wf_id, changes.turn)
        except BaseException:
            # What the writer learned of ids in this transaction is gone with it.
            del self._writers[wf_uuid]
            raise

    def load_cursors(self, wf_uuid: str) -> dict[str, Cursor]:
        """How far each file of the workflow has been read; empty if nothing was loaded yet."""
        table = schema.BRIDLE_CURSOR
        statement = (
            select(table.c.file, table.c.offset, table.c.fingerprint)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == table.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == wf_uuid)
        )
        with self._transaction() as connection:
            return {row.file: Cursor(row.offset, row.fingerprint) for row in connection.execute(statement)}

    def load_state(self, fresh: RunState) -> RunState:
        """The state that the last committed turn left, put into a fresh one."""
        with self._transaction() as connection:
            wf_id = connection.scalar(
                select(schema.WORKFLOW.c.wf_id).where(schema.WORKFLOW.c.wf_uuid == fresh.wf_uuid)
            )
            return RunState(
                fresh.wf_uuid,
                fresh.user,
                fresh.submit_dir,
                fresh.plans,
                _load_workflow(connection, wf_id),
                dict(_load_nodes(connection, wf_id)),
                _load_details(connection, wf_id),
            )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise TryAgainError(self.name, f"the database cannot be used now: {error.orig}", _NOW) from error
        except DatabaseError as error:
            raise SchemaError(
                self.name,
                f"the database refuses what is to be stored: {error.orig}",
                "look at the file with `sqlite3 FILE 'PRAGMA integrity_check'`, or rebuild it with "
                "`bridle monitord --rebuild SUBMIT_DIR`",
            ) from error

    def _make_tables(self, connection: Connection) -> None:
        schema.METADATA.create_all(connection)
        version = str(schema.STAMPEDE_VERSION)
        connection.execute(
            schema.DBVERSION.insert(),
            {
                "version_number": schema.STAMPEDE_VERSION,
                "version": version,
                "version_timestamp": int(time.time()),
            },
        )
        connection.execute(schema.BRIDLE_SCHEMA.insert(), {"version": schema.BRIDLE_VERSION})

    def _check_version(self, connection: Connection) -> None:
        version = connection.scalar(select(func.max(schema.BRIDLE_SCHEMA.c.version)))
        if version != schema.BRIDLE_VERSION:
            raise SchemaError(
                self.name,
                f"the database is of bridle schema {version}, this bridle writes {schema.BRIDLE_VERSION}",
                "use the bridle that made it, or run `bridle monitord --rebuild SUBMIT_DIR`",
            )

    def _write_cursors(self, connection: Connection, wf_id: int, cursors: Mapping[str, Cursor]) -> None:
        rows = [
            {"wf_id": wf_id, "file": file, "offset": cursor.offset, "fingerprint": cursor.fingerprint}
            for file, cursor in cursors.items()
        ]
        upsert(connection, schema.BRIDLE_CURSOR, rows)

    def _write_state(self, connection: Connection, wf_id: int, turn: Turn) -> None:
        if turn.workflow != turn.before.workflow:
            upsert(connection, schema.BRIDLE_RUN, [{"wf_id": wf_id, **_values(turn.workflow)}])
        upsert(
            connection,
            schema.BRIDLE_NODE,
            [{"wf_id": wf_id, "name": name, **_values(node)} for name, node in turn.nodes.items()],
        )
        self._write_details(connection, wf_id, turn)

    def _write_details(self, connection: Connection, wf_id: int, turn: Turn) -> None:
        table = schema.BRIDLE_DETAIL
        stored = [{"gone_wf": wf_id, "gone_job": job} for job in turn.details if job in turn.before.details]
        if stored:
            connection.execute(text(_DELETE_DETAILS), stored)
        waiting = [
            {
                "wf_id": wf_id,
                "job": job,
                "position": position,
                "kind": detail.kind.value,
                "value": detail.value,
            }
            for job, details in turn.details.items()
            for position, detail in enumerate(details)
        ]
        if waiting:
            connection.execute(table.insert(), waiting)


_NOW = "it is tried again; if this stays, look for a full disk or a program that holds the database"
_DELETE_DETAILS = "DELETE FROM bridle_detail WHERE wf_id = :gone_wf AND job = :gone_job"


def _engine(url: URL) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": LOCK_SECONDS} if url.get_backend_name() == "sqlite" else {}
    )
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # Python's sqlite3 would begin transactions by itself and too late; SQLAlchemy's documented way round it.
    connection.isolation_level = None
    # A rollback journal, not WAL: submit directories lie on network file systems too, where WAL cannot work.
    for pragma in ("foreign_keys = ON", "journal_mode = TRUNCATE", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _values(state: NodeState | WorkflowState) -> dict[str, Any]:
    return {item.name: getattr(state, item.name) for item in fields(state)}


def _load_workflow(connection: Connection, wf_id: int | None) -> WorkflowState:
    table = schema.BRIDLE_RUN
    row = connection.execute(select(table).where(table.c.wf_id == wf_id)).mappings().one_or_none()
    return WorkflowState() if row is None else WorkflowState(**{k: v for k, v in row.items() if k != "wf_id"})


def _load_nodes(connection: Connection, wf_id: int | None) -> Iterator[tuple[str, NodeState]]:
    table = schema.BRIDLE_NODE
    names = [item.name for item in fields(NodeState)]
    statement = select(table.c.name, *(table.c[name] for name in names)).where(table.c.wf_id == wf_id)
    for row in connection.execute(statement):
        yield row[0], NodeState(*row[1:])


def _load_details(connection: Connection, wf_id: int | None) -> dict[str, tuple[NodeLogEvent, ...]]:
    table = schema.BRIDLE_DETAIL
    statement = select(table).where(table.c.wf_id == wf_id).order_by(table.c.job, table.c.position)
    found: dict[str, tuple[NodeLogEvent, ...]] = {}
    for row in connection.execute(statement):
        detail = NodeLogEvent(NodeLogKind(row.kind), row.job, row.value)
        found[row.job] = (*found.get(row.job, ()), detail)
    return found


def replace_database(fresh: Path, old: Path) -> None:
    """Put a closed, whole SQLite file in another's place; whoever reads the old one goes on reading it."""
    for path in (fresh, old):
        # Emptied by the last commit; beside another database of that name it would be taken for that one's.
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
    fresh.replace(old)
