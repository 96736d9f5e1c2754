"""What the database says of a workflow's past that triggers depend on."""

from __future__ import annotations

from monitord_job.database.bulk_sql import Bulk
from monitord_job.notifications.triggers import NotificationState


def notifying_since(bulk: Bulk, wf_uuid: str) -> int | None:
    """Since when monitors notify of a run, in seconds since the epoch; None: none has begun to."""
    found = bulk.select("SELECT since FROM bridle_notifying WHERE wf_uuid = ?", wf_uuid)
    return found[0][0] if found else None


_ATTEMPTS = (
    "SELECT j.exec_job_id, count(*), max(CASE WHEN i.exitcode = 0 THEN 1 ELSE 0 END) FROM job_instance i "
    "JOIN job j ON j.job_id = i.job_id JOIN workflow w ON w.wf_id = j.wf_id WHERE w.wf_uuid = ? GROUP BY j.exec_job_id"
)
_FAILURES = (
    "SELECT j.exec_job_id, count(*) FROM job_instance i JOIN job j ON j.job_id = i.job_id "
    "JOIN workflow w ON w.wf_id = j.wf_id WHERE w.wf_uuid = ? AND (i.exitcode <> 0 OR (i.exitcode IS NULL AND EXISTS "
    "(SELECT 1 FROM jobstate s WHERE s.job_instance_id = i.job_instance_id AND s.state = 'PRE_SCRIPT_FAILED'))) "
    "AND EXISTS (SELECT 1 FROM jobstate s WHERE s.job_instance_id = i.job_instance_id AND s.timestamp >= ?) "
    "GROUP BY j.exec_job_id"
)
_STARTS = (
    "SELECT s.timestamp FROM workflowstate s JOIN workflow w ON w.wf_id = s.wf_id "
    "WHERE w.wf_uuid = ? AND s.state = 'WORKFLOW_STARTED' ORDER BY s.restart_count DESC LIMIT 1"
)
_UNSUBMITTED = (
    "SELECT n.name, n.seq FROM bridle_node n JOIN workflow w ON w.wf_id = n.wf_id "
    "JOIN bridle_run r ON r.wf_id = n.wf_id WHERE w.wf_uuid = ? AND r.running "
    "AND n.state IN ('SUBMIT_FAILED', 'PRE_SCRIPT_FAILED')"
)
_FAILED = (
    "SELECT n.name FROM bridle_node n JOIN workflow w ON w.wf_id = n.wf_id WHERE w.wf_uuid = ? "
    "AND n.last_time >= ? AND (n.service IS NULL OR NOT n.service) AND n.state IN "
    "('POST_SCRIPT_FAILED', 'JOB_FAILURE', 'JOB_ABORTED', 'PRE_SCRIPT_FAILED', 'SUBMIT_FAILED')"
)
_REASONS = (
    "SELECT n.name, s.state, s.reason FROM bridle_node n JOIN workflow w ON w.wf_id = n.wf_id "
    "JOIN job j ON j.wf_id = n.wf_id AND j.exec_job_id = n.name "
    "JOIN job_instance i ON i.job_id = j.job_id AND i.job_submit_seq = n.seq "
    "JOIN jobstate s ON s.job_instance_id = i.job_instance_id WHERE w.wf_uuid = ? AND i.exitcode IS NULL "
    "AND n.state IN ('JOB_HELD', 'JOB_ABORTED', 'SUBMIT_FAILED', 'PRE_SCRIPT_FAILED', 'POST_SCRIPT_STARTED', "
    "'POST_SCRIPT_TERMINATED', 'JOB_FAILURE', 'JOB_EVICTED') ORDER BY n.name, s.jobstate_submit_seq"
)
_LATEST = (
    "SELECT max(n.last_time) FROM bridle_node n JOIN workflow w ON w.wf_id = n.wf_id WHERE w.wf_uuid = ?"
)

_LATEST_BELOW = (
    "SELECT max(n.last_time) FROM bridle_node n JOIN workflow w ON w.wf_id = n.wf_id "
    "JOIN workflow r ON r.wf_id = w.root_wf_id WHERE r.wf_uuid = ?"
)


def latest_below(bulk: Bulk, wf_uuid: str) -> int:
    """When anything happened last in a workflow or below it, in seconds since the epoch; 0: nothing did."""
    ((latest,),) = bulk.select(_LATEST_BELOW, wf_uuid)
    return latest or 0


def load_state(bulk: Bulk, wf_uuid: str) -> NotificationState:
    """What has happened before the rows at hand."""
    attempts = bulk.select(_ATTEMPTS, wf_uuid)
    started = next((int(time) for (time,) in bulk.select(_STARTS, wf_uuid)), 0)
    failures = bulk.select(_FAILURES, wf_uuid, started)
    ((latest,),) = bulk.select(_LATEST, wf_uuid)
    unsubmitted = bulk.select(_UNSUBMITTED, wf_uuid)
    reasons: dict[str, list[tuple[str, str | None]]] = {}
    for job, state, reason in bulk.select(_REASONS, wf_uuid):
        reasons.setdefault(job, []).append((state, reason))
    return NotificationState(
        attempts={job: number for job, number, _ in attempts},
        failures=dict(failures),
        done={job for job, _, is_done in attempts if is_done},
        failed={job for (job,) in bulk.select(_FAILED, wf_uuid, started)},
        reasons=reasons,
        unsubmitted=dict(unsubmitted),
        latest=max(latest or 0, started),
    )
