"""What an attempt at a job went through, from its states: the bars of a Gantt chart. Pure; seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from condor_templates.state_words import StateWord


class Phase(Enum):
    """What an attempt is at; the value is for people."""

    PRE = StateWord.PRE_SCRIPT.value
    QUEUED = StateWord.QUEUED.value
    DELAY = "resource delay"
    """the remote scheduler has it, and has not started it: only of jobs that go through one"""
    RUNNING = StateWord.RUNNING.value
    SUSPENDED = "suspended"
    HELD = StateWord.HELD.value
    POST = StateWord.POST_SCRIPT.value


class Segment(NamedTuple):
    """A phase of one attempt."""

    phase: Phase
    begin: float
    seconds: float

    @property
    def end(self) -> float:
        return self.begin + self.seconds


_BEGINS = {
    "PRE_SCRIPT_STARTED": Phase.PRE,
    "SUBMIT": Phase.QUEUED,
    "GRID_SUBMIT": Phase.DELAY,
    "GLOBUS_SUBMIT": Phase.DELAY,
    "EXECUTE": Phase.RUNNING,
    "JOB_SUSPENDED": Phase.SUSPENDED,
    "JOB_UNSUSPENDED": Phase.RUNNING,
    "JOB_HELD": Phase.HELD,
    "JOB_RELEASED": Phase.QUEUED,
    "JOB_EVICTED": Phase.QUEUED,
    "POST_SCRIPT_STARTED": Phase.POST,
}
_ENDS = frozenset(
    {"PRE_SCRIPT_TERMINATED", "PRE_SCRIPT_SUCCESS", "PRE_SCRIPT_FAILED", "SUBMIT_FAILED", "JOB_TERMINATED"}
    | {"JOB_SUCCESS", "JOB_FAILURE", "JOB_ABORTED", "POST_SCRIPT_TERMINATED", "POST_SCRIPT_SUCCESS"}
    | {"POST_SCRIPT_FAILED"}
)
"""Any state that is in neither says nothing of phases."""


def segments(
    steps: Iterable[tuple[str, float]], until: float | None = None, *, brief: bool = False
) -> tuple[Segment, ...]:
    """The phases of an attempt, from its states in their order; one that is at work is at it `until` then.

    `brief`: with those that began and ended in the same second of the log; that it ran is kept anyway.

    >>> [(one.phase.value, one.seconds) for one in segments([("SUBMIT", 10), ("EXECUTE", 15), ("JOB_TERMINATED", 75)])]
    [('queued', 5), ('running', 60)]
    """
    closed: list[Segment] = []
    phase: Phase | None = None
    begin = 0.0
    for state, at in steps:
        following = _BEGINS.get(state)
        if following is None and state not in _ENDS:
            continue
        if following is phase:
            continue
        _close(closed, phase, begin, at, brief)
        phase, begin = following, at
    if until is not None:
        _close(closed, phase, begin, until, brief)
    return tuple(closed)


def _close(closed: list[Segment], phase: Phase | None, begin: float, end: float, brief: bool) -> None:
    if phase is not None and (brief or end > begin or phase is Phase.RUNNING):
        closed.append(Segment(phase, begin, max(end - begin, 0)))
