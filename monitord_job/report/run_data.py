"""What a report shows of a run: values. Seconds since the epoch, bytes, kB of memory where it says so. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from monitord_job.analysis.model.analysis import Analysis
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.outcome.phases import Phase, Segment
from monitord_job.report.distribution import Distribution
from monitord_job.statistics.model.figures import Statistics


class Output(NamedTuple):
    """What an attempt that failed, or is held, left to say: its cause, the end of what it wrote, and the file."""

    cause: str
    lines: tuple[str, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a job, or a job that was never begun (number 0)."""

    instance: int
    """the key of the database"""
    workflow: int
    """in the list of workflows"""
    job: str
    kind: str
    transformation: str
    number: int
    status: NodeStatus
    is_newest: bool
    code: int | None
    """an exit code, or minus a signal"""
    host: str | None
    site: str | None
    segments: tuple[Segment, ...] = ()
    kickstart: tuple[float, float] | None = None
    """(begin, seconds) of what kickstart has measured"""
    cpu: float | None = None
    memory: int | None = None
    """kB"""
    is_critical: bool = False
    """on the critical path"""
    output: Output | None = None

    @property
    def begin(self) -> float | None:
        return self.segments[0].begin if self.segments else None

    @property
    def end(self) -> float | None:
        return self.segments[-1].end if self.segments else None

    def seconds_of(self, phase: Phase) -> float:
        """How long it was at that, all times together."""
        return sum(one.seconds for one in self.segments if one.phase is phase)


@dataclass(frozen=True, slots=True)
class Host:
    """What attempts did on one host; `busy` is how many ran there in each step of time."""

    name: str
    attempts: int
    failed: int
    seconds: float
    busy: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """What the records of one transformation say."""

    transformation: str
    succeeded: int
    failed: int
    time: Distribution | None
    """seconds"""
    cpu: Distribution | None
    """seconds of CPU"""
    memory: Distribution | None
    """kB of resident memory"""
    read: Distribution | None
    """bytes of the input files of a task whose size is known"""
    written: Distribution | None
    """bytes of its output files"""


@dataclass(frozen=True, slots=True)
class OverTime:
    """Steps of time, and what there was in each."""

    begin: float
    width: float
    phases: Mapping[Phase, tuple[float, ...]]
    """how many attempts were at what, on average"""
    done: tuple[int, ...]
    """how many attempts had succeeded by then"""
    failed: tuple[int, ...]
    jobs: tuple[float, ...] = ()
    """how many jobs began to run in each step"""
    job_seconds: tuple[float, ...] = ()
    """how long those ran"""
    invocations: tuple[float, ...] = ()
    invocation_seconds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class RunData:
    """All that a report shows."""

    state: str
    """in a word"""
    advice: tuple[str, ...]
    """what is wrong with the run, and what helps; a line each"""
    statistics: Statistics
    submit_dir: str
    begin: float
    end: float
    """of its last event, if it goes on"""
    status_counts: Counter[NodeStatus]
    """of jobs, each by its newest attempt"""
    attempts: tuple[Attempt, ...]
    omitted: int
    """attempts that succeeded and are in no table here, because there are so many"""
    over_time: OverTime
    hosts: tuple[Host, ...]
    resources: tuple[Resources, ...]
    attempts_of_jobs: Mapping[int, Counter[NodeStatus]]
    """how many jobs had so many attempts, by where they stand; 0: none was made"""
    analysis: Analysis
    """what failed and is held, in groups"""

    @property
    def title(self) -> str:
        return self.statistics.figures[0].workflow.label or "workflow"
