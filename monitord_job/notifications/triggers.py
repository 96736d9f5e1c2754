"""What the rows of a turn tell of that rules may ask for: a job started, ended, was held; a workflow went on.

The same rows give the same occasions, whoever reads them and however often.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitord_job.notifications.rule import Entity, On
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
_OF_STATE = {"JOB_HELD": On.HELD, "JOB_RELEASED": On.RELEASED, "JOB_EVICTED": On.EVICTED}
_PRE_FAILED, _SUBMIT_FAILED = "PRE_SCRIPT_FAILED", "SUBMIT_FAILED"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that rules may ask for. `moment` says which, within a workflow; `time` in seconds since the epoch.

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
class Told:
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
class Memory:
    """What has to be known of a workflow's past; by node. `failures` are those of this run, `done` of all runs."""

    attempts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
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


class Listener:
    """Hears the rows of one workflow in their order, and says what they tell of. Changes `memory`."""

    def __init__(self, told: Told, memory: Memory, asked: Callable[[str], bool]) -> None:
        """`asked` says whether any rule may be about a job: of the others, nothing is said."""
        self._told = told
        self._memory = memory
        self._asked = asked
        self._open: dict[tuple[str, int], _Attempt] = {}
        self.ears: dict[type, Callable[[Any], Iterable[Occasion]]] = {
            JobStateRow: self._state,
            InvocationRow: self._task,
            InstanceUpdate: self._ended,
            InstanceRow: self._began,
            WorkflowStateRow: self._workflow,
        }

    def hear(self, row: Row) -> Iterable[Occasion]:
        """What a row tells of."""
        ear = self.ears.get(type(row))
        return ear(row) if ear else ()

    def _task(self, row: InvocationRow) -> Iterable[Occasion]:
        if row.task_submit_seq > 0:
            self._attempt(row.job, row.seq).tasks.append(row)
        return ()

    def _began(self, row: InstanceRow) -> Iterable[Occasion]:
        self._memory.attempts[row.job] = self._memory.attempts.get(row.job, 0) + 1
        return ()

    def _attempt(self, job: str, seq: int) -> _Attempt:
        found = self._open.get((job, seq))
        if found is None:
            found = self._open[job, seq] = _Attempt()
        return found

    def _workflow(self, row: WorkflowStateRow) -> Iterator[Occasion]:
        self._memory.latest = max(self._memory.latest, row.timestamp)
        started = row.state == "WORKFLOW_STARTED"
        if not started:
            yield from self._never_submitted(row.timestamp)
        if started:
            self._memory.failures.clear()
        on = _START if started else _ERROR if row.status else _SUCCESS
        if started and row.restart_count > 0:
            on |= {On.RESCUE}
        yield Occasion(
            Entity.WORKFLOW,
            self._told.wf_uuid,
            f"{row.restart_count} {'start' if started else 'end'}",
            on,
            row.timestamp,
            status=row.status,
            attempt=row.restart_count + 1,
            reason=row.reason,
            stdout=self._told.dagman_out,
        )

    def _never_submitted(self, time: int) -> Iterator[Occasion]:
        """DAGMan gives up after some SUBMIT_FAILUREs and does not say after which: at the end it is known.

        As whether a PRE script of a node with PRE_SKIP has failed, or said that the node is done.
        """
        for job, seq in self._memory.unsubmitted.items():
            yield from self._outcome(_Outcome(job, seq, 1, time, gives_up=True))
        self._memory.unsubmitted.clear()

    def _state(self, row: JobStateRow) -> Iterable[Occasion]:
        job, seq, state, time, number, reason = row
        memory = self._memory
        memory.latest = max(memory.latest, time)
        self._attempt(job, seq).time = time
        if state == _SUBMIT_FAILED or (state == _PRE_FAILED and self._plan(job).pre_skip is not None):
            memory.unsubmitted[job] = seq
        elif memory.unsubmitted:
            memory.unsubmitted.pop(job, None)
        if state == "EXECUTE":
            return (self._of_job(job, seq, "start", _START, time),) if self._asked(job) else ()
        on = _OF_STATE.get(state)
        if on is not None:
            return (self._of_job(job, seq, f"{number} {on.value}", frozenset({on}), time, reason=reason),)
        return ()

    def _plan(self, job: str) -> JobPlan:
        return self._told.plans.get(job) or JobPlan(job)

    def _ended(self, row: InstanceUpdate) -> Iterator[Occasion]:
        if "exitcode" not in row.values:
            return
        attempt = self._open.pop((row.job, row.seq), _Attempt())
        outputs = self._outputs(row.values) if self._asked(row.job) else {}
        codes = {task.task_submit_seq: exit_code(task.exitcode) for task in attempt.tasks}
        for number, code in codes.items():
            # As pegasus-monitord has it: a task is known when its record is, so its start and end are one occasion.
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
        yield from self._outcome(_Outcome(row.job, row.seq, shown, attempt.time, outputs, gives_up))

    def _outcome(self, found: _Outcome) -> Iterator[Occasion]:
        memory, job = self._memory, found.job
        failures = memory.failures.get(job, 0)
        on, final = _SUCCESS, True
        if found.code:
            memory.failures[job] = failures + 1
            final = found.gives_up or failures + 1 > self._plan(job).retries
            on = _ERROR | {On.FAILED_PERMANENTLY if final else On.RETRY}
        if self._asked(job):
            more = {"status": found.code, "final": final, **found.outputs}
            yield self._of_job(job, found.seq, "end", on, found.time, **more)
        if not found.code and job not in memory.done:
            yield from self._progress(job, found.time)

    def _progress(self, job: str, time: int) -> Iterator[Occasion]:
        done, total = self._memory.done, len(self._told.plans)
        before = 100 * len(done) // total if total else 0
        done.add(job)
        percent = 100 * len(done) // total if total else 0
        if percent > before:
            yield Occasion(
                Entity.WORKFLOW,
                self._told.wf_uuid,
                f"{percent} percent",
                frozenset({On.PROGRESS}),
                time,
                stdout=self._told.dagman_out,
                before=before,
                percent=percent,
            )

    def _outputs(self, values: Mapping[str, object]) -> dict[str, str | None]:
        """The files of an attempt that has ended: rotated, if they are there."""
        found = {name: values.get(f"{name}_file") for name in ("stdout", "stderr")}
        return {name: self._place(file) for name, file in found.items() if isinstance(file, str)}

    def _place(self, file: str | None) -> str | None:
        return file and posixpath.join(self._told.directory, file)

    def _of_job(
        self, job: str, seq: int, moment: str, on: frozenset[On], time: int, **more: object
    ) -> Occasion:
        number = more.get("number")
        memory = self._memory
        values = {"first": not memory.failures.get(job), "attempt": memory.attempts.get(job, 1), **more}
        entity = Entity.INVOCATION if number is not None else Entity.JOB
        return Occasion(entity, job, f"{seq} {moment}", on, time, **values)  # type: ignore[arg-type]


def stalled(told: Told, memory: Memory, now: int) -> Occasion:
    """That nothing has happened for some time, up to now."""
    return Occasion(
        Entity.WORKFLOW,
        told.wf_uuid,
        f"{memory.latest} stalled",
        frozenset({On.STALLED}),
        now,
        stdout=told.dagman_out,
        quiet=now - memory.latest,
    )


def monitor_restarted(told: Told, token: str, now: int) -> Occasion:
    """That another monitor is at work, in the middle of a run; `token` says which."""
    on = frozenset({On.MONITOR_RESTARTED})
    return Occasion(Entity.WORKFLOW, told.wf_uuid, f"{token} monitor", on, now, stdout=told.dagman_out)
