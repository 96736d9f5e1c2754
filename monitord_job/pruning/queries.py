"""What is asked of a database before anything is taken out, and how a run is taken from everybody's sight.

A run that is to go is marked first, in one small transaction: it gets another uuid, and is its own parent. From then on
no command and no monitor finds it, so its rows can go in as many transactions as it takes; whoever works on the run
meanwhile begins anew, from its logs. A prune that was cut off leaves a marked run, which the next one goes on with.
"""

from __future__ import annotations

from monitord_job.database.bulk_sql import Bulk
from monitord_job.pruning.model import OldRun

_MARK = "pruned "
# Whether the monitor was ours, says its state: runs of pegasus-monitord, in the same tables, have none.
_OLD = """
SELECT r.wf_uuid, r.wf_id, max(s.timestamp), count(DISTINCT w.wf_id)
FROM workflow r JOIN bridle_run b ON b.wf_id = r.wf_id JOIN workflow w ON w.root_wf_id = r.wf_id
LEFT JOIN workflowstate s ON s.wf_id = w.wf_id
WHERE r.parent_wf_id IS NULL GROUP BY r.wf_uuid, r.wf_id HAVING max(s.timestamp) < ? ORDER BY 3, 1"""
_JOBS = """
SELECT w.root_wf_id, count(*) FROM job j JOIN workflow w ON w.wf_id = j.wf_id
WHERE w.root_wf_id IN (?*) GROUP BY w.root_wf_id"""
_UNDELIVERED = """
SELECT root_wf_uuid, count(*) FROM bridle_notification
WHERE root_wf_uuid IN (?*) AND state IN ('due', 'running') GROUP BY root_wf_uuid"""
_UNWRITTEN = """
SELECT e.wf_uuid, count(*) FROM bridle_event e LEFT JOIN bridle_event_feed f ON f.wf_uuid = e.wf_uuid
WHERE e.wf_uuid IN (?*) AND (f.sent IS NULL OR e.number > f.sent) GROUP BY e.wf_uuid"""
_NEWEST = """
SELECT max(s.timestamp) FROM workflowstate s JOIN workflow w ON w.wf_id = s.wf_id
JOIN workflow r ON r.wf_id = w.root_wf_id WHERE r.wf_uuid = ?"""


def old_runs(bulk: Bulk, before: float) -> list[OldRun]:
    """The runs of our monitors in which nothing has happened since `before`, the oldest first."""
    found = bulk.select(_OLD, before)
    uuids = [row[0] for row in found]
    jobs = dict(map(tuple, bulk.select(_JOBS, [row[1] for row in found])))
    undelivered = dict(map(tuple, bulk.select(_UNDELIVERED, uuids)))
    unwritten = dict(map(tuple, bulk.select(_UNWRITTEN, uuids)))
    return [
        OldRun(
            uuid, float(newest), number, jobs.get(wf_id, 0), undelivered.get(uuid, 0), unwritten.get(uuid, 0)
        )
        for uuid, wf_id, newest, number in found
    ]


def marked_runs(bulk: Bulk) -> list[tuple[int, str]]:
    """Keys and uuids of the runs that a prune has marked and that are still there."""
    rows = bulk.select("SELECT wf_id, wf_uuid FROM workflow WHERE parent_wf_id = wf_id ORDER BY wf_id")
    return [(int(wf_id), str(uuid).removeprefix(_MARK)) for wf_id, uuid in rows]


def mark(bulk: Bulk, run: OldRun, now: int) -> bool:
    """Take a run out of sight. False if anything has happened in it since it was looked at; `now` in seconds."""
    uuid = run.wf_uuid
    # Every transaction of a monitor takes this row first; where there is none, there was none.
    bulk.select_for_update("SELECT token FROM bridle_fence WHERE wf_uuid = ?", uuid)
    rows = bulk.select_for_update("SELECT wf_id FROM workflow WHERE wf_uuid = ?", uuid)
    if not rows or float(bulk.select(_NEWEST, uuid)[0][0] or 0) != run.newest:
        return False
    if bulk.select(_UNDELIVERED, [uuid]) or bulk.select(_UNWRITTEN, [uuid]):
        return False
    root = rows[0][0]
    bulk.change(f"UPDATE workflow SET wf_uuid = '{_MARK}' || wf_uuid WHERE root_wf_id = ?", root)
    bulk.change("UPDATE workflow SET parent_wf_id = wf_id WHERE wf_id = ?", root)
    # Read from its logs again, it would tell all its news a second time: what was until now is nobody's.
    bulk.change("UPDATE bridle_notifying SET since = ? WHERE wf_uuid = ?", now, uuid)
    for table in ("bridle_fence", "bridle_event_feed", "bridle_event"):
        bulk.change(f"DELETE FROM {table} WHERE wf_uuid = ?", uuid)
    return True


_UNNAMED = """
SELECT count(*) FROM rc_lfn l WHERE NOT EXISTS (SELECT 1 FROM workflow_files f WHERE f.lfn_id = l.lfn_id)
AND NOT EXISTS (SELECT 1 FROM rc_pfn p WHERE p.lfn_id = l.lfn_id)"""


def count_unnamed_files(bulk: Bulk) -> int:
    """How many files no task names, and have no place."""
    return int(bulk.select(_UNNAMED)[0][0])
