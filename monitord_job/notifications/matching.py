"""Which notifications are due: what the rules make of a trigger, keyed by content.

A trigger that comes twice makes the same keys, so that it is due once.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from condor_templates.policy import JobClass
from monitord_job.notifications.rule import OUTCOMES, Action, Amount, Condition, Entity, How, On, Rule, Scope
from monitord_job.notifications.triggers import Trigger, WorkflowIdentity


@dataclass(frozen=True, slots=True)
class Notification:
    """What is to be run, and why. `entity` names whom it is about: what is about the same one keeps its order."""

    key: str
    wf_uuid: str
    entity: str
    moment: str
    rule: str
    time: int
    argv: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]


class RuleBook:
    """Rules, found by the name that they are about."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._named: dict[str, list[Rule]] = {}
        self._patterns: list[Rule] = []
        for rule in dict.fromkeys(rule for rule in rules if rule.condition.on is not On.NEVER):
            (self._patterns if rule.is_pattern else self._named.setdefault(rule.name, [])).append(rule)
        self._any_job = any(rule.entity is not Entity.WORKFLOW for rule in self._patterns)

    def __bool__(self) -> bool:
        return bool(self._named or self._patterns)

    def asks_for(self, on: On) -> bool:
        """Whether any rule has the condition."""
        every = [self._patterns, *self._named.values()]
        return any(rule.condition.on is on for rules in every for rule in rules)

    def asks_about(self, job: str) -> bool:
        """Whether any rule may be about this job or its tasks."""
        return self._any_job or job in self._named

    def due(self, workflow: WorkflowIdentity, trigger: Trigger) -> Iterator[Notification]:
        """What the trigger makes due."""
        for rule in (*self._named.get(trigger.name, ()), *self._patterns):
            if _is_about(rule, workflow, trigger) and _is_met(rule.condition, trigger):
                yield _notification(rule, workflow, trigger)


def _is_about(rule: Rule, workflow: WorkflowIdentity, trigger: Trigger) -> bool:
    if not rule.is_about(trigger.name, trigger.number):
        return False
    if trigger.entity is not Entity.JOB:
        return rule.entity is trigger.entity
    if rule.entity in (Entity.WORKFLOW, Entity.INVOCATION):
        return False
    # A job that is named is meant, whatever it is called; pegasus-monitord makes no difference either.
    return not rule.is_pattern or rule.entity is Entity.JOB or rule.entity is _kind(workflow, trigger.name)


def _kind(workflow: WorkflowIdentity, job: str) -> Entity:
    plan = workflow.plans.get(job)
    if plan is None:
        return Entity.JOB
    if plan.is_subdag:
        return Entity.DAGJOB
    return Entity.DAXJOB if workflow.describe(plan).job_class == JobClass.SUB_WORKFLOW.value else Entity.JOB


def _is_met(condition: Condition, trigger: Trigger) -> bool:
    on, amount = condition.on, condition.amount or 0
    if on not in trigger.on:
        return False
    if on.meaning.amount is Amount.PERCENT:
        return trigger.before < amount <= trigger.percent
    if on.meaning.amount is Amount.DURATION:
        return trigger.quiet >= amount
    if condition.scope is Scope.FINAL and on in OUTCOMES:
        return trigger.first if On.START in trigger.on else trigger.final
    return True


def _notification(rule: Rule, workflow: WorkflowIdentity, trigger: Trigger) -> Notification:
    moment = trigger.moment
    if rule.condition.on.meaning.amount is Amount.PERCENT:
        moment = rule.condition.on.value  # once, whichever node brought it about
    content = json.dumps([workflow.wf_uuid, trigger.entity.value, trigger.name, moment, _as_list(rule)])
    key = hashlib.sha256(content.encode()).hexdigest()[:32]
    event = rule.word
    if rule.condition.on is On.ALL:
        event = "start" if On.START in trigger.on and trigger.number is None else "at_end"
    return Notification(
        key=key,
        wf_uuid=workflow.wf_uuid,
        entity=" ".join((trigger.entity.value, trigger.name)),
        moment=trigger.moment,
        rule=f"{rule.entity.value} {rule.name} {rule.word}",
        time=trigger.time,
        argv=_argv(rule.action, workflow),
        directory=workflow.directory,
        environment=dict(_environment(event, workflow, trigger)),
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


def _argv(action: Action, workflow: WorkflowIdentity) -> tuple[str, ...]:
    return (*workflow.client, "--to", action.text) if action.how is How.URL else action.argv


def _environment(event: str, workflow: WorkflowIdentity, trigger: Trigger) -> Iterator[tuple[str, str]]:
    """As pegasus-monitord sets it, and more that begins with BRIDLE_."""
    yield "PEGASUS_EVENT", event
    yield "PEGASUS_EVENT_TIMESTAMP", str(float(trigger.time))
    yield "PEGASUS_EVENT_TIMESTAMP_ISO", isodate(trigger.time)
    yield "PEGASUS_SUBMIT_DIR", workflow.directory
    yield "PEGASUS_JOBID", trigger.name
    if trigger.number is not None:
        yield "PEGASUS_INVID", str(trigger.number)
    yield "PEGASUS_WFID", workflow.name
    for name, file in zip(("PEGASUS_STDOUT", "PEGASUS_STDERR"), _outputs(workflow, trigger), strict=True):
        if file is not None:
            yield name, file
    if trigger.status is not None and event != On.START.value:
        yield "PEGASUS_STATUS", str(trigger.status)
    yield "BRIDLE_WORKFLOW", workflow.wf_uuid
    if trigger.attempt is not None:
        yield "BRIDLE_ATTEMPT", str(trigger.attempt)
    if trigger.reason:
        yield "BRIDLE_REASON", trigger.reason.replace("\0", "\\x00")


def _outputs(workflow: WorkflowIdentity, trigger: Trigger) -> tuple[str | None, str | None]:
    plan = workflow.plans.get(trigger.name)
    if trigger.entity is Entity.WORKFLOW or plan is None:
        return trigger.stdout, trigger.stderr
    described = workflow.describe(plan)
    planned = (described.stdout, described.stderr)
    found = (trigger.stdout, trigger.stderr)
    return (  # before the end, and if nothing was found then: as the submit file names them
        found[0] or (planned[0] and posixpath.join(workflow.directory, planned[0])),
        found[1] or (planned[1] and posixpath.join(workflow.directory, planned[1])),
    )


def isodate(seconds: float) -> str:
    """Local time as pegasus-monitord writes it: 2026-11-23T05:27:22+0000."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%dT%H:%M:%S%z")
