"""What a notification rule is: about whom, when, and what is done then. `rules` reads and writes them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache


class Entity(Enum):
    """What a rule is about; `.value` as in the file."""

    WORKFLOW = "WORKFLOW"
    JOB = "JOB"
    DAXJOB = "DAXJOB"
    """a sub-workflow that Pegasus planned"""
    DAGJOB = "DAGJOB"
    """a sub-workflow that is a DAG of the user's"""
    INVOCATION = "INVOCATION"
    """a task of a clustered job"""


class Dialect(Enum):
    """Whose file a rule stands in."""

    PEGASUS = "notify"
    """NAME.notify: nothing but what pegasus-monitord reads"""
    BRIDLE = "bridle-notify"
    """NAME.bridle-notify: the same, and more"""


class On(Enum):
    """When a rule is due; `.value` as Pegasus 5 and bridle write it."""

    NEVER = "never"
    START = "start"
    SUCCESS = "success"
    ERROR = "error"
    END = "end"
    ALL = "all"
    """start and end"""
    HELD = "held"
    RELEASED = "released"
    EVICTED = "evicted"
    RETRY = "retry"
    FAILED_PERMANENTLY = "failed_permanently"
    """failed, and no retry is left"""
    RESCUE = "rescue"
    """a run goes on from a rescue DAG"""
    PROGRESS = "progress"
    """that many percent of the nodes are done"""
    STALLED = "stalled"
    """nothing happened for that many seconds"""
    MONITOR_RESTARTED = "monitor_restarted"


PEGASUS_CONDITIONS = frozenset({On.NEVER, On.START, On.SUCCESS, On.ERROR, On.END, On.ALL})
OUTCOMES = frozenset({On.SUCCESS, On.ERROR, On.END, On.ALL})
"""Conditions that an attempt or the job as a whole may meet."""
OF_WORKFLOWS = frozenset({On.RESCUE, On.PROGRESS, On.STALLED, On.MONITOR_RESTARTED})
"""Conditions that only a WORKFLOW rule may have."""
OF_JOBS = frozenset({On.HELD, On.RELEASED, On.EVICTED, On.RETRY, On.FAILED_PERMANENTLY})
"""Conditions that neither a workflow nor an invocation meets."""


class Scope(Enum):
    """Which outcome of a job that is tried more than once."""

    ATTEMPT = "attempt"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Condition:
    """`amount` is percent for PROGRESS, seconds for STALLED, None for all others."""

    on: On
    amount: int | None = None
    scope: Scope = Scope.ATTEMPT


class How(Enum):
    """What is done with an action's text; `.value` stands before it in NAME.bridle-notify."""

    COMMAND = ""
    """split as a shell does, and run without one"""
    SHELL = "shell:"
    URL = "to:"
    """a message goes to this address"""


@dataclass(frozen=True, slots=True)
class Action:
    """What is run or sent. Bytes that are no UTF-8 are surrogates, as in file names."""

    how: How
    text: str

    @property
    def argv(self) -> tuple[str, ...]:
        """The arguments to run; empty for an address. ValueError for quotes without an end (no such rule is read).

        >>> Action(How.COMMAND, "mail -s 'it is done' me").argv
        ('mail', '-s', 'it is done', 'me')
        """
        match self.how:
            case How.COMMAND:
                return _words(self.text)
            case How.SHELL:
                return ("/bin/sh", "-c", self.text)
            case How.URL:
                return ()


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    # Asked for at each reading of a rule and each time that it is met; shlex takes 75 us for a short line.
    return tuple(shlex.split(text))


@dataclass(frozen=True, slots=True)
class Source:
    """A line of a file, from 1."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


NOWHERE = Source("", 0)

ALL_NAMES = "*"
_WILDCARDS = frozenset("*?")


@dataclass(frozen=True, slots=True)
class Rule:
    """Rules are equal when they say the same, wherever they stand.

    `name` is the workflow's uuid, or the node; with a `*` or `?` in it, a pattern as of a shell. `number` is the
    task of a clustered job, from 1; None is all (for INVOCATION) or none.
    """

    entity: Entity
    name: str
    number: int | None
    condition: Condition
    action: Action
    source: Source = field(default=NOWHERE, compare=False)

    def is_about(self, name: str, number: int | None = None) -> bool:
        """Whether the rule is meant for this workflow, node or invocation (the entity is not looked at)."""
        if self.number not in (None, number):
            return False
        return self.name == name or (self.is_pattern and fnmatchcase(name, self.name))

    @property
    def is_pattern(self) -> bool:
        """Whether it may be about several."""
        return not _WILDCARDS.isdisjoint(self.name)
