"""The rows of a marked run, taken out piece by piece: each piece is a transaction of its own, and can be the last one.

From the leaves up, so that no reference ever leads nowhere and no cascade has anything to do. A piece is what has names
up to a certain one: whether some of it is gone already makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from monitord_job.database.bulk_sql import Bulk

Piece = Callable[[Bulk], int]
"""Deletes rows, and says how many."""
InTransaction = Callable[[Piece], int]

_JOBS, _TASKS, _ROWS = 500, 2000, 10_000
_ATTEMPTS = ("jobstate", "invocation", "integrity")
_LONG = {
    "job_edge": "parent_exec_job_id",
    "task_edge": "parent_abs_task_id",
    "bridle_node": "name",
    "bridle_detail": "job",
}
"""Tables that may be long, and the column that follows wf_id in their primary key."""
_SHORT = (
    *("job_edge", "task_edge", "tag", "integrity", "host", "workflow_meta", "workflowstate"),
    *("bridle_node", "bridle_detail", "bridle_cursor", "bridle_run", "bridle_subworkflow"),
    *("bridle_quarantine", "bridle_workflow_metrics"),
)
_NOTIFICATIONS = """
DELETE FROM bridle_notification WHERE key IN (
  SELECT key FROM bridle_notification WHERE root_wf_uuid = ? AND state IN ('delivered', 'failed')
  AND time <= (SELECT since FROM bridle_notifying WHERE wf_uuid = ?) LIMIT ?)"""
# What has a place may stand in a replica catalog, which shares these tables.
_UNUSED = """
SELECT l.lfn_id FROM rc_lfn l WHERE l.lfn_id IN (?*)
AND NOT EXISTS (SELECT 1 FROM workflow_files f WHERE f.lfn_id = l.lfn_id)
AND NOT EXISTS (SELECT 1 FROM rc_pfn p WHERE p.lfn_id = l.lfn_id)"""


def delete(in_transaction: InTransaction, root: int, wf_uuid: str) -> Iterator[int]:
    """Take out a marked run, whose key and former uuid these are; how many rows went, after each transaction."""
    # Of a run that goes on under its uuid, what comes next is later.
    yield from _until_none(in_transaction, lambda bulk: bulk.change(_NOTIFICATIONS, wf_uuid, wf_uuid, _ROWS))
    wf_ids: list[int] = []

    def look(bulk: Bulk) -> int:
        wf_ids[:] = [
            int(row[0]) for row in bulk.select("SELECT wf_id FROM workflow WHERE root_wf_id = ?", root)
        ]
        return 0

    in_transaction(look)
    for wf_id in wf_ids:
        yield from _along(in_transaction, wf_id, ("workflow_files", "task_id", _TASKS), _files)
        yield from _along(in_transaction, wf_id, ("task", "abs_task_id", _TASKS), _tasks)
        yield from _along(in_transaction, wf_id, ("job", "exec_job_id", _JOBS), _jobs)
        for table, key in _LONG.items():
            yield from _along(in_transaction, wf_id, (table, key, _ROWS), partial(_rows, table))
        for table in _SHORT:
            yield in_transaction(partial(_all, f"DELETE FROM {table} WHERE wf_id = ?", wf_id))
    yield in_transaction(partial(_all, "DELETE FROM workflow WHERE root_wf_id = ?", root))


def delete_unnamed_files(in_transaction: InTransaction) -> Iterator[int]:
    """Take out what is known of files that no task names and that have no place; how many rows went, piece by piece."""
    at: list[int] = [0]

    def piece(bulk: Bulk) -> int:
        keys = _keys(
            bulk, "SELECT lfn_id FROM rc_lfn WHERE lfn_id > ? ORDER BY lfn_id LIMIT ?", at[0], _TASKS
        )
        reached[:] = keys[-1:]
        return _delete_unused(bulk, keys)

    reached: list[int] = [0]
    while reached:
        at[:] = reached
        yield in_transaction(piece)


def _delete_unused(bulk: Bulk, files: list[int]) -> int:
    if not files or not _keys(bulk, _UNUSED, files):
        return 0
    bulk.dialect.lock_files(bulk.connection)
    unused = _keys(bulk, _UNUSED, files)
    deleted = bulk.change("DELETE FROM rc_meta WHERE lfn_id IN (?*)", unused)
    return deleted + bulk.change("DELETE FROM rc_lfn WHERE lfn_id IN (?*)", unused)


def _all(text: str, value: object, bulk: Bulk) -> int:
    return bulk.change(text, value)


def _until_none(in_transaction: InTransaction, piece: Piece) -> Iterator[int]:
    while deleted := in_transaction(piece):
        yield deleted


Part = tuple[str, tuple[Any, ...]]
"""A condition on rows of one table, and its values."""


def _along(
    in_transaction: InTransaction,
    wf_id: int,
    by: tuple[str, str, int],
    delete_part: Callable[[Bulk, int, Part], int],
) -> Iterator[int]:
    """Go along a key of a table, so many rows at a time. From where the last piece ended: what is deleted stays in the
    index for a while, and to step over it again and again would cost ever more.
    """
    table, key, size = by
    at: list[Any] = []

    def piece(bulk: Bulk) -> int:
        after = f"AND {key} > ?" if at else ""
        text = f"SELECT {key} FROM {table} WHERE wf_id = ? {after} ORDER BY {key} LIMIT 1 OFFSET ?"
        bound = bulk.select(text, wf_id, *at, size - 1)
        up_to = f"AND {key} <= ?" if bound else ""
        values = (*at, *(bound[0] if bound else ()))
        deleted = delete_part(bulk, wf_id, (f"{after} {up_to}", values))
        reached[:] = [bound[0][0]] if bound else []
        return deleted

    reached: list[Any] = [None]
    while reached:
        yield in_transaction(piece)
        at[:] = reached


def _rows(table: str, bulk: Bulk, wf_id: int, part: Part) -> int:
    where, values = part
    return bulk.change(f"DELETE FROM {table} WHERE wf_id = ? {where}", wf_id, *values)


def _keys(bulk: Bulk, text: str, *values: object) -> list[int]:
    return [int(row[0]) for row in bulk.select(text, *values)]


def _files(bulk: Bulk, wf_id: int, part: Part) -> int:
    where, values = part
    links = _keys(bulk, f"SELECT DISTINCT lfn_id FROM workflow_files WHERE wf_id = ? {where}", wf_id, *values)
    return _rows("workflow_files", bulk, wf_id, part) + _delete_unused(bulk, links)


def _tasks(bulk: Bulk, wf_id: int, part: Part) -> int:
    where, values = part
    tasks = _keys(bulk, f"SELECT task_id FROM task WHERE wf_id = ? {where}", wf_id, *values)
    if not tasks:
        return 0
    deleted = bulk.change("DELETE FROM task_meta WHERE task_id IN (?*)", tasks)
    return deleted + bulk.change("DELETE FROM task WHERE task_id IN (?*)", tasks)


def _jobs(bulk: Bulk, wf_id: int, part: Part) -> int:
    where, values = part
    jobs = _keys(bulk, f"SELECT job_id FROM job WHERE wf_id = ? {where}", wf_id, *values)
    if not jobs:
        return 0
    attempts = _keys(bulk, "SELECT job_instance_id FROM job_instance WHERE job_id IN (?*)", jobs)
    deleted = 0
    if attempts:
        for table in _ATTEMPTS:
            deleted += bulk.change(f"DELETE FROM {table} WHERE job_instance_id IN (?*)", attempts)
        deleted += bulk.change("DELETE FROM tag WHERE wf_id = ? AND job_instance_id IN (?*)", wf_id, attempts)
        deleted += bulk.change("DELETE FROM job_instance WHERE job_instance_id IN (?*)", attempts)
    return deleted + bulk.change("DELETE FROM job WHERE job_id IN (?*)", jobs)
