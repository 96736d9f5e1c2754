"""What attempts were for: work that counts, work that was lost and why, waiting. Pure; seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import NamedTuple

from monitord_job.outcome.phases import Phase, segments


class Outcome(Enum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REMOVED = "removed"
    OPEN = "open"
    """it has not, or nobody recorded how"""


class Loss(Enum):
    """Why work was lost."""

    FAILED = "failed"
    """the attempt ended with another exit code than 0"""
    REMOVED = "removed"
    EVICTED = "evicted"
    """it ran again from the beginning, as the same attempt"""
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Group:
    """The attempts of one kind of job (compute, cleanup, ...) with one outcome."""

    kind: str
    outcome: Outcome
    attempts: int
    started: int
    """that are known to have waited in the queue, and how long"""
    waited: float
    longest_wait: float
    ran: float


@dataclass(frozen=True, slots=True)
class Lost:
    """Work for nothing, for one reason."""

    times: int = 0
    seconds: float = 0.0

    def __add__(self, other: Lost) -> Lost:
        return Lost(self.times + other.times, self.seconds + other.seconds)


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all attempts of some workflows."""

    groups: tuple[Group, ...] = ()
    lost: Mapping[Loss, Lost] = field(default_factory=dict)
    held_for: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        lost = {why: self.lost.get(why, Lost()) + other.lost.get(why, Lost()) for why in Loss}
        return Usage(
            self.groups + other.groups,
            {why: loss for why, loss in lost.items() if loss.times},
            self.held_for + other.held_for,
        )

    @property
    def waited(self) -> float:
        return sum(one.waited for one in self.groups)

    @property
    def started(self) -> int:
        return sum(one.started for one in self.groups)

    @property
    def longest_wait(self) -> float:
        return max((one.longest_wait for one in self.groups), default=0.0)

    @property
    def ran(self) -> float:
        return sum(one.ran for one in self.groups)

    def shares(self) -> list[Share]:
        """What each kind of job had of the time that jobs ran, most first."""
        kinds: dict[str, tuple[int, float, float]] = {}
        for one in self.groups:
            attempts, waited, ran = kinds.get(one.kind, (0, 0.0, 0.0))
            kinds[one.kind] = attempts + one.attempts, waited + one.waited, ran + one.ran
        whole = self.ran
        rows = [
            Share(kind, *numbers, numbers[2] / whole if whole else 0.0) for kind, numbers in kinds.items()
        ]
        return sorted(rows, key=lambda row: (-row.ran, row.kind))


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of job."""

    kind: str
    attempts: int
    waited: float
    ran: float
    share: float
    """of the time that all jobs ran"""


class Step(NamedTuple):
    """One state of an attempt."""

    attempt: int
    state: str
    at: float


_STOPS = {"JOB_EVICTED": Loss.EVICTED, "JOB_HELD": Loss.HELD, "JOB_ABORTED": Loss.REMOVED}
_ENDS = ("JOB_TERMINATED", "JOB_SUCCESS", "JOB_FAILURE", "JOB_RELEASED")


def interruptions(steps: Iterable[Step]) -> tuple[dict[Loss, Lost], float]:
    """What attempts lost that were stopped while they ran, and the seconds that they were held.

    The steps of one attempt come one after the other, in their order.

    >>> interruptions([Step(1, "EXECUTE", 10), Step(1, "JOB_HELD", 25), Step(1, "JOB_RELEASED", 40)])[1]
    15.0
    """
    lost: dict[Loss, Lost] = {}
    held_for = 0.0
    for _, group in groupby(steps, lambda step: step.attempt):
        states = [(step.state, step.at) for step in group]
        held_for += sum(one.seconds for one in segments(states) if one.phase is Phase.HELD)
        for why, seconds in _stops(states):
            lost[why] = lost.get(why, Lost()) + Lost(1, seconds)
    return lost, held_for


def _stops(states: Iterable[tuple[str, float]]) -> Iterator[tuple[Loss, float]]:
    """Of one attempt: why it was stopped, and the seconds that it had run since its last start."""
    running: float | None = None
    for state, at in states:
        why = _STOPS.get(state)
        if why is not None and (running is not None or why is Loss.REMOVED):
            yield why, 0.0 if running is None else max(at - running, 0.0)
            running = None
        if state == "EXECUTE":
            running = at
        elif state in _ENDS:
            running = None
