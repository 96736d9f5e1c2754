"""Triggers: what may meet a rule. Found in the rows of a turn: a job started, ended, was held; a workflow went on.

The same rows give the same triggers, whoever reads them and however often.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitord_job.notifications.rule import Entity, On
from monitord_job.outcome.attempt import JUDGE, AttemptFacts, cause_of
from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.outcome.ending import Ending, ending_of, was_aborted
from monitord_job.stampede.rows import (
    InstanceRow,
    InstanceUpdate,
    InvocationRow,
    JobStateRow,
    Row,
    WorkflowStateRow,
)
from monitord_job.stampede.state import JobDescription, JobPlan
from monitord_job.stampede.wait_status import exit_code

_START = frozenset({On.START, On.ALL})
_END = frozenset({On.END, On.ALL})
_SUCCESS = _END | {On.SUCCESS}
_ERROR = _END | {On.ERROR}
_OF_STATE = {on.meaning.job_state: on for on in On if on.meaning.job_state}
_TELLING = frozenset(
    {"PRE_SCRIPT_FAILED", "SUBMIT_FAILED", "JOB_HELD", "JOB_RELEASED", "JOB_ABORTED", "JOB_FAILURE"}
    | {"POST_SCRIPT_FAILED"}
)
"""States that tell why an attempt failed."""
_PRE_FAILED, _SUBMIT_FAILED = "PRE_SCRIPT_FAILED", "SUBMIT_FAILED"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Something that may meet a rule. `moment` says which, within a workflow; `time` in seconds since the epoch.

    `before` and `percent` are the progress from and to; `quiet` the seconds since anything happened. `first` and
    `final`: of the attempts at a job in this run.
    """

    entity: Entity
    name: str
    moment: str
    on: frozenset[On]
    time: int
    number: int | None = None
    status: int | None = None
    attempt: int | None = None
    reason: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    before: int = 0
    percent: int = 0
    quiet: int = 0
    first: bool = True
    final: bool = True


@dataclass(frozen=True, slots=True)
class WorkflowIdentity:
    """A workflow as its notifications name it. Paths are absolute; `describe` reads what a job's submit file says."""

    wf_uuid: str
    name: str
    """label and index, as PEGASUS_WFID"""
    directory: str
    dagman_out: str
    plans: Mapping[str, JobPlan]
    describe: Callable[[JobPlan], JobDescription]
    client: tuple[str, ...] = ("bridle-notify",)
    """the command that sends a message; the address follows"""


@dataclass(slots=True)
class NotificationState:
    """What triggers depend on of a workflow's past, by node. `failures` are those of this run, `done` of all runs."""

    attempts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    """nodes whose newest attempt failed and that count for how the run ends"""
    reasons: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    """the states of attempts that have not ended, each with its reason"""
    unsubmitted: dict[str, int] = field(default_factory=dict)
    """attempts that HTCondor did not take so far, or whose PRE script may have failed"""
    latest: int = 0
    """when anything happened last, in seconds since the epoch"""


