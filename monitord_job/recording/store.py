"""The database, and its only writer: rows, cursors and the state of the rules go in by one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, select

from monitord_job.database import bridle_tables, migrations, schema
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.database.dialect import sqlite_url
from monitord_job.database.writing import state_rows
from monitord_job.database.writing.column_limits import short_name
from monitord_job.database.writing.row_writer import RowWriter
from monitord_job.event_stream.feed import EventFeed
from monitord_job.logs.tail import Cursor
from monitord_job.recording.stored_workflow import StoredWorkflow
from monitord_job.recording.transactions import Claim, Transactions
from monitord_job.stampede.rows import FileMetaRow, FilePlaceRow, Row
from monitord_job.stampede.turn import Turn

if TYPE_CHECKING:
    from monitord_job.notifications.row_tap import NotificationTap

__all__ = ["Changes", "Store", "sqlite_url"]


@dataclass(frozen=True, slots=True)
class Changes:
    """What one transaction is to store: the rows of the turn or of a plan, and how far the files were read."""

    rows: Iterable[Row]
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    turn: Turn | None = None


class Store(Transactions):
    """A Stampede database. One at a time writes to it; whoever calls `commit` holds the submit directory's lock.

    With a `claim`, `create` takes over from who was at it before.
    """

    def __init__(
        self,
        url: URL | str,
        feed: EventFeed | None = None,
        claim: Claim | None = None,
        notifications: NotificationTap | None = None,
    ) -> None:
        super().__init__(url, claim)
        self._feed = feed
        self.notifications = notifications
        self._writers: dict[str, RowWriter] = {}
        self._ready = self._was_ready = self._owes_events = False

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

    def commit(self, wf_uuid: str, changes: Changes) -> None:
        """Store all of the changes, or on an error none of them. Raises TryAgainError if the database cannot now.

        After an error it may be unknown whether they were stored (a connection that was lost in the commit):
        what was read of the state before has to be loaded again.
        """
        if self._shared is not None and not self._dialect.has_one_writer and _may_name_files(changes):
            # The writer takes files in one order, or two monitors that wait for each other would be a deadlock: so
            # those of one workflow, in one transaction.
            self._end_shared()
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
            # Whatever it is: what the writer learned of ids in this transaction is gone with it.
            self._writers.pop(wf_uuid, None)
            if self.notifications is not None:
                self.notifications.forget()
            raise
        self.send_events()

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """As in any database; events are written out at the end."""
        try:
            with super().sharing():
                yield
        except BaseException:
            self._writers.clear()
            if self.notifications is not None:
                self.notifications.forget()
            raise
        if self._owes_events:
            self.send_events()

    def _tapped(self, bulk: Bulk, wf_uuid: str, rows: Iterable[Row]) -> Iterable[Row]:
        if self._feed is not None:
            rows = self._feed.tapped(bulk, wf_uuid, rows, int(time.time()))
        return rows if self.notifications is None else self.notifications.tapped(bulk, wf_uuid, rows)

    def send_events(self) -> None:
        """Write out the events that are committed. Raises TryAgainError if they cannot be written now."""
        feed = self._feed
        if feed is None or not feed.has_outlet:
            return
        self._owes_events = self._shared is not None or self._all_at_once is not None
        if self._owes_events:
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

    def stored(self, wf_uuid: str) -> StoredWorkflow:
        """What is stored of a workflow."""
        return StoredWorkflow(
            wf_uuid, self._transaction, short_name if self._dialect.names_are_bounded else str
        )

    def _is_another(self) -> None:
        """The outbox may lack what was delivered."""
        if self.notifications is not None:
            self.notifications.may_lack_deliveries = True

    def _forget(self) -> None:
        super()._forget()
        self._ready = False
        self._writers.clear()
        if self._feed is not None:
            self._feed.forget()
        if self.notifications is not None:
            self.notifications.forget()

    def _make_tables(self, connection: Connection) -> None:
        if self._was_ready:
            self._is_another()
        made = self._dialect.new_tables(connection)
        for statement in made:
            connection.exec_driver_sql(statement)
        if not made:
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


def _may_name_files(changes: Changes) -> bool:
    """A plan, whose rows are made while they are written, may."""
    rows = changes.rows
    return not isinstance(rows, list) or any(isinstance(row, FileMetaRow | FilePlaceRow) for row in rows)


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
