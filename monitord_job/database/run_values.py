"""A run as its database has it: values, for those who show it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class NodeStatus(Enum):
    """Where a job stands in the run, from its newest attempt; HTCondor's own word for it is `condor_job.JobStatus`."""

    UNREADY = "unready"
    PRE = "pre"
    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    POST = "post"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_OF_STATE = {
    None: NodeStatus.UNREADY,
    "PRE_SCRIPT_STARTED": NodeStatus.PRE,
    "PRE_SCRIPT_TERMINATED": NodeStatus.PRE,
    "PRE_SCRIPT_SUCCESS": NodeStatus.PRE,
    "PRE_SCRIPT_FAILED": NodeStatus.FAILED,
    "PRESKIP": NodeStatus.SUCCEEDED,
    "SUBMIT": NodeStatus.QUEUED,
    "SUBMIT_FAILED": NodeStatus.FAILED,
    "JOB_RELEASED": NodeStatus.QUEUED,
    "JOB_EVICTED": NodeStatus.QUEUED,
    "JOB_HELD": NodeStatus.HELD,
    "JOB_ABORTED": NodeStatus.FAILED,
    "JOB_TERMINATED": NodeStatus.POST,
    "JOB_SUCCESS": NodeStatus.POST,
    "JOB_FAILURE": NodeStatus.POST,
    "POST_SCRIPT_STARTED": NodeStatus.POST,
    "POST_SCRIPT_TERMINATED": NodeStatus.POST,
    "POST_SCRIPT_SUCCESS": NodeStatus.SUCCEEDED,
    "POST_SCRIPT_FAILED": NodeStatus.FAILED,
}
"""Any other state is one of a running job."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how its newest attempt went; `exitcode` is a wait status, None while it has not ended."""

    name: str
    type: str
    status: NodeStatus
    attempts: int
    exitcode: int | None
    site: str | None
    stdout_file: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class WorkflowSummary:
    """A run as the database has it. Times in seconds since the epoch; `status` is DAGMan's exit code at the end."""

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

    @property
    def total(self) -> int:
        """How many jobs there are."""
        return len(self.jobs)

    def count(self) -> Counter[NodeStatus]:
        """How many jobs are in which status."""
        return Counter(job.status for job in self.jobs)


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

    def count(self) -> Counter[NodeStatus]:
        """How many jobs are in which status."""
        return Counter(self.counts)


def node_status(state: str) -> NodeStatus:
    """Where a node stands whose newest state this is; empty: it never began."""
    # A job without a POST script ends in these; with one, that starts within the same second.
    return _ENDED.get(state) or _OF_STATE.get(state or None, NodeStatus.RUNNING)


_ENDED = {"JOB_SUCCESS": NodeStatus.SUCCEEDED, "JOB_FAILURE": NodeStatus.FAILED}


def attempt_status(state: str | None, exitcode: int | None) -> NodeStatus:
    """Where a job stands whose newest attempt has this newest state and exit code; None: there is none."""
    if exitcode is not None:
        return NodeStatus.FAILED if exitcode else NodeStatus.SUCCEEDED
    return _OF_STATE.get(state, NodeStatus.RUNNING)
