"""Questions to the database of a run. Only reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, and_, create_engine, func, select
from sqlalchemy.exc import DatabaseError

from monitord_job import schema as s
from monitord_job.errors import MonitorError


class JobStatus(Enum):
    """Where a job stands, from its newest attempt."""

    UNREADY = "unready"
    PRE = "pre"
    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    POST = "post"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_OF_STATE = {
    None: JobStatus.UNREADY,
    "PRE_SCRIPT_STARTED": JobStatus.PRE,
    "PRE_SCRIPT_TERMINATED": JobStatus.PRE,
    "PRE_SCRIPT_SUCCESS": JobStatus.PRE,
    "PRE_SCRIPT_FAILED": JobStatus.FAILED,
    "SUBMIT": JobStatus.QUEUED,
    "SUBMIT_FAILED": JobStatus.FAILED,
    "JOB_RELEASED": JobStatus.QUEUED,
    "JOB_EVICTED": JobStatus.QUEUED,
    "JOB_HELD": JobStatus.HELD,
    "JOB_ABORTED": JobStatus.FAILED,
    "JOB_TERMINATED": JobStatus.POST,
    "JOB_SUCCESS": JobStatus.POST,
    "JOB_FAILURE": JobStatus.POST,
    "POST_SCRIPT_STARTED": JobStatus.POST,
    "POST_SCRIPT_TERMINATED": JobStatus.POST,
    "POST_SCRIPT_SUCCESS": JobStatus.SUCCEEDED,
    "POST_SCRIPT_FAILED": JobStatus.FAILED,
}
"""Any other state is one of a running job."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how its newest attempt went; `exitcode` is a wait status, None while it has not ended."""

    name: str
    type: str
    status: JobStatus
    attempts: int
    exitcode: int | None
    site: str | None
    stdout_file: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class WorkflowSummary:
    """A run as the database has it. Times in seconds since the epoch; `status` is DAGMan's exit code at the end."""

    wf_uuid: str
    label: str | None
    submit_dir: str | None
    started: int | None
    ended: int | None
    status: int | None
    restarts: int
    jobs: tuple[Job, ...]
    quarantined: int

    def count(self) -> Counter[JobStatus]:
        """How many jobs are in which status."""
        return Counter(job.status for job in self.jobs)


def open_database(path: Path) -> Engine:
    """An SQLite file, opened for reading only. Raises MonitorError if it is not there."""
    if not path.is_file():
        raise MonitorError(
            str(path), "no database is there", "run the workflow with `bridle run`, or `bridle monitord`"
        )
    return create_engine(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true")


def summary(engine: Engine, wf_uuid: str) -> WorkflowSummary:
    """Everything `bridle status` shows of one workflow."""
    try:
        with engine.connect() as connection:
            return _summary(connection, wf_uuid)
    except DatabaseError as error:
        now = "rebuild it with `bridle monitord --rebuild SUBMIT_DIR`"
        raise MonitorError(
            str(engine.url.database), f"the database cannot be read: {error.orig}", now
        ) from error


def _summary(connection: Connection, wf_uuid: str) -> WorkflowSummary:
    workflow = connection.execute(select(s.WORKFLOW).where(s.WORKFLOW.c.wf_uuid == wf_uuid)).one_or_none()
    if workflow is None:
        raise MonitorError(
            str(connection.engine.url.database), f"workflow {wf_uuid} is not in it", "rebuild the database"
        )
    first, last = _first_and_last_state(connection, workflow.wf_id)
    ended = last if last is not None and last.state == "WORKFLOW_TERMINATED" else None
    table = s.BRIDLE_QUARANTINE
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
    )


def _first_and_last_state(connection: Connection, wf_id: int) -> tuple[Any, Any]:
    table = s.WORKFLOWSTATE
    # Within one second the word decides: an end comes after its start, a restart counts one higher.
    order = (table.c.timestamp, table.c.restart_count, table.c.state)
    states = connection.execute(select(table).where(table.c.wf_id == wf_id).order_by(*order)).all()
    return (states[0], states[-1]) if states else (None, None)


def _jobs(connection: Connection, wf_id: int) -> list[Job]:
    job, instance, state = s.JOB, s.JOB_INSTANCE, s.JOBSTATE
    newest = (
        select(
            instance.c.job_id,
            func.max(instance.c.job_submit_seq).label("seq"),
            func.count().label("attempts"),
        )
        .group_by(instance.c.job_id)
        .subquery()
    )
    last = (
        select(state.c.job_instance_id, func.max(state.c.jobstate_submit_seq).label("number"))
        .group_by(state.c.job_instance_id)
        .subquery()
    )
    attempt = and_(instance.c.job_id == newest.c.job_id, instance.c.job_submit_seq == newest.c.seq)
    word = and_(
        state.c.job_instance_id == last.c.job_instance_id, state.c.jobstate_submit_seq == last.c.number
    )
    statement = (
        select(
            job.c.exec_job_id,
            job.c.type_desc,
            state.c.state,
            newest.c.attempts,
            instance.c.exitcode,
            instance.c.site,
            instance.c.stdout_file,
            state.c.reason,
        )
        .select_from(job)
        .outerjoin(newest, newest.c.job_id == job.c.job_id)
        .outerjoin(instance, attempt)
        .outerjoin(last, last.c.job_instance_id == instance.c.job_instance_id)
        .outerjoin(state, word)
        .where(job.c.wf_id == wf_id)
        .order_by(job.c.job_id)
    )
    return [_job(*row) for row in connection.execute(statement)]


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
    status = _OF_STATE.get(state, JobStatus.RUNNING)
    if exitcode is not None:
        status = JobStatus.FAILED if exitcode else JobStatus.SUCCEEDED
    return Job(name, type_desc, status, attempts or 0, exitcode, site, stdout_file, reason)
