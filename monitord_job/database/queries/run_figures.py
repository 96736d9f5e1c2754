"""How the runs of a database stand, in numbers, all of them with a handful of questions: what `bridle list` shows."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from monitord_job.database.bridle_tables import BRIDLE_VERSION
from monitord_job.database.brief_reading import Brief, brief_reading
from monitord_job.database.bulk_sql import Bulk
from monitord_job.database.queries.attempts import FAILED_STATES
from monitord_job.database.queries.run_values import WorkflowProgress
from monitord_job.database.reading import open_database, reading_any
from monitord_job.database.url import Database
from monitord_job.outcome.ending import Ending, RunEnd, ending_of, run_end, was_aborted
from monitord_job.outcome.node_status import NodeStatus, attempt_status, node_status

_SERVICES_SINCE = 8
_NO_SERVICE = "CAST(NULL AS BOOLEAN)"
_RUNS = 'SELECT wf_id, wf_uuid, dax_label, submit_dir, dag_file_name, "user" FROM workflow WHERE parent_wf_id IS NULL'
_STATES = (
    "SELECT wf_id, timestamp, restart_count, state, status, reason FROM workflowstate WHERE wf_id IN (?*)"
)
_TOTALS = "SELECT wf_id, count(*) FROM job WHERE wf_id IN (?*) GROUP BY wf_id"
_NODES = "SELECT wf_id, state, {service}, count(*) FROM bridle_node WHERE wf_id IN (?*) GROUP BY 1, 2, 3"
_FAILED = """
SELECT n.wf_id, count(*) FROM bridle_node n WHERE n.wf_id IN (?*) AND n.state IN (?*)
{other} AND n.last_time >= COALESCE(
  (SELECT max(w.timestamp) FROM workflowstate w WHERE w.wf_id = n.wf_id AND w.state = 'WORKFLOW_STARTED'), 0)
GROUP BY n.wf_id"""
_HELD_BELOW = """
SELECT w.root_wf_id, count(*) FROM bridle_node n JOIN workflow w ON w.wf_id = n.wf_id
WHERE n.state = 'JOB_HELD' AND w.root_wf_id IN (?*) AND w.wf_id <> w.root_wf_id GROUP BY w.root_wf_id"""
_JOBS = "SELECT wf_id, dagman_id FROM bridle_run WHERE wf_id IN (?*)"
_METRICS = """
SELECT wf_id, key, number FROM bridle_workflow_metrics
WHERE wf_id IN (?*) AND source = 'dagman' AND key IN ('DagStatus', 'end_time')"""
_INSTANCES = """
SELECT j.wf_id, i.exitcode, count(*) FROM job j JOIN job_instance i ON i.job_id = j.job_id
WHERE j.wf_id IN (?*) AND NOT EXISTS
  (SELECT 1 FROM job_instance l WHERE l.job_id = i.job_id AND l.job_submit_seq > i.job_submit_seq)
