"""Which notifications are due: from the rows of a turn and the rules, keyed by content.

A row tells of an occasion (a job started, ended, was held); a rule that is about it makes it a notification. The same
rows give the same occasions and keys, so that whatever is read twice is due once.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitord_job.job import JobDescription, JobPlan
from monitord_job.rows import (
    InstanceRow,
    InstanceUpdate,
    InvocationRow,
    JobStateRow,
    Row,
    WorkflowStateRow,
)
from monitord_job.rule import OUTCOMES, Action, Condition, Entity, How, On, Rule, Scope
from monitord_job.status_codes import exit_code

_START = frozenset({On.START, On.ALL})
_END = frozenset({On.END, On.ALL})
_SUCCESS = _END | {On.SUCCESS}
_ERROR = _END | {On.ERROR}
_OF_STATE = {"JOB_HELD": On.HELD, "JOB_RELEASED": On.RELEASED, "JOB_EVICTED": On.EVICTED}
_PRE_FAILED = "PRE_SCRIPT_FAILED"


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
class Notification:
    """What is to be run, and why. `entity` names whom it is about: what is about the same one keeps its order."""

    key: str
    wf_uuid: str
    entity: str
    occasion: str
    rule: str
    time: int
    argv: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]


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
    restarts: int = 0
    latest: int = 0
    """when anything happened last, in seconds since the epoch"""


@dataclass(slots=True)
class _Attempt:
    """An attempt within a turn, until its end."""

    time: int = 0
    tasks: list[InvocationRow] = field(default_factory=list)


class Listener:
    """Hears the rows of one workflow in their order, and says what they tell of. Changes `memory`."""

    def __init__(self, told: Told, memory: Memory) -> None:
        self._told = told
        self._memory = memory
        self._open: dict[tuple[str, int], _Attempt] = {}

    def hear(self, row: Row) -> Iterator[Occasion]:
        """What a row tells of."""
        if isinstance(row, JobStateRow):
            yield from self._state(row)
        elif isinstance(row, InvocationRow):
            if row.task_submit_seq > 0:
                self._open.setdefault((row.job, row.seq), _Attempt()).tasks.append(row)
        elif isinstance(row, InstanceUpdate):
            if "exitcode" in row.values:
                yield from self._ended(row)
        elif isinstance(row, InstanceRow):
            self._memory.attempts[row.job] = self._memory.attempts.get(row.job, 0) + 1
        elif isinstance(row, WorkflowStateRow):
            yield from self._workflow(row)

    def _workflow(self, row: WorkflowStateRow) -> Iterator[Occasion]:
        self._memory.latest = max(self._memory.latest, row.timestamp)
        started = row.state == "WORKFLOW_STARTED"
        if started:
            self._memory.restarts = row.restart_count
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

    def _state(self, row: JobStateRow) -> Iterator[Occasion]:
        self._memory.latest = max(self._memory.latest, row.timestamp)
        self._open.setdefault((row.job, row.seq), _Attempt()).time = row.timestamp
        on = _OF_STATE.get(row.state)
        if row.state == "EXECUTE":
            yield self._of_job(row.job, row.seq, "start", _START, row.timestamp)
        elif on is not None:
            moment = f"{row.jobstate_submit_seq} {on.value}"
            yield self._of_job(row.job, row.seq, moment, frozenset({on}), row.timestamp, reason=row.reason)
        elif row.state == _PRE_FAILED and self._has_post(row.job):
            # DAGMan does not run the POST script then, unless it is told to (DAGMAN_ALWAYS_RUN_POST).
            yield from self._outcome(row.job, row.seq, 1, row.timestamp, {})

    def _has_post(self, job: str) -> bool:
        plan = self._told.plans.get(job)
        return plan is not None and plan.post is not None

    def _ended(self, row: InstanceUpdate) -> Iterator[Occasion]:
        attempt = self._open.pop((row.job, row.seq), _Attempt())
        outputs = self._outputs(row.values)
        codes = {task.task_submit_seq: exit_code(task.exitcode) for task in attempt.tasks}
        for number, code in codes.items():
            # As pegasus-monitord has it: a task is known when its record is, so its start and end are one occasion.
            on = (_ERROR if code else _SUCCESS) | {On.START}
            what = f"task {number}"
            yield self._of_job(
                row.job, row.seq, what, on, attempt.time, number=number, status=code, **outputs
            )
        raw = row.values["exitcode"]
        code = exit_code(raw) if isinstance(raw, int) else 0
        if code and len(codes) == 1:
            # The job's own code says more than its POST script's, unless only that one failed it.
            code = next(iter(codes.values())) or code
        yield from self._outcome(row.job, row.seq, code, attempt.time, outputs)

    def _outcome(
        self, job: str, seq: int, code: int, time: int, outputs: Mapping[str, str | None]
    ) -> Iterator[Occasion]:
        memory = self._memory
        plan = self._told.plans.get(job, JobPlan(job))
        failures = memory.failures.get(job, 0)
        on, final = _SUCCESS, True
        if code:
            memory.failures[job] = failures + 1
            final = failures + 1 > plan.retries
            on = _ERROR | {On.FAILED_PERMANENTLY if final else On.RETRY}
        yield self._of_job(job, seq, "end", on, time, status=code, final=final, **outputs)
        if not code and job not in memory.done:
            yield from self._progress(job, time)

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


class RuleBook:
    """Rules, found by the name that they are about."""

    def __init__(self, rules: Iterable[tuple[Rule, str]] = ()) -> None:
        """`rules` are pairs with the word that stands in the file, which PEGASUS_EVENT repeats."""
        self._named: dict[str, list[tuple[Rule, str]]] = {}
        self._patterns: list[tuple[Rule, str]] = []
        seen = set()
        for rule, word in rules:
            if rule.condition.on is On.NEVER or rule in seen:
                continue
            seen.add(rule)
            if rule.is_pattern:
                self._patterns.append((rule, word))
            else:
                self._named.setdefault(rule.name, []).append((rule, word))

    def __bool__(self) -> bool:
        return bool(self._named or self._patterns)

    def asks_for(self, on: On) -> bool:
        """Whether any rule has the condition."""
        every = [self._patterns, *self._named.values()]
        return any(rule.condition.on is on for rules in every for rule, _ in rules)

    def due(self, told: Told, occasion: Occasion) -> Iterator[Notification]:
        """What the occasion makes due."""
        named = self._named.get(occasion.name, ())
        for rule, word in (*named, *self._patterns):
            if _is_about(rule, told, occasion) and _is_met(rule.condition, occasion):
                yield _notification(rule, word, told, occasion)


def _is_about(rule: Rule, told: Told, occasion: Occasion) -> bool:
    if not rule.is_about(occasion.name, occasion.number):
        return False
    if occasion.entity is not Entity.JOB:
        return rule.entity is occasion.entity
    if rule.entity in (Entity.WORKFLOW, Entity.INVOCATION):
        return False
    # A job that is named is meant, whatever it is called; pegasus-monitord makes no difference either.
    return not rule.is_pattern or rule.entity is Entity.JOB or rule.entity is _kind(told, occasion.name)


_SUB_DAX = 10


def _kind(told: Told, job: str) -> Entity:
    plan = told.plans.get(job)
    if plan is None:
        return Entity.JOB
    if plan.is_subdag:
        return Entity.DAGJOB
    return Entity.DAXJOB if told.describe(plan).job_class == _SUB_DAX else Entity.JOB


def _is_met(condition: Condition, occasion: Occasion) -> bool:
    on, amount = condition.on, condition.amount or 0
    if on not in occasion.on:
        return False
    if on is On.PROGRESS:
        return occasion.before < amount <= occasion.percent
    if on is On.STALLED:
        return occasion.quiet >= amount
    if condition.scope is Scope.FINAL and on in OUTCOMES:
        return occasion.first if On.START in occasion.on else occasion.final
    return True


def _notification(rule: Rule, word: str, told: Told, occasion: Occasion) -> Notification:
    moment = occasion.moment
    if rule.condition.on is On.PROGRESS:
        moment = "progress"  # once, whichever node brought it about
    content = json.dumps([told.wf_uuid, occasion.entity.value, occasion.name, moment, _as_list(rule)])
    key = hashlib.sha256(content.encode()).hexdigest()[:32]
    event = word
    if rule.condition.on is On.ALL:
        event = "start" if On.START in occasion.on and occasion.number is None else "at_end"
    return Notification(
        key=key,
        wf_uuid=told.wf_uuid,
        entity=" ".join((occasion.entity.value, occasion.name)),
        occasion=occasion.moment,
        rule=f"{rule.entity.value} {rule.name} {word}",
        time=occasion.time,
        argv=_argv(rule.action, told),
        directory=told.directory,
        environment=dict(_environment(event, told, occasion)),
    )


def _as_list(rule: Rule) -> list[str | int | None]:
    condition, action = rule.condition, rule.action
    return [
        rule.entity.value,
        rule.name,
        rule.number,
        condition.on.value,
        condition.amount,
        condition.scope.value,
        action.how.value,
        action.text,
    ]


def _argv(action: Action, told: Told) -> tuple[str, ...]:
    return (*told.client, "--to", action.text) if action.how is How.URL else action.argv


def _environment(event: str, told: Told, occasion: Occasion) -> Iterator[tuple[str, str]]:
    """As pegasus-monitord sets it, and more that begins with BRIDLE_."""
    yield "PEGASUS_EVENT", event
    yield "PEGASUS_EVENT_TIMESTAMP", str(float(occasion.time))
    yield "PEGASUS_EVENT_TIMESTAMP_ISO", isodate(occasion.time)
    yield "PEGASUS_SUBMIT_DIR", told.directory
    yield "PEGASUS_JOBID", occasion.name
    if occasion.number is not None:
        yield "PEGASUS_INVID", str(occasion.number)
    yield "PEGASUS_WFID", told.name
    for name, file in zip(("PEGASUS_STDOUT", "PEGASUS_STDERR"), _outputs(told, occasion), strict=True):
        if file is not None:
            yield name, file
    if occasion.status is not None:
        yield "PEGASUS_STATUS", str(occasion.status)
    yield "BRIDLE_WORKFLOW", told.wf_uuid
    if occasion.attempt is not None:
        yield "BRIDLE_ATTEMPT", str(occasion.attempt)
    if occasion.reason:
        yield "BRIDLE_REASON", occasion.reason.replace("\0", "\\x00")


def _outputs(told: Told, occasion: Occasion) -> tuple[str | None, str | None]:
    plan = told.plans.get(occasion.name)
    if occasion.entity is Entity.WORKFLOW or plan is None:
        return occasion.stdout, occasion.stderr
    described = told.describe(plan)
    planned = (described.stdout, described.stderr)
    found = (occasion.stdout, occasion.stderr)
    return (  # before the end, and if nothing was found then: as the submit file names them
        found[0] or (planned[0] and posixpath.join(told.directory, planned[0])),
        found[1] or (planned[1] and posixpath.join(told.directory, planned[1])),
    )


def isodate(seconds: float) -> str:
    """Local time as pegasus-monitord writes it: 2026-11-23T05:27:22+0000."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%dT%H:%M:%S%z")
