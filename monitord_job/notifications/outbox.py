"""The outbox of notifications: filled in the transaction of the rows that they follow from, emptied by delivery.

A notification is due, running (handed over), delivered or failed. It is marked as delivered after its script has ended,
so that what ran when a monitor was killed is run again, with the same key: at least once. `tries` counts the scripts
that were started. What has failed, and is due again later, is a retry: it holds back nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from dag_rewriter.language.text import show_bytes
from monitord_job.database.bridle_tables import BRIDLE_NOTIFICATION, BRIDLE_NOTIFYING
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.notifications.matching import Notification
from monitord_job.notifications.outbox_values import (
    LONGEST_WAIT,
    DeliveryState,
    Ended,
    Entry,
    Found,
    Left,
    Patience,
    Permitted,
    Task,
    Wanted,
    values_of,
    words_of,
)

_PAGE = 500
TABLE = BRIDLE_NOTIFICATION.name
_OPEN = [DeliveryState.DUE.value, DeliveryState.RUNNING.value]
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
        (min(float(when), now + LONGEST_WAIT), row[0])
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


def _pages(bulk: Bulk, root: str, last: int) -> Iterator[Any]:
    while page := bulk.select(_NEXT, root, _OPEN, last, _PAGE):
        yield from page
        last = page[-1][0]


_ENTRY = tuple(Entry.__dataclass_fields__)
_ALL = f"SELECT {', '.join(_ENTRY)} FROM bridle_notification WHERE root_wf_uuid = ? ORDER BY number"


def entries(bulk: Bulk, root: str) -> list[Entry]:
    """All notifications of a run and of what is below it, in the order in which they became due."""
    return [_entry(dict(zip(_ENTRY, row, strict=True))) for row in bulk.select(_ALL, root)]


_BELOW = (
    "WITH RECURSIVE members(wf_id, wf_uuid) AS (SELECT wf_id, wf_uuid FROM workflow WHERE wf_uuid = ? UNION ALL "
    "SELECT w.wf_id, w.wf_uuid FROM workflow w JOIN members m ON w.parent_wf_id = m.wf_id) "
    "SELECT key FROM bridle_notification WHERE root_wf_uuid = ? AND wf_uuid IN (SELECT wf_uuid FROM members)"
)


def keys_below(bulk: Bulk, root: str, wf_uuid: str) -> frozenset[str]:
    """The keys of those of a run that are about one of its sub-workflows, or what is below that."""
    return frozenset(str(row[0]) for row in bulk.select(_BELOW, wf_uuid, root))


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