@dataclass(slots=True)
class _Attempt:
    """An attempt within a turn, until its end."""

    time: int = 0
    tasks: list[InvocationRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How an attempt at a job ended. `gives_up`: no retry follows, though some may be left."""

    job: str
    seq: int
    code: int
    time: int
    outputs: Mapping[str, str | None] = field(default_factory=dict)
    gives_up: bool = False
    cause: Cause | None = None


class TriggerFinder:
    """Finds the triggers in the rows of one workflow, which come in their order. Changes `state`."""

    def __init__(
        self, workflow: WorkflowIdentity, state: NotificationState, asked: Callable[[str], bool]
    ) -> None:
        """`asked` says whether any rule may be about a job: of the others, nothing is said."""
        self._workflow = workflow
        self._state = state
        self._asked = asked
        self._open: dict[tuple[str, int], _Attempt] = {}
        self.handlers: dict[type, Callable[[Any], Iterable[Trigger]]] = {
            JobStateRow: self._job_state,
            InvocationRow: self._task,
            InstanceUpdate: self._attempt_ended,
            InstanceRow: self._attempt_began,
            WorkflowStateRow: self._workflow_state,
        }

    def triggers(self, row: Row) -> Iterable[Trigger]:
        """What a row triggers."""
        handler = self.handlers.get(type(row))
        return handler(row) if handler else ()

    def _task(self, row: InvocationRow) -> Iterable[Trigger]:
        self._attempt(row.job, row.seq).tasks.append(row)
        return ()

    def _attempt_began(self, row: InstanceRow) -> Iterable[Trigger]:
        self._state.reasons.pop(row.job, None)
        self._state.attempts[row.job] = self._state.attempts.get(row.job, 0) + 1
        return ()

    def _attempt(self, job: str, seq: int) -> _Attempt:
        found = self._open.get((job, seq))
        if found is None:
            found = self._open[job, seq] = _Attempt()
        return found

    def _workflow_state(self, row: WorkflowStateRow) -> Iterator[Trigger]:
        self._state.latest = max(self._state.latest, row.timestamp)
        started = row.state == "WORKFLOW_STARTED"
        if not started:
            yield from self._never_submitted(row.timestamp)
        if started:
            self._state.failures.clear()
            self._state.failed.clear()
            self._state.reasons.clear()
        ended = ending_of(row.status or 0, len(self._state.failed), None, aborted=was_aborted(row.reason))
        on = _START if started else _SUCCESS if ended is Ending.SUCCEEDED else _ERROR
        if started and row.restart_count > 0:
            on |= {On.RESCUE}
        moment = f"{row.restart_count} {'start' if started else 'end'}"
        # A FINAL node can make DAGMan exit with 0 though nodes failed.
        status = row.status or int(on is _ERROR) if not started else row.status
        more = {"status": status, "attempt": row.restart_count + 1, "reason": row.reason}
        yield _of_workflow(self._workflow, moment, on, row.timestamp, **more)

    def _never_submitted(self, time: int) -> Iterator[Trigger]:
        """DAGMan gives up after some SUBMIT_FAILUREs and does not say after which: at the end it is known.

        As whether a PRE script of a node with PRE_SKIP has failed, or said that the node is done.
        """
        for job, seq in self._state.unsubmitted.items():
            cause = cause_of(AttemptFacts(tuple(self._state.reasons.pop(job, ()))))
            yield from self._outcome(_Outcome(job, seq, 1, time, gives_up=True, cause=cause))
        self._state.unsubmitted.clear()

    def _job_state(self, row: JobStateRow) -> Iterable[Trigger]:
        job, seq, job_state, time, number, reason = row
        state = self._state
        state.latest = max(state.latest, time)
        self._attempt(job, seq).time = time
        if job_state in _TELLING:
            state.reasons.setdefault(job, []).append((job_state, reason))
        if job_state == _SUBMIT_FAILED or (job_state == _PRE_FAILED and self._plan(job).pre_skip is not None):
            state.unsubmitted[job] = seq
        elif state.unsubmitted:
            state.unsubmitted.pop(job, None)
        if job_state == "EXECUTE":
            return (self._of_job(job, seq, "start", _START, time),) if self._asked(job) else ()
        on = _OF_STATE.get(job_state)
        if on is not None:
            return (self._of_job(job, seq, f"{number} {on.value}", frozenset({on}), time, reason=reason),)
        return ()

    def _plan(self, job: str) -> JobPlan:
        return self._workflow.plans.get(job) or JobPlan(job)

    def _attempt_ended(self, row: InstanceUpdate) -> Iterator[Trigger]:
        if "exitcode" not in row.values:
            return
        attempt = self._open.pop((row.job, row.seq), _Attempt())
        states = self._state.reasons.pop(row.job, [])
        outputs = self._outputs(row.values) if self._asked(row.job) else {}
        self._state.unsubmitted.pop(row.job, None)
        tasks = [task for task in attempt.tasks if task.task_submit_seq > 0]
        codes = {task.task_submit_seq: exit_code(task.exitcode) for task in tasks}
        for number, code in codes.items():
            # As pegasus-monitord has it: a task is known when its record is, so its start and end are one trigger.
            on = (_ERROR if code else _SUCCESS) | {On.START}
            what = f"task {number}"
            yield self._of_job(
                row.job, row.seq, what, on, attempt.time, number=number, status=code, **outputs
            )
        raw = row.values["exitcode"]
        code = shown = exit_code(raw) if isinstance(raw, int) else 0
        if code and len(codes) == 1:
            # The job's own code says more than its POST script's, unless only that one failed it.
            shown = next(iter(codes.values())) or code
        gives_up = code in self._plan(row.job).last_codes
        cause = self._cause(row, attempt, states) if code else None
        yield from self._outcome(_Outcome(row.job, row.seq, shown, attempt.time, outputs, gives_up, cause))

    def _cause(
        self, row: InstanceUpdate, attempt: _Attempt, states: list[tuple[str, str | None]]
    ) -> Cause | None:
        raw = row.values["exitcode"]
        post = self._plan(row.job).post
        facts = AttemptFacts(
            tuple(states),
            raw if isinstance(raw, int) else None,
            {task.task_submit_seq: task.exitcode for task in attempt.tasks},
            post is not None and JUDGE in post.executable,
        )
        return cause_of(facts)

    def _outcome(self, found: _Outcome) -> Iterator[Trigger]:
        state, job = self._state, found.job
        failures = state.failures.get(job, 0)
        on, final = _SUCCESS, True
        if found.code:
            state.failures[job] = failures + 1
            final = found.gives_up or failures + 1 > self._plan(job).retries
            on = _ERROR | {On.FAILED_PERMANENTLY if final else On.RETRY}
        failed = found.code and not self._plan(job).is_service
        (state.failed.add if failed else state.failed.discard)(job)
        if self._asked(job):
            told = found.cause is None or found.cause.kind is CauseKind.JOB
            reason = None if told or found.cause is None else found.cause.phrase
            more = {"status": found.code, "final": final, "reason": reason, **found.outputs}
            yield self._of_job(job, found.seq, "end", on, found.time, **more)
        if not found.code and job not in state.done:
            yield from self._progress(job, found.time)

    def _progress(self, job: str, time: int) -> Iterator[Trigger]:
        done, total = self._state.done, len(self._workflow.plans)
        before = 100 * len(done) // total if total else 0
        done.add(job)
        percent = 100 * len(done) // total if total else 0
        if percent > before:
            on = frozenset({On.PROGRESS})
            yield _of_workflow(self._workflow, f"{percent} percent", on, time, before=before, percent=percent)

    def _outputs(self, values: Mapping[str, object]) -> dict[str, str | None]:
        """The files of an attempt that has ended: rotated, if they are there."""
        found = {name: values.get(f"{name}_file") for name in ("stdout", "stderr")}
        return {name: self._place(file) for name, file in found.items() if isinstance(file, str)}

    def _place(self, file: str | None) -> str | None:
        return file and posixpath.join(self._workflow.directory, file)

    def _of_job(
        self, job: str, seq: int, moment: str, on: frozenset[On], time: int, **more: object
    ) -> Trigger:
        number = more.get("number")
        state = self._state
        values = {"first": not state.failures.get(job), "attempt": state.attempts.get(job, 1), **more}
        entity = Entity.INVOCATION if number is not None else Entity.JOB
        return Trigger(entity, job, f"{seq} {moment}", on, time, **values)  # type: ignore[arg-type]


def _of_workflow(
    workflow: WorkflowIdentity, moment: str, on: frozenset[On], time: int, **more: Any
) -> Trigger:
    return Trigger(Entity.WORKFLOW, workflow.wf_uuid, moment, on, time, stdout=workflow.dagman_out, **more)


def stalled(workflow: WorkflowIdentity, state: NotificationState, now: int) -> Trigger:
    """That nothing has happened for some time, up to now."""
    on = frozenset({On.STALLED})
    return _of_workflow(workflow, f"{state.latest} stalled", on, now, quiet=now - state.latest)


def monitor_restarted(workflow: WorkflowIdentity, token: str, now: int) -> Trigger:
    """That another monitor is at work, in the middle of a run; `token` says which."""
    return _of_workflow(workflow, f"{token} monitor", frozenset({On.MONITOR_RESTARTED}), now)
