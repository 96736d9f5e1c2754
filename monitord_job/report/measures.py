"""Adds up attempts as they come: what was going on over time, on each host, and what each transformation took. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from monitord_job.outcome.node_status import NodeStatus
from monitord_job.outcome.phases import Phase
from monitord_job.report.distribution import distribution
from monitord_job.report.over_time import Count, Level, Steps
from monitord_job.report.queries import Record
from monitord_job.report.run_data import Attempt, Host, OverTime, Resources

MOST_HOSTS = 200
"""Those that ran the longest; the others are one."""


@dataclass(slots=True)
class _OnHost:
    level: Level
    attempts: int = 0
    failed: int = 0
    seconds: float = 0.0


def _figures() -> array[float]:
    return array("d")


@dataclass(slots=True)
class _Took:
    succeeded: int = 0
    failed: int = 0
    time: array[float] = field(default_factory=_figures)
    cpu: array[float] = field(default_factory=_figures)
    memory: array[float] = field(default_factory=_figures)
    input: array[float] = field(default_factory=_figures)
    output: array[float] = field(default_factory=_figures)


class Measures:
    """Of the attempts of a run, between its first and its last event."""

    def __init__(self, begin: float, end: float) -> None:
        self._steps = Steps(begin, end)
        self._phases = {phase: Level(self._steps) for phase in Phase}
        self._done, self._failed = Count(self._steps), Count(self._steps)
        self._jobs, self._job_seconds = (array("d", bytes(8 * self._steps.count)) for _ in range(2))
        self._ran, self._ran_seconds = (array("d", bytes(8 * self._steps.count)) for _ in range(2))
        self._hosts: dict[str, _OnHost] = {}
        self._took: dict[str, _Took] = {}

    def add(self, attempt: Attempt, records: Iterable[Record], *, counts: bool) -> None:
        """`counts`: it is no sub-workflow whose own jobs are added."""
        ended = attempt.end
        if ended is not None and attempt.status is NodeStatus.SUCCEEDED:
            self._done.add(ended)
        elif ended is not None and attempt.status is NodeStatus.FAILED:
            self._failed.add(ended)
        if counts:
            for segment in attempt.segments:
                self._phases[segment.phase].add(segment.begin, segment.end)
            self._add_to_host(attempt)
            self._add_to_steps(attempt)
        for record in records:
            self._add_record(record)

    def _add_to_steps(self, attempt: Attempt) -> None:
        ran = [one for one in attempt.segments if one.phase is Phase.RUNNING]
        if ran:
            step = self._steps.at(ran[0].begin)
            self._jobs[step] += 1
            self._job_seconds[step] += sum(one.seconds for one in ran)

    def _add_to_host(self, attempt: Attempt) -> None:
        if attempt.host is None:
            return
        host = self._hosts.get(attempt.host)
        if host is None:
            host = self._hosts[attempt.host] = _OnHost(Level(self._steps))
        host.attempts += 1
        host.failed += attempt.status is NodeStatus.FAILED
        for segment in attempt.segments:
            if segment.phase is Phase.RUNNING:
                host.seconds += segment.seconds
                host.level.add(segment.begin, segment.end)

    def _add_record(self, record: Record) -> None:
        took = self._took.setdefault(record.transformation, _Took())
        step = self._steps.at(record.begin)
        self._ran[step] += 1
        self._ran_seconds[step] += record.seconds
        if record.exitcode == 0:
            took.succeeded += 1
        else:
            took.failed += 1
        took.time.append(record.seconds)
        if record.cpu is not None:
            took.cpu.append(record.cpu)
        if record.memory is not None:
            took.memory.append(record.memory)

    def add_files(self, transformation: str, direction: str, size: int) -> None:
        """The files of one task; `direction` is input or output, the size in bytes."""
        took = self._took.setdefault(transformation, _Took())
        (took.input if direction == "input" else took.output).append(size)

    def over_time(self) -> OverTime:
        """What was going on when."""
        levels = {phase: tuple(level.values()) for phase, level in self._phases.items()}
        there = {phase: values for phase, values in levels.items() if any(values)}
        steps = self._steps
        return OverTime(
            steps.begin,
            steps.width,
            there,
            tuple(self._done.values()),
            tuple(self._failed.values()),
            *map(tuple, (self._jobs, self._job_seconds, self._ran, self._ran_seconds)),
        )

    def hosts(self) -> tuple[Host, ...]:
        """Those that ran the longest, first."""
        names = sorted(self._hosts, key=lambda name: (-self._hosts[name].seconds, name))
        hosts = [self._host(name, [self._hosts[name]]) for name in names[:MOST_HOSTS]]
        others = [self._hosts[name] for name in names[MOST_HOSTS:]]
        return (*hosts, self._host(f"{len(others)} more", others)) if others else tuple(hosts)

    def _host(self, name: str, there: list[_OnHost]) -> Host:
        busy = zip(*(one.level.values() for one in there), strict=True)
        return Host(
            name,
            sum(one.attempts for one in there),
            sum(one.failed for one in there),
            sum(one.seconds for one in there),
            tuple(round(sum(one), 3) for one in busy),
        )

    def resources(self) -> tuple[Resources, ...]:
        """Of what took the most time, first."""
        resources = [
            Resources(
                name,
                took.succeeded,
                took.failed,
                *(distribution(one) for one in (took.time, took.cpu, took.memory, took.input, took.output)),
            )
            for name, took in self._took.items()
        ]
        return tuple(
            sorted(resources, key=lambda one: (-(one.time.total if one.time else 0), one.transformation))
        )
