"""One transaction in the making, on top of the state before it, which stays as it was.

A turn whose commit failed is simply dropped and read again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from dag_rewriter.logs.events import NodeLogEvent, NodeLogKind
from monitord_job.stampede.rows import Row, SubWorkflowRow
from monitord_job.stampede.state import NodeState, RunState, WorkflowState

MAX_DETAILS = 256
"""Events of one job that may wait for a line: HTCondor writes one for each time that it starts, or is held."""


_NOT_BEGUN = NodeState()


class DetailNeeded(NamedTuple):
    """An event of the nodes.log: of which job, or of which node where DAGMan had no job."""

    job: str
    kind: NodeLogKind


@dataclass(slots=True)
class Turn:
    """The changes of some events, on top of a state that they do not touch."""

    before: RunState
    workflow: WorkflowState = field(init=False)
    nodes: dict[str, NodeState] = field(default_factory=dict)
    details: dict[str, tuple[NodeLogEvent, ...]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    begun: list[SubWorkflowRow] = field(default_factory=list)
    """those among the rows"""

    def __post_init__(self) -> None:
        self.workflow = self.before.workflow

    def node(self, name: str) -> NodeState:
        """The node's state as of now, within the turn; to be read alone."""
        return self.nodes.get(name) or self.before.nodes.get(name) or _NOT_BEGUN

    def node_to_change(self, name: str) -> NodeState:
        """The node's state as of now, to be changed: the turn's own copy of what was before."""
        node = self.nodes.get(name)
        if node is None:
            before = self.before.nodes.get(name)
            node = self.nodes[name] = NodeState() if before is None else before.copy()
        return node

    def details_of(self, job: str) -> tuple[NodeLogEvent, ...]:
        """Events of the nodes.log that no line of the JOBSTATE_LOG has asked for yet."""
        details = self.details.get(job)
        return self.before.details.get(job, ()) if details is None else details

    def add_detail(self, detail: NodeLogEvent) -> bool:
        """Keep an event of the nodes.log until the line that it completes is read; False if too many wait already."""
        waiting = self.details_of(detail.job)
        if len(waiting) >= MAX_DETAILS:
            return False
        self.details[detail.job] = (*waiting, detail)
        return True

    def lacks(self, wanted: DetailNeeded) -> bool:
        """Whether that event of the nodes.log has not been read yet."""
        return wanted.kind not in [detail.kind for detail in self.details_of(wanted.job)]

    def absorbed(self) -> RunState:
        """The state after the turn, once it is committed. `before` gives up its nodes to it and is used up."""
        # Copying 100,000 nodes at each commit would make a large run quadratic; only a committed turn comes here.
        nodes, details = self.before.nodes, self.before.details
        nodes.update(self.nodes)
        for job, events in self.details.items():
            if events:
                details[job] = events
            else:
                details.pop(job, None)
        return replace(self.before, workflow=self.workflow, nodes=nodes, details=details)
