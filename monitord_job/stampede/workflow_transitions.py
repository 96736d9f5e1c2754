"""What DAGMan says of itself means for the workflow: it starts, ends, goes on, or a second DAGMan takes over."""

from __future__ import annotations

from dag_rewriter.logs.events import (
    ABORTED_BY,
    DAGMAN_RESTARTS,
    DagmanEvent,
    DagmanState,
    is_past_refusal,
    was_refused,
)
from monitord_job.stampede.rows import WorkflowStateRow
from monitord_job.stampede.state import WorkflowState
from monitord_job.stampede.turn import Turn

UNKNOWN_FAILURE = 2
"""What pegasus-monitord writes as status of a DAGMan that ended without a word."""

REFUSED = "DAGMan refused the DAG: "
"""What its own words follow, of a DAGMan that left before it ran the DAG."""
_REFUSAL = 1
"""The exit code that it leaves with then."""

_RECOVERY = (DagmanState.RECOVERY_STARTED, DagmanState.RECOVERY_FINISHED, DagmanState.RECOVERY_FAILURE)


def apply_dagman(turn: Turn, event: DagmanEvent) -> None:
    """DAGMan started or finished."""
    if turn.workflow.second_dagman is not None and not _resolve_second_dagman(turn, event):
        return
    if event.state is DagmanState.STARTED:
        _start_workflow(turn, event)
    elif event.state in _RECOVERY:
        turn.workflow = turn.workflow._replace(recovering=event.state is DagmanState.RECOVERY_STARTED)
    elif event.state is DagmanState.FINISHED and turn.workflow.running:
        code = int(event.info) if event.info.removeprefix("-").isdecimal() else UNKNOWN_FAILURE
        if code == DAGMAN_RESTARTS:
            turn.workflow = turn.workflow._replace(restarting=True)
        else:
            aborted_by = turn.workflow.aborted_by
            reason = None if aborted_by is None else f"{ABORTED_BY}{aborted_by}"
            _end_workflow(turn, event.time, code, event.reason or reason)


def _start_workflow(turn: Turn, event: DagmanEvent) -> None:
    workflow = turn.workflow
    if workflow.running and workflow.dagman_id == event.info:
        # Killed or stopped, and run again by the schedd: one and the same run.
        turn.workflow = workflow._replace(restarting=False, recovering=False, aborted_by=None)
    elif workflow.running and not workflow.restarting:
        turn.workflow = workflow._replace(second_dagman=event.info, second_since=event.time)
    else:
        _begin_run(turn, event.info, event.time)


def _begin_run(turn: Turn, dagman_id: str, time: int) -> None:
    if turn.workflow.running:
        reason = f"DAGMan {turn.workflow.dagman_id} ended without a word"
        _end_workflow(turn, time - 1, UNKNOWN_FAILURE, reason)
    count = turn.workflow.restart_count + 1
    turn.rows.append(WorkflowStateRow("WORKFLOW_STARTED", time, count, None, None))
    last_seq = turn.workflow.last_seq
    turn.workflow = WorkflowState(dagman_id, running=True, restart_count=count, last_seq=last_seq)


def _resolve_second_dagman(turn: Turn, event: DagmanEvent) -> bool:
    """Whether an event still has a meaning when it is clear which of two DAGMans it is from."""
    workflow = turn.workflow
    if was_refused(event, workflow.second_since):
        turn.workflow = workflow._replace(second_dagman=None)
        return False
    if event.state is DagmanState.STARTED and event.info == workflow.dagman_id:
        turn.workflow = workflow._replace(second_dagman=None)
    else:
        _begin_run(turn, workflow.second_dagman or "", workflow.second_since)
    return True


def let_second_take_over(turn: Turn, time: int) -> None:
    """Seconds after a second DAGMan started, something happens and it was not refused: the run is its own now."""
    workflow = turn.workflow
    if workflow.second_dagman is not None and is_past_refusal(time, workflow.second_since):
        _begin_run(turn, workflow.second_dagman, workflow.second_since)


def end_without_last_line(turn: Turn, time: int, code: int) -> None:
    """The schedd says that the run's DAGMan is gone, which left no last line of its own."""
    second, since = turn.workflow.second_dagman, turn.workflow.second_since
    _end_workflow(turn, time, code, None)
    if second is not None:
        _begin_run(turn, second, since)


def refuse(turn: Turn, dagman_id: str, began: int, ended: int, why: str) -> None:
    """A DAGMan refused the DAG, `why` in its own words: its JOBSTATE_LOG has not a line of that run."""
    if turn.workflow.dagman_id != dagman_id:
        _begin_run(turn, dagman_id, began)
        _end_workflow(turn, ended, _REFUSAL, f"{REFUSED}{why}")


def _end_workflow(turn: Turn, time: int, status: int, reason: str | None) -> None:
    count = turn.workflow.restart_count
    turn.rows.append(WorkflowStateRow("WORKFLOW_TERMINATED", time, count, status, reason))
    turn.workflow = turn.workflow._replace(running=False, status=status, second_dagman=None)
