"""Questions to the database of a run. Only reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, or_, select

from monitord_job.database import bridle_tables
from monitord_job.database import schema as s
from monitord_job.database.queries.attempts import (
    FAILED_STATES,
    failed_nodes,
    last_start,
    read_attempts,
    service_column,
)
from monitord_job.database.queries.jobs import jobs_named, jobs_of, unready_jobs
from monitord_job.database.queries.run_values import WorkflowProgress, WorkflowSummary
from monitord_job.database.reading import has_table, open_database, reading
from monitord_job.database.url import Database
from monitord_job.errors import MonitorError
from monitord_job.outcome.cause import Cause
from monitord_job.outcome.ending import RunEnd, run_end
from monitord_job.outcome.node_status import NodeStatus, node_status
from monitord_job.outcome.wall_time import State


def is_stored(database: Database, wf_uuid: str) -> bool:
    """Whether anything of the workflow is in the database. Raises MonitorError if a server does not answer."""
    if database.file is not None and not database.file.is_file():
        return False
    engine = open_database(database)
    try:
        with reading(engine) as connection:
            if not has_table(connection, s.WORKFLOW):
                return False
            wf_id = connection.scalar(select(s.WORKFLOW.c.wf_id).where(s.WORKFLOW.c.wf_uuid == wf_uuid))
        return wf_id is not None
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
        first, last = _first_and_last(_states(connection, workflow.wf_id))
        ended = last if last is not None and last.state == "WORKFLOW_TERMINATED" else None
        jobs = select(func.count()).select_from(s.JOB).where(s.JOB.c.wf_id == workflow.wf_id)
        total = connection.scalar(jobs) or 0
        counts = _counts(connection, workflow.wf_id, _end(ended))
        failed = _failed_now(connection, workflow.wf_id)
        held = _held_below(connection, workflow.wf_id)
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
        reason=None if ended is None else ended.reason,
        failed=failed,
        held_below=held,
    )


def _end(ended: Any) -> RunEnd:
    return RunEnd.GOES_ON if ended is None else run_end(ended.status, ended.reason)


def _counts(connection: Connection, wf_id: int, end: RunEnd) -> Counter[NodeStatus]:
    """From the state of the rules, which has one row for each job that was ever looked at."""
    node, service = bridle_tables.BRIDLE_NODE.c, service_column(connection).label("service")
    statement = select(node.state, service, func.count()).where(node.wf_id == wf_id)
    counts: Counter[NodeStatus] = Counter()
    for state, is_service, number in connection.execute(statement.group_by(node.state, service)).all():
        counts[node_status(state, service=bool(is_service), end=end)] += number
    return counts


def _failed_now(connection: Connection, wf_id: int) -> int:
    """How many nodes failed in the last run that count for how it ends: one that failed before may be done since."""
    node, service = bridle_tables.BRIDLE_NODE.c, service_column(connection)
    counted = select(func.count()).where(
        node.wf_id == wf_id,
        node.state.in_(FAILED_STATES),
        or_(service.is_(None), service.is_(False)),
        node.last_time >= (last_start(connection, wf_id) or 0),
    )
    return connection.scalar(counted) or 0


def below(wf_id: int) -> Select[tuple[int]]:
    """The keys of all workflows below one, at any depth."""
    workflow = s.WORKFLOW.c
    members = select(workflow.wf_id).where(workflow.parent_wf_id == wf_id).cte("members", recursive=True)
    members = members.union_all(
        select(workflow.wf_id).join(members, workflow.parent_wf_id == members.c.wf_id)
    )
    return select(members.c.wf_id)


def _held_below(connection: Connection, wf_id: int) -> int:
    node = bridle_tables.BRIDLE_NODE.c
    held = select(func.count()).where(node.wf_id.in_(below(wf_id)), node.state == "JOB_HELD")
    return connection.scalar(held) or 0


def failures(engine: Engine, wf_uuid: str, most: int) -> list[str]:
    """The first nodes that failed in the last run, `most` of them, each with its cause in words."""
    with reading(engine) as connection:
        wf_id = _workflow(connection, wf_uuid).wf_id
        nodes = failed_nodes(connection, wf_id, in_last_run=True)[:most]
        attempts = read_attempts(connection, [instance for _, instance in nodes])
    causes = ((name, attempts[instance].cause) for name, instance in nodes)
    return [f"{name}: {cause.phrase}" for name, cause in causes if cause is not None]


def job_edges(engine: Engine, wf_uuid: str) -> list[tuple[str, str]]:
    """The dependencies between the jobs of a workflow: parent and child."""
    edge = s.JOB_EDGE.c
    with reading(engine) as connection:
        wf_id = _workflow(connection, wf_uuid).wf_id
        wanted = select(edge.parent_exec_job_id, edge.child_exec_job_id).where(edge.wf_id == wf_id)
        return [(parent, child) for parent, child in connection.execute(wanted)]


def causes_before(engine: Engine, wf_uuid: str, jobs: Collection[str]) -> dict[str, Cause]:
    """Of jobs (`cluster.proc`) of a run or of one below it: why the attempt before failed, as far as that is stored."""
    with reading(engine) as connection:
        wf_id, instance = _workflow(connection, wf_uuid).wf_id, s.JOB_INSTANCE
        before = instance.alias("before")
        earlier = and_(
            before.c.job_id == instance.c.job_id, before.c.job_submit_seq < instance.c.job_submit_seq
        )
        wanted = (
            select(instance.c.sched_id, before.c.job_instance_id)
            .join(s.JOB, s.JOB.c.job_id == instance.c.job_id)
            .join(before, earlier)
            .where(
                or_(s.JOB.c.wf_id == wf_id, s.JOB.c.wf_id.in_(below(wf_id))), instance.c.sched_id.in_(jobs)
            )
            .order_by(before.c.job_submit_seq)  # the last one stays
        )
        instances = {str(job): int(number) for job, number in connection.execute(wanted)}
        attempts = read_attempts(connection, list(instances.values()))
    causes = ((job, attempts[number].cause) for job, number in instances.items())
    return {job: cause for job, cause in causes if cause is not None}


def summary(engine: Engine, wf_uuid: str, most: int | None = None) -> WorkflowSummary:
    """Everything `bridle status` shows of one workflow.

    `most`: so many failed and held jobs, each, have a name and a cause, and all others are counted; None: all have.
    """
    with reading(engine) as connection:
        return _summary(connection, wf_uuid, most)


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


def with_unready(engine: Engine, run: WorkflowSummary) -> WorkflowSummary:
    """The run, with the names of jobs that have not begun."""
    if not any(status is NodeStatus.UNREADY for _, status in run.others):
        return run
    with reading(engine) as connection:
        workflow = _workflow(connection, run.wf_uuid)
        return run.with_names(unready_jobs(connection, workflow.wf_id))


def with_names(engine: Engine, run: WorkflowSummary, names: Collection[str]) -> WorkflowSummary:
    """The run, with these jobs by name, as far as they are in it."""
    new = sorted(set(names) - {job.name for job in run.jobs})
    if not new or not run.others:
        return run
    with reading(engine) as connection:
        workflow = _workflow(connection, run.wf_uuid)
        return run.with_names(jobs_named(connection, workflow.wf_id, new, end=run.end))


def _summary(connection: Connection, wf_uuid: str, most: int | None) -> WorkflowSummary:
    workflow = _workflow(connection, wf_uuid)
    states = _states(connection, workflow.wf_id)
    first, last = _first_and_last(states)
    ended = last if last is not None and last.state == "WORKFLOW_TERMINATED" else None
    table = bridle_tables.BRIDLE_QUARANTINE
    counted = select(func.count()).select_from(table).where(table.c.wf_id == workflow.wf_id)
    jobs, others = jobs_of(connection, workflow.wf_id, end=_end(ended), most=most)
    return WorkflowSummary(
        wf_uuid=wf_uuid,
        label=workflow.dax_label,
        submit_dir=workflow.submit_dir,
        started=None if first is None else int(first.timestamp),
        ended=None if ended is None else int(ended.timestamp),
        status=None if ended is None else ended.status,
        restarts=0 if last is None else last.restart_count,
        jobs=jobs,
        quarantined=connection.scalar(counted) or 0,
        metrics=_metrics(connection, workflow.wf_id),
        begun=last_start(connection, workflow.wf_id),
        reason=None if ended is None else ended.reason,
        failed=_failed_now(connection, workflow.wf_id),
        held_below=_held_below(connection, workflow.wf_id),
        states=tuple(
            State(
                one.state == "WORKFLOW_STARTED",
                float(one.timestamp),
                one.restart_count,
                one.status,
                one.reason,
            )
            for one in states
        ),
        others=others,
    )


def _metrics(connection: Connection, wf_id: int) -> dict[str, dict[str, str | float | bool | None]]:
    table = bridle_tables.BRIDLE_WORKFLOW_METRICS
    wanted = select(table.c.source, table.c.key, table.c.value, table.c.number).where(table.c.wf_id == wf_id)
    metrics: dict[str, dict[str, str | float | bool | None]] = {}
    for source, key, value, number in connection.execute(wanted.order_by(table.c.source, table.c.key)):
        metrics.setdefault(source, {})[key] = value if number is None else json.loads(value)
    return metrics


def _first_and_last(states: Sequence[Any]) -> tuple[Any, Any]:
    return (states[0], states[-1]) if states else (None, None)


def _states(connection: Connection, wf_id: int) -> Sequence[Any]:
    table = s.WORKFLOWSTATE
    # Within one second the word decides: an end comes after its start, a restart counts one higher.
    order = (table.c.timestamp, table.c.restart_count, table.c.state)
    return connection.execute(select(table).where(table.c.wf_id == wf_id).order_by(*order)).all()
