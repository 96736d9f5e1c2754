"""The jobs of a workflow and where each stands: those that are told of by name, and how many others. Only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from monitord_job.database import bridle_tables
from monitord_job.database import schema as s
from monitord_job.database.bulk_sql import Bulk
from monitord_job.database.queries.attempts import (
    LAST_STATE,
    last_state,
    newest_seq,
    read_attempts,
    service_column,
    tells_services,
)
from monitord_job.database.queries.run_values import Job
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import STATES, NodeStatus, attempt_status

Counted = Mapping[tuple[str, NodeStatus], int]
"""Jobs by type and where they stand."""

_TELLING = (NodeStatus.FAILED, NodeStatus.HELD)
_TELLING_STATES = [state for state in STATES if attempt_status(state, None) in _TELLING]
_AT_ONCE = 500
_NO_SERVICE = "CAST(NULL AS BOOLEAN)"
_SERVICE = "(SELECT n.service FROM bridle_node n WHERE n.wf_id = j.wf_id AND n.name = j.exec_job_id)"
# One statement: while it counts, nobody changes what is counted. Each of those that failed or are held is a group of
# its own. The state counts only where there is no exit code, and whether it is a SERVICE node only where it failed.
_GROUPS = """
SELECT t.kind, t.state, t.code, t.service, t.told, count(*)
FROM (
  SELECT r.kind AS kind, r.state AS state, r.code AS code, r.service AS service,
         CASE WHEN r.code = 1 OR r.state IN (?*) OR {cut} THEN r.job_id END AS told
  FROM (
    SELECT j.job_id AS job_id, j.type_desc AS kind,
           CASE WHEN i.exitcode IS NULL AND i.job_instance_id IS NOT NULL THEN
             {last_state} END AS state,
           CASE WHEN i.exitcode <> 0 THEN 1 ELSE i.exitcode END AS code,
           CASE WHEN i.exitcode = 0 OR i.job_instance_id IS NULL THEN {none} ELSE {service} END AS service
    FROM job j LEFT JOIN job_instance i ON i.job_id = j.job_id AND NOT EXISTS
      (SELECT 1 FROM job_instance l WHERE l.job_id = i.job_id AND l.job_submit_seq > i.job_submit_seq)
    WHERE j.wf_id = ?
  ) r
) t
GROUP BY t.kind, t.state, t.code, t.service, t.told
"""


def jobs_of(
    connection: Connection, wf_id: int, *, end: RunEnd, most: int | None = None
) -> tuple[tuple[Job, ...], Counted]:
    """Failed and held jobs, of each the first `most` and all SERVICE nodes, and how many others; None: all jobs."""
    if most is None:
        return tuple(_jobs(connection, wf_id, end=end)), {}
    text = _GROUPS.format(
        last_state=LAST_STATE,
        none=_NO_SERVICE,
        service=_SERVICE if tells_services(connection) else _NO_SERVICE,
        cut="(r.code IS NULL AND r.state IS NOT NULL)" if end is RunEnd.CUT_SHORT else "1 = 0",
    )
    counts: Counter[tuple[str, NodeStatus]] = Counter()
    told: list[int] = []
    seen: Counter[NodeStatus] = Counter()
    groups = Bulk(connection).select(text, _TELLING_STATES, wf_id)
    for kind, state, code, service, job_id, number in sorted(groups, key=lambda group: group[4] or 0):
        status = attempt_status(state, code, service=bool(service), end=end)
        if status in _TELLING and job_id is not None and (service or seen[status] < most):
            seen[status] += not service
            told.append(job_id)
        else:
            counts[kind, status] += number
    jobs = _jobs_where(connection, wf_id, s.JOB.c.job_id, told, end=end)
    return tuple(jobs), counts


def unready_jobs(connection: Connection, wf_id: int) -> list[Job]:
    """Those that have not begun."""
    instance = s.JOB_INSTANCE.c
    began_nothing = and_(instance.exitcode.is_(None), last_state().is_(None))
    unready = or_(instance.job_instance_id.is_(None), began_nothing)
    return list(_jobs(connection, wf_id, unready, end=RunEnd.GOES_ON))


def jobs_named(connection: Connection, wf_id: int, names: Sequence[str], *, end: RunEnd) -> list[Job]:
    """Those with these names, as far as there are any."""
    return list(_jobs_where(connection, wf_id, s.JOB.c.exec_job_id, names, end=end))


def _jobs_where(
    connection: Connection, wf_id: int, column: ColumnElement[Any], values: Sequence[Any], *, end: RunEnd
) -> Iterator[Job]:
    for start in range(0, len(values), _AT_ONCE):
        yield from _jobs(connection, wf_id, column.in_(values[start : start + _AT_ONCE]), end=end)


def _jobs(
    connection: Connection, wf_id: int, chosen: ColumnElement[bool] | None = None, *, end: RunEnd
) -> Iterator[Job]:
    """All of them, or those that are chosen, in the order of the DAG."""
    wanted = _newest_attempts(wf_id, service_column(connection))
    # All rows at once: as long as a question is open, SQLite lets nobody commit.
    rows = connection.execute(wanted if chosen is None else wanted.where(chosen)).all()
    with_status = [
        (row, attempt_status(row.state, row.exitcode, service=bool(row.service), end=end)) for row in rows
    ]
    attempts = read_attempts(
        connection, [row.job_instance_id for row, status in with_status if status in _TELLING]
    )
    for row, status in with_status:
        attempt = attempts.get(row.job_instance_id)
        yield Job(
            row.exec_job_id,
            row.type_desc,
            status,
            row.attempts or 0,
            row.exitcode,
            row.site,
            row.stdout_file,
            None if attempt is None else attempt.cause,
            None if attempt is None else attempt.output,
            bool(row.service),
        )


def _newest_attempts(wf_id: int, service: ColumnElement[Any]) -> Select[Any]:
    job, instance, node = s.JOB, s.JOB_INSTANCE, bridle_tables.BRIDLE_NODE
    counted = instance.alias("attempts")
    of_job = select(func.count()).select_from(counted).where(counted.c.job_id == job.c.job_id)
    attempts = of_job.correlate(job).scalar_subquery()
    attempt = and_(instance.c.job_id == job.c.job_id, instance.c.job_submit_seq == newest_seq())
    return (
        select(
            job.c.exec_job_id,
            job.c.type_desc,
            last_state().label("state"),
            attempts.label("attempts"),
            instance.c.job_instance_id,
            instance.c.exitcode,
            instance.c.site,
            instance.c.stdout_file,
            service.label("service"),
        )
        .select_from(job)
        .outerjoin(instance, attempt)
        .outerjoin(node, and_(node.c.wf_id == job.c.wf_id, node.c.name == job.c.exec_job_id))
        .where(job.c.wf_id == wf_id)
        .order_by(job.c.job_id)
    )
