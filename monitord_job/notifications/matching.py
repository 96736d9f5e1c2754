"""Which notifications are due: what the rules make of an occasion, keyed by content.

An occasion that comes twice makes the same keys, so that it is due once.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitord_job.notifications.rule import OUTCOMES, Action, Condition, Entity, How, On, Rule, Scope
from monitord_job.notifications.triggers import Occasion, Told


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
        self._any_job = any(rule.entity is not Entity.WORKFLOW for rule, _ in self._patterns)

    def __bool__(self) -> bool:
        return bool(self._named or self._patterns)

    def asks_for(self, on: On) -> bool:
        """Whether any rule has the condition."""
        every = [self._patterns, *self._named.values()]
        return any(rule.condition.on is on for rules in every for rule, _ in rules)

    def asks_about(self, job: str) -> bool:
        """Whether any rule may be about this job or its tasks."""
        return self._any_job or job in self._named

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
    if occasion.status is not None and event != On.START.value:
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
