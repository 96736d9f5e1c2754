"""What is in the outbox of notifications, as values: what is to be run, how it ended, and when it is run again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

KEY_VARIABLE, TRY_VARIABLE = "BRIDLE_NOTIFICATION_KEY", "BRIDLE_TRY"
ASKS_FOR_RETRY = 75
"""EX_TEMPFAIL of sysexits.h: a script that exits with it wants to be run again later."""
_FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0
A_DAY = 86400.0


class DeliveryState(Enum):
    """How far a notification is; `.value` as in the database."""

    DUE = "due"
    RUNNING = "running"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Task:
    """A notification that is to be run now, for the `tries`th time."""

    key: str
    argv: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    tries: int

    @property
    def full_environment(self) -> dict[str, str]:
        """What is added to the monitor's own."""
        return {**self.environment, KEY_VARIABLE: self.key, TRY_VARIABLE: str(self.tries)}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: exit code or minus the signal, seconds, what it wrote; `cause` where that says too little."""

    key: str
    code: int
    seconds: float
    stdout: str
    stderr: str
    cause: str
    tries: int = 1
    """which try it was"""


@dataclass(frozen=True, slots=True)
class Left:
    """What a runner wrote down that is no more: how scripts ended, and which try of which key it had started."""

    ended: list[Ended]
    started: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A notification as the outbox has it. Times in seconds since the epoch; `code` is minus the signal."""

    key: str
    state: DeliveryState
    rule: str
    entity: str
    time: int
    tries: int
    not_before: float
    started: float | None
    ended: float | None
    code: int | None
    seconds: float | None
    cause: str | None
    argv: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]
    stdout: str | None
    stderr: str | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How often one that fails is run again: `retries` times, and if it asks for it (exit 75), for `seconds`."""

    retries: int = 0
    seconds: float = A_DAY

    def next_state(self, done: Ended, now: float) -> tuple[DeliveryState, float]:
        """What becomes of a notification whose script has ended `now`, and from when on it may be run again.

        >>> asks = Ended("k", ASKS_FOR_RETRY, 0.1, "", "", "", tries=2)
        >>> Patience().next_state(asks, 1000.0)
        (<DeliveryState.DUE: 'due'>, 1010.0)
        >>> Patience(seconds=14).next_state(asks, 1000.0)
        (<DeliveryState.FAILED: 'failed'>, 0.0)
        """
        if done.code == 0:
            return DeliveryState.DELIVERED, 0.0
        # By the waits and not by the clock: while no monitor is at work, patience does not run out.
        waited = sum(map(_wait_after, range(1, done.tries + 1)))
        is_asked = done.code == ASKS_FOR_RETRY and waited <= self.seconds
        if is_asked or done.tries <= self.retries:
            return DeliveryState.DUE, now + _wait_after(done.tries)
        return DeliveryState.FAILED, 0.0


def _wait_after(tries: int) -> float:
    """Seconds, longer and longer."""
    return min(_FIRST_WAIT * 2.0 ** min(tries - 1, 30), LONGEST_WAIT)


Permitted: TypeAlias = Callable[[Task], Task | None]
"""A task as it may be run; None if it may not: what the database says may come from a job."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What delivery asks for: so many, with higher numbers than `after`, beside those that it has."""

    in_flight: Set[str]
    room: int
    after: int
    now: float
    """seconds since the epoch"""
    permitted: Permitted


@dataclass(slots=True)
class Found:
    """What is to be run now; the number after which a later look may begin; whether more may be due already."""

    tasks: list[Task] = field(default_factory=list)
    after: int = 0
    more: bool = False


def words_of(argv: object) -> tuple[str, ...]:
    """The command line as it is stored; () for what is none.

    >>> words_of('["a", "b"]'), words_of('{"a": 1}'), words_of(None)
    (('a', 'b'), (), ())
    """
    found = _loaded(argv)
    is_one = isinstance(found, list) and all(isinstance(word, str) for word in found)
    return tuple(found) if is_one else ()


def values_of(environment: object) -> dict[str, str]:
    """The variables as they are stored; none of what is no text."""
    found = _loaded(environment)
    if not isinstance(found, dict):
        return {}
    return {name: said for name, said in found.items() if isinstance(said, str)}


def _loaded(text: object) -> Any:
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        return None
