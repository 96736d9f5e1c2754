"""What happened, as values: one line of DAGMan's JOBSTATE_LOG, one event of a job event log."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

new = tuple.__new__
"""Makes a NamedTuple from a tuple of its fields, in a third of the time: for those that each line of a log makes."""


class DagmanState(Enum):
    """What DAGMan says of itself in the JOBSTATE_LOG (`INTERNAL *** ... ***`)."""

    STARTED = "DAGMAN_STARTED"
    FINISHED = "DAGMAN_FINISHED"
    RECOVERY_STARTED = "RECOVERY_STARTED"
    RECOVERY_FINISHED = "RECOVERY_FINISHED"
    RECOVERY_FAILURE = "RECOVERY_FAILURE"


DAGMAN_RESTARTS = 3
"""DAGMan's EXIT_RESTART: it was held or its host went down; the schedd runs it again. No end of a run."""


REMOVED = -1002
"""What DAGMan takes for the return value of a job that was removed (DAG_ERROR_CONDOR_JOB_ABORTED)."""


ABORTED_BY = "Aborting DAG because we got the ABORT exit value from a "
"""How DAGMan says that ABORT-DAG-ON ends it (dag.cpp); it names what returned the value: `job`, `POST script`."""


class NodeEvent(NamedTuple):
    """A node changed its state.

    `time` is in seconds since the epoch, `state` is DAGMan's word, `info` is the job id `cluster.proc`, a
    return value or `-`, depending on the state; `attempt` is DAGMan's own number, `reason` why, where the log says it.
    """

    time: int
    node: str
    state: str
    info: str
    attempt: int
    reason: str | None = None


class DagmanEvent(NamedTuple):
    """DAGMan started, finished or recovered; `info` is its job id or its exit code, or empty, `reason` why it left."""

    time: int
    state: DagmanState
    info: str
    reason: str | None = None


class Malformed(NamedTuple):
    """A line that no rule reads. It is kept as it stands (quarantine)."""

    text: str
    reason: str


JobstateLine = NodeEvent | DagmanEvent | Malformed


class NodeLogKind(Enum):
    """What other logs say beyond the JOBSTATE_LOG: events of a job event log, by HTCondor's number of them.

    Below 0: messages of DAGMan's debug log, which no event log has.
    """

    EXECUTE = 1
    JOB_ABORTED = 9
    JOB_HELD = 12
    POST_SCRIPT_TERMINATED = 16
    PRE_SCRIPT_FAILED = -1
    SUBMIT_FAILED = -2

    def __init__(self, number: int) -> None:
        self.is_message = number < 0
        """Whether DAGMan's debug log has it."""


class NodeLogEvent(NamedTuple):
    """One event of the nodes.log, or message of DAGMan's: `job` is `cluster.proc`, or the node's name without a job.

    `value` is the host for EXECUTE, the reason for JOB_HELD, JOB_ABORTED and SUBMIT_FAILED, and for scripts the exit
    code, or minus the signal's number.
    """

    kind: NodeLogKind
    job: str
    value: str


_REFUSED = "1"
_REFUSED_WITHIN = 2


def was_refused(event: DagmanEvent, started: int) -> bool:
    """Whether a DAGMan that `started` beside a live one has left because of its lock: at once, and with 1.

    Without the lock it would not have ended a node by then. Seen with HTCondor 25.14; 23 has no such lock.
    """
    finished = event.state is DagmanState.FINISHED and event.info == _REFUSED
    return finished and event.time - started <= _REFUSED_WITHIN


def is_past_refusal(time: int, started: int) -> bool:
    """Whether something at `time` is too late for that."""
    return time - started > _REFUSED_WITHIN
