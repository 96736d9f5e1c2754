"""Limits of categories, changed while the workflow runs.

DAGMan has no command for it, but reads its DAG again when it recovers: the DAG is changed, the DAGMan job held and
released. Nodes that run go on, and DAGMan adopts them; no node is lost or run twice (docs/categories.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import ClassVar, TypeVar

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from dag_rewriter.directory.liveness import dagman_lives, refuse_beside_others
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.directory.submit_dir import SubmitDir, jobstate_log_of
from dag_rewriter.files import stream_of
from dag_rewriter.logs import jobstate_log
from dag_rewriter.logs.events import DagmanEvent, DagmanState, NodeEvent
from dag_rewriter.rewriting import limits
from dag_rewriter.rewriting.limits import Edit, LimitChange
from dag_rewriter.rewriting.rewrite import read_dag
from monitord_job import schedd
from monitord_job.condor_job import LIVE, JobStatus, QueuedJob
from monitord_job.errors import ScheddError
from monitord_job.lock import locked
from monitord_job.logs.tail import read_tail
from monitord_job.schedd import dagman_jobs
from monitord_job.waiting import wait_for

_T = TypeVar("_T")
_REASON = "bridle changes the limits of its categories, and releases it at once"
_POLL = 0.2
_TAIL = 1 << 20
QUIET_LIMIT = 10.0
"""Seconds to wait for a moment in which no PRE or POST script runs; where one always does, it goes on without."""
STOP_LIMIT = 60.0
"""Seconds for a DAGMan that was put on hold to leave."""
RECOVERY_LIMIT = 300.0
"""Seconds for a DAGMan that was released to be back; a million nodes take a minute to read."""


class LimitsError(BridleError):
    """The limits could not be changed; the message says in which state things are."""

    exit_code: ClassVar[int] = ExitCode.FAILED


class Stage(Enum):
    """What is going on; the value is for people."""

    WRITING = "changing the limits in the DAG"
    HOLDING = "holding DAGMan (its nodes go on)"
    RELEASING = "releasing DAGMan"
    RECOVERING = "waiting until DAGMan has read the DAG and adopted its nodes"


class Effect(Enum):
    """From when on the new limits hold; the value is for people and programs."""

    NOW = "in force"
    AT_START = "in force when DAGMan starts"
    AT_RELEASE = "in force when the held DAGMan job is released"
    ENDED = "the workflow has ended meanwhile: in force in a rescue run"


@dataclass(frozen=True, slots=True)
class LimitsChanged:
    """What was done: the limits before and after, from when on they hold, and how long DAGMan was away."""

    changes: tuple[LimitChange, ...]
    effect: Effect
    job: str | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class _Recovery:
    """Follows the JOBSTATE_LOG from a byte on: has DAGMan come back?"""

    path: Path
    offset: int = field(init=False)

    def __post_init__(self) -> None:
        self.offset = self.path.stat().st_size if self.path.exists() else 0

    def states(self) -> list[DagmanState]:
        if not self.path.exists():
            return []
        with stream_of(self.path) as stream:
            stream.seek(self.offset)
            events = [jobstate_log.parse(line) for line in stream.read().split(b"\n")[:-1]]
        return [event.state for event in events if isinstance(event, DagmanEvent)]


def change_limits(
    submit_dir: SubmitDir, settings: Mapping[str, int | None], tell: Callable[[Stage], None]
) -> LimitsChanged:
    """Change limits, running or not. `tell` hears of each stage. Raises LimitsError, ScheddError or RewriterError."""
    require_own(submit_dir.path)
    refuse_beside_others(submit_dir)
    limits.check_known(submit_dir, settings)
    if dagman_lives(submit_dir):
        _refuse_a_foreign_dagman(submit_dir)
    with locked(submit_dir.planned_dag if submit_dir.planned_dag.exists() else submit_dir.dag_file) as alone:
        if not alone:
            what = "somebody else is changing its limits"
            raise LimitsError(str(submit_dir.path), what, "try again when that is done; nothing was changed")
        tell(Stage.WRITING)
        edit = limits.write_limits(submit_dir, settings)
        return _put_in_force(submit_dir, edit, tell)


def _refuse_a_foreign_dagman(submit_dir: SubmitDir) -> None:
    """Pegasus's own wrapper takes its monitor down with it when it is held."""
    for job in dagman_jobs(submit_dir):
        if job.command and not job.command.endswith("condor_dagman"):
            what = f"job {job.job} runs {job.command}, which may not survive being held"
            hint = "change the limits when the workflow has ended, and start it with `bridle run`"
            raise LimitsError(str(submit_dir.path), what, hint)


