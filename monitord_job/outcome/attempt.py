"""An attempt at a job as it is stored, and what that means: its cause, if it failed or is held. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from monitord_job.outcome.cause import CUT_SHORT, Cause, CauseKind, of_status
from monitord_job.outcome.node_status import NODE_WORDS, attempt_status
from monitord_job.stampede.wait_status import exit_code, was_removed

PRE_TASK, POST_TASK = -1, -2
"""Numbers that Stampede gives to the scripts among an attempt's invocations."""
SUBMITTED_ON_HOLD = "submitted on "
"""How the reason begins of a job that is held since it was submitted, as one is that DAGMan submits once more after a
failure, if it is told to."""
JUDGE = "pegasus-exitcode"
"""The POST script of Pegasus: it fails where the job did, and says nothing of its own then."""


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What is stored of one attempt: its states in their order, each with its reason, and wait statuses.

    `exitcode` is the attempt's, `codes` are those of its invocations by their number (scripts: PRE_TASK, POST_TASK).
    `judged`: its POST script is Pegasus's own.
    """

    states: tuple[tuple[str, str | None], ...]
    exitcode: int | None = None
    codes: Mapping[int, int] = field(default_factory=dict)
    judged: bool = False
    cut_short: bool = False
    """whether it had not ended when its DAGMan left"""

    @property
    def last(self) -> str:
        """Its newest state."""
        return self.states[-1][0] if self.states else ""

    def reason_of(self, state: str) -> str | None:
        """Why it came into a state the last time; None if it never did."""
        reasons = [reason or "" for word, reason in self.states if word == state]
        return reasons[-1] if reasons else None

    def code_of(self, task: int) -> int | None:
        """The exit code of an invocation, or minus the signal."""
        raw = self.codes.get(task)
        return None if raw is None else exit_code(raw)


def cause_of(facts: AttemptFacts) -> Cause | None:
    """Why the attempt failed or is held; None if it succeeded or goes on.

    >>> cause_of(AttemptFacts((("SUBMIT", None), ("JOB_ABORTED", "via condor_rm")))).phrase
    'removed: via condor_rm'
    """
    if facts.cut_short:
        return _cut_short(facts)
    if facts.last == "JOB_HELD":
        return Cause(CauseKind.HELD, reason=facts.reason_of("JOB_HELD") or "")
    if facts.exitcode == 0 or not (facts.exitcode or facts.last in _FAILURES):
        return None
    return next((cause for rule in _RULES if (cause := rule(facts)) is not None), None)


def _cut_short(facts: AttemptFacts) -> Cause:
    if facts.last == "JOB_HELD":
        held = Cause(CauseKind.HELD, reason=facts.reason_of("JOB_HELD") or "")
        return Cause(CauseKind.REMOVED, reason=CUT_SHORT, inner=held)
    word = NODE_WORDS[attempt_status(facts.last, None)].value
    return Cause(CauseKind.REMOVED, reason=f"{CUT_SHORT}: {word}")


_FAILURES = frozenset(
    {"PRE_SCRIPT_FAILED", "SUBMIT_FAILED", "JOB_ABORTED", "JOB_FAILURE", "POST_SCRIPT_FAILED"}
)


def _not_submitted(facts: AttemptFacts) -> Cause | None:
    # A POST script may run all the same; the attempt before it may have been submitted at another try.
    reason = facts.reason_of("SUBMIT_FAILED")
    if reason is None or facts.reason_of("SUBMIT") is not None:
        return None
    return Cause(CauseKind.SUBMISSION, reason=reason)


def _pre_script(facts: AttemptFacts) -> Cause | None:
    if facts.reason_of("PRE_SCRIPT_FAILED") is None:
        return None
    code = facts.code_of(PRE_TASK)
    if code is None and facts.exitcode and facts.reason_of("POST_SCRIPT_FAILED") is None:
        code = exit_code(facts.exitcode)
    return of_status(CauseKind.PRE_SCRIPT, code)


def _removed(facts: AttemptFacts) -> Cause | None:
    reason = facts.reason_of("JOB_ABORTED")
    raw = facts.codes.get(1, facts.exitcode)
    if reason is None and not (raw is not None and was_removed(raw)):
        return None
    words = [state for state, _ in facts.states]
    if "JOB_TERMINATED" in words and raw is not None and not was_removed(raw):
        return None  # one of several jobs (`queue 3`) failed, and DAGMan removed the others
    held = None
    for state, why in facts.states[: words.index("JOB_ABORTED") if reason is not None else None]:
        if state == "JOB_HELD":
            held = Cause(CauseKind.HELD, reason=why or "")
        elif state in ("JOB_RELEASED", "EXECUTE"):
            held = None
    return Cause(CauseKind.REMOVED, reason=reason or "", inner=held)


def _post_script(facts: AttemptFacts) -> Cause | None:
    if facts.reason_of("POST_SCRIPT_FAILED") is None:
        return None
    own = facts.code_of(POST_TASK)
    if own is None and facts.exitcode is not None:
        own = exit_code(facts.exitcode)
    job = _of_job(facts) if facts.reason_of("JOB_FAILURE") is not None or facts.judged else None
    if facts.judged and job is not None and (own is None or own >= 0):
        return job
    return of_status(CauseKind.POST_SCRIPT, own, inner=job)


def _of_job(facts: AttemptFacts) -> Cause | None:
    """How the job itself failed: the first of its tasks that did, or as DAGMan has it."""
    tasks = sorted(task for task, raw in facts.codes.items() if task > 0 and raw)
    if not tasks:
        return None
    several = sum(task > 0 for task in facts.codes) > 1
    return of_status(CauseKind.JOB, facts.code_of(tasks[0]), task=tasks[0] if several else None)


def _job(facts: AttemptFacts) -> Cause:
    own = None if facts.exitcode is None else exit_code(facts.exitcode)
    return _of_job(facts) or of_status(CauseKind.JOB, own)


_RULES: tuple[Callable[[AttemptFacts], Cause | None], ...] = (
    _not_submitted,
    _pre_script,
    _removed,
    _post_script,
    _job,
)
"""What came first is what there is to mend."""
