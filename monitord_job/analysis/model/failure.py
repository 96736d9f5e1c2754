"""Attempts that failed or are held, and groups of those that are equal to people. Pure."""

from __future__ import annotations

import re
from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitord_job.outcome.cause import Cause, said
from monitord_job.text.display import one_line

MOST_GROUPS, MOST_NAMES = 8, 5
"""Of groups that are shown where room is short; of jobs named in each."""
_MOST_KINDS = 1000
"""Groups that are told apart by what was written; beyond that the cause alone counts, or each failure were its own."""
MOST_MEMBERS = 20_000
"""Jobs that are remembered, to find what was not started because of them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed, or a job that is held; `cause` is None where nothing stored tells it."""

    job: str
    type: str
    cause: Cause | None = None
    lines: tuple[str, ...] = ()
    """the last that it wrote"""
    file: str = ""
    """where more of that is"""
    program: str = ""
    """the transformation; of a job without one, the executable"""
    workflow: str = ""
    """the label of its workflow, where that is a sub-workflow"""
    wf_id: int = 0
    instance: int = 0
    """its key in the table job_instance; of a job that was submitted once more, on hold, that of the one before"""
    attempts: int = 1
    host: str = ""

    @property
    def name(self) -> str:
        """The job, and in which sub-workflow it is."""
        return f"{self.job} in {self.workflow}" if self.workflow else self.job

    @property
    def code(self) -> int | None:
        """An exit code, minus a signal, or None."""
        return None if self.cause is None else self.cause.status

    @property
    def phrase(self) -> str:
        """Why, in words, on one line."""
        return said(None) if self.cause is None else one_line(self.cause.phrase, 300)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A host that has more of a group's failures than its share of the work explains."""

    host: str
    failures: int
    of: int
    """failures of the group on hosts that are known"""
    attempts: int
    all_attempts: int


@dataclass(frozen=True, slots=True)
class NotStarted:
    """Jobs that wait for others which failed. `at_least`: only the first of these were looked at."""

    count: int = 0
    names: tuple[str, ...] = ()
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Failures that are equal but for names and numbers; what is shown is that of the first."""

    first: Failure
    count: int
    names: tuple[str, ...]
    hosts: Mapping[str, int] = field(default_factory=dict)
    """how many failed on each, of those whose host is known"""
    members: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """wf_id -> names of its jobs, as far as they are remembered"""
    suspect: Suspect | None = None
    not_started: NotStarted = NotStarted()

    @property
    def others(self) -> int:
        """How many are not named."""
        return self.count - len(self.names)

    @property
    def cause(self) -> str:
        """In words."""
        return self.first.phrase


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest groups first; `count` is how many failures there are, `others` how many are in none of these."""

    count: int = 0
    groups: tuple[Group, ...] = ()

    @property
    def others(self) -> int:
        return self.count - sum(group.count for group in self.groups)


NO_GROUPS = Groups()
_DIGITS = re.compile(
    r"(?:0x[0-9a-fA-F]+|[0-9a-fA-F]*[0-9][0-9a-fA-F]*)(?:[.:_-]?[0-9a-fA-F]*[0-9][0-9a-fA-F]*)*"
)
Key = tuple[Any, ...]


def alike(failure: Failure) -> Key:
    """What is equal of two failures that are the same to people: numbers and the job's name do not count.

    >>> alike(Failure("w_7", "compute", lines=("w_7: no part.00007",)))[3]
    ('JOB: no part.#',)
    """
    name = failure.job
    lines = tuple(_normal(line, name) for line in failure.lines)
    # A job of a plain DAG has its own name for a transformation.
    program = "" if failure.program == name else failure.program
    return failure.type, _of_cause(failure.cause, name), program, lines


def _of_cause(cause: Cause | None, name: str) -> Key | None:
    if cause is None:
        return None
    return cause.kind, cause.status, _normal(cause.reason, name), _of_cause(cause.inner, cause.node or name)


def _normal(text: str, name: str) -> str:
    return _DIGITS.sub("#", text.replace(name, "JOB") if name else text)


class Grouping:
    """Groups failures as they come; keeps the first of each group, few names, and how many were on each host."""

    def __init__(self) -> None:
        self._groups: dict[Key, _Gathered] = {}
        self._remembered = 0

    def add(self, failure: Failure) -> None:
        """One more."""
        key = alike(failure)
        if key not in self._groups and len(self._groups) >= _MOST_KINDS:
            key = key[:-1]
        self._groups.setdefault(key, _Gathered(failure)).add(
            failure, remember=self._remembered < MOST_MEMBERS
        )
        self._remembered += 1

    @property
    def count(self) -> int:
        """How many were added."""
        return sum(one.count for one in self._groups.values())

    def largest(self, count: int | None = None, most: int | None = MOST_GROUPS) -> Groups:
        """The largest groups of `count` failures (those that were not added are in none; None: all were added)."""
        groups = sorted(self._groups.values(), key=lambda one: -one.count)[:most]
        return Groups(self.count if count is None else count, tuple(one.group() for one in groups))


class _Gathered:
    def __init__(self, first: Failure) -> None:
        self.first = first
        self.count = 0
        self._names: list[tuple[tuple[int, str], str]] = []
        self._hosts: Counter[str] = Counter()
        self._members: dict[int, list[str]] = {}

    def add(self, failure: Failure, *, remember: bool) -> None:
        self.count += 1
        place = failure.wf_id, failure.job
        # In the order of names, not of the database's keys: each database says the same.
        if len(self._names) < MOST_NAMES or place < self._names[-1][0]:
            insort(self._names, (place, failure.name))
            del self._names[MOST_NAMES:]
        if place < (self.first.wf_id, self.first.job):
            self.first = failure
        if failure.host:
            self._hosts[failure.host] += 1
        if remember:
            self._members.setdefault(failure.wf_id, []).append(failure.job)

    def group(self) -> Group:
        members = {wf_id: tuple(names) for wf_id, names in self._members.items()}
        return Group(
            self.first, self.count, tuple(name for _, name in self._names), dict(self._hosts), members
        )
