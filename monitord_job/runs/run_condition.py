"""How a run stands, from what is stored of it, from the queue, and from what lies beside its DAG. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from condor_templates.state_words import StateWord
from dag_rewriter.logs.dagman_log import DagmanJob
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.diagnosis.run_states import OVER, Condition
from monitord_job.outcome.ending import Ending, ending_of
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.runs.run_record import RunRecord


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What is seen of a run beside its database; the defaults are those of one that nobody has submitted."""

    now: int
    asked: bool = True
    """whether the queue answered"""
    job: QueuedJob | None = None
    """its DAGMan in the queue"""
    last: DagmanJob | None = None
    """the DAGMan job that its own event log tells of"""
    exited: int | None = None
    """with what that DAGMan left, by its own log: the job of pegasus-dagman ends with 0 whatever DAGMan says"""
    failed: int | None = None
    """how many nodes had failed when it counted last"""
    lives: bool = False
    """a DAGMan holds its lock"""
    is_halted: bool = False
    here: bool = True
    """its directory can be seen from here, and belongs to this access point's queue as far as that is known"""


_OF_ENDING: Mapping[Ending, Condition] = MappingProxyType(
    {
        Ending.SUCCEEDED: Condition.SUCCEEDED,
        Ending.FAILED: Condition.FAILED,
        Ending.REMOVED: Condition.REMOVED,
        Ending.ABORTED: Condition.ABORTED,
        Ending.HALTED: Condition.ENDED_HALTED,
    }
)


def condition_of(record: RunRecord, seen: Witnesses) -> Condition:
    """How the run stands. The queue goes before what is stored: that may be of the run before.

    >>> condition_of(RunRecord("/r/x.dag", "x", ending="failed"), Witnesses(now=0))
    <Condition.FAILED: 'failed'>
    """
    if seen.job is not None:
        return _in_queue(seen.job, seen)
    if record.ending is not None:
        return _OF_ENDING[Ending(record.ending)]
    if record.started is None and seen.last is None:
        return Condition.RUNNING if seen.lives else Condition.NEVER_SUBMITTED
    if seen.last is not None and seen.last.ended:
        return _left(record, seen, seen.last.code)  # its database is behind
    if not seen.here:
        return Condition.RUNNING  # as it is stored
    if not seen.asked:
        return Condition.RUNNING if seen.lives else Condition.UNKNOWN
    return Condition.ORPHAN if seen.lives else Condition.LOST


def _left(record: RunRecord, seen: Witnesses, code: int | None) -> Condition:
    """How a DAGMan left whose end is not stored."""
    if code is None:
        return Condition.REMOVED
    failed = record.counts.get(NodeStatus.FAILED.value, 0) if seen.failed is None else seen.failed
    return _OF_ENDING[ending_of(code if seen.exited is None else seen.exited, failed, None)]


def _in_queue(job: QueuedJob, seen: Witnesses) -> Condition:
    if job.status == JobStatus.HELD:
        return Condition.HELD
    if job.status == JobStatus.REMOVED:
        return Condition.LEAVING
    if job.status == JobStatus.IDLE:
        return Condition.COOLING_DOWN if job.cool_down_until > seen.now else Condition.WAITING
    return Condition.HALTED if seen.is_halted else Condition.RUNNING


def word_of(condition: Condition) -> str:
    """For people: the word of `bridle status`."""
    return StateWord.NOT_STARTED.value if condition is Condition.NEVER_SUBMITTED else condition.value


def is_live(condition: Condition) -> bool:
    """Whether the run is neither over nor still to begin."""
    return condition not in OVER and condition is not Condition.NEVER_SUBMITTED
