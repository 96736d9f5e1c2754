"""How long each job runs in the simulation, and where that is from. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum
from statistics import median

from planner_ext.condorio.model import Job, Measured


class RunTimeSource(Enum):
    """The surest first."""

    MEASURED = "measured"
    """the job's own last attempt"""
    TRANSFORMATION = "transformation"
    """the median of those of its transformation that are measured"""
    PLANNER = "planner"
    """+pegasus_job_runtime"""
    ASSUMED = "assumed"


NO_JOB = "noop"
"""The universe of a node that runs nothing."""


def run_times(
    jobs: Sequence[Job], measured: Mapping[str, Measured], assumed: float
) -> tuple[list[float], Counter[RunTimeSource]]:
    """Seconds of each job, without its transfers; and how many of them are from where."""
    known = {job.node: seconds for job in jobs if (seconds := _seconds(measured.get(job.node))) is not None}
    grouped: dict[str, list[float]] = {}
    for job in jobs:
        if job.node in known:
            grouped.setdefault(job.transformation, []).append(known[job.node])
    medians = {name: median(seconds) for name, seconds in grouped.items()}
    times: list[float] = []
    sources: Counter[RunTimeSource] = Counter()
    for job in jobs:
        if job.universe == NO_JOB:
            times.append(0.0)
            continue
        seconds, source = _of(job, known.get(job.node), medians.get(job.transformation), assumed)
        times.append(seconds)
        sources[source] += 1
    return times, sources


def _of(job: Job, own: float | None, usual: float | None, assumed: float) -> tuple[float, RunTimeSource]:
    if own is not None:
        return own, RunTimeSource.MEASURED
    if usual is not None:
        return usual, RunTimeSource.TRANSFORMATION
    if job.estimate:
        return job.estimate, RunTimeSource.PLANNER
    return assumed, RunTimeSource.ASSUMED


def _seconds(found: Measured | None) -> float | None:
    return (
        None
        if found is None or not found.terminated or found.run_seconds is None
        else float(found.run_seconds)
    )
