"""A run and all below it at one moment, as it is stored: what `bridle watch` shows. Times in seconds (epoch)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from monitord_job.database.queries.run_values import WorkflowProgress
from monitord_job.outcome.cause import Cause
from monitord_job.outcome.node_status import NodeStatus

Key = tuple[int, str, int]
"""An attempt: its workflow, its node, its key in job_instance (minus its number, where that has none)."""


@dataclass(frozen=True, slots=True)
class WorkflowNow:
    """A workflow of the run. `path` are the nodes that lead there (`below/fit`), empty for the run itself."""

    wf_id: int
    path: str
    label: str
    total: int
    counts: Mapping[NodeStatus, int]
    ended: bool = False

    @property
    def done(self) -> int:
        return self.counts.get(NodeStatus.SUCCEEDED, 0)


@dataclass(frozen=True, slots=True)
class NodeNow:
    """An attempt at a node. `node` as people name it (`below/fit`); `again`: it failed, and the node is tried again."""

    key: Key
    node: str
    status: NodeStatus
    since: int
    job: str = ""
    host: str = ""
    cause: Cause | None = None
    output: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class CategoryNow:
    """How full a category of the run's own DAG is: jobs in the queue, and how many may be; None: no limit."""

    name: str
    submitted: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """When the run may end: the time, and how far off that may be, in seconds."""

    end: float
    give_or_take: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What is seen. `failed` and `held` are the newest first, `running` the oldest first, as far as they are shown."""

    now: float
    run: WorkflowProgress
    workflows: tuple[WorkflowNow, ...]
    running: tuple[NodeNow, ...] = ()
    held: tuple[NodeNow, ...] = ()
    failed: tuple[NodeNow, ...] = ()
    in_queue: tuple[str, ...] = ()
    """nodes of the run itself whose job is in the queue"""
    categories: tuple[CategoryNow, ...] = ()
    estimate: Estimate | None = None
    rate: float = 0.0
    """jobs that ended well in a minute, lately"""
    stored: int | None = None
    """when the last event that is stored happened"""
    behind: int = 0
    """bytes of the log that are not stored"""

    def counts(self) -> Counter[NodeStatus]:
        """Jobs of all workflows by state."""
        return sum((Counter(dict(one.counts)) for one in self.workflows), Counter())
