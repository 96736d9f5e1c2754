"""How a run ended, in one word. Pure."""

from __future__ import annotations

from enum import Enum

from dag_rewriter.logs.events import ABORTED_BY


class Ending(Enum):
    """How a run ended; the value is for people and programs."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REMOVED = "removed"
    ABORTED = "aborted"
    """by ABORT-DAG-ON, whatever DAGMan returns then"""
    HALTED = "halted"
    """a halt file stood there when no job was left"""


class RunEnd(Enum):
    """What the end of a run means for its nodes."""

    GOES_ON = "goes on"
    OVER = "over"
    CUT_SHORT = "cut short"
    """what had not ended then never will"""


def run_end(status: int | None, reason: str | None) -> RunEnd:
    """Of a run that has ended: with DAGMan's exit code, and the reason that is stored.

    >>> run_end(0, None), run_end(2, None)
    (<RunEnd.OVER: 'over'>, <RunEnd.CUT_SHORT: 'cut short'>)
    """
    return RunEnd.OVER if status == 0 and not was_aborted(reason) else RunEnd.CUT_SHORT


_BY_DAGMAN = {3: Ending.ABORTED, 4: Ending.REMOVED, 6: Ending.HALTED}
"""DAGMan's DAG_STATUS, of which these three are certain: 2 (a node failed) also stays when a retry succeeds (seen)."""
_EXIT_ABORT = 2


def ending_of(code: int, failed: int, dag_status: int | None, *, aborted: bool = False) -> Ending:
    """How a run ended: from DAGMan's exit code, the number of failed nodes, and DAGMan's own DAG_STATUS if it is known.

    SERVICE nodes do not count. A FINAL node, or ABORT-DAG-ON ... RETURN 0, can make the exit code 0 whatever happened;
    in the second case also DAG_STATUS: then only DAGMan's log, or the code of the node, says that it was `aborted`.

    >>> ending_of(0, 1, 2), ending_of(0, 0, 4), ending_of(2, 0, None)
    (<Ending.FAILED: 'failed'>, <Ending.REMOVED: 'removed'>, <Ending.REMOVED: 'removed'>)
    """
    if aborted:
        return Ending.ABORTED
    told = _BY_DAGMAN.get(dag_status or 0)
    if told is not None:
        return told
    if dag_status is None and code == _EXIT_ABORT:
        return Ending.REMOVED
    return Ending.FAILED if code or failed else Ending.SUCCEEDED


def was_aborted(reason: str | None) -> bool:
    """Whether the reason that is stored of a run's end says that ABORT-DAG-ON ended it."""
    return reason is not None and reason.startswith(ABORTED_BY)
