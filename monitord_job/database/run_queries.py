"""Questions to the database of a run. Only reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, Engine, ScalarSelect, Table, and_, func, inspect, select
from sqlalchemy.exc import DatabaseError

from monitord_job.database import bridle_tables
from monitord_job.database import schema as s
from monitord_job.database.dialect import dialect_of, sqlite_url
from monitord_job.database.migrations import version_of
from monitord_job.database.run_values import (
    Job,
    NodeStatus,
    WorkflowProgress,
    WorkflowSummary,
    attempt_status,
    node_status,
)
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


def is_stored(database: Database, wf_uuid: str) -> bool:
    """Whether anything of the workflow is in the database. Raises MonitorError if a server does not answer."""
    if database.file is not None and not database.file.is_file():
        return False
    engine = open_database(database)
    try:
        with reading(engine) as connection:
            if not has_table(connection, s.WORKFLOW):
                return False
            found = connection.scalar(select(s.WORKFLOW.c.wf_id).where(s.WORKFLOW.c.wf_uuid == wf_uuid))
        return found is not None
    finally:
        engine.dispose()


def offsets(engine: Engine, wf_uuid: str) -> dict[str, int]:
    """How many bytes of each log of a workflow are stored, by the file's name."""
    cursor = bridle_tables.BRIDLE_CURSOR.c
    statement = (
        select(cursor.file, cursor.offset)
        .join(s.WORKFLOW, s.WORKFLOW.c.wf_id == cursor.wf_id)
        .where(s.WORKFLOW.c.wf_uuid == wf_uuid)
    )
    with reading(engine) as connection:
        return {str(name): int(offset) for name, offset in connection.execute(statement)}


def progress(engine: Engine, wf_uuid: str) -> WorkflowProgress:
    """How far one workflow is. Counts in the database; reads no rows of jobs."""
    with reading(engine) as connection:
        workflow = _workflow(connection, wf_uuid)
        first, last = _first_and_last_state(connection, workflow.wf_id)
        ended = last if last is not None and last.state == "WORKFLOW_TERMINATED" else None
        jobs = select(func.count()).select_from(s.JOB).where(s.JOB.c.wf_id == workflow.wf_id)
        total = connection.scalar(jobs) or 0
        counts = _counts(connection, workflow.wf_id)
    counts[NodeStatus.UNREADY] += max(total - counts.total(), 0)
    return WorkflowProgress(
        wf_uuid=wf_uuid,
        label=workflow.dax_label,
        started=None if first is None else int(first.timestamp),
        ended=None if ended is None else int(ended.timestamp),
        status=None if ended is None else ended.status,
        restarts=0 if last is None else last.restart_count,
        total=total,
        counts=counts,
    )


def _counts(connection: Connection, wf_id: int) -> Counter[NodeStatus]:
    """From the state of the rules, which has one row for each job that was ever looked at."""
    node = bridle_tables.BRIDLE_NODE.c
    statement = select(node.state, func.count()).where(node.wf_id == wf_id).group_by(node.state)
    found: Counter[NodeStatus] = Counter()
    for state, number in connection.execute(statement).all():
        found[node_status(state)] += number
    return found


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
    except DatabaseError as error:
        hint = dialect.unreadable_hint
        raise MonitorError(where, f"the database cannot be read: {error.orig}", hint) from error


def summary(engine: Engine, wf_uuid: str) -> WorkflowSummary:
    """Everything `bridle status` shows of one workflow."""
    with reading(engine) as connection:
        return _summary(connection, wf_uuid)


def last_times(engine: Engine, wf_uuid: str) -> dict[str, int]:
    """When the last thing happened to each job that ever began, in seconds since the epoch."""
    job, instance, state = s.JOB, s.JOB_INSTANCE, s.JOBSTATE
    with reading(engine) as connection:
        wf_id = _workflow(connection, wf_uuid).wf_id
        statement = (
            select(job.c.exec_job_id, func.max(state.c.timestamp))
            .join(instance, instance.c.job_id == job.c.job_id)
            .join(state, state.c.job_instance_id == instance.c.job_instance_id)
            .where(job.c.wf_id == wf_id)
            .group_by(job.c.exec_job_id)
        )
        return {name: int(time) for name, time in connection.execute(statement).all()}


