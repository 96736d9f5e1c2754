"""What is counted of workflows: values that add up. Pure; seconds, kB and shares of a processor as floats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from monitord_job.outcome.ending import RunEnd
from monitord_job.statistics.model.categories import CategoryUse, by_category
from monitord_job.statistics.model.critical_path import Link
from monitord_job.statistics.model.requests import Requests, by_request
from monitord_job.statistics.model.usage import Usage


class Level(Enum):
    """What there are statistics of; `.value` as pegasus-statistics calls it."""

    SUMMARY = "summary"
    WORKFLOWS = "wf_stats"
    JOBS = "jb_stats"
    BREAKDOWN = "tf_stats"
    TIME = "ti_stats"
    INTEGRITY = "int_stats"
    USE = "use_stats"
    PATH = "path_stats"


PEERS = (Level.SUMMARY, Level.WORKFLOWS, Level.JOBS, Level.BREAKDOWN, Level.TIME, Level.INTEGRITY)
"""What pegasus-statistics has; `all` of it."""
DEFAULT = (Level.SUMMARY, Level.USE, Level.PATH)


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow of a database."""

    wf_id: int
    wf_uuid: str
    label: str
    is_root: bool
    submit_dir: str
    restarts: int = 0
    end: RunEnd = RunEnd.GOES_ON
    status: int | None = None
    """DAGMan's exit code at its end"""
    dag_file: str = ""
    """its name in `submit_dir`"""

    @property
    def ended(self) -> bool:
        """Whether its last DAGMan has."""
        return self.end is not RunEnd.GOES_ON

    @property
    def title(self) -> str:
        return f"{self.wf_uuid} ({self.label})"


@dataclass(frozen=True, slots=True)
class Tally:
    """How tasks, jobs or sub-workflows went, each by its last attempt."""

    succeeded: int = 0
    failed: int = 0
    total: int = 0
    retries: int = 0

    @property
    def incomplete(self) -> int:
        """Never submitted, or not ended."""
        return self.total - self.succeeded - self.failed

    @property
    def tries(self) -> int:
        return self.succeeded + self.failed + self.retries

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.succeeded + other.succeeded,
            self.failed + other.failed,
            self.total + other.total,
            self.retries + other.retries,
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What one workflow consists of."""

    tasks: Tally = Tally()
    jobs: Tally = Tally()
    subworkflows: Tally = Tally()
    restarts: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.tasks + other.tasks,
            self.jobs + other.jobs,
            self.subworkflows + other.subworkflows,
            self.restarts + other.restarts,
        )


@dataclass(frozen=True, slots=True)
class WallTime:
    """Seconds that jobs took, and those of them that were for nothing; None where nothing is known of any."""

    total: float | None = None
    badput: float | None = None

    def __add__(self, other: WallTime) -> WallTime:
        return WallTime(plus(self.total, other.total), plus(self.badput, other.badput))


def plus(one: float | None, other: float | None) -> float | None:
    """A sum in which None is nothing known."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


@dataclass(frozen=True, slots=True)
class Spread:
    """Of several figures: how many, the least, the most, the sum."""

    count: int
    least: float
    most: float
    total: float

    @property
    def mean(self) -> float:
        return self.total / self.count

    def __add__(self, other: Spread) -> Spread:
        return Spread(
            self.count + other.count,
            min(self.least, other.least),
            max(self.most, other.most),
            self.total + other.total,
        )


def spread_of(count: int, least: float | None, most: float | None, total: float | None) -> Spread | None:
    """As a database gives it: of nothing, there is none."""
    if not count or least is None or most is None or total is None:
        return None
    return Spread(count, least, most, total)


def _both(one: Spread | None, other: Spread | None) -> Spread | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


@dataclass(frozen=True, slots=True)
class Ran:
    """The invocations of one transformation that succeeded, or that failed."""

    transformation: str
    succeeded: bool
    count: int
    runtime: Spread | None
    memory: Spread | None
    """kB of resident memory"""
    cpu: Spread | None
    """processors that were busy on average"""
    cpu_seconds: float = 0.0
    measured: float = 0.0
    """seconds of those runs whose CPU time is known"""

    def __add__(self, other: Ran) -> Ran:
        return Ran(
            self.transformation,
            self.succeeded,
            self.count + other.count,
            _both(self.runtime, other.runtime),
            _both(self.memory, other.memory),
            _both(self.cpu, other.cpu),
            self.cpu_seconds + other.cpu_seconds,
            self.measured + other.measured,
        )


