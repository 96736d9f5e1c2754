"""The tables of Stampede version 14, as Pegasus 5.1.3 creates them, column for column: its tools must run on our file.

`own_tables` has those that stand beside them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from monitord_job.database.dialect import COUNT, decimal, varchar

STAMPEDE_VERSION = 14

METADATA = MetaData()

_Kind = TypeEngine[Any] | type[TypeEngine[Any]]

_TIME = decimal(16, 6)
_SECONDS = decimal(10, 3)
NAME = varchar(255)
_FILE_NAME = varchar(245)
_JOB_TYPES = (
    "'unknown', 'compute', 'stage-in-tx', 'stage-out-tx', 'registration', 'inter-site-tx', 'create-dir', "
    "'staged-compute', 'cleanup', 'chmod', 'dax', 'dag'"
)
_WORKFLOW_STATES = "state IN ('WORKFLOW_STARTED', 'WORKFLOW_TERMINATED')"


def table(name: str, *items: Column[object] | CheckConstraint | UniqueConstraint) -> Table:
    return Table(name, METADATA, *items)


def key_column(name: str) -> Column[object]:
    return Column(name, Integer, primary_key=True)


def ref(
    name: str, target: str, *, key: bool = False, null: bool = False, lost: str = "CASCADE"
) -> Column[object]:
    return Column(name, Integer, ForeignKey(target, ondelete=lost), primary_key=key, nullable=null)


def needed(name: str, kind: _Kind, *, key: bool = False) -> Column[object]:
    return Column(name, kind, primary_key=key, nullable=False)


def _described(id_column: str, unique: str) -> tuple[Column[object] | UniqueConstraint, ...]:
    """The columns that `workflow` and the dashboard's `master_workflow` share."""
    return (
        key_column(id_column),
        needed("wf_uuid", NAME),
        Column("dag_file_name", NAME),
        Column("timestamp", _TIME),
        Column("submit_hostname", NAME),
        Column("submit_dir", Text),
        Column("planner_arguments", Text),
        Column("user", NAME),
        Column("grid_dn", NAME),
        Column("planner_version", NAME),
        Column("dax_label", NAME),
        Column("dax_version", NAME),
        Column("dax_file", NAME),
        Column("db_url", Text),
        UniqueConstraint("wf_uuid", name=unique),
    )


def _states(name: str, parent: str, check: str) -> Table:
    return table(
        name,
        ref("wf_id", f"{parent}.wf_id", key=True),
        needed("state", String(19), key=True),
        needed("timestamp", _TIME, key=True),
        needed("restart_count", Integer),
        Column("status", Integer),
        Column("reason", Text),
        CheckConstraint(_WORKFLOW_STATES, name=check),
    )


