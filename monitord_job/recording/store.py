"""The database, and its only writer: rows, cursors and the state of the rules go in by one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, Connection, func, make_url, select
from sqlalchemy.exc import DBAPIError

from monitord_job.database import bridle_tables, migrations, schema, state_rows
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.database.column_limits import short_name
from monitord_job.database.dialect import Trouble, dialect_of, sqlite_url, words_of
from monitord_job.database.fence import Fence, take
from monitord_job.database.row_writer import RowWriter
from monitord_job.errors import (
    AnotherDatabaseError,
    BrokenDatabaseError,
    MonitorError,
    SchemaError,
    TryAgainError,
)
from monitord_job.event_stream.feed import EventFeed
from monitord_job.logs.tail import Cursor
from monitord_job.notifications.row_tap import NotificationTap
from monitord_job.recording.subworkflows import SubWorkflow
from monitord_job.stampede.known_events import KnownEvents
from monitord_job.stampede.metrics_rows import MetricSource
from monitord_job.stampede.rows import Row
from monitord_job.stampede.state import RunState
from monitord_job.stampede.turn import Turn

__all__ = ["Changes", "Claim", "Store", "replace_database", "sqlite_url"]


@dataclass(frozen=True, slots=True)
class Changes:
    """What one transaction is to store: the rows of the turn or of a plan, and how far the files were read."""

    rows: Iterable[Row]
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """To be the one who writes a root workflow and all below it: `holder` says for people who that is."""

    root_wf_uuid: str
    holder: str


class Store:
    """A Stampede database. One at a time writes to it; whoever calls `commit` holds the submit directory's lock.

    With a `claim`, nobody can who was at it before: `create` takes over, and each transaction checks that nobody
    else has since. It raises FencedError then.
    """

    def __init__(
        self,
        url: URL | str,
        feed: EventFeed | None = None,
        claim: Claim | None = None,
        notifications: NotificationTap | None = None,
    ) -> None:
        self._feed = feed
        self.notifications = notifications
        self._claim = claim
        self._fence: Fence | None = None
        self._url = make_url(url)
        self._dialect = dialect_of(self._url)
        self._file = self._dialect.file_of(self._url)
        self._engine = self._dialect.writing_engine(self._url)
        self._writers: dict[str, RowWriter] = {}
        self._file_id: tuple[int, int] | None = None
        self._all_at_once: Connection | None = None
        self._ready = self._was_ready = False

    @property
    def name(self) -> str:
        """The database as it may be shown: without a password."""
        return self._url.render_as_string(hide_password=True)

    def create(self) -> None:
        """Make the tables, or take up those of an earlier version. Raises DatabaseVersionError for any other."""
        if self._ready:
            self.send_events()
            return
        with self._transaction() as connection:
            # Two monitors that make the tables at the same time: the second waits and finds them.
            self._dialect.lock_tables(connection)
            root = None if self._claim is None else self._claim.root_wf_uuid
            stored_version = migrations.version_of(connection, self.name, root)
            if stored_version is None:
                self._make_tables(connection)
            elif stored_version == migrations.UNTOUCHED:
                migrations.mend(connection, int(time.time()))
            elif stored_version < bridle_tables.BRIDLE_VERSION:
                # Whoever was at it before knows less of the tables, and stores nothing more from here on.
                self._hold_right(connection)
                migrations.migrate(connection, self.name, stored_version, int(time.time()))
        self._take_over()
        self._ready = self._was_ready = True
        self.send_events()

    def mend_tables(self) -> list[str]:
        """Make the tables and columns that are missing; the names of these tables."""
        with self._transaction() as connection:
            self._dialect.lock_tables(connection)
            return migrations.mend(connection, int(time.time()))

    def _take_over(self) -> None:
        """Once in a store's life: whoever lost the right does not get it back by opening the database again."""
        if self._claim is None:
            return
        with self._transaction() as connection:
            held = self._hold_right(connection)
        self._fence = held

    def _hold_right(self, connection: Connection) -> Fence | None:
        """The right to write, which nobody has taken since, or taken now; it stands with the transaction."""
        bulk, claim, held = Bulk(connection), self._claim, self._fence
        if held is None and claim is not None:
            held = take(bulk, claim.root_wf_uuid, claim.holder, time.time_ns())
        if held is not None:
            held.check(bulk, self.name)
        return held

    def close(self) -> None:
        """Give up the connections."""
        self._engine.dispose()

    def commit(self, wf_uuid: str, changes: Changes) -> None:
        """Store all of the changes, or on an error none of them. Raises TryAgainError if the database cannot now.

        After an error it may be unknown whether they were stored (a connection that was lost in the commit):
        what was read of the state before has to be loaded again.
        """
        writer = self._writers.setdefault(wf_uuid, RowWriter(wf_uuid))
        try:
            with self._writing() as connection:
                bulk = Bulk(connection)
                writer.write(bulk, self._tapped(bulk, wf_uuid, changes.rows))
                rows = [(writer.wf_id, file, *_fields(cursor)) for file, cursor in changes.cursors.items()]
                bulk.insert(
                    bridle_tables.BRIDLE_CURSOR, "wf_id file offset fingerprint memo", rows, Clash.REPLACE
                )
                if changes.turn is not None:
                    state_rows.write(bulk, writer.wf_id, changes.turn)
        except BaseException:
            # What the writer learned of ids in this transaction is gone with it.
            self._writers.pop(wf_uuid, None)
            if self.notifications is not None:
                self.notifications.forget()
            raise
        self.send_events()

    def _tapped(self, bulk: Bulk, wf_uuid: str, rows: Iterable[Row]) -> Iterable[Row]:
        if self._feed is not None:
            rows = self._feed.tapped(bulk, wf_uuid, rows, int(time.time()))
        return rows if self.notifications is None else self.notifications.tapped(bulk, wf_uuid, rows)

    def send_events(self) -> None:
        """Write out the events that are committed. Raises TryAgainError if they cannot be written now."""
        feed = self._feed
        if feed is None or not feed.has_outlet or self._all_at_once is not None:
            return
        more = True
        while more:
            with self._writing() as connection:
                more = feed.send(Bulk(connection))

    def note_sent_events(self) -> None:
        """Note which events are written out."""
        self.send_events()
        if self._feed is not None:
            with self._writing() as connection:
                self._feed.note_sent(Bulk(connection))

    @contextmanager
    def rebuilding(self, root_wf_uuid: str) -> Iterator[None]:
        """What is stored within takes the place of all rows of a hierarchy, when it is whole, or not at all."""
        with self._writing() as connection:
            delete_hierarchy(connection, root_wf_uuid)
            if self._feed is not None:
                self._feed.cancel(Bulk(connection))
            self._all_at_once = connection
            try:
                yield
            finally:
                self._all_at_once = None
                self._writers.clear()

    def load_cursors(self, wf_uuid: str) -> dict[str, Cursor]:
        """How far each file of the workflow has been read; empty if nothing was loaded yet."""
        table = bridle_tables.BRIDLE_CURSOR
        statement = (
            select(table.c.file, table.c.offset, table.c.fingerprint, table.c.memo)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == table.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == wf_uuid)
        )
        with self._transaction() as connection:
            return {row.file: Cursor(*row[1:]) for row in connection.execute(statement)}

    def load_dagman_of_metrics(self, wf_uuid: str) -> str | None:
        """Which DAGMan's metrics of the workflow are stored, by its job; None if none are."""
        table = bridle_tables.BRIDLE_WORKFLOW_METRICS
        statement = (
            select(table.c.value)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == table.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == wf_uuid)
            .where(table.c.source == MetricSource.DAGMAN.value, table.c.key == "dagman_id")
        )
        with self._transaction() as connection:
            return connection.scalar(statement)

    def load_state(self, fresh: RunState) -> RunState:
        """The state that the last committed turn left, put into a fresh one."""
        with self._transaction() as connection:
            wf_id = connection.scalar(
                select(schema.WORKFLOW.c.wf_id).where(schema.WORKFLOW.c.wf_uuid == fresh.wf_uuid)
            )
            return state_rows.load(connection, wf_id, fresh)

    def was_read_anew(self, wf_uuid: str, reason: str) -> bool:
        """Whether a log of the workflow was read from its beginning once more; its quarantine gives the reason."""
        table = bridle_tables.BRIDLE_QUARANTINE
        statement = (
            select(table.c.file)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == table.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == wf_uuid, table.c.reason == reason)
            .limit(1)
        )
        with self._transaction() as connection:
            return connection.scalar(statement) is not None

    def load_events(self, wf_uuid: str) -> KnownEvents:
        """The events of the workflow that are stored."""
        with self._transaction() as connection:
            wf_id = connection.scalar(
                select(schema.WORKFLOW.c.wf_id).where(schema.WORKFLOW.c.wf_uuid == wf_uuid)
            )
            stored = state_rows.load_events(connection, wf_id) if wf_id is not None else ()
            return KnownEvents(stored, short_name if self._dialect.names_are_bounded else str)

    def load_jobs(self, wf_uuid: str) -> set[str]:
        """The names of the workflow's jobs."""
        statement = (
            select(schema.JOB.c.exec_job_id)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == schema.JOB.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == wf_uuid)
        )
        with self._transaction() as connection:
            return set(connection.scalars(statement))

    def count_quarantined(self, wf_uuid: str, file: str) -> int:
        """How many rows of a file of the workflow are in quarantine."""
        c = bridle_tables.BRIDLE_QUARANTINE.c
        statement = (
            select(func.count())
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == wf_uuid, c.file == file)
        )
        with self._transaction() as connection:
            return connection.scalar(statement) or 0

    def load_sub_workflows(self, wf_uuid: str, *, stored: bool = False) -> list[SubWorkflow]:
        """The sub-workflows right below a workflow that are not stored to their end, or those that are."""
        c = bridle_tables.BRIDLE_SUBWORKFLOW.c
        statement = (
            select(c.job, c.seq, c.directory, c.dag)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == wf_uuid, c.settled == stored)
            .order_by(c.seq)
        )
        with self._transaction() as connection:
            return [SubWorkflow(*row) for row in connection.execute(statement)]

    def give_way_to(self, fresh: Path) -> None:
        """Let a closed, whole SQLite file take the place of this one, if nobody has taken over meanwhile.

        Whoever reads the old one goes on reading it; whoever writes finds out before its next commit.
        """
        assert self._file is not None
        with self._writing():
            replace_database(fresh, self._file)
            self._file_id = None

    @contextmanager
    def writing(self) -> Iterator[Bulk]:
        """A transaction of its own, for what is no row of a workflow. Raises TryAgainError as `commit` does."""
        with self._writing() as connection:
            yield Bulk(connection)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self._all_at_once is not None or self._fence is None:
            with self._transaction() as connection:
                yield connection
            return
        try:
            with self._transaction() as connection:
                held = self._fence.step(Bulk(connection), self.name)
                yield connection
        except AnotherDatabaseError:
            self._is_another()
            raise
        self._fence = held

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._all_at_once is not None:
            yield self._all_at_once
            return
        try:
            self._check_file()
            with self._engine.begin() as connection:
                yield connection
                # Not after the commit: what is then found gone was stored, and is lost with the file.
                self._check_file()
        except TryAgainError:
            self._forget()
            raise
        except DBAPIError as error:
            self._forget()
            raise self._meaning_of(error) from error

    def _meaning_of(self, error: DBAPIError) -> MonitorError:
        """The error that says what it is to us."""
        if error.connection_invalidated:
            return TryAgainError(
                self.name, f"the connection was lost: {words_of(error)}", self._dialect.away_hint
            )
        trouble = self._dialect.trouble(error)
        if trouble is Trouble.BROKEN:
            return BrokenDatabaseError(
                self.name, f"it is damaged: {words_of(error)}", self._dialect.refused_hint
            )
        if trouble is Trouble.REFUSED:
            return SchemaError(
                self.name, f"the database refuses: {words_of(error)}", self._dialect.refused_hint
            )
        what = f"the database cannot be used now: {words_of(error)}"
        return TryAgainError(self.name, what, self._dialect.away_hint)

    def _check_file(self) -> None:
        """Raises TryAgainError if another file, or none, is where the database was."""
        if self._file is None:
            return
        try:
            file_stat = self._file.stat()
        except FileNotFoundError:
            now = None
        else:
            now = (file_stat.st_dev, file_stat.st_ino)
        if self._file_id is None:
            self._file_id = now
        elif self._file_id != now:
            what = "the database file was removed or replaced; its rows are read from the logs anew"
            self._is_another()
            raise AnotherDatabaseError(self.name, what, "leave it where it is while a monitor runs")

    def _is_another(self) -> None:
        """The outbox may lack what was delivered."""
        if self.notifications is not None:
            self.notifications.may_lack_deliveries = True

    def _forget(self) -> None:
        """Take nothing of what was learned of the database for true any more: the next one may be another."""
        self._engine.dispose()
        self._file_id = None
        self._ready = False
        self._writers.clear()
        if self._feed is not None:
            self._feed.forget()
        if self.notifications is not None:
            self.notifications.forget()

    def _make_tables(self, connection: Connection) -> None:
        if self._was_ready:
            self._is_another()
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
        migrations.note_version(connection, int(time.time()))