def by_transformation(rows: Iterable[Ran]) -> list[Ran]:
    """One row for each transformation and outcome, sorted."""
    sums: dict[tuple[str, bool], Ran] = {}
    for row in rows:
        key = row.transformation, row.succeeded
        sums[key] = sums[key] + row if key in sums else row
    return [sums[key] for key in sorted(sums)]


@dataclass(frozen=True, slots=True)
class Checksums:
    """Checksums that were compared (`check`) or made (`compute`)."""

    type: str
    file_type: str | None
    count: int
    seconds: float

    def __add__(self, other: Checksums) -> Checksums:
        return Checksums(self.type, self.file_type, self.count + other.count, self.seconds + other.seconds)


def by_file_type(rows: Iterable[Checksums]) -> list[Checksums]:
    """One row for each kind, sorted."""
    sums: dict[tuple[str, str], Checksums] = {}
    for row in rows:
        key = row.type, row.file_type or ""
        sums[key] = sums[key] + row if key in sums else row
    return [sums[key] for key in sorted(sums)]


@dataclass(frozen=True, slots=True)
class Busy:
    """What began in a quarter of an hour on a host, and how many seconds it took.

    A quarter is what all time zones have in common: hours and days of any of them are made of it.
    """

    begin: int
    """seconds since the epoch"""
    host: str | None
    count: int
    seconds: float
    has_ended: bool = True


class Attempt(NamedTuple):
    """A job instance in `jobs.txt`. Seconds; None where nothing was recorded. There may be a million of them."""

    job: str
    number: int
    """1 for the first"""
    site: str | None
    kickstart: float | None
    multiplier: int
    kickstart_multiplied: float | None
    cpu: float | None
    post: float | None
    queue: float | None
    resource: float | None
    runtime: float | None
    seqexec: float | None
    exitcode: int | None
    """-N: signal N"""
    host: str | None

    @property
    def seqexec_delay(self) -> float | None:
        if self.seqexec is None or self.kickstart is None:
            return None
        return self.seqexec - self.kickstart


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is counted of one workflow."""

    workflow: Workflow
    counts: Counts = Counts()
    kickstart: WallTime = WallTime()
    """as kickstart has measured it"""
    submit_side: WallTime = WallTime()
    """as DAGMan has seen it"""
    breakdown: tuple[Ran, ...] = ()
    integrity: tuple[Checksums, ...] = ()
    integrity_errors: int | None = None
    """None: none was recorded"""
    integrity_failures: int = 0
    """jobs that failed with such errors"""
    categories: tuple[CategoryUse, ...] = ()
    requests: tuple[Requests, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """What ran when."""

    jobs: tuple[Busy, ...] = ()
    invocations: tuple[Busy, ...] = ()

    def __add__(self, other: Clock) -> Clock:
        return Clock(self.jobs + other.jobs, self.invocations + other.invocations)


@dataclass(frozen=True, slots=True)
class Statistics:
    """One run with its sub-workflows, or several runs."""

    figures: tuple[Figures, ...]
    wall_time: float | None
    """from start to end, without the pauses between runs; None of several"""
    clock: Clock = Clock()
    incomplete: tuple[str, ...] = field(default=())
    """what these figures lack"""
    elapsed: float | None = None
    """from the first start to the last end, with the pauses"""
    usage: Usage = field(default_factory=Usage)
    path: tuple[Link, ...] = ()
    """the critical path; none of several runs"""

    @property
    def is_several(self) -> bool:
        """Whether it is more than one run."""
        return sum(one.workflow.is_root for one in self.figures) > 1

    @property
    def counts(self) -> Counts:
        return sum((one.counts for one in self.figures), Counts())

    @property
    def kickstart(self) -> WallTime:
        return sum((one.kickstart for one in self.figures), WallTime())

    @property
    def submit_side(self) -> WallTime:
        return sum((one.submit_side for one in self.figures), WallTime())

    @property
    def breakdown(self) -> list[Ran]:
        return by_transformation(row for one in self.figures for row in one.breakdown)

    @property
    def categories(self) -> list[CategoryUse]:
        return by_category(row for one in self.figures for row in one.categories)

    @property
    def requests(self) -> dict[str, Requests]:
        """By transformation."""
        return by_request(row for one in self.figures for row in one.requests)

    @property
    def integrity(self) -> list[Checksums]:
        return by_file_type(row for one in self.figures for row in one.integrity)

    @property
    def integrity_errors(self) -> int | None:
        counted = [one.integrity_errors for one in self.figures if one.integrity_errors is not None]
        return sum(counted) if counted else None

    @property
    def integrity_failures(self) -> int:
        return sum(one.integrity_failures for one in self.figures)
