"""Why attempts failed or are held: what the database has of each, and the cause that follows. Only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    exists,
    func,
    inspect,
    null,
    or_,
    select,
)

from monitord_job.database import bridle_tables
from monitord_job.database import schema as s
from monitord_job.database.migrations import version_of
from monitord_job.outcome.attempt import (
    JUDGE,
    POST_TASK,
    PRE_TASK,
    SUBMITTED_ON_HOLD,
    AttemptFacts,
    cause_of,
)
from monitord_job.outcome.cause import Cause, CauseKind, of_status
from monitord_job.outcome.ending import RunEnd, run_end
from monitord_job.outcome.node_status import attempt_status, goes_on
from monitord_job.stampede.wait_status import exit_code

_AT_ONCE = 500
_DEEPEST = 20
"""Levels of sub-workflows that are looked into for a cause."""
_SERVICES_SINCE = 8
# `+ 0`: PostgreSQL, which knows nothing of a table yet (in the first minute after a rebuild), would else go for each
# attempt through the index on jobstate_submit_seq alone, backwards, past the rows of all others.
LAST_STATE = """(SELECT e.state FROM jobstate e WHERE e.job_instance_id = i.job_instance_id
        ORDER BY e.jobstate_submit_seq + 0 DESC LIMIT 1)"""
"""Of attempt `i` of a statement around it, as `last_state`."""
FAILED_STATES = ("POST_SCRIPT_FAILED", "JOB_FAILURE", "JOB_ABORTED", "PRE_SCRIPT_FAILED", "SUBMIT_FAILED")
"""States of a node that failed. With a POST script, JOB_FAILURE is one only until that starts."""


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """An attempt's cause, and the file to look into, one that was there: what it wrote to stderr, else to stdout."""

    cause: Cause | None
    output: str | None


def service_column(connection: Connection) -> ColumnElement[Any]:
    """Whether a row of bridle_node is a SERVICE node; NULL in a database that does not say so yet."""
    return bridle_tables.BRIDLE_NODE.c.service if tells_services(connection) else null()


def tells_services(connection: Connection) -> bool:
    """Whether a database says which nodes are SERVICE nodes: one of pegasus-monitord does not, nor one of old."""
    if not _has_our_tables(connection):
        return False
    return (version_of(connection, str(connection.engine.url)) or 0) >= _SERVICES_SINCE


def _has_our_tables(connection: Connection) -> bool:
    return inspect(connection).has_table(bridle_tables.BRIDLE_NODE.name)


def read_attempts(
    connection: Connection, instances: Sequence[int], depth: int = 0
) -> dict[int, StoredAttempt]:
    """By job_instance_id, of those that are there."""
    attempts: dict[int, StoredAttempt] = {}
    for start in range(0, len(instances), _AT_ONCE):
        attempts |= _read(connection, instances[start : start + _AT_ONCE], depth)
    return attempts


def _read(connection: Connection, instances: Sequence[int], depth: int) -> dict[int, StoredAttempt]:
    states, codes = _states(connection, instances), _codes(connection, instances)
    judged = {
        instance for instance, task, _, script in codes if task == POST_TASK and JUDGE in (script or "")
    }
    by_task: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for instance, task, raw, _ in codes:
        by_task[instance][task] = raw
    attempts, rows = {}, _instances(connection, instances)
    last = {number: told[-1][0] for number, told in states.items()}
    going_on = [
        row.job_instance_id
        for row in rows
        if goes_on(attempt_status(last.get(row.job_instance_id), row.exitcode))
    ]
    cut_short = _cut_short(connection, going_on) if going_on else frozenset()
    for row in rows:
        number = row.job_instance_id
        facts = AttemptFacts(
            tuple(states[number]), row.exitcode, by_task[number], number in judged, number in cut_short
        )
        cause = cause_of(facts)
        if cause is not None and row.subwf_id is not None and cause.kind in _OF_JOB:
            cause = _of_sub_workflow(connection, row.subwf_id, cause, depth) or cause
        if cause and cause.kind is CauseKind.HELD and cause.reason.startswith(SUBMITTED_ON_HOLD):
            cause = replace(cause, inner=_of_attempt_before(connection, row, depth))
        attempts[number] = StoredAttempt(cause, _output(row))
    return attempts


