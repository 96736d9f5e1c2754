"""How a run stands and how it ended, in one word, from what the database and a diagnosis say. Pure."""

from __future__ import annotations

from enum import Enum

from condor_templates.exit_codes import ExitCode
from condor_templates.state_words import StateWord
from monitord_job.database.queries.run_values import WorkflowProgress, WorkflowSummary
from monitord_job.diagnosis.run_states import OVER, Condition, Diagnosis
from monitord_job.outcome.ending import Ending, ending_of, was_aborted


class RunState(Enum):
    """A run in one word."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


def state_of(run: WorkflowSummary | WorkflowProgress, diagnosis: Diagnosis | None = None) -> RunState:
    """DAGMan's exit code decides, and a node that failed: a FINAL node can make a failed DAG exit with 0.

    Whatever did not run to its end has failed; `ending` says which way.
    """
    if run.started is None and diagnosis is not None and _knows_more(diagnosis):
        return _TOLD.get(
            diagnosis.condition, RunState.FAILED if diagnosis.condition in OVER else RunState.RUNNING
        )
    if run.started is None:
        return RunState.NOT_STARTED
    if run.ended is None:
        return RunState.RUNNING
    return RunState.SUCCEEDED if ending(run, diagnosis) is Ending.SUCCEEDED else RunState.FAILED


def ending(run: WorkflowSummary | WorkflowProgress, diagnosis: Diagnosis | None = None) -> Ending | None:
    """How the run ended; None if it has not. What a diagnosis found, which has all witnesses, counts.

    Without one, with the word of DAGMan's metrics if they are of this run.
    """
    if run.ended is None:
        if run.started is None and diagnosis is not None and _knows_more(diagnosis):
            return _ENDINGS.get(diagnosis.condition)
        return None
    told = _ENDINGS.get(diagnosis.condition) if diagnosis is not None else None
    if told is not None:
        return told
    status = _dag_status(run) if isinstance(run, WorkflowSummary) else None
    return ending_of(run.status or 0, run.failed, status, aborted=was_aborted(run.reason))


def word_for(run: WorkflowSummary | WorkflowProgress, diagnosis: Diagnosis | None = None) -> str:
    """How it stands, for people: the word of `bridle list` where the database does not say it."""
    ended = ending(run, diagnosis)
    if ended is not None:
        return ended.value
    if diagnosis is not None:
        if diagnosis.condition in _STANDS_STILL:
            return diagnosis.condition.value
        if run.started is None and diagnosis.condition in _BEGINS:
            return _BEGINS[diagnosis.condition].value
    return state_of(run, diagnosis).value


_STANDS_STILL = frozenset(
    {
        *(Condition.HELD, Condition.HALTED, Condition.COOLING_DOWN, Condition.LEAVING),
        *(Condition.TWO_DAGMANS, Condition.ORPHAN, Condition.LOST),
    }
)

_BEGINS = {
    Condition.WAITING: StateWord.WAITING,
    Condition.RUNNING: StateWord.RUNNING,
    Condition.RECOVERING: StateWord.RUNNING,
}
"""Of a DAGMan in the queue that has written nothing yet."""


def _knows_more(diagnosis: Diagnosis) -> bool:
    """Of a run of which nothing is stored: its logs cannot be read, or DAGMan failed before it began."""
    return bool(diagnosis.unreadable) or diagnosis.condition is Condition.FAILED


def _dag_status(run: WorkflowSummary) -> int | None:
    dagman = run.metrics.get("dagman", {})
    ours = _number(dagman.get("end_time")) >= (run.begun or 0)  # else those of a run before it
    return int(_number(dagman.get("DagStatus"))) if ours and "DagStatus" in dagman else None


_ENDINGS = {
    Condition.SUCCEEDED: Ending.SUCCEEDED,
    Condition.FAILED: Ending.FAILED,
    Condition.REMOVED: Ending.REMOVED,
    Condition.ABORTED: Ending.ABORTED,
    Condition.ENDED_HALTED: Ending.HALTED,
}

_TOLD = {Condition.SUCCEEDED: RunState.SUCCEEDED, Condition.NEVER_SUBMITTED: RunState.NOT_STARTED}
_MOST = 1e15
"""Beyond any time or number of DAGMan's: its metrics may have been damaged."""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < _MOST else 0.0


EXIT_CODES = {
    Ending.SUCCEEDED: ExitCode.DONE,
    Ending.FAILED: ExitCode.FAILED,
    Ending.REMOVED: ExitCode.REMOVED,
    Ending.ABORTED: ExitCode.ABORTED,
    Ending.HALTED: ExitCode.NOT_ENDED,
}
"""What `bridle run --wait` exits with (docs/exit-codes.md)."""
