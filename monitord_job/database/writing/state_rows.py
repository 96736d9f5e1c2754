"""The state of the rules in the database: what `bridle_run`, `bridle_node` and `bridle_detail` hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from operator import attrgetter

from sqlalchemy import Connection, select

from dag_rewriter.logs.events import NodeLogEvent, NodeLogKind
from monitord_job.database import bridle_tables, schema
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.stampede.known_events import StoredState
from monitord_job.stampede.state import NodeState, RunState, WorkflowState
from monitord_job.stampede.turn import Turn

_NODE = [item.name for item in fields(NodeState)]
_NAMED_OTHERWISE = {"second_dagman": "rival", "second_since": "rival_since"}
"""Columns of `bridle_run` that are not called as their fields."""
_RUN = [_NAMED_OTHERWISE.get(name, name) for name in WorkflowState._fields]
_node_values = attrgetter(*_NODE)
_NODE_COLUMNS = " ".join(("wf_id", "name", *_NODE))
_RUN_COLUMNS = " ".join(("wf_id", *_RUN))
_DELETE_DETAILS = "DELETE FROM bridle_detail WHERE wf_id = ? AND job = ?"


def write(bulk: Bulk, wf_id: int, turn: Turn) -> None:
    """Store what a turn changed."""
    if turn.workflow != turn.before.workflow:
        row = (wf_id, *turn.workflow)
        bulk.insert(bridle_tables.BRIDLE_RUN, _RUN_COLUMNS, [row], Clash.REPLACE)
    nodes = [(wf_id, name, *_node_values(node)) for name, node in turn.nodes.items()]
    bulk.insert(bridle_tables.BRIDLE_NODE, _NODE_COLUMNS, nodes, Clash.REPLACE)
    bulk.run(_DELETE_DETAILS, [(wf_id, job) for job in turn.details if job in turn.before.details])
    waiting = [
        (wf_id, job, position, detail.kind.value, detail.value)
        for job, details in turn.details.items()
        for position, detail in enumerate(details)
    ]
    bulk.insert(bridle_tables.BRIDLE_DETAIL, "wf_id job position kind value", waiting)


def load(connection: Connection, wf_id: int | None, fresh: RunState) -> RunState:
    """The state that the last committed turn left, put into a fresh one."""
    return replace(
        fresh,
        workflow=_load_workflow(connection, wf_id),
        nodes=dict(_load_nodes(connection, wf_id)),
        details=_load_details(connection, wf_id),
    )


def _load_workflow(connection: Connection, wf_id: int | None) -> WorkflowState:
    table = bridle_tables.BRIDLE_RUN
    row = connection.execute(
        select(*(table.c[name] for name in _RUN)).where(table.c.wf_id == wf_id)
    ).one_or_none()
    return WorkflowState() if row is None else WorkflowState(*row)


def _load_nodes(connection: Connection, wf_id: int | None) -> Iterator[tuple[str, NodeState]]:
    table = bridle_tables.BRIDLE_NODE
    statement = select(table.c.name, *(table.c[name] for name in _NODE)).where(table.c.wf_id == wf_id)
    for row in connection.execute(statement):
        yield row[0], NodeState(*row[1:])


def _load_details(connection: Connection, wf_id: int | None) -> dict[str, tuple[NodeLogEvent, ...]]:
    table = bridle_tables.BRIDLE_DETAIL
    statement = select(table).where(table.c.wf_id == wf_id).order_by(table.c.job, table.c.position)
    details: dict[str, tuple[NodeLogEvent, ...]] = {}
    for row in connection.execute(statement):
        detail = NodeLogEvent(NodeLogKind(row.kind), row.job, row.value)
        details[row.job] = (*details.get(row.job, ()), detail)
    return details


def load_events(connection: Connection, wf_id: int) -> Iterator[StoredState]:
    """The states of jobs and workflow that are stored, but for those that pegasus-monitord's readers want besides."""
    job, instance, state = schema.JOB, schema.JOB_INSTANCE, schema.JOBSTATE
    of_jobs = (
        select(
            state.c.job_instance_id,
            job.c.exec_job_id,
            state.c.state,
            state.c.timestamp,
            state.c.jobstate_submit_seq,
        )
        .join(instance, instance.c.job_instance_id == state.c.job_instance_id)
        .join(job, job.c.job_id == instance.c.job_id)
        .where(job.c.wf_id == wf_id)
        .order_by(state.c.job_instance_id, state.c.jobstate_submit_seq, state.c.state.desc())
    )
    before = None
    for key, name, word, time, number in connection.execute(of_jobs):
        # The end that an attempt gets which came to no job has the number of the state before it.
        if word != "PRE_SCRIPT_TERMINATED" and (key, number) != before:
            yield name, word, int(time)
        before = (key, number)
    table = schema.WORKFLOWSTATE
    of_the_workflow = select(table.c.state, table.c.timestamp).where(table.c.wf_id == wf_id)
    for word, time in connection.execute(of_the_workflow):
        yield "", word, int(time)