def _cut_short(connection: Connection, instances: Sequence[int]) -> frozenset[int]:
    """Those, of attempts of which no end is stored, that will never have one: the DAGMan that had them has left."""
    job, instance = s.JOB.c, s.JOB_INSTANCE
    later = instance.alias("later")
    followed = exists().where(
        later.c.job_id == instance.c.job_id, later.c.job_submit_seq > instance.c.job_submit_seq
    )
    wanted = select(instance.c.job_instance_id, job.wf_id, followed.label("followed")).join(
        s.JOB, job.job_id == instance.c.job_id
    )
    rows = connection.execute(wanted.where(instance.c.job_instance_id.in_(instances))).all()
    ends = {wf_id: _end_of(connection, wf_id) for wf_id in {row.wf_id for row in rows}}
    return frozenset(
        row.job_instance_id for row in rows if row.followed or ends[row.wf_id] is RunEnd.CUT_SHORT
    )


def _end_of(connection: Connection, wf_id: int) -> RunEnd:
    table = s.WORKFLOWSTATE.c
    order = (table.timestamp.desc(), table.restart_count.desc(), table.state.desc())
    wanted = select(table.state, table.status, table.reason).where(table.wf_id == wf_id).order_by(*order)
    last = connection.execute(wanted.limit(1)).one_or_none()
    is_over = last is not None and last.state == "WORKFLOW_TERMINATED"
    return run_end(last.status, last.reason) if last is not None and is_over else RunEnd.GOES_ON


def _of_attempt_before(connection: Connection, row: Any, depth: int) -> Cause | None:
    instance = s.JOB_INSTANCE.c
    before = (
        select(instance.job_instance_id)
        .where(instance.job_id == row.job_id, instance.job_submit_seq < row.job_submit_seq)
        .order_by(instance.job_submit_seq.desc())
        .limit(1)
    )
    number = connection.scalar(before)
    cause = None if number is None else _read(connection, [number], depth)[number].cause
    return None if cause is None or cause.kind is CauseKind.HELD else cause


_OF_JOB = (CauseKind.JOB, CauseKind.POST_SCRIPT)


def _states(
    connection: Connection, instances: Sequence[int]
) -> defaultdict[int, list[tuple[str, str | None]]]:
    state = s.JOBSTATE.c
    wanted = (
        select(state.job_instance_id, state.state, state.reason)
        .where(state.job_instance_id.in_(instances))
        .order_by(state.job_instance_id, state.jobstate_submit_seq)
    )
    states: defaultdict[int, list[tuple[str, str | None]]] = defaultdict(list)
    for instance, word, reason in connection.execute(wanted).all():
        states[instance].append((word, reason))
    return states


def _codes(connection: Connection, instances: Sequence[int]) -> Sequence[Any]:
    """The scripts, what failed, and whether there is a second task: a cluster may have thousands."""
    task = s.INVOCATION.c
    telling = or_(task.exitcode != 0, task.task_submit_seq.in_((PRE_TASK, POST_TASK, 1, 2)))
    wanted = select(task.job_instance_id, task.task_submit_seq, task.exitcode, task.executable)
    return connection.execute(wanted.where(task.job_instance_id.in_(instances), telling)).all()


def _instances(connection: Connection, instances: Sequence[int]) -> Sequence[Any]:
    instance = s.JOB_INSTANCE.c
    wanted = select(
        instance.job_instance_id,
        instance.job_id,
        instance.job_submit_seq,
        instance.exitcode,
        instance.subwf_id,
        instance.stdout_file,
        instance.stderr_file,
        func.length(instance.stdout_text).label("stdout"),
        func.length(instance.stderr_text).label("stderr"),
        func.substr(instance.stderr_text, 1, 4096).label("stderr_begin"),
    )
    return connection.execute(wanted.where(instance.job_instance_id.in_(instances))).all()


def _output(row: Any) -> str | None:
    """Of a job that PegasusLite ran, stderr is that program's own: its stdout has the records of what failed."""
    if row.stderr and row.stderr_file and "PegasusLite" not in row.stderr_begin:
        return str(row.stderr_file)
    return row.stdout_file if row.stdout is not None else None


def _of_sub_workflow(connection: Connection, wf_id: int, own: Cause, depth: int) -> Cause | None:
    """The first failure inside; else how its DAGMan left."""
    status = own.inner.status if own.inner else own.status
    inside = failed_nodes(connection, wf_id, in_last_run=True) if depth < _DEEPEST else []
    for name, instance in inside:
        cause = read_attempts(connection, [instance], depth + 1)[instance].cause
        if cause is not None:
            return of_status(CauseKind.SUB_WORKFLOW, status, node=name, inner=cause, others=len(inside) - 1)
    table = s.WORKFLOWSTATE.c
    last = (
        select(table.reason)
        .where(table.wf_id == wf_id, table.state == "WORKFLOW_TERMINATED")
        .order_by(table.restart_count.desc())
        .limit(1)
    )
    return of_status(CauseKind.SUB_WORKFLOW, status, reason=connection.scalar(last) or "")


