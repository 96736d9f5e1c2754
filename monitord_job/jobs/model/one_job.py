"""One job in full. Values; times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from monitord_job.jobs.model.attempt_row import AttemptRow
from monitord_job.logs.resource_table import Resource
from monitord_job.outcome.attempt import POST_TASK, PRE_TASK
from monitord_job.outcome.cause import Cause
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.outcome.phases import Phase, segments


@dataclass(frozen=True, slots=True)
class State:
    """That an attempt came into a state, when, and why."""

    word: str
    time: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A program that an attempt ran, or a script of its node. `code` is minus a signal's number where one killed it."""

    number: int
    program: str
    command: str
    code: int | None
    seconds: float | None
    memory_kb: int | None = None
    processors: float | None = None

    @property
    def name(self) -> str:
        """How it is called beside others."""
        return {PRE_TASK: "PRE script", POST_TASK: "POST script"}.get(self.number, f"task {self.number}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt with all that is stored of it."""

    row: AttemptRow
    condor_job: str = ""
    """cluster.proc"""
    directory: str = ""
    stdout_file: str = ""
    stderr_file: str = ""
    stdout: str = ""
    """as Stampede keeps it, which is not whole where it is long"""
    stderr: str = ""
    cause: Cause | None = None
    states: tuple[State, ...] = ()
    tasks: tuple[Task, ...] = ()
    resources: tuple[Resource, ...] = ()

    @property
    def phases(self) -> dict[str, float]:
        """What the time was for, in seconds, as far as that is known."""
        return phases(self.states, self.tasks)


@dataclass(frozen=True, slots=True)
class Job:
    """A job and its attempts, the first one first."""

    name: str
    workflow: str
    wf_id: int
    type: str
    submit_file: str
    command: str
    attempts: tuple[Attempt, ...] = field(default=())
    status: NodeStatus = NodeStatus.UNREADY
    """where it stands: a DAG may say of one without any attempt that it is done"""


_PHASES = {
    Phase.PRE: "PRE",
    Phase.QUEUED: "queue",
    Phase.DELAY: "resource delay",
    Phase.RUNNING: "run",
    Phase.SUSPENDED: "suspended",
    Phase.HELD: "held",
    Phase.POST: "POST",
}


def phases(states: Sequence[State], tasks: Sequence[Task] = ()) -> dict[str, float]:
    """Seconds in each phase that has ended, as the report draws them.

    >>> phases([State("SUBMIT", 5.0), State("EXECUTE", 8.0), State("JOB_TERMINATED", 18.0)])
    {'queue': 3.0, 'run': 10.0}
    """
    went_through = segments(((state.word, state.time) for state in states), brief=True)
    seconds = {
        name: sum(one.seconds for one in went_through if one.phase is phase)
        for phase, name in _PHASES.items()
        if any(one.phase is phase for one in went_through)
    }
    kickstart = [task.seconds for task in tasks if task.number > 0 and task.seconds is not None]
    if kickstart:
        seconds["kickstart"] = sum(kickstart)
    return seconds


_OVER = (NodeStatus.SUCCEEDED, NodeStatus.FAILED)


def writes_no_more(job: Job) -> bool:
    """Whether its newest attempt has ended, as far as its own program goes."""
    return bool(job.attempts) and job.attempts[-1].row.status in (*_OVER, NodeStatus.POST)
