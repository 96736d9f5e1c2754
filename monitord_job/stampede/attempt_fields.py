"""What each of DAGMan's states changes in an attempt."""

from __future__ import annotations

from collections.abc import Callable

from dag_rewriter.logs.events import NodeEvent
from monitord_job.stampede.state import NodeState
from monitord_job.stampede.wait_status import raw_status

SKIPPED = "PRESKIP"
"""The PRE script said that the node is done (PRE_SKIP); its exit code is the one that PRE_SCRIPT_FAILURE told of."""

_WORDS = {
    "PRE_SCRIPT_FAILURE": "PRE_SCRIPT_FAILED",
    "POST_SCRIPT_FAILURE": "POST_SCRIPT_FAILED",
    "SUBMIT_FAILURE": "SUBMIT_FAILED",
}
"""Where Stampede's word differs from DAGMan's."""


def stampede_word(state: str) -> str:
    """Stampede's word for one of DAGMan's states.

    >>> stampede_word("SUBMIT_FAILURE"), stampede_word("EXECUTE")
    ('SUBMIT_FAILED', 'EXECUTE')
    """
    return _WORDS.get(state, state)


def is_of_the_same_cluster(node: NodeState, event: NodeEvent) -> bool:
    """Whether a job is one more of those that the attempt submitted at once (`queue 3`). NOOP nodes are cluster 0."""
    if event.state != "SUBMIT" or node.sched_id is None:
        return False
    cluster = event.info.partition(".")[0]
    return cluster != "0" and cluster == node.sched_id.partition(".")[0] and node.sched_id != event.info


def _submitted(node: NodeState, event: NodeEvent) -> None:
    if not is_of_the_same_cluster(node, event):
        node.sched_id = event.info
        node.submits += 1


def _executing(node: NodeState, event: NodeEvent) -> None:
    node.executed = event.time


def _job_gone(node: NodeState, event: NodeEvent) -> None:
    node.ended = event.time


def code_in(event: NodeEvent, otherwise: int) -> int:
    """The exit code that the event names: for a script only dagman.out does."""
    return int(event.info) if event.info.removeprefix("-").isdecimal() else otherwise


def _job_judged(node: NodeState, event: NodeEvent) -> None:
    code = code_in(event, int(event.state != "JOB_SUCCESS"))
    node.exitcode = raw_status(code)
    node.ended = node.ended or event.time


def _pre_started(node: NodeState, event: NodeEvent) -> None:
    node.pre_started = event.time


def _pre_failed(node: NodeState, event: NodeEvent) -> None:
    node.exitcode = raw_status(code_in(event, 1))


def _skipped(node: NodeState, _event: NodeEvent) -> None:
    node.exitcode = 0


def _post_started(node: NodeState, event: NodeEvent) -> None:
    node.post_started = event.time
    node.ended = node.ended or event.time


def _post_ended(node: NodeState, event: NodeEvent) -> None:
    node.post_ended = event.time


def _post_judged(node: NodeState, event: NodeEvent) -> None:
    failed = event.state != "POST_SCRIPT_SUCCESS"
    # Without its event in the nodes.log (truncated by a rescue run) only success or failure is known.
    code = node.post_exit if node.post_exit is not None and bool(node.post_exit) == failed else int(failed)
    node.post_exit = code_in(event, code)


PROGRESS: dict[str, Callable[[NodeState, NodeEvent], None]] = {
    "SUBMIT": _submitted,
    "EXECUTE": _executing,
    "JOB_TERMINATED": _job_gone,
    "JOB_ABORTED": _job_gone,
    "SUBMIT_FAILURE": _job_gone,
    "JOB_SUCCESS": _job_judged,
    "JOB_FAILURE": _job_judged,
    "PRE_SCRIPT_STARTED": _pre_started,
    "PRE_SCRIPT_FAILURE": _pre_failed,
    SKIPPED: _skipped,
    "POST_SCRIPT_STARTED": _post_started,
    "POST_SCRIPT_TERMINATED": _post_ended,
    "POST_SCRIPT_SUCCESS": _post_judged,
    "POST_SCRIPT_FAILURE": _post_judged,
}
