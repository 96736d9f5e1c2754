"""What is stored of a workflow, read back by its monitor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from monitord_job.database import bridle_tables, schema
from monitord_job.database.writing import state_rows
from monitord_job.logs.tail import Cursor
from monitord_job.recording.subworkflows import SubWorkflow
from monitord_job.stampede.known_events import KnownEvents
from monitord_job.stampede.metrics_rows import MetricSource
from monitord_job.stampede.state import RunState


@dataclass(frozen=True, slots=True)
class StoredWorkflow:
    """One workflow; each question is a transaction of its own. Raises TryAgainError as `Store.commit` does."""

    wf_uuid: str
    _transaction: Callable[[], AbstractContextManager[Connection]]
    _kept_name: Callable[[str], str]
    """a job's name as the database holds it"""

    def cursors(self) -> dict[str, Cursor]:
        """How far each file of the workflow has been read; empty if nothing was loaded yet."""
        table = bridle_tables.BRIDLE_CURSOR
        statement = (
            select(table.c.file, table.c.offset, table.c.fingerprint, table.c.memo)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == table.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == self.wf_uuid)
        )
        with self._transaction() as connection:
            return {row.file: Cursor(*row[1:]) for row in connection.execute(statement)}

    def dagman_of_metrics(self) -> str | None:
        """Which DAGMan's metrics of the workflow are stored, by its job; None if none are."""
        table = bridle_tables.BRIDLE_WORKFLOW_METRICS
        statement = (
            select(table.c.value)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == table.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == self.wf_uuid)
            .where(table.c.source == MetricSource.DAGMAN.value, table.c.key == "dagman_id")
        )
        with self._transaction() as connection:
            return connection.scalar(statement)

    def state(self, fresh: RunState) -> RunState:
        """The state that the last committed turn left, put into a fresh one."""
        with self._transaction() as connection:
            wf_id = connection.scalar(
                select(schema.WORKFLOW.c.wf_id).where(schema.WORKFLOW.c.wf_uuid == fresh.wf_uuid)
            )
            return state_rows.load(connection, wf_id, fresh)

    def was_read_anew(self, reason: str) -> bool:
        """Whether a log of the workflow was read from its beginning once more; its quarantine gives the reason."""
        table = bridle_tables.BRIDLE_QUARANTINE
        statement = (
            select(table.c.file)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == table.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == self.wf_uuid, table.c.reason == reason)
            .limit(1)
        )
        with self._transaction() as connection:
            return connection.scalar(statement) is not None

    def events(self) -> KnownEvents:
        """The events of the workflow that are stored."""
        with self._transaction() as connection:
            wf_id = connection.scalar(
                select(schema.WORKFLOW.c.wf_id).where(schema.WORKFLOW.c.wf_uuid == self.wf_uuid)
            )
            stored = state_rows.load_events(connection, wf_id) if wf_id is not None else ()
            return KnownEvents(stored, self._kept_name)

    def jobs(self) -> set[str]:
        """The names of the workflow's jobs."""
        statement = (
            select(schema.JOB.c.exec_job_id)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == schema.JOB.c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == self.wf_uuid)
        )
        with self._transaction() as connection:
            return set(connection.scalars(statement))

    def count_quarantined(self, file: str) -> int:
        """How many rows of a file of the workflow are in quarantine."""
        c = bridle_tables.BRIDLE_QUARANTINE.c
        statement = (
            select(func.count())
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == self.wf_uuid, c.file == file)
        )
        with self._transaction() as connection:
            return connection.scalar(statement) or 0

    def sub_workflows(self, *, stored: bool = False) -> list[SubWorkflow]:
        """The sub-workflows right below a workflow that are not stored to their end, or those that are."""
        c = bridle_tables.BRIDLE_SUBWORKFLOW.c
        statement = (
            select(c.job, c.seq, c.directory, c.dag)
            .join(schema.WORKFLOW, schema.WORKFLOW.c.wf_id == c.wf_id)
            .where(schema.WORKFLOW.c.wf_uuid == self.wf_uuid, c.settled == stored)
            .order_by(c.seq)
        )
        with self._transaction() as connection:
            return [SubWorkflow(*row) for row in connection.execute(statement)]