DBVERSION = table(
    "dbversion",
    key_column("id"),
    Column("version_number", Integer),
    needed("version", String(50)),
    needed("version_timestamp", Integer),
)
WORKFLOW = table(
    "workflow",
    *_described("wf_id", "UNIQUE_WF_UUID"),
    ref("parent_wf_id", "workflow.wf_id", null=True),
    Column("root_wf_id", Integer),
)
WORKFLOWSTATE = _states("workflowstate", "workflow", "workflow_state")
Index("workflowstate_timestamp_COL", WORKFLOWSTATE.c.timestamp)
WORKFLOW_META = table(
    "workflow_meta",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("key", NAME, key=True),
    needed("value", NAME),
)
HOST = table(
    "host",
    key_column("host_id"),
    ref("wf_id", "workflow.wf_id"),
    needed("site", NAME),
    needed("hostname", NAME),
    needed("ip", NAME),
    Column("uname", NAME),
    Column("total_memory", COUNT),
    UniqueConstraint("wf_id", "site", "hostname", "ip", name="UNIQUE_HOST"),
)
JOB = table(
    "job",
    key_column("job_id"),
    ref("wf_id", "workflow.wf_id"),
    needed("exec_job_id", NAME),
    needed("submit_file", NAME),
    needed("type_desc", String(14)),
    needed("clustered", Boolean(create_constraint=True)),
    needed("max_retries", COUNT),
    needed("executable", Text),
    Column("argv", Text),
    needed("task_count", COUNT),
    CheckConstraint(f"type_desc IN ({_JOB_TYPES})", name="job_type_desc"),
    UniqueConstraint("wf_id", "exec_job_id", name="UNIQUE_JOB"),
)
Index("job_exec_job_id_COL", JOB.c.exec_job_id)
Index("job_type_desc_COL", JOB.c.type_desc)
JOB_EDGE = table(
    "job_edge",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("parent_exec_job_id", NAME, key=True),
    needed("child_exec_job_id", NAME, key=True),
)
TASK = table(
    "task",
    key_column("task_id"),
    ref("wf_id", "workflow.wf_id"),
    ref("job_id", "job.job_id", null=True, lost="SET NULL"),
    needed("abs_task_id", NAME),
    needed("transformation", Text),
    Column("argv", Text),
    needed("type_desc", NAME),
    UniqueConstraint("wf_id", "abs_task_id", name="UNIQUE_TASK"),
)
Index("task_wf_id_COL", TASK.c.wf_id)
Index("task_abs_task_id_COL", TASK.c.abs_task_id)
TASK_EDGE = table(
    "task_edge",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("parent_abs_task_id", NAME, key=True),
    needed("child_abs_task_id", NAME, key=True),
)
TASK_META = table(
    "task_meta",
    ref("task_id", "task.task_id", key=True),
    needed("key", NAME, key=True),
    needed("value", NAME),
)
RC_LFN = table(
    "rc_lfn", key_column("lfn_id"), needed("lfn", _FILE_NAME), UniqueConstraint("lfn", name="UNIQUE_LFN")
)
RC_PFN = table(
    "rc_pfn",
    key_column("pfn_id"),
    ref("lfn_id", "rc_lfn.lfn_id"),
    needed("pfn", _FILE_NAME),
    Column("site", _FILE_NAME),
    UniqueConstraint("lfn_id", "pfn", "site", name="UNIQUE_PFN"),
)
RC_META = table(
    "rc_meta",
    ref("lfn_id", "rc_lfn.lfn_id", key=True),
    needed("key", _FILE_NAME, key=True),
    needed("value", _FILE_NAME),
)
WORKFLOW_FILES = table(
    "workflow_files",
    ref("wf_id", "workflow.wf_id", key=True),
    ref("task_id", "task.task_id", key=True),
    ref("lfn_id", "rc_lfn.lfn_id", key=True),
    Column("file_type", NAME),
)
JOB_INSTANCE = table(
    "job_instance",
    key_column("job_instance_id"),
    ref("job_id", "job.job_id"),
    ref("host_id", "host.host_id", null=True, lost="SET NULL"),
    needed("job_submit_seq", Integer),
    Column("sched_id", NAME),
    Column("site", NAME),
    Column("user", NAME),
    Column("work_dir", Text),
    Column("cluster_start", _TIME),
    Column("cluster_duration", _SECONDS),
    Column("local_duration", _SECONDS),
    ref("subwf_id", "workflow.wf_id", null=True, lost="SET NULL"),
    Column("stdout_file", NAME),
    Column("stdout_text", Text),
    Column("stderr_file", NAME),
    Column("stderr_text", Text),
    Column("stdin_file", NAME),
    needed("multiplier_factor", COUNT),
    Column("exitcode", COUNT),
    UniqueConstraint("job_id", "job_submit_seq", name="UNIQUE_JOB_INSTANCE"),
)
JOBSTATE = table(
    "jobstate",
    ref("job_instance_id", "job_instance.job_instance_id", key=True),
    needed("state", NAME, key=True),
    needed("timestamp", _TIME, key=True),
    needed("jobstate_submit_seq", Integer, key=True),
    Column("reason", Text),
)
Index("jobstate_jobstate_submit_seq_COL", JOBSTATE.c.jobstate_submit_seq)
INVOCATION = table(
    "invocation",
    key_column("invocation_id"),
    ref("wf_id", "workflow.wf_id"),
    ref("job_instance_id", "job_instance.job_instance_id"),
    needed("task_submit_seq", Integer),
    needed("start_time", _TIME),
    needed("remote_duration", _SECONDS),
    Column("remote_cpu_time", _SECONDS),
    needed("exitcode", COUNT),
    needed("transformation", Text),
    needed("executable", Text),
    Column("argv", Text),
    Column("abs_task_id", NAME),
    Column("maxrss", COUNT),
    Column("avg_cpu", _TIME),
    UniqueConstraint("job_instance_id", "task_submit_seq", name="UNIQUE_INVOCATION"),
)
Index("invoc_wf_id_COL", INVOCATION.c.wf_id)
Index("invoc_abs_task_id_COL", INVOCATION.c.abs_task_id)
INTEGRITY = table(
    "integrity",
    key_column("integrity_id"),
    ref("wf_id", "workflow.wf_id"),
    ref("job_instance_id", "job_instance.job_instance_id"),
    needed("type", String(7)),
    Column("file_type", String(6)),
    needed("count", COUNT),
    needed("duration", _SECONDS),
    CheckConstraint("type IN ('check', 'compute')", name="integrity_type_desc"),
    CheckConstraint("file_type IN ('input', 'output')", name="integrity_file_type_desc"),
    UniqueConstraint("job_instance_id", "type", "file_type", name="UNIQUE_INTEGRITY"),
)
TAG = table(
    "tag",
    key_column("tag_id"),
    ref("wf_id", "workflow.wf_id"),
    ref("job_instance_id", "job_instance.job_instance_id"),
    needed("name", NAME),
    needed("count", COUNT),
    UniqueConstraint("wf_id", "job_instance_id", name="UNIQUE_TAG"),
)

