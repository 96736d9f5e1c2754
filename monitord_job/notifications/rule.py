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


class Severity(Enum):
    """What kind of news a condition is; `.value` as apprise calls it."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    """bad, and nothing is lost yet"""
    FAILURE = "failure"


class Amount(Enum):
    """What a condition is measured in; `.value` is an example of it."""

    PERCENT = "50%"
    DURATION = "30m"


_ANY = frozenset(Entity)
_WORKFLOWS = frozenset({Entity.WORKFLOW})
_JOBS = frozenset({Entity.JOB, Entity.DAXJOB, Entity.DAGJOB})


@dataclass(frozen=True, slots=True)
class Meaning:
    """All that is to be known of a condition beside what triggers it.

    `phrase` follows the name of whom it happened to, with {} for the amount. `outcome`: an attempt, or the job as a
    whole, may meet it. `job_state`: what Stampede calls the state in which a job meets it. `needs_diagnosis`: the run
    may need help. `pegasus_4`: Pegasus 4's word; None: only bridle knows it.
    """

    word: str
    help: str
    phrase: str
    severity: Severity = Severity.INFO
    about: frozenset[Entity] = _ANY
    pegasus_4: str | None = None
    outcome: bool = False
    amount: Amount | None = None
    job_state: str | None = None
    needs_diagnosis: bool = False


_STALLED_HELP = "when nothing happened for that time (`s`, `m`, `h`, `d`)"
_RESTARTED = "has a new monitor: the one before died"
_WARNING, _FAILURE = Severity.WARNING, Severity.FAILURE


def _pegasus(
    word: str, help_: str, phrase: str, pegasus_4: str, severity: Severity = Severity.INFO
) -> Meaning:
    return Meaning(word, help_, phrase, severity, pegasus_4=pegasus_4, outcome=word not in ("never", "start"))


class On(Enum):
    """When a rule is due; `.value` as Pegasus 5 and bridle write it. One more condition is one more member.

    >>> On.HELD, On.HELD.meaning.phrase
    (<On.HELD: 'held'>, 'is held')
    """

    _value_: str
    meaning: Meaning

    NEVER = _pegasus("never", "not at all", "never", "never")
    START = _pegasus("start", "when it starts", "started", "start")
    SUCCESS = _pegasus("success", "when it ended, and succeeded", "succeeded", "on_success", Severity.SUCCESS)
    ERROR = _pegasus("error", "when it ended, and failed", "failed", "on_error", _FAILURE)
    END = _pegasus("end", "when it ended", "ended", "at_end")
    ALL = _pegasus("all", "at its start and at its end", "all", "all")
    HELD = Meaning("held", "when it is held", "is held", _WARNING, _JOBS, job_state="JOB_HELD")
    RELEASED = Meaning(
        "released", "when it is released from hold", "was released", about=_JOBS, job_state="JOB_RELEASED"
    )
    EVICTED = Meaning(
        "evicted", "when it loses its machine", "was evicted", about=_JOBS, job_state="JOB_EVICTED"
    )
    RETRY = Meaning(
        "retry", "when it failed, and a retry is left", "failed and will be retried", _WARNING, _JOBS
    )
    FAILED_PERMANENTLY = Meaning(
        "failed_permanently",
        "when it failed, and no retry is left",
        "failed, no retry is left",
        _FAILURE,
        _JOBS,
    )
    RESCUE = Meaning(
        "rescue", "when it resumes from a rescue DAG", "resumes from a rescue DAG", about=_WORKFLOWS
    )
    PROGRESS = Meaning(
        "progress",
        "when that part of its nodes is done",
        "is {} done",
        about=_WORKFLOWS,
        amount=Amount.PERCENT,
    )
    STALLED = Meaning(
        "stalled", _STALLED_HELP, "has been silent for {}", _WARNING, _WORKFLOWS,
        amount=Amount.DURATION, needs_diagnosis=True,
    )  # fmt: skip
    MONITOR_RESTARTED = Meaning(
        "monitor_restarted", "when its monitor died, and another is at work", _RESTARTED, about=_WORKFLOWS,
        needs_diagnosis=True,
    )  # fmt: skip

    def __new__(cls, meaning: Meaning) -> On:
        condition = object.__new__(cls)
        condition._value_, condition.meaning = meaning.word, meaning
        return condition

    @property
    def example(self) -> str:
        """As it may be written.

        >>> On.PROGRESS.example
        'progress=50%'
        """
        amount = self.meaning.amount
        return f"{self.value}={amount.value}" if amount else self.value


PEGASUS_CONDITIONS = frozenset(on for on in On if on.meaning.pegasus_4)
OUTCOMES = frozenset(on for on in On if on.meaning.outcome)
OF_WORKFLOWS = frozenset(on for on in On if on.meaning.about == _WORKFLOWS)
"""Conditions that only a WORKFLOW rule may have."""
PEGASUS_4_WORDS = {on.meaning.pegasus_4: on for on in On if on.meaning.pegasus_4 not in (None, on.value)}
CONDITIONS: dict[str, On] = {on.value: on for on in On} | PEGASUS_4_WORDS
"""By each word that may stand for one."""


def conditions_help() -> str:
    """What may be said after --on, for the help of a command."""
    common = ", ".join(on.example for on in On if on not in OF_WORKFLOWS | {On.NEVER})
    more = ", ".join(on.example for on in On if on in OF_WORKFLOWS)
    return f"{common}; of workflows: {more}. With /final (error/final): of the last attempt only."


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
    plain = text.isascii() and text.isprintable() and _QUOTING.isdisjoint(text)
    return tuple(text.split() if plain else shlex.split(text))


_QUOTING = frozenset("\\'\"")


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
    word: str = field(default="", compare=False)
    """the condition as it is written there (at_end of Pegasus 4, end of Pegasus 5); PEGASUS_EVENT repeats it"""

    def is_about(self, name: str, number: int | None = None) -> bool:
        """Whether the rule is meant for this workflow, node or invocation (the entity is not looked at)."""
        if self.number not in (None, number):
            return False
        return self.name == name or (self.is_pattern and fnmatchcase(name, self.name))

    @property
    def is_pattern(self) -> bool:
        """Whether it may be about several."""
        return not _WILDCARDS.isdisjoint(self.name)
