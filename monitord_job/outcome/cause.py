"""Why an attempt at a job did not succeed, or does not go on: the closed set of causes, and how each is said. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

CUT_SHORT = "cut off when DAGMan left"
"""Our words for what happened to a node of which no log tells an end; DAGMan kills its scripts when it leaves."""


class CauseKind(Enum):
    """What it was; the value is for people and programs."""

    JOB = "job"
    """it ended, with another exit code than 0, or by a signal"""
    PRE_SCRIPT = "PRE script"
    POST_SCRIPT = "POST script"
    SUBMISSION = "submission"
    """HTCondor did not take it"""
    REMOVED = "removed"
    """somebody, or a policy, took it out of the queue"""
    HELD = "held"
    SUB_WORKFLOW = "sub-workflow"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an attempt failed, or is held.

    `code` is the exit code of job or script, `signal` what killed it; `task` which task of a cluster it was; `reason`
    HTCondor's words, or those of a sub-workflow's DAGMan. `inner` is what happened before: how the job itself ended,
    for a POST script; the hold, of a job that was removed then; the failure after which DAGMan submitted the job once
    more, on hold (DAGMAN_PUT_FAILED_JOBS_ON_HOLD); for a sub-workflow the first failure inside, of `node`.
    """

    kind: CauseKind
    code: int | None = None
    signal: int | None = None
    reason: str = ""
    task: int | None = None
    node: str = ""
    inner: Cause | None = None
    others: int = 0
    """of a sub-workflow: how many more of its nodes failed"""
    excuse: str = ""
    """in words that follow: why the run has succeeded all the same"""

    @property
    def status(self) -> int | None:
        """An exit code, or minus the signal's number; None where nothing has ended."""
        return self.code if self.signal is None else -self.signal

    @property
    def phrase(self) -> str:
        """In words, on one line as far as the reason is.

        >>> Cause(CauseKind.PRE_SCRIPT, code=9).phrase
        'PRE script: exit code 9'
        >>> Cause(CauseKind.POST_SCRIPT, signal=9, inner=Cause(CauseKind.JOB, code=3)).phrase
        'POST script: signal 9 (the job itself: exit code 3)'
        """
        phrase = _PHRASES[self.kind](self)
        return f"{phrase}, {self.excuse}" if self.excuse else phrase

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "kind": self.kind.value,
            "phrase": self.phrase,
            "code": self.code,
            "signal": self.signal,
            "reason": self.reason or None,
            "task": self.task,
            "node": self.node or None,
            "inner": self.inner and self.inner.as_json(),
        }


def of_status(kind: CauseKind, status: int | None, **more: Any) -> Cause:
    """A cause with an exit code, or minus a signal's number.

    >>> of_status(CauseKind.JOB, -9).signal
    9
    """
    if status is not None and status < 0:
        return Cause(kind, signal=-status, **more)
    return Cause(kind, code=status, **more)


def said(status: int | None) -> str:
    """An exit code, or minus a signal, in words."""
    if status is None:
        return "failed"
    return f"signal {-status}" if status < 0 else f"exit code {status}"


def _job(cause: Cause) -> str:
    return f"task {cause.task}: {said(cause.status)}" if cause.task else said(cause.status)


def _pre(cause: Cause) -> str:
    return f"PRE script: {said(cause.status)}"


def _post(cause: Cause) -> str:
    own = "succeeded" if cause.inner is None else cause.inner.phrase
    return f"POST script: {said(cause.status)} (the job itself{':' if cause.inner else ''} {own})"


def _submission(cause: Cause) -> str:
    return f"HTCondor did not take it: {cause.reason or 'no reason is known'}"


def _removed(cause: Cause) -> str:
    if cause.inner is not None:
        why = f" (removal: {cause.reason})" if cause.reason else ""
        return f"removed while {cause.inner.phrase}{why}"
    if cause.reason.startswith(("removed ", CUT_SHORT)):  # HTCondor's own words, and ours
        return cause.reason
    return f"removed: {cause.reason or 'no reason is known'}"


AFTER = " (the attempt before: {})"
"""What follows the reason of a hold, of a job that was submitted once more after a failure."""


def _held(cause: Cause) -> str:
    before = AFTER.format(cause.inner.phrase) if cause.inner else ""
    return f"held: {cause.reason or 'no reason is known'}{before}"


def _sub_workflow(cause: Cause) -> str:
    if cause.inner is None:
        return f"sub-workflow: {cause.reason or said(cause.status)}"
    more = f", and {cause.others} more" if cause.others else ""
    return f"sub-workflow: {cause.node}: {cause.inner.phrase}{more}"


_PHRASES = {
    CauseKind.JOB: _job,
    CauseKind.PRE_SCRIPT: _pre,
    CauseKind.POST_SCRIPT: _post,
    CauseKind.SUBMISSION: _submission,
    CauseKind.REMOVED: _removed,
    CauseKind.HELD: _held,
    CauseKind.SUB_WORKFLOW: _sub_workflow,
}