# The dashboard's and the ensemble manager's tables are filled in the master database alone; Pegasus's tools expect them
# in each.
MASTER_WORKFLOW = table(
    "master_workflow",
    *_described("wf_id", "UNIQUE_MASTER_WF_UUID"),
    needed("archived", Boolean(create_constraint=True)),
)
MASTER_WORKFLOWSTATE = _states("master_workflowstate", "master_workflow", "master_workflow_state")
table(
    "ensemble",
    key_column("id"),
    needed("name", String(100)),
    needed("created", DateTime),
    needed("updated", DateTime),
    needed("state", String(6)),
    needed("max_running", Integer),
    needed("max_planning", Integer),
    needed("username", String(100)),
    CheckConstraint("state IN ('PAUSED', 'HELD', 'ACTIVE')", name="ensemble_state"),
    UniqueConstraint("name", "username", name="UNIQUE_ENSEMBLE"),
)
table(
    "ensemble_workflow",
    key_column("id"),
    Column("ensemble_id", Integer, ForeignKey("ensemble.id"), nullable=False),
    needed("name", String(100)),
    needed("basedir", String(512)),
    needed("created", DateTime),
    needed("updated", DateTime),
    needed("state", String(11)),
    needed("priority", Integer),
    Column("wf_uuid", String(36)),
    Column("submitdir", String(512)),
    needed("plan_command", String(1024)),
    CheckConstraint(
        "state IN ('FAILED', 'PLAN_FAILED', 'QUEUED', 'READY', 'RUNNING', 'SUCCESSFUL', 'ABORTED', 'PLANNING', "
        "'RUN_FAILED')",
        name="ensemble_wf_state",
    ),
    UniqueConstraint("ensemble_id", "name", name="UNIQUE_ENSEMBLE_WORKFLOW"),
)
table(
    "trigger",
    key_column("id"),
    Column("ensemble_id", Integer, ForeignKey("ensemble.id"), nullable=False),
    needed("name", String(100)),
    needed("state", String(7)),
    needed("workflow", Text),
    Column("args", Text),
    needed("type", String(12)),
    CheckConstraint("state IN ('FAILED', 'RUNNING', 'READY', 'STOPPED')", name="trigger_state"),
    CheckConstraint("type IN ('CRON', 'FILE_PATTERN')", name="trigger_type"),
    UniqueConstraint("ensemble_id", "name"),
)