def _fields(cursor: Cursor) -> tuple[int, str, str]:
    return cursor.offset, cursor.fingerprint, cursor.memo


def delete_hierarchy(connection: Connection, root_wf_uuid: str) -> None:
    """Take away a workflow and all below it; what other workflows may share (rc_*) stays."""
    table = schema.WORKFLOW
    root = select(table.c.wf_id).where(table.c.wf_uuid == root_wf_uuid).scalar_subquery()
    wf_ids = connection.scalars(select(table.c.wf_id).where(table.c.root_wf_id == root)).all()
    if not wf_ids:
        return
    instances = schema.JOB_INSTANCE
    jobs = select(schema.JOB.c.job_id).where(schema.JOB.c.wf_id.in_(wf_ids))
    # From the leaves up, because a cascade looks at every row of a table whose reference has no index.
    for child in reversed(schema.METADATA.sorted_tables):
        if child is instances:
            connection.execute(instances.delete().where(instances.c.job_id.in_(jobs)))
        elif "wf_id" in child.c and not child.name.startswith("master_"):
            connection.execute(child.delete().where(child.c.wf_id.in_(wf_ids)))


def replace_database(fresh: Path, old: Path) -> None:
    """Put a closed, whole SQLite file in another's place; whoever reads the old one goes on reading it."""
    for path in (fresh, old):
        # Emptied by the last commit; beside another database of that name it would be taken for that one's.
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
    fresh.replace(old)
