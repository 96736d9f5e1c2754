"""The outbox of notifications: filled in the transaction of the rows that they follow from, emptied by delivery.

A notification is due, running (handed over), delivered or failed. It is marked as delivered after its script has ended,
so that what ran when a monitor was killed is run again, with the same key: at least once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dag_rewriter.language.text import show_bytes
from monitord_job.database.bridle_tables import BRIDLE_NOTIFICATION, BRIDLE_NOTIFYING
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.notifications.matching import Notification

KEY_VARIABLE, TRY_VARIABLE = "BRIDLE_NOTIFICATION_KEY", "BRIDLE_TRY"
ASKS_FOR_RETRY = 75
"""EX_TEMPFAIL of sysexits.h: a script that exits with it wants to be run again later."""
_RETRIES_IF_ASKED = 3
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 300.0
_PAGE = 500
TABLE = BRIDLE_NOTIFICATION.name


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
class Wanted:
    """What delivery asks for: so many, beside those that it has; `now` in seconds since the epoch."""

    in_flight: frozenset[str]
    room: int
    now: float
    retries: int | None = None


@dataclass(slots=True)
class Found:
    """What is to be run now; when the next retry is, None if none waits; whether more may be due already."""

    tasks: list[Task] = field(default_factory=list)
    next_retry: float | None = None
    more: bool = False


_COLUMNS = "key root_wf_uuid number state wf_uuid entity occasion rule time argv directory environment tries not_before"


def put(bulk: Bulk, root: str, due: Iterable[Notification]) -> int:
    """Add those that are not in it; how many were given."""
    found = bulk.select("SELECT max(number) FROM bridle_notification WHERE root_wf_uuid = ?", root)
    first = (found[0][0] or 0) + 1
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


_STORE_RESULT = (
    "UPDATE bridle_notification SET state = ?, not_before = ?, ended = ?, code = ?, seconds = ?, cause = ?, "
    "stdout = ?, stderr = ? WHERE key = ?"
)


def store_results(bulk: Bulk, ended: list[Ended], wanted: Wanted) -> None:
    """Note what became of those that ran: delivered, failed, or due again later."""
    keys = [done.key for done in ended]
    tries = (
        dict(bulk.select("SELECT key, tries FROM bridle_notification WHERE key IN (?*)", keys))
        if keys
        else {}
    )
    rows = []
    for done in ended:
        state, not_before = next_state(done, tries.get(done.key, 0), wanted)
        said = done.code, done.seconds, done.cause, done.stdout, done.stderr
        rows.append((state.value, not_before, wanted.now, *said, done.key))
    bulk.run(_STORE_RESULT, rows)


_LEFT = (
    "SELECT key, argv, directory, environment, tries FROM bridle_notification "
    "WHERE root_wf_uuid = ? AND state = ?"
)


def store_left_results(
    bulk: Bulk, root: str, left: Iterable[Ended], wanted: Wanted
) -> list[tuple[Task, Ended]]:
    """Note what had ended when an earlier monitor was killed, as far as that one did not, and return it."""
    tasks = {
        key: Task(key, tuple(json.loads(argv)), directory, json.loads(environment), tries)
        for key, argv, directory, environment, tries in bulk.select(_LEFT, root, DeliveryState.RUNNING.value)
    }
    found = {done.key: done for done in left if done.key in tasks and done.tries == tasks[done.key].tries}
    store_results(bulk, list(found.values()), wanted)
    return [(tasks[key], done) for key, done in found.items()]


def next_state(done: Ended, tries: int, wanted: Wanted) -> tuple[DeliveryState, float]:
    if done.code == 0:
        return DeliveryState.DELIVERED, 0.0
    retries = wanted.retries
    if retries is None:
        retries = _RETRIES_IF_ASKED if done.code == ASKS_FOR_RETRY else 0
    if tries > retries:
        return DeliveryState.FAILED, 0.0
    return DeliveryState.DUE, wanted.now + min(_FIRST_WAIT * 2 ** (tries - 1), _LONGEST_WAIT)


_NEXT = (
    "SELECT number, key, wf_uuid, entity, occasion, not_before, argv, directory, environment, tries "
    "FROM bridle_notification WHERE root_wf_uuid = ? AND state IN (?*) AND number > ? ORDER BY number LIMIT ?"
)
_RUN = "UPDATE bridle_notification SET state = ?, tries = ?, started = ? WHERE key = ?"


def take(bulk: Bulk, root: str, wanted: Wanted) -> Found:
    """What is to be run now, marked as running.

    Of those about the same job or workflow, only those of its oldest trigger that is not over: order is kept.
    """
    found = Found()
    oldest: dict[tuple[str, str], str] = {}
    for row in _pages(bulk, root):
        _, key, wf_uuid, entity, occasion, not_before, argv, directory, environment, tries = row
        if oldest.setdefault((wf_uuid, entity), occasion) != occasion or key in wanted.in_flight:
            continue
        if not_before > wanted.now:
            found.next_retry = min(not_before, found.next_retry or not_before)
            continue
        if len(found.tasks) >= wanted.room:
            found.more = True
            break
        values = json.loads(environment)
        found.tasks.append(Task(key, tuple(json.loads(argv)), directory, values, tries + 1))
    rows = [(DeliveryState.RUNNING.value, task.tries, wanted.now, task.key) for task in found.tasks]
    bulk.run(_RUN, rows)
    return found


def _pages(bulk: Bulk, root: str) -> Iterator[Any]:
    last = 0
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
    values["argv"] = tuple(json.loads(values["argv"]))
    values["environment"] = json.loads(values["environment"])
    return Entry(**values)


def copy(source: Bulk, target: Bulk) -> None:
    """All of an outbox into another database."""
    for table in (BRIDLE_NOTIFYING, BRIDLE_NOTIFICATION):
        columns = [column.name for column in table.columns]
        rows = source.select(f"SELECT {', '.join(columns)} FROM {table.name}")
        target.insert(table, " ".join(columns), [tuple(row) for row in rows], Clash.KEEP)


def release(bulk: Bulk, keys: Iterable[str]) -> None:
    """What was handed over is due again: who had it leaves."""
    text = "UPDATE bridle_notification SET state = ? WHERE key = ? AND state = ?"
    bulk.run(text, [(DeliveryState.DUE.value, key, DeliveryState.RUNNING.value) for key in keys])


def make_due_again(bulk: Bulk, root: str, keys: list[str]) -> None:
    """Deliver again those of them that were delivered or failed."""
    again = (
        "UPDATE bridle_notification SET state = ?, tries = 0, not_before = 0 "
        "WHERE root_wf_uuid = ? AND key = ? AND state IN (?, ?)"
    )
    over = DeliveryState.FAILED.value, DeliveryState.DELIVERED.value
    bulk.run(again, [(DeliveryState.DUE.value, root, key, *over) for key in keys])
