"""An attempt as a row of a table, and which rows are wanted. Pure; times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase

from monitord_job.outcome.node_status import NodeStatus


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt at a job; of a job that never began the one row has number 0."""

    wf_uuid: str
    workflow: str
    job: str
    type: str
    number: int
    """1 is the first attempt"""
    newest: bool
    status: NodeStatus
    exitcode: int | None = None
    """minus a signal's number, None while it has not ended"""
    transformation: str = ""
    site: str = ""
    host: str = ""
    submitted: float | None = None
    executed: float | None = None
    """when it began to run"""
    ended: float | None = None
    queued: float | None = None
    """seconds from submit to run"""
    ran: float | None = None
    """seconds that it ran, as DAGMan has seen it; of one that runs, until now"""
    category: str = ""


class Column(Enum):
    """What rows are sorted by."""

    SUBMITTED = "submitted"
    NAME = "name"
    QUEUE = "queue"
    RUNTIME = "runtime"
    EXIT_CODE = "exit-code"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows are wanted; what is empty or None asks for nothing. Names may be patterns with * and ?."""

    states: frozenset[NodeStatus] = frozenset()
    transformation: str = ""
    category: str = ""
    host: str = ""
    workflow: str = ""
    """label or wf_uuid of a sub-workflow"""
    exitcode: int | None = None
    longer_than: float | None = None
    """seconds of run"""
    every_attempt: bool = True
    categories: Mapping[str, str] = field(default_factory=dict)
    """of nodes, where the DAG is at hand"""

    def takes(self, row: AttemptRow) -> bool:
        """Whether a row is wanted.

        >>> row = AttemptRow("u", "w", "a", "compute", 1, True, NodeStatus.FAILED, 3, host="n7.example.org")
        >>> Filter(host="n7*", exitcode=3).takes(row), Filter(longer_than=0.0).takes(row)
        (True, False)
        """
        if (self.states and row.status not in self.states) or not (self.every_attempt or row.newest):
            return False
        if self.exitcode is not None and row.exitcode != self.exitcode:
            return False
        if self.longer_than is not None and not (row.ran or 0) > self.longer_than:
            return False
        named = (
            (self.transformation, row.transformation),
            (self.host, row.host),
            (self.category, row.category),
        )
        of_workflow = (
            not self.workflow or row.wf_uuid.startswith(self.workflow) or _like(row.workflow, self.workflow)
        )
        return of_workflow and all(not pattern or _like(word, pattern) for pattern, word in named)


def _like(word: str, pattern: str) -> bool:
    return fnmatchcase(word, pattern)