def _workflow(connection: Connection, wf_uuid: str) -> Any:
    workflow = connection.execute(select(s.WORKFLOW).where(s.WORKFLOW.c.wf_uuid == wf_uuid)).one_or_none()
    if workflow is None:
        where = connection.engine.url.render_as_string(hide_password=True)
        raise MonitorError(where, f"workflow {wf_uuid} is not in it", "rebuild the database")
    return workflow


def _summary(connection: Connection, wf_uuid: str) -> WorkflowSummary:
    workflow = _workflow(connection, wf_uuid)
    first, last = _first_and_last_state(connection, workflow.wf_id)
    ended = last if last is not None and last.state == "WORKFLOW_TERMINATED" else None
    table = bridle_tables.BRIDLE_QUARANTINE
    counted = select(func.count()).select_from(table).where(table.c.wf_id == workflow.wf_id)
    return WorkflowSummary(
        wf_uuid=wf_uuid,
        label=workflow.dax_label,
        submit_dir=workflow.submit_dir,
        started=None if first is None else int(first.timestamp),
        ended=None if ended is None else int(ended.timestamp),
        status=None if ended is None else ended.status,
        restarts=0 if last is None else last.restart_count,
        jobs=tuple(_jobs(connection, workflow.wf_id)),
        quarantined=connection.scalar(counted) or 0,
        metrics=_metrics(connection, workflow.wf_id),
        begun=_last_start(connection, workflow.wf_id),
    )


def _metrics(connection: Connection, wf_id: int) -> dict[str, dict[str, str | float | bool | None]]:
    table = bridle_tables.BRIDLE_WORKFLOW_METRICS
    wanted = select(table.c.source, table.c.key, table.c.value, table.c.number).where(table.c.wf_id == wf_id)
    found: dict[str, dict[str, str | float | bool | None]] = {}
    for source, key, value, number in connection.execute(wanted.order_by(table.c.source, table.c.key)):
        found.setdefault(source, {})[key] = value if number is None else json.loads(value)
    return found


def _first_and_last_state(connection: Connection, wf_id: int) -> tuple[Any, Any]:
    table = s.WORKFLOWSTATE
    # Within one second the word decides: an end comes after its start, a restart counts one higher.
    order = (table.c.timestamp, table.c.restart_count, table.c.state)
    states = connection.execute(select(table).where(table.c.wf_id == wf_id).order_by(*order)).all()
    return (states[0], states[-1]) if states else (None, None)


def _last_start(connection: Connection, wf_id: int) -> int | None:
    table = s.WORKFLOWSTATE.c
    wanted = select(func.max(table.timestamp)).where(table.wf_id == wf_id, table.state == "WORKFLOW_STARTED")
    found = connection.scalar(wanted)
    return None if found is None else int(found)


def _jobs(connection: Connection, wf_id: int) -> list[Job]:
    job, instance, state = s.JOB, s.JOB_INSTANCE, s.JOBSTATE
    # Correlated, so that each is a look into an index: joined with grouped tables, SQLite compares all with all.
    newest = instance.alias("attempts")
    of_job = newest.c.job_id == job.c.job_id
    last_seq = select(func.max(newest.c.job_submit_seq)).where(of_job).correlate(job).scalar_subquery()
    attempts = select(func.count()).select_from(newest).where(of_job).correlate(job).scalar_subquery()

    def last(column: Column[Any]) -> ScalarSelect[Any]:
        return (
            select(column)
            .where(state.c.job_instance_id == instance.c.job_instance_id)
            .order_by(state.c.jobstate_submit_seq.desc())
            .limit(1)
            .correlate(instance)
            .scalar_subquery()
        )

    attempt = and_(instance.c.job_id == job.c.job_id, instance.c.job_submit_seq == last_seq)
    statement = (
        select(
            job.c.exec_job_id,
            job.c.type_desc,
            last(state.c.state),
            attempts,
            instance.c.exitcode,
            instance.c.site,
            instance.c.stdout_file,
            last(state.c.reason),
        )
        .select_from(job)
        .outerjoin(instance, attempt)
        .where(job.c.wf_id == wf_id)
        .order_by(job.c.job_id)
    )
    # All rows at once: as long as a question is open, SQLite lets nobody commit.
    return [_job(*row) for row in connection.execute(statement).all()]


def _job(
    name: str,
    type_desc: str,
    state: str | None,
    attempts: int | None,
    exitcode: int | None,
    site: str | None,
    stdout_file: str | None,
    reason: str | None,
) -> Job:
    status = attempt_status(state, exitcode)
    return Job(name, type_desc, status, attempts or 0, exitcode, site, stdout_file, reason)