GROUP BY j.wf_id, i.exitcode"""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """A run as its database has it, in numbers. `begun` is when its last run began (seconds since the epoch)."""

    progress: WorkflowProgress
    begun: int | None
    submit_dir: str | None
    dag: str | None
    user: str | None
    job: str | None
    """the DAGMan job that ran it last"""
    ending: Ending | None


def run_figures(database: Database, uuids: Collection[str] | None = None) -> dict[str, RunFigures]:
    """By wf_uuid: the runs that are asked for, or all. Sub-workflows are not runs. Raises MonitorError.

    A database of pegasus-monitord's is understood, too.
    """
    figures = _of_today(database, uuids)
    if figures is not None:
        return figures
    engine = open_database(database)
    try:
        with reading_any(engine) as (connection, version):
            return _figures(Bulk(connection), version, uuids)
    finally:
        engine.dispose()


def _of_today(database: Database, uuids: Collection[str] | None) -> dict[str, RunFigures] | None:
    """The same in the usual case; None where it is another one."""
    with suppress(sqlite3.Error), brief_reading(database) as brief:
        return None if brief is None else _figures(brief, BRIDLE_VERSION, uuids)
    return None


def _figures(bulk: Bulk | Brief, version: int | None, uuids: Collection[str] | None) -> dict[str, RunFigures]:
    chosen = () if uuids is None else (list(uuids),)
    runs = bulk.select(f"{_RUNS} AND wf_uuid IN (?*)" if chosen else _RUNS, *chosen)
    keys = [int(row[0]) for row in runs]
    if not keys:
        return {}
    states: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for wf_id, *state in bulk.select(_STATES, keys):
        states[wf_id].append(tuple(state))
    totals = dict(_pairs(bulk.select(_TOTALS, keys)))
    ends = {key: _end(states[key]) for key in keys}
    counts, failed = _counts(bulk, version, keys, ends)
    held: dict[int, int] = {}
    jobs: dict[int, str] = {}
    told: dict[tuple[int, str], float] = {}
    if version is not None:
        held, jobs = dict(_pairs(bulk.select(_HELD_BELOW, keys))), dict(_pairs(bulk.select(_JOBS, keys)))
        told = {(row[0], row[1]): row[2] or 0 for row in bulk.select(_METRICS, keys)}
    figures = {}
    for row in runs:
        key = row[0]
        begun = max((int(state[0]) for state in states[key] if state[2] == "WORKFLOW_STARTED"), default=None)
        progress = _progress(row, states[key], totals.get(key, 0), counts[key], failed[key], held.get(key, 0))
        is_told = told.get((key, "end_time"), 0) >= (begun or 0) and (key, "DagStatus") in told
        ending = _ending(progress, int(told[key, "DagStatus"]) if is_told else None)
        figures[str(row[1])] = RunFigures(progress, begun, row[3], row[4], row[5], jobs.get(key), ending)
    return figures


def _ending(run: WorkflowProgress, dag_status: int | None) -> Ending | None:
    if run.ended is None:
        return None
    return ending_of(run.status or 0, run.failed, dag_status, aborted=was_aborted(run.reason))


def _progress(
    row: Any, states: list[tuple[Any, ...]], total: int, counts: Counter[NodeStatus], failed: int, held: int
) -> WorkflowProgress:
    ordered = sorted(states, key=lambda state: state[:3])
    last = ordered[-1] if ordered else None
    ended = last if last is not None and last[2] == "WORKFLOW_TERMINATED" else None
    counts[NodeStatus.UNREADY] += max(total - counts.total(), 0)
    return WorkflowProgress(
        wf_uuid=str(row[1]),
        label=row[2],
        started=int(ordered[0][0]) if ordered else None,
        ended=None if ended is None else int(ended[0]),
        status=None if ended is None else ended[3],
        restarts=0 if last is None else int(last[1]),
        total=total,
        counts=counts,
        reason=None if ended is None else ended[4],
        failed=failed,
        held_below=held,
    )


def _counts(
    bulk: Bulk | Brief, version: int | None, keys: list[int], ends: Mapping[int, RunEnd]
) -> tuple[defaultdict[int, Counter[NodeStatus]], Counter[int]]:
    """How many jobs are in which status, and how many nodes failed in the last run: of each workflow."""
    counts: defaultdict[int, Counter[NodeStatus]] = defaultdict(Counter)
    states = set()
    if version is None:
        for wf_id, exitcode, number in bulk.select(_INSTANCES, keys):
            counts[wf_id][attempt_status("EXECUTE", exitcode, end=ends[wf_id])] += number
        return counts, Counter({key: counts[key][NodeStatus.FAILED] for key in keys})
    service = "service" if version >= _SERVICES_SINCE else _NO_SERVICE
    for wf_id, state, is_service, number in bulk.select(_NODES.format(service=service), keys):
        counts[wf_id][node_status(state, service=bool(is_service), end=ends[wf_id])] += number
        states.add(state)
    if states.isdisjoint(FAILED_STATES):
        return counts, Counter()
    text = _FAILED.format(other="" if service == _NO_SERVICE else "AND (n.service IS NULL OR NOT n.service)")
    return counts, Counter(dict(_pairs(bulk.select(text, keys, list(FAILED_STATES)))))


def _pairs(rows: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [(row[0], row[1]) for row in rows]


def _end(states: list[tuple[Any, ...]]) -> RunEnd:
    # Within one second the word decides: an end comes after its start, a restart counts one higher.
    last = max(states, key=lambda state: state[:3], default=None)
    if last is None or last[2] != "WORKFLOW_TERMINATED":
        return RunEnd.GOES_ON
    return run_end(last[3], last[4])
