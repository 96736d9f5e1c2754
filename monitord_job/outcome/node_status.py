"""Where a node stands in its run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from condor_templates.state_words import StateWord
from monitord_job.outcome.ending import RunEnd


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


NODE_WORDS: Mapping[NodeStatus, StateWord] = MappingProxyType(
    {
        NodeStatus.UNREADY: StateWord.NOT_STARTED,
        NodeStatus.PRE: StateWord.PRE_SCRIPT,
        NodeStatus.QUEUED: StateWord.QUEUED,
        NodeStatus.RUNNING: StateWord.RUNNING,
        NodeStatus.HELD: StateWord.HELD,
        NodeStatus.POST: StateWord.POST_SCRIPT,
        NodeStatus.SUCCEEDED: StateWord.DONE,
        NodeStatus.FAILED: StateWord.FAILED,
    }
)
"""What people are told; the status itself is for programs."""


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
    "JOB_SUCCESS": NodeStatus.POST,
    "JOB_FAILURE": NodeStatus.POST,
    "POST_SCRIPT_STARTED": NodeStatus.POST,
    "POST_SCRIPT_TERMINATED": NodeStatus.POST,
    "POST_SCRIPT_SUCCESS": NodeStatus.SUCCEEDED,
    "POST_SCRIPT_FAILED": NodeStatus.FAILED,
}
"""Any other state is one of a running job; JOB_TERMINATED, too: DAGMan's verdict follows at once, unless it was one of
several jobs (`queue 3`), of which others are left."""

_ENDED = {"JOB_SUCCESS": NodeStatus.SUCCEEDED, "JOB_FAILURE": NodeStatus.FAILED}

STATES = (*(state for state in _OF_STATE if state), "")
"""All that a node may be stored in but those of a running job; the last: it never began."""
_VERDICTS = frozenset(
    {"JOB_SUCCESS", "JOB_FAILURE", "POST_SCRIPT_SUCCESS", "POST_SCRIPT_FAILED", "PRE_SCRIPT_FAILED"}
    | {"PRESKIP", "SUBMIT_FAILED"}
)
"""DAGMan's last word on an attempt: what a service has left with by itself."""


_GOING_ON = frozenset(
    {NodeStatus.PRE, NodeStatus.QUEUED, NodeStatus.RUNNING, NodeStatus.HELD, NodeStatus.POST}
)


def goes_on(status: NodeStatus) -> bool:
    """Whether it is that of an attempt that has begun and not ended."""
    return status in _GOING_ON


def _at(end: RunEnd, status: NodeStatus) -> NodeStatus:
    return NodeStatus.FAILED if end is RunEnd.CUT_SHORT and status in _GOING_ON else status


def node_status(state: str, *, service: bool = False, end: RunEnd = RunEnd.GOES_ON) -> NodeStatus:
    """Where a node stands whose newest state this is; empty: it never began.

    `service`: it is a SERVICE node, which DAGMan removes when all else is done. What such a node was at when the run
    ended, on hold or not yet started, is no failure; of any other node it is one.

    >>> node_status("JOB_ABORTED"), node_status("JOB_HELD", service=True, end=RunEnd.OVER)
    (<NodeStatus.FAILED: 'failed'>, <NodeStatus.SUCCEEDED: 'succeeded'>)
    >>> node_status("POST_SCRIPT_STARTED", end=RunEnd.CUT_SHORT)
    <NodeStatus.FAILED: 'failed'>
    """
    is_over = end is not RunEnd.GOES_ON
    if service and state and (is_over or state == "JOB_ABORTED") and state not in _VERDICTS:
        return NodeStatus.SUCCEEDED
    # A job without a POST script ends in these; with one, that starts within the same second.
    return _ENDED.get(state) or _at(end, _OF_STATE.get(state or None, NodeStatus.RUNNING))


def attempt_status(
    state: str | None, exitcode: int | None, *, service: bool = False, end: RunEnd = RunEnd.GOES_ON
) -> NodeStatus:
    """Where a job stands whose newest attempt has this newest state and exit code; None: there is none."""
    if exitcode is not None:
        return NodeStatus.FAILED if exitcode else NodeStatus.SUCCEEDED
    if service and state:
        return node_status(state, service=True, end=end)
    return _at(end, _OF_STATE.get(state, NodeStatus.RUNNING))


def in_queue(status: NodeStatus, reason: str | None) -> NodeStatus:
    """Where a job stands that is on hold in the queue for a reason; None: it is not. Of some holds no log tells.

    >>> in_queue(NodeStatus.QUEUED, "no space left"), in_queue(NodeStatus.QUEUED, None)
    (<NodeStatus.HELD: 'held'>, <NodeStatus.QUEUED: 'queued'>)
    """
    return NodeStatus.HELD if reason is not None and status in _MAY_BE_HELD else status


_MAY_BE_HELD = (NodeStatus.QUEUED, NodeStatus.RUNNING)


def percent_done(done: int, total: int) -> int:
    """Of the nodes of a run; 100 only when all are done, also where there is none.

    >>> percent_done(299, 300), percent_done(0, 0)
    (99, 100)
    """
    return 100 * done // total if total else 100
