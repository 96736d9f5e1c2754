"""Where the monitor of a run is: the one answer that `list`, `watch`, `status` and `recover` have."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.errors import FileError
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.diagnosis.run_states import OVER, Condition, Monitor
from monitord_job.lock import holder_of

AT_WORK = frozenset({Monitor.AT_WORK, Monitor.STOPPED})
"""What its lock tells of."""
_TO_START = 60
"""Seconds that a monitor may take to begin, once DAGMan has."""
_SERVED = frozenset({Condition.RUNNING, Condition.ORPHAN, Condition.HALTED})
"""Where DAGMan is at work, and its monitor should be."""


@dataclass(frozen=True, slots=True)
class MonitorSeen:
    """What is seen of a run's monitor."""

    where: Monitor = Monitor.GONE
    is_wanted: bool = False
    """whether the DAG was rewritten to have one"""
    dagman_since: int = 0
    """when its DAGMan began, in seconds since the epoch; 0: it is long ago, or not known"""


def monitor_of(condition: Condition, seen: MonitorSeen, now: int) -> Monitor | None:
    """Where it is; None of a run that has none: never rewritten, over, or about to begin. Pure.

    >>> monitor_of(Condition.RUNNING, MonitorSeen(is_wanted=False), 1000)
    """
    if seen.where in AT_WORK:
        return seen.where
    if condition in OVER:
        return None
    if seen.where is not Monitor.GONE:
        return seen.where
    is_missed = seen.is_wanted and condition in _SERVED and now - seen.dagman_since > _TO_START
    return Monitor.GONE if is_missed else None


def seen_in(lock: Path, jobs: Sequence[QueuedJob]) -> Monitor:
    """Where it is seen: by its lock, or among `jobs`, the monitors of this run in the queue."""
    working = at_work(lock)
    if working is not None:
        return working
    if not jobs:
        return Monitor.GONE
    return Monitor.HELD if jobs[0].status == JobStatus.HELD else Monitor.QUEUED


def at_work(lock: Path) -> Monitor | None:
    """What its lock says; None if nobody holds it."""
    if not files.is_locked(lock):
        return None
    with suppress(FileError):
        holder = holder_of(lock)
        if holder is not None and holder.stands_still():
            return Monitor.STOPPED
    return Monitor.AT_WORK


def is_wanted(submit_file: Path) -> bool:
    """Whether the submit file of a monitor is there: the DAG was rewritten to have one. FileError: nobody may look."""
    return files.mode_of(submit_file) is not None
