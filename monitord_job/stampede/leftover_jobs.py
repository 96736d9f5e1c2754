"""Jobs that are in the queue when their DAGMan has left: it writes nothing more of them, their own log does. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dag_rewriter.logs.events import DagmanEvent, DagmanState, JobstateLine
from monitord_job.stampede.state import NodeState


def still_queued(nodes: Iterable[tuple[str, NodeState]]) -> dict[str, str]:
    """The jobs (`cluster.proc`) that were submitted and have not left, as far as DAGMan has said, and their nodes."""
    return {
        node.sched_id: name
        for name, node in nodes
        if node.sched_id
        and node.ended is None
        and node.exitcode is None
        and not node.sched_id.startswith("0.")
    }


def half_told(nodes: Iterable[tuple[str, NodeState]]) -> dict[str, str]:
    """One job (`cluster.proc`) of each cluster of which DAGMan has told the end of some, and nothing after the last.

    So it is of several jobs (`queue 3`) when DAGMan was removed, or one of them ended it by ABORT-DAG-ON.
    """
    return {
        node.sched_id: name
        for name, node in nodes
        if node.sched_id
        and node.ended is not None
        and node.exitcode is None
        and node.post_started is None
        and node.state != "JOB_ABORTED"
        and not node.sched_id.startswith("0.")
    }


def starts_without_recovery(event: DagmanEvent, then: JobstateLine | None) -> bool:
    """Whether a DAGMan starts that does not recover, as the event after its start says: the jobs before it are left.

    One that recovers adopts them, and says itself how they leave.
    """
    recovers = isinstance(then, DagmanEvent) and then.state is DagmanState.RECOVERY_STARTED
    return event.state is DagmanState.STARTED and then is not None and not recovers
