"""A Stampede database as plain values keyed by content, so that two of them can be compared."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import psycopg

Rows = list[tuple[object, ...]]

_INSTANCE = (
    "w.wf_uuid, j.exec_job_id, row_number() OVER (PARTITION BY i.job_id ORDER BY i.job_submit_seq) AS attempt"
)
_ATTEMPTS = f"""
    SELECT i.*, {_INSTANCE}
    FROM job_instance i JOIN job j USING (job_id) JOIN workflow w USING (wf_id)
"""

QUERIES = {
    "workflow": """
        SELECT w.wf_uuid, w.dag_file_name, w.timestamp, w.submit_hostname, w.submit_dir, w.planner_arguments, w.user,
               w.grid_dn, w.planner_version, w.dax_label, w.dax_version, w.dax_file, r.wf_uuid
        FROM workflow w JOIN workflow r ON r.wf_id = w.root_wf_id""",
    "workflowstate": "SELECT wf_uuid, state, s.timestamp, restart_count, status, reason "
    "FROM workflowstate s JOIN workflow USING (wf_id)",
    "workflow_meta": "SELECT wf_uuid, key, value FROM workflow_meta JOIN workflow USING (wf_id)",
    "task": """
        SELECT wf_uuid, abs_task_id, transformation, t.argv, t.type_desc, j.exec_job_id
        FROM task t JOIN workflow w USING (wf_id) LEFT JOIN job j ON j.job_id = t.job_id""",
    "task_edge": "SELECT wf_uuid, parent_abs_task_id, child_abs_task_id FROM task_edge JOIN workflow USING (wf_id)",
    "task_meta": "SELECT abs_task_id, key, value FROM task_meta JOIN task USING (task_id)",
    "job": """
        SELECT wf_uuid, exec_job_id, submit_file, type_desc, clustered, max_retries, executable, argv, task_count
        FROM job JOIN workflow USING (wf_id)""",
    "job_edge": "SELECT wf_uuid, parent_exec_job_id, child_exec_job_id FROM job_edge JOIN workflow USING (wf_id)",
    "job_instance": f"""
        SELECT a.wf_uuid, a.exec_job_id, a.attempt, a.sched_id, a.site, a.user, a.work_dir, a.cluster_start,
               a.cluster_duration, a.local_duration, a.stdout_file, a.stdout_text, a.stderr_file, a.stderr_text,
               a.multiplier_factor, a.exitcode, h.hostname, h.ip, h.site
        FROM ({_ATTEMPTS}) a LEFT JOIN host h ON h.host_id = a.host_id""",
    "jobstate": f"""
        SELECT a.wf_uuid, a.exec_job_id, a.attempt, s.jobstate_submit_seq, s.state, s.timestamp, s.reason
        FROM jobstate s JOIN ({_ATTEMPTS}) a USING (job_instance_id)""",
    "invocation": f"""
        SELECT a.wf_uuid, a.exec_job_id, a.attempt, n.task_submit_seq, n.start_time, n.remote_duration,
               n.remote_cpu_time, n.exitcode, n.transformation, n.executable, n.argv, n.abs_task_id, n.maxrss,
               round(n.avg_cpu, 6)
        FROM invocation n JOIN ({_ATTEMPTS}) a USING (job_instance_id)""",
    "host": "SELECT site, hostname, ip, uname, total_memory FROM host",
    "integrity": f"""
        SELECT a.exec_job_id, a.attempt, n.type, n.file_type, n.count, n.duration
        FROM integrity n JOIN ({_ATTEMPTS}) a USING (job_instance_id)""",
    "tag": f"SELECT a.exec_job_id, a.attempt, n.name, n.count FROM tag n JOIN ({_ATTEMPTS}) a USING (job_instance_id)",
    "rc_lfn": "SELECT lfn FROM rc_lfn",
    "rc_meta": "SELECT lfn, key, value FROM rc_meta JOIN rc_lfn USING (lfn_id)",
    "rc_pfn": "SELECT lfn, pfn, site FROM rc_pfn JOIN rc_lfn USING (lfn_id)",
    "workflow_files": "SELECT abs_task_id, lfn, file_type FROM workflow_files JOIN task USING (task_id) "
    "JOIN rc_lfn USING (lfn_id)",
}


def query(database: Path | str, sql: str) -> Rows:
    """The rows of one question to an SQLite file, or to the PostgreSQL database that a URL names."""
    if isinstance(database, str):
        with psycopg.connect(database) as connection:
            return [tuple(map(_plain, row)) for row in connection.execute(sql)]
    file = sqlite3.connect(database)
    try:
        return [tuple(map(_plain, row)) for row in file.execute(sql)]
    finally:
        file.close()


def _plain(value: object) -> object:
    """A value as both databases give it: whole numbers without a fraction, no booleans, no noise of binary sums."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else round(float(value), 9)
    if isinstance(value, float):
        return round(value, 9)
    return int(value) if isinstance(value, bool) else value


def dump(database: Path | str) -> dict[str, Rows]:
    """Every Stampede table that a run fills, keyed by content and sorted."""
    return {table: sorted(query(database, sql), key=repr) for table, sql in QUERIES.items()}


def check_sound(path: Path) -> None:
    """SQLite's own checks find nothing."""
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert query(path, "PRAGMA foreign_key_check") == []
