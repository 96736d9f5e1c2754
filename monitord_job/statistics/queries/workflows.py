"""Which workflows a run consists of, and when it was at work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from monitord_job.errors import MonitorError
from monitord_job.outcome.ending import run_end
from monitord_job.outcome.wall_time import State
from monitord_job.statistics.model.figures import Workflow
from monitord_job.statistics.queries.questions import Questions

_COLUMNS = "w.wf_id, w.wf_uuid, w.dax_label, w.parent_wf_id, w.root_wf_id, w.submit_dir, w.dag_file_name"
_STATES = """
SELECT wf_id, state, CAST("timestamp" AS DOUBLE PRECISION), restart_count, status, reason
FROM workflowstate WHERE wf_id IN (?*)
ORDER BY restart_count, "timestamp", state
"""
# SQLite's integers are as long as those of PostgreSQL that hold seconds.


def all_roots(questions: Questions) -> list[str]:
    """The uuids of all workflows that are no sub-workflows."""
    text = "SELECT wf_uuid FROM workflow WHERE root_wf_id = wf_id OR root_wf_id IS NULL ORDER BY wf_id"
    return [str(row[0]) for row in questions.rows(text)]


def run_of(questions: Questions, wf_uuid: str) -> tuple[list[Workflow], list[State]]:
    """A workflow and all below it, itself first, and the starts and ends of its own DAGMans.

    Raises MonitorError if it is not in the database.
    """
    own_row = next(questions.rows(f"SELECT {_COLUMNS} FROM workflow w WHERE w.wf_uuid = ?", wf_uuid), None)
    if own_row is None:
        hint = "name the database with --url, or run `bridle monitord --rebuild SUBMIT_DIR`"
        raise MonitorError(questions.where, f"workflow {wf_uuid} is not in it", hint)
    wf_id, root = int(own_row[0]), own_row[4]
    rest = f"SELECT {_COLUMNS} FROM workflow w WHERE w.root_wf_id = ? AND w.wf_id <> ? ORDER BY w.wf_id"
    rows = [own_row, *questions.rows(rest, wf_id if root is None else root, wf_id)]
    if root is not None and root != wf_id:
        below = _below(wf_id, [(int(row[0]), row[3]) for row in rows])
        rows = [row for row in rows if row[0] in below]
    states = states_of(questions, [int(row[0]) for row in rows])
    workflows = [
        _with_states(
            Workflow(
                int(row[0]),
                str(row[1]),
                row[2] or "",
                row[0] == wf_id,
                row[5] or "",
                dag_file=row[6] or "",
            ),
            states.get(int(row[0]), []),
        )
        for row in rows
    ]
    return workflows, states.get(wf_id, [])


def _below(wf_id: int, parents: Sequence[tuple[int, int | None]]) -> set[int]:
    below, grown = {wf_id}, True
    while grown:
        more = {child for child, parent in parents if parent in below} - below
        below |= more
        grown = bool(more)
    return below


def states_of(questions: Questions, wf_ids: list[int]) -> dict[int, list[State]]:
    """When DAGMans of workflows started and ended, in that order."""
    states: dict[int, list[State]] = {}
    for wf_id, word, at, restarts, status, reason in questions.rows(_STATES, wf_ids):
        started = word == "WORKFLOW_STARTED"
        states.setdefault(wf_id, []).append(State(started, at, int(restarts), status, reason))
    return states


def _with_states(workflow: Workflow, own: Sequence[State]) -> Workflow:
    # Of one second and one run, the end comes last.
    last = max(own, key=lambda one: (one.restarts, one.at, not one.started), default=None)
    restarts = max((one.restarts for one in own), default=0)
    if last is None or last.started:
        return replace(workflow, restarts=restarts)
    return replace(workflow, restarts=restarts, status=last.status, end=run_end(last.status, last.reason))


def last_event(questions: Questions, wf_ids: list[int]) -> float | None:
    """When something was last told of any job of these workflows."""
    text = """
        SELECT CAST(max(s."timestamp") AS DOUBLE PRECISION)
        FROM job j JOIN job_instance i ON i.job_id = j.job_id JOIN jobstate s ON s.job_instance_id = i.job_instance_id
        WHERE j.wf_id IN (?*)"""
    return next(iter(chain.from_iterable(questions.rows(text, wf_ids))), None)


def ids(workflows: Iterable[Workflow]) -> list[int]:
    return [one.wf_id for one in workflows]