def _put_in_force(submit_dir: SubmitDir, edit: Edit, tell: Callable[[Stage], None]) -> LimitsChanged:
    """The DAG is changed: now DAGMan is to read it, if one runs."""
    lives = dagman_lives(submit_dir)
    try:
        job = _job(submit_dir)
    except ScheddError:
        if not lives:
            return LimitsChanged(edit.changes, Effect.AT_START)
        limits.take_back(submit_dir, edit)
        raise
    if job is None and lives:
        limits.take_back(submit_dir, edit)
        what = "a DAGMan that is in no queue of this schedd runs this workflow"
        raise LimitsError(str(submit_dir.path), what, "try it where that was submitted; nothing was changed")
    if job is None or job.status == JobStatus.IDLE:
        return LimitsChanged(edit.changes, Effect.AT_START, job.job if job else None)
    if job.status == JobStatus.HELD and _REASON not in (job.hold_reason or ""):
        return LimitsChanged(edit.changes, Effect.AT_RELEASE, job.job)
    recovery = _Recovery(jobstate_log_of(submit_dir, read_dag(submit_dir)))
    began = time.monotonic()
    if (
        job.status != JobStatus.HELD
    ):  # else a `bridle` that was killed has left it on hold: it is finished now
        tell(Stage.HOLDING)
        _wait(lambda: not scripts_at_work(read_tail(recovery.path, _TAIL)), QUIET_LIMIT)
        try:
            schedd.hold_job(job.job, _REASON)
        except ScheddError:
            if _job(submit_dir) is None:
                return LimitsChanged(edit.changes, Effect.ENDED, job.job)
            limits.take_back(submit_dir, edit)
            raise
    effect = _bring_back(submit_dir, job.job, recovery, tell)
    return LimitsChanged(edit.changes, effect, job.job, time.monotonic() - began)


def scripts_at_work(log: bytes) -> set[str]:
    """The nodes whose PRE or POST script runs, by the last lines of a JOBSTATE_LOG.

    DAGMan takes its scripts with it when it is held, and starts them once more: a POST script may then not find the
    output that it has put away, and its node needs a retry (seen, 23.9.6).

    >>> started = b"1 A POST_SCRIPT_STARTED 7.0 - - 1\\n1 B PRE_SCRIPT_STARTED - - - 2\\n"
    >>> scripts_at_work(started + b"2 B PRE_SCRIPT_SUCCESS - - - 2\\n")
    {'A'}
    """
    nodes: set[str] = set()
    for event in map(jobstate_log.parse, log.splitlines()):
        if isinstance(event, NodeEvent) and "_SCRIPT_" in event.state:
            (nodes.add if event.state.endswith("_STARTED") else nodes.discard)(event.node)
    return nodes


def _bring_back(
    submit_dir: SubmitDir, job: str, recovery: _Recovery, tell: Callable[[Stage], None]
) -> Effect:
    """From the hold on: release, wait. Nothing may be left undone here."""
    try:
        stopped = _wait(lambda: _stopped(submit_dir), STOP_LIMIT)
    finally:
        # Whatever happened, ^C too: it must not stay on hold.
        tell(Stage.RELEASING)
        released = _release(submit_dir, job)
    if not released:
        return Effect.ENDED
    if not stopped:
        what = f"DAGMan job {job} did not leave within {STOP_LIMIT:.0f} s of being held; it is released again"
        raise LimitsError(
            str(submit_dir.path), what, "the DAG has the new limits: see `condor_q`, then try again"
        )
    tell(Stage.RECOVERING)
    effect = _wait(lambda: _back(submit_dir, job, recovery), RECOVERY_LIMIT)
    if effect is None:
        what = f"DAGMan job {job} is released and has not recovered within {RECOVERY_LIMIT:.0f} s"
        hint = f"the DAG has the new limits: see {submit_dir.dagman_out.name}"
        raise LimitsError(str(submit_dir.path), what, hint)
    return effect


def _job(submit_dir: SubmitDir) -> QueuedJob | None:
    return next((job for job in dagman_jobs(submit_dir) if job.status in LIVE), None)


def _stopped(submit_dir: SubmitDir) -> bool:
    """Whether DAGMan has left, for the hold or for good."""
    job = _job(submit_dir)
    return job is None or (job.status == JobStatus.HELD and not dagman_lives(submit_dir))


def _release(submit_dir: SubmitDir, job: str) -> bool:
    """Take the job off hold; False if it has left the queue. Raises LimitsError if it stays on hold."""
    failure: ScheddError | None = None
    for _ in range(5):
        try:
            queued = _job(submit_dir)
            if queued is None:
                return False
            if queued.status != JobStatus.HELD:
                return True
            schedd.release_job(job)
        except ScheddError as error:
            failure = error
            time.sleep(_POLL * 5)  # the schedd may be starting again
    what = f"DAGMan job {job} is held and could not be released"
    reason = f" ({failure.what})" if failure else ""
    raise LimitsError(
        str(submit_dir.path),
        what + reason,
        "the DAG has the new limits: `bridle release` starts DAGMan again",
    )


def _back(submit_dir: SubmitDir, job: str, recovery: _Recovery) -> Effect | None:
    """From when on the limits hold, once that is known; helps the job over the schedd's waiting time."""
    queued = _job(submit_dir)
    states = recovery.states()
    if queued is None:
        return Effect.ENDED
    if queued.status == JobStatus.IDLE and queued.cool_down_until > time.time():
        schedd.end_cool_down(job)
    started = DagmanState.STARTED in states
    if started and DagmanState.RECOVERY_FAILURE in states:
        what = f"DAGMan job {job} could not recover"
        raise LimitsError(str(submit_dir.path), what, f"see {submit_dir.dagman_out.name}")
    if started and DagmanState.RECOVERY_FINISHED in states:
        return Effect.NOW
    return None


def _wait(look: Callable[[], _T], limit: float) -> _T | None:
    """As `wait_for`; None also where the schedd does not answer to the end."""
    with suppress(ScheddError):
        return wait_for(look, limit, _POLL)
    return None
