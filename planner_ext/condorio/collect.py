"""From a submit directory to the figures: reads DAG, submit files, sizes and log, then counts and simulates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dag_rewriter import files
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.model.graph import build_graph
from dag_rewriter.model.splices import WholeDag
from planner_ext.condorio.file_sizes import with_sizes
from planner_ext.condorio.measured_jobs import Concurrency, read_log
from planner_ext.condorio.model import FileKind, Mode, MovedFile, SizeSource, amount_of
from planner_ext.condorio.planned_jobs import Planned, planned_jobs
from planner_ext.condorio.run_times import NO_JOB, RunTimeSource, run_times
from planner_ext.condorio.scenarios import Scenario, scenarios
from planner_ext.condorio.schedule import Limits, Plan, Task
from planner_ext.condorio.todays_limits import category_limits, dagman_limits
from planner_ext.condorio.volume import JobVolume, Volume, volume_of

_ON_SUBMIT_HOST = frozenset({"local", "scheduler", "grid", NO_JOB})
"""Universes whose jobs take no slot of the pool."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    catalog: Path | None = None
    category_limits: tuple[int, ...] = (10, 50, 100)
    bandwidth: float = 125e6
    """bytes per second, each way"""
    uploads: int = 100
    downloads: int = 100
    slots: int | None = None
    """None: as many as were seen to run side by side, else no limit"""
    run_time: float = 60.0
    """seconds, of a job of which nothing is known"""
    if_needed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """All figures of a workflow."""

    submit_dir: SubmitDir
    volume: Volume
    jobs: int
    if_needed: int
    """jobs that are not counted: HTCondor moves their files only where no file system is shared"""
    by_url: int
    """files that go from or to a URL"""
    size_sources: Mapping[SizeSource, int]
    unread: int
    sub_workflows: int
    in_queue: int
    up: Concurrency
    down: Concurrency
    limits: Limits
    slots_seen: bool
    run_times: Mapping[RunTimeSource, int]
    scenarios: tuple[Scenario, ...] = field(default=())


def collect(submit_dir: SubmitDir, asked: Asked) -> Found:
    """All of it. RewriterError, CatalogError: what it is made of cannot be read."""
    with ExitStack() as stack:
        if other_owner(submit_dir.path) is not None:
            stack.enter_context(files.reading_only_of(submit_dir.path.stat().st_uid))
        whole = read_whole(submit_dir)
        planned = planned_jobs(submit_dir, whole)
        sized = with_sizes(submit_dir, planned.files, asked.catalog)
        log = read_log(submit_dir)
        max_jobs, max_idle = dagman_limits(submit_dir, whole)
    volume = volume_of(planned.jobs, sized, log.by_node, if_needed=asked.if_needed)
    limits = Limits(
        category_limits(whole),
        max_jobs,
        max_idle,
        log.most_jobs if asked.slots is None else asked.slots,
        asked.uploads,
        asked.downloads,
        asked.bandwidth,
    )
    times, sources = run_times(planned.jobs, log.by_node, asked.run_time)
    simulated = _Simulated(whole, planned, sized, volume, times)
    return Found(
        submit_dir,
        volume,
        len(planned.jobs),
        sum(job.mode is Mode.IF_NEEDED for job in planned.jobs) - _counted(volume),
        sum(job.by_url for job in planned.jobs),
        Counter(one.source for one in sized if one.source is not None),
        planned.unread,
        planned.sub_workflows,
        log.in_queue,
        log.up,
        log.down,
        limits,
        asked.slots is None and bool(log.most_jobs),
        sources,
        tuple(simulated.scenarios(limits, asked.category_limits)),
    )


def _counted(volume: Volume) -> int:
    return sum(one.job.mode is Mode.IF_NEEDED for one in volume.jobs)


@dataclass(frozen=True, slots=True)
class _Simulated:
    """What the simulation is made of."""

    whole: WholeDag
    planned: Planned
    files: Sequence[MovedFile]
    volume: Volume
    times: Sequence[float]

    def scenarios(self, limits: Limits, numbers: Sequence[int]) -> Iterator[Scenario]:
        jobs = self.planned.jobs
        moved = {one.job.node: one for one in self.volume.jobs}
        bytes_of = [self._bytes(moved.get(job.node)) for job in jobs]
        places = {job.node: place for place, job in enumerate(jobs)}
        edges = ((places[a], places[b]) for a, b in self.whole.edges() if a in places and b in places)
        plan = Plan.of([self._task(place, one) for place, one in enumerate(bytes_of)], edges)
        for one in scenarios(
            plan, limits, numbers, [(each.data_sent, each.data_returned) for each in bytes_of]
        ):
            if one.outcome.ended < len(jobs):
                build_graph(self.whole).levels()  # names the circle
            yield one

    def _task(self, place: int, moves: _Bytes) -> Task:
        planned = self.planned
        job = planned.jobs[place]
        if not job.in_graph:
            return Task(0, 0, 0.0, needs_slot=False)
        return Task(
            moves.sent,
            moves.returned,
            self.times[place],
            job.universe not in _ON_SUBMIT_HOST,
            planned.categories[place],
            planned.priorities[place],
        )

    def _bytes(self, one: JobVolume | None) -> _Bytes:
        """Of the last attempt if it ended by itself, else by the sizes of the files; what is not known counts as 0."""
        if one is None:
            return _Bytes()
        inputs = amount_of(one.job.inputs, self.files, FileKind.DATA).size
        outputs = amount_of(one.job.outputs, self.files, FileKind.DATA).size
        if one.measured is not None and one.measured.terminated:
            return _Bytes(one.measured.last_sent, one.measured.last_returned, inputs, outputs)
        sent, returned = amount_of(one.job.inputs, self.files), amount_of(one.job.outputs, self.files)
        return _Bytes(sent.size, returned.size, inputs, outputs)


class _Bytes(NamedTuple):
    """Of one job in the simulation."""

    sent: int = 0
    returned: int = 0
    data_sent: int = 0
    data_returned: int = 0
