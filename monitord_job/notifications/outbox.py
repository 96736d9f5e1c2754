"""The outbox of notifications: filled in the transaction of the rows that they follow from, emptied by delivery.

A notification is due, running (handed over), delivered or failed. It is marked as delivered after its script has ended,
so that what ran when a monitor was killed is run again, with the same key: at least once. `tries` counts the scripts
that were started. What has failed, and is due again later, is a retry: it holds back nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from dag_rewriter.language.text import show_bytes
from monitord_job.database.bridle_tables import BRIDLE_NOTIFICATION, BRIDLE_NOTIFYING
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.notifications.matching import Notification

KEY_VARIABLE, TRY_VARIABLE = "BRIDLE_NOTIFICATION_KEY", "BRIDLE_TRY"
ASKS_FOR_RETRY = 75
"""EX_TEMPFAIL of sysexits.h: a script that exits with it wants to be run again later."""
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 300.0
_PAGE = 500
TABLE = BRIDLE_NOTIFICATION.name
A_DAY = 86400.0


class DeliveryState(Enum):
    """How far a notification is; `.value` as in the database."""

    DUE = "due"
    RUNNING = "running"
    DELIVERED = "delivered"
    FAILED = "failed"


_OPEN = [DeliveryState.DUE.value, DeliveryState.RUNNING.value]


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
    return min(_FIRST_WAIT * 2.0 ** min(tries - 1, 30), _LONGEST_WAIT)


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


_COLUMNS = "key root_wf_uuid number state wf_uuid entity occasion rule time argv directory environment tries not_before"


def put(bulk: Bulk, root: str, due: Iterable[Notification]) -> int:
    """Add those that are not in it; how many were given."""
    first = _highest_number(bulk, root) + 1
    rows = [
        (
            item.key,
            root,
            number,
            DeliveryState.DUE.value,
            item.wf_uuid,
            item.entity,
            item.moment,
            show_bytes(item.rule),
            item.time,
            json.dumps(item.argv),
            item.directory,
            json.dumps(item.environment),
            0,
            0.0,
        )
        for number, item in enumerate(due, first)
    ]
    bulk.insert(BRIDLE_NOTIFICATION, _COLUMNS, rows, Clash.KEEP)
    return len(rows)


def _highest_number(bulk: Bulk, root: str) -> int:
    found = bulk.select("SELECT max(number) FROM bridle_notification WHERE root_wf_uuid = ?", root)
    return found[0][0] or 0


_STORE_RESULT = (
    "UPDATE bridle_notification SET state = ?, not_before = ?, tries = ?, ended = ?, code = ?, seconds = ?, cause = ?, "
    "stdout = ?, stderr = ? WHERE key = ?"
)


def store_results(
    bulk: Bulk, ended: Iterable[Ended], patience: Patience, now: float
) -> list[tuple[float, str]]:
    """Note what became of those that ran: delivered, failed, or due again later. The latter: from when on, and key."""
    rows, again = [], []
    for done in ended:
        state, not_before = patience.next_state(done, now)
        said = done.code, done.seconds, done.cause, done.stdout, done.stderr
        rows.append((state.value, not_before, done.tries, now, *said, done.key))
        if state is DeliveryState.DUE:
            again.append((not_before, done.key))
    bulk.run(_STORE_RESULT, rows)
    return again


_LEFT = (
    "SELECT key, argv, directory, environment, tries FROM bridle_notification "
    "WHERE root_wf_uuid = ? AND state = ?"
)
_COUNT = "UPDATE bridle_notification SET tries = ? WHERE key = ? AND tries < ?"
_RELEASE = "UPDATE bridle_notification SET state = ? WHERE root_wf_uuid = ? AND state = ?"
_RETRIES = (
    "SELECT not_before, key, argv, directory, environment, tries FROM bridle_notification "
    "WHERE root_wf_uuid = ? AND state = ? AND tries > 0"
)


def take_over(bulk: Bulk, root: str, left: Left, patience: Patience, now: float) -> list[tuple[Task, Ended]]:
    """Note how far what was handed over had come when its runner died: what had ended has, the rest is due again.

    Returned is what had ended.
    """
    tasks = {
        key: _task_of(key, argv, directory, environment, tries)
        for key, argv, directory, environment, tries in bulk.select(_LEFT, root, DeliveryState.RUNNING.value)
    }
    found = {
        done.key: done for done in left.ended if done.key in tasks and done.tries == tasks[done.key].tries
    }
    begun = [(tries, key, tries) for key, tries in left.started.items() if key in tasks]
    bulk.run(_COUNT, begun)
    store_results(bulk, found.values(), patience, now)
    bulk.run(_RELEASE, [(DeliveryState.DUE.value, root, DeliveryState.RUNNING.value)])
    return [(tasks[key], done) for key, done in found.items()]


def retries(bulk: Bulk, root: str, permitted: Permitted, now: float) -> list[tuple[float, str]]:
    """All that are to be run again, and may be: from when on, and key."""
    return [
        # No wait is longer, whatever the database says.
        (min(float(when), now + _LONGEST_WAIT), row[0])
        for when, *row in bulk.select(_RETRIES, root, DeliveryState.DUE.value)
        if permitted(_task_of(*row)) is not None
    ]


_NEXT = (
    "SELECT number, key, wf_uuid, entity, occasion, argv, directory, environment, tries "
    "FROM bridle_notification WHERE root_wf_uuid = ? AND state IN (?*) AND tries = 0 AND number > ? "
    "ORDER BY number LIMIT ?"
)
_AGAIN = (
    "SELECT key, argv, directory, environment, tries "
    "FROM bridle_notification WHERE key IN (?*) AND state = ? AND tries > 0"
)
_RUN = "UPDATE bridle_notification SET state = ?, started = ? WHERE key = ?"


def take(bulk: Bulk, root: str, wanted: Wanted) -> Found:
    """Those that were never tried, marked as running.

    What is not permitted stays as it is, and holds back nothing. Of those about the same job or workflow, only those of
    its oldest trigger that is not over: order is kept.
    """
    found = Found(after=-1)
    oldest: dict[tuple[str, str], str] = {}
    for row in _pages(bulk, root, wanted.after):
        number, key, wf_uuid, entity, occasion, *stored = row
        if oldest.get((wf_uuid, entity), occasion) != occasion:
            continue
        task = _task_of(key, *stored)
        is_running = key in wanted.in_flight
        may_run = task if is_running else wanted.permitted(task)
        if may_run is None:
            continue
        oldest[wf_uuid, entity] = occasion
        if found.after < 0:
            found.after = number - 1
        if is_running:
            continue
        if len(found.tasks) >= wanted.room:
            found.more = True
            break
        found.tasks.append(may_run)
    if found.after < 0:
        found.after = _highest_number(bulk, root)
    bulk.run(_RUN, [(DeliveryState.RUNNING.value, wanted.now, task.key) for task in found.tasks])
    return found


def take_again(bulk: Bulk, keys: list[str], wanted: Wanted) -> list[Task]:
    """These, as far as they are still due again and permitted, marked as running."""
    rows = bulk.select(_AGAIN, keys, DeliveryState.DUE.value) if keys else []
    tasks = [task for row in rows if (task := wanted.permitted(_task_of(*row))) is not None]
    bulk.run(_RUN, [(DeliveryState.RUNNING.value, wanted.now, task.key) for task in tasks])
    return tasks


def _task_of(key: str, argv: object, directory: object, environment: object, tries: int) -> Task:
    return Task(key, words_of(argv), str(directory), values_of(environment), tries + 1)


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


def _pages(bulk: Bulk, root: str, last: int) -> Iterator[Any]:
    while page := bulk.select(_NEXT, root, _OPEN, last, _PAGE):
        yield from page
        last = page[-1][0]


_ENTRY = tuple(Entry.__dataclass_fields__)
_ALL = f"SELECT {', '.join(_ENTRY)} FROM bridle_notification WHERE root_wf_uuid = ? ORDER BY number"


def entries(bulk: Bulk, root: str) -> list[Entry]:
    """All notifications of a run and of what is below it, in the order in which they became due."""
    return [_entry(dict(zip(_ENTRY, row, strict=True))) for row in bulk.select(_ALL, root)]


def _entry(values: dict[str, Any]) -> Entry:
    values["state"] = DeliveryState(values["state"])
    values["argv"] = words_of(values["argv"])
    values["environment"] = values_of(values["environment"])
    return Entry(**values)


def copy(source: Bulk, target: Bulk) -> None:
    """All of an outbox into another database."""
    for table in (BRIDLE_NOTIFYING, BRIDLE_NOTIFICATION):
        columns = [column.name for column in table.columns]
        rows = source.select(f"SELECT {', '.join(columns)} FROM {table.name}")
        target.insert(table, " ".join(columns), [tuple(row) for row in rows], Clash.KEEP)


def make_due_again(bulk: Bulk, root: str, keys: list[str]) -> None:
    """Deliver again those of them that were delivered or failed."""
    again = (
        "UPDATE bridle_notification SET state = ?, tries = 0, not_before = 0 "
        "WHERE root_wf_uuid = ? AND key = ? AND state IN (?, ?)"
    )
    over = DeliveryState.FAILED.value, DeliveryState.DELIVERED.value
    bulk.run(again, [(DeliveryState.DUE.value, root, key, *over) for key in keys])