def failed_nodes(connection: Connection, wf_id: int, *, in_last_run: bool = False) -> list[tuple[str, int]]:
    """The nodes of a workflow that failed, SERVICE nodes apart, each with its newest attempt."""
    since = (last_start(connection, wf_id) or 0) if in_last_run else None
    return list(_nodes(connection, wf_id, FAILED_STATES, services=False, since=since))


def last_start(connection: Connection, wf_id: int) -> int | None:
    """When the last run of a workflow began, in seconds since the epoch."""
    table = s.WORKFLOWSTATE.c
    wanted = select(func.max(table.timestamp)).where(table.wf_id == wf_id, table.state == "WORKFLOW_STARTED")
    start = connection.scalar(wanted)
    return None if start is None else int(start)


def held_nodes(connection: Connection, wf_id: int) -> list[tuple[str, int]]:
    """The nodes of a workflow whose job is on hold, each with its newest attempt."""
    return list(_nodes(connection, wf_id, ("JOB_HELD",), services=True))


def _nodes(
    connection: Connection, wf_id: int, states: Sequence[str], *, services: bool, since: int | None = None
) -> Iterator[tuple[str, int]]:
    has_our_tables = _has_our_tables(connection)
    wanted = _of_nodes(wf_id, states) if has_our_tables else _of_newest_attempts(wf_id, states)
    if since is not None and has_our_tables:
        wanted = wanted.where(bridle_tables.BRIDLE_NODE.c.last_time >= since)
    if not services and has_our_tables:
        service = service_column(connection)
        wanted = wanted.where(or_(service.is_(None), service.is_(False)))
    for name, number in connection.execute(wanted).all():
        yield str(name), int(number)


def _of_nodes(wf_id: int, states: Sequence[str]) -> Select[Any]:
    node, job, instance = bridle_tables.BRIDLE_NODE.c, s.JOB.c, s.JOB_INSTANCE.c
    return (
        select(node.name, instance.job_instance_id)
        .select_from(bridle_tables.BRIDLE_NODE)
        .join(s.JOB, and_(job.wf_id == node.wf_id, job.exec_job_id == node.name))
        .join(s.JOB_INSTANCE, and_(instance.job_id == job.job_id, instance.job_submit_seq == node.seq))
        .where(node.wf_id == wf_id, node.state.in_(states))
        .order_by(instance.job_instance_id)
    )


def _of_newest_attempts(wf_id: int, states: Sequence[str]) -> Select[Any]:
    """In a database of pegasus-monitord."""
    job, instance = s.JOB, s.JOB_INSTANCE
    newest = instance.c.job_submit_seq == newest_seq()
    return (
        select(job.c.exec_job_id, instance.c.job_instance_id)
        .join(instance, instance.c.job_id == job.c.job_id)
        .where(job.c.wf_id == wf_id, newest, last_state().in_(states))
        .order_by(instance.c.job_instance_id)
    )


def newest_seq() -> ScalarSelect[Any]:
    """Of a job of the statement around it: the number of its newest attempt.

    Correlated, as `last_state`, so that each is a look into an index: joined with grouped tables, SQLite compares all
    with all.
    """
    later = s.JOB_INSTANCE.alias("later")
    newest = select(func.max(later.c.job_submit_seq)).where(later.c.job_id == s.JOB.c.job_id)
    return newest.correlate(s.JOB).scalar_subquery()


def last_state() -> ScalarSelect[Any]:
    """Of an attempt of the statement around it: the word for its last state."""
    state, instance = s.JOBSTATE, s.JOB_INSTANCE
    return (
        select(state.c.state)
        .where(state.c.job_instance_id == instance.c.job_instance_id)
        .order_by((state.c.jobstate_submit_seq + 0).desc())  # as in LAST_STATE
        .limit(1)
        .correlate(instance)
        .scalar_subquery()
    )


def status_of(cause: Cause | None, raw: int | None) -> int | None:
    """What a job exited with, for programs: its own code or a script's, minus a signal; None if nothing has ended."""
    if cause is not None:
        return cause.status
    return None if raw is None else exit_code(raw)
