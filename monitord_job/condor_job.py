"""HTCondor's jobs as values: their status, what the queue says of one, and the throttles of a DAGMan. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class JobStatus(IntEnum):
    """HTCondor's numbers (condor_includes/proc.h), as far as a DAGMan job has them."""

    IDLE = 1
    RUNNING = 2
    REMOVED = 3
    COMPLETED = 4
    HELD = 5


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job in the queue."""

    job: str
    status: int
    """one of JobStatus, unless HTCondor has more of them"""
    hold_reason: str | None = None
    command: str = ""
    cool_down_until: int = 0
    """seconds since the epoch; before that the schedd does not start the job again (25.10 and newer)"""
    started: int = 0
    """when it was started last, in seconds since the epoch"""
    dags: tuple[Path, ...] = ()
    """of a DAGMan: the DAGs that it runs, as one"""
    parent: int = 0
    """the cluster of the DAGMan that submitted it; 0: none did"""
    is_monitor: bool = False
    node: str = ""
    """of a DAGMan's job: which node of the DAG it is"""
    log: str = ""
    """its event log, as HTCondor has it"""
    owner: str = ""
    """the user whose job it is"""
    queued: int = 0
    """when it was submitted, in seconds since the epoch"""

    @property
    def is_dagman(self) -> bool:
        return bool(self.dags)

    @property
    def dag_file(self) -> Path | None:
        """Of a DAGMan: the DAG after which it calls its files (the first one)."""
        return self.dags[0] if self.dags else None


def node_paths(jobs: Iterable[QueuedJob], top: Iterable[str]) -> dict[str, str]:
    """How people name the nodes of jobs, by job: through the nodes of sub-workflows that lead there (`below/fit`).

    `top` are the DAGMan jobs that all of them are below; the DAGMans in between are among `jobs`.
    """
    known = {int(job.job.partition(".")[0]): job for job in jobs}
    ends = {int(job.partition(".")[0]) for job in top}

    def path(job: QueuedJob) -> str:
        names, seen = [job.node], set[int]()
        above = job.parent
        while above not in ends and above in known and above not in seen:
            seen.add(above)
            names.append(known[above].node)
            above = known[above].parent
        return "/".join(reversed(names))

    return {job.job: path(job) for job in known.values()}


LIVE = (JobStatus.IDLE, JobStatus.RUNNING, JobStatus.HELD)
"""The statuses of a DAGMan job that has not left, and is not about to."""

THROTTLES: Mapping[str, str] = {
    "nodes": "DAGMan_MaxJobs",
    "idle": "DAGMan_MaxIdle",
    "pre": "DAGMan_MaxPreScripts",
    "post": "DAGMan_MaxPostScripts",
    "hold": "DAGMan_MaxHoldScripts",
    "submits": "DAGMan_MaxSubmitsPerInterval",
}
"""Our word for each of DAGMan's throttles -> its attribute in the DAGMan job."""

_WORD = re.compile(r"(?:[^\s']|'(?:[^']|'')*')+")


def dags_in(arguments: str) -> tuple[str, ...]:
    """The DAGs on DAGMan's command line, as the queue has it: words by blanks, '' for what has some in it.

    >>> dags_in("-f -l . -Lockfile a.dag.lock -Dag a.dag -Dag 'b c''s.dag' -Suppress_notification")
    ('a.dag', "b c's.dag")
    """
    words = [_unquoted(word) for word in _WORD.findall(arguments)]
    return tuple(after for word, after in itertools.pairwise(words) if word.lower() == "-dag")


def _unquoted(word: str) -> str:
    return re.sub(r"'((?:[^']|'')*)'", lambda quoted: quoted[1].replace("''", "'"), word)


_FLAGS: Mapping[str, str] = {
    "nodes": "-MaxJobs",
    "idle": "-MaxIdle",
    "pre": "-MaxPre",
    "post": "-MaxPost",
    "hold": "-MaxHold",
}
"""What condor_dagman calls them on its command line; there is no flag for submits."""


def with_throttles(arguments: str, limits: Mapping[str, int]) -> str:
    """DAGMan's command line with other throttles; the last word of a flag counts.

    >>> with_throttles("-Dag x.dag -MaxIdle 1000 -MaxJobs 3", {"nodes": 5})
    '-Dag x.dag -MaxIdle 1000 -MaxJobs 5'
    """
    for word, number in limits.items():
        if flag := _FLAGS.get(word):
            arguments = re.sub(rf" {flag} \d+(?= |$)", "", arguments) + f" {flag} {number}"
    return arguments
