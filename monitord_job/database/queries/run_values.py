"""A run as its database has it: values, for those who show it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitord_job.outcome.cause import Cause
from monitord_job.outcome.ending import RunEnd, run_end
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.outcome.wall_time import State


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how its newest attempt went.

    `exitcode` is a wait status, None while it has not ended; `cause` why it failed or is held. `output` is the file to
    look into: one that was there when the attempt ended. `service`: it is a SERVICE node, whose failure fails no run.
    """

    name: str
    type: str
    status: NodeStatus
    attempts: int
    exitcode: int | None
    site: str | None
    stdout_file: str | None
    cause: Cause | None = None
    output: str | None = None
    service: bool = False

    @property
    def reason(self) -> str | None:
        """HTCondor's words, or DAGMan's."""
        return (self.cause and self.cause.reason) or None


@dataclass(frozen=True, slots=True)
class Blocked:
    """The nodes that wait, directly or not, for one that failed or is held, in the DAG's order."""

    by: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkflowSummary:
    """A run as the database has it. Times in seconds since the epoch; `status` is DAGMan's exit code at the end.

    `jobs` are those with a name, in the order of the DAG; `others` are only counted, by type and where they stand.
    """

    wf_uuid: str
    label: str | None
    submit_dir: str | None
    started: int | None
    ended: int | None
    status: int | None
    restarts: int
    jobs: tuple[Job, ...]
    quarantined: int
    metrics: Mapping[str, Mapping[str, str | float | bool | None]] = field(default_factory=dict)
    """by who counted (planner, bridle, dagman): what it counts, and how much"""
    begun: int | None = None
    """when the last run of it began; `started` is when the first one did"""
    reason: str | None = None
    """why DAGMan left, where that is stored"""
    failed: int = 0
    """nodes that failed in the last run and count for how it ends: no SERVICE nodes"""
    held_below: int = 0
    """jobs on hold in sub-workflows"""
    states: tuple[State, ...] = ()
    """when DAGMans started and ended"""
    blocked: tuple[Blocked, ...] = ()
    others: Mapping[tuple[str, NodeStatus], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many jobs there are."""
        return len(self.jobs) + sum(self.others.values())

    @property
    def end(self) -> RunEnd:
        """Whether it is over, and cut short."""
        return RunEnd.GOES_ON if self.ended is None else run_end(self.status, self.reason)

    def count(self) -> Counter[NodeStatus]:
        """How many jobs are in which status."""
        return sum(self.count_by_type().values(), Counter())

    def count_by_type(self) -> Mapping[str, Counter[NodeStatus]]:
        """The same of each type of job."""
        counts: defaultdict[str, Counter[NodeStatus]] = defaultdict(Counter)
        for (kind, status), number in self.others.items():
            counts[kind][status] += number
        for job in self.jobs:
            counts[job.type][job.status] += 1
        return counts

    def with_names(self, jobs: Sequence[Job]) -> WorkflowSummary:
        """The run, with some of those that were only counted."""
        others = Counter(self.others) - Counter((job.type, job.status) for job in jobs)
        return replace(self, jobs=(*self.jobs, *jobs), others=others)


@dataclass(frozen=True, slots=True)
class WorkflowProgress:
    """How far a run is, in numbers: what can be asked every second of a run of any size. Fields as in the summary."""

    wf_uuid: str
    label: str | None
    started: int | None
    ended: int | None
    status: int | None
    restarts: int
    total: int
    counts: Mapping[NodeStatus, int]
    reason: str | None = None
    failed: int = 0
    """as in the summary"""
    held_below: int = 0
    """jobs on hold in sub-workflows"""

    @property
    def end(self) -> RunEnd:
        """As in the summary."""
        return RunEnd.GOES_ON if self.ended is None else run_end(self.status, self.reason)

    def count(self) -> Counter[NodeStatus]:
        """How many jobs are in which status."""
        return Counter(self.counts)
