"""The tables: Stampede version 14 as Pegasus 5.1 has it, and our own `bridle_*` beside them.

The Stampede part follows what Pegasus 5.1.3 creates, column for column: its tools must run on our file.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

STAMPEDE_VERSION = 14
BRIDLE_VERSION = 4
"""Raised whenever a `bridle_*` table changes; a database of another version is refused, not guessed at."""

METADATA = MetaData()

_Kind = TypeEngine[Any] | type[TypeEngine[Any]]

# PostgreSQL holds columns to their widths, SQLite never does: there, what a record says is stored as it is.
_UNBOUNDED = Numeric(asdecimal=False)
_TIME = Numeric(16, 6, asdecimal=False).with_variant(_UNBOUNDED, "postgresql")
_SECONDS = Numeric(10, 3, asdecimal=False).with_variant(_UNBOUNDED, "postgresql")


def _varchar(width: int) -> TypeEngine[Any]:
    return String(width).with_variant(Text(), "postgresql")


_NAME = _varchar(255)
_FILE_NAME = _varchar(245)
_COUNT = Integer().with_variant(BigInteger(), "postgresql")
_JOB_TYPES = (
    "'unknown', 'compute', 'stage-in-tx', 'stage-out-tx', 'registration', 'inter-site-tx', 'create-dir', "
    "'staged-compute', 'cleanup', 'chmod', 'dax', 'dag'"
)
_WORKFLOW_STATES = "state IN ('WORKFLOW_STARTED', 'WORKFLOW_TERMINATED')"


def _table(name: str, *items: Column[object] | CheckConstraint | UniqueConstraint) -> Table:
    return Table(name, METADATA, *items)


def _key(name: str) -> Column[object]:
    return Column(name, Integer, primary_key=True)


def _ref(
    name: str, target: str, *, key: bool = False, null: bool = False, lost: str = "CASCADE"
) -> Column[object]:
    return Column(name, Integer, ForeignKey(target, ondelete=lost), primary_key=key, nullable=null)


def _needed(name: str, kind: _Kind, *, key: bool = False) -> Column[object]:
    return Column(name, kind, primary_key=key, nullable=False)


def _described(id_column: str, unique: str) -> tuple[Column[object] | UniqueConstraint, ...]:
    """The columns that `workflow` and the dashboard's `master_workflow` share."""
    return (
        _key(id_column),
        _needed("wf_uuid", _NAME),
        Column("dag_file_name", _NAME),
        Column("timestamp", _TIME),
        Column("submit_hostname", _NAME),
        Column("submit_dir", Text),
        Column("planner_arguments", Text),
        Column("user", _NAME),
        Column("grid_dn", _NAME),
        Column("planner_version", _NAME),
        Column("dax_label", _NAME),
        Column("dax_version", _NAME),
        Column("dax_file", _NAME),
        Column("db_url", Text),
        UniqueConstraint("wf_uuid", name=unique),
    )


def _states(name: str, parent: str, check: str) -> Table:
    return _table(
        name,
        _ref("wf_id", f"{parent}.wf_id", key=True),
        _needed("state", String(19), key=True),
        _needed("timestamp", _TIME, key=True),
        _needed("restart_count", Integer),
        Column("status", Integer),
        Column("reason", Text),
        CheckConstraint(_WORKFLOW_STATES, name=check),
    )


DBVERSION = _table(
    "dbversion",
    _key("id"),
    Column("version_number", Integer),
    _needed("version", String(50)),
    _needed("version_timestamp", Integer),
)
WORKFLOW = _table(
    "workflow",
    *_described("wf_id", "UNIQUE_WF_UUID"),
    _ref("parent_wf_id", "workflow.wf_id", null=True),
    Column("root_wf_id", Integer),
)
WORKFLOWSTATE = _states("workflowstate", "workflow", "workflow_state")
Index("workflowstate_timestamp_COL", WORKFLOWSTATE.c.timestamp)
WORKFLOW_META = _table(
    "workflow_meta",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("key", _NAME, key=True),
    _needed("value", _NAME),
)
HOST = _table(
    "host",
    _key("host_id"),
    _ref("wf_id", "workflow.wf_id"),
    _needed("site", _NAME),
    _needed("hostname", _NAME),
    _needed("ip", _NAME),
    Column("uname", _NAME),
    Column("total_memory", _COUNT),
    UniqueConstraint("wf_id", "site", "hostname", "ip", name="UNIQUE_HOST"),
)
JOB = _table(
    "job",
    _key("job_id"),
    _ref("wf_id", "workflow.wf_id"),
    _needed("exec_job_id", _NAME),
    _needed("submit_file", _NAME),
    _needed("type_desc", String(14)),
    _needed("clustered", Boolean(create_constraint=True)),
    _needed("max_retries", _COUNT),
    _needed("executable", Text),
    Column("argv", Text),
    _needed("task_count", _COUNT),
    CheckConstraint(f"type_desc IN ({_JOB_TYPES})", name="job_type_desc"),
    UniqueConstraint("wf_id", "exec_job_id", name="UNIQUE_JOB"),
)
Index("job_exec_job_id_COL", JOB.c.exec_job_id)
Index("job_type_desc_COL", JOB.c.type_desc)
JOB_EDGE = _table(
    "job_edge",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("parent_exec_job_id", _NAME, key=True),
    _needed("child_exec_job_id", _NAME, key=True),
)
TASK = _table(
    "task",
    _key("task_id"),
    _ref("wf_id", "workflow.wf_id"),
    _ref("job_id", "job.job_id", null=True, lost="SET NULL"),
    _needed("abs_task_id", _NAME),
    _needed("transformation", Text),
    Column("argv", Text),
    _needed("type_desc", _NAME),
    UniqueConstraint("wf_id", "abs_task_id", name="UNIQUE_TASK"),
)
Index("task_wf_id_COL", TASK.c.wf_id)
Index("task_abs_task_id_COL", TASK.c.abs_task_id)
TASK_EDGE = _table(
    "task_edge",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("parent_abs_task_id", _NAME, key=True),
    _needed("child_abs_task_id", _NAME, key=True),
)
TASK_META = _table(
    "task_meta",
    _ref("task_id", "task.task_id", key=True),
    _needed("key", _NAME, key=True),
    _needed("value", _NAME),
)
RC_LFN = _table(
    "rc_lfn", _key("lfn_id"), _needed("lfn", _FILE_NAME), UniqueConstraint("lfn", name="UNIQUE_LFN")
)
RC_PFN = _table(
    "rc_pfn",
    _key("pfn_id"),
    _ref("lfn_id", "rc_lfn.lfn_id"),
    _needed("pfn", _FILE_NAME),
    Column("site", _FILE_NAME),
    UniqueConstraint("lfn_id", "pfn", "site", name="UNIQUE_PFN"),
)
RC_META = _table(
    "rc_meta",
    _ref("lfn_id", "rc_lfn.lfn_id", key=True),
    _needed("key", _FILE_NAME, key=True),
    _needed("value", _FILE_NAME),
)
WORKFLOW_FILES = _table(
    "workflow_files",
    _ref("wf_id", "workflow.wf_id", key=True),
    _ref("task_id", "task.task_id", key=True),
    _ref("lfn_id", "rc_lfn.lfn_id", key=True),
    Column("file_type", _NAME),
)
JOB_INSTANCE = _table(
    "job_instance",
    _key("job_instance_id"),
    _ref("job_id", "job.job_id"),
    _ref("host_id", "host.host_id", null=True, lost="SET NULL"),
    _needed("job_submit_seq", Integer),
    Column("sched_id", _NAME),
    Column("site", _NAME),
    Column("user", _NAME),
    Column("work_dir", Text),
    Column("cluster_start", _TIME),
    Column("cluster_duration", _SECONDS),
    Column("local_duration", _SECONDS),
    _ref("subwf_id", "workflow.wf_id", null=True, lost="SET NULL"),
    Column("stdout_file", _NAME),
    Column("stdout_text", Text),
    Column("stderr_file", _NAME),
    Column("stderr_text", Text),
    Column("stdin_file", _NAME),
    _needed("multiplier_factor", _COUNT),
    Column("exitcode", _COUNT),
    UniqueConstraint("job_id", "job_submit_seq", name="UNIQUE_JOB_INSTANCE"),
)
JOBSTATE = _table(
    "jobstate",
    _ref("job_instance_id", "job_instance.job_instance_id", key=True),
    _needed("state", _NAME, key=True),
    _needed("timestamp", _TIME, key=True),
    _needed("jobstate_submit_seq", Integer, key=True),
    Column("reason", Text),
)
Index("jobstate_jobstate_submit_seq_COL", JOBSTATE.c.jobstate_submit_seq)
INVOCATION = _table(
    "invocation",
    _key("invocation_id"),
    _ref("wf_id", "workflow.wf_id"),
    _ref("job_instance_id", "job_instance.job_instance_id"),
    _needed("task_submit_seq", Integer),
    _needed("start_time", _TIME),
    _needed("remote_duration", _SECONDS),
    Column("remote_cpu_time", _SECONDS),
    _needed("exitcode", _COUNT),
    _needed("transformation", Text),
    _needed("executable", Text),
    Column("argv", Text),
    Column("abs_task_id", _NAME),
    Column("maxrss", _COUNT),
    Column("avg_cpu", _TIME),
    UniqueConstraint("job_instance_id", "task_submit_seq", name="UNIQUE_INVOCATION"),
)
Index("invoc_wf_id_COL", INVOCATION.c.wf_id)
Index("invoc_abs_task_id_COL", INVOCATION.c.abs_task_id)
INTEGRITY = _table(
    "integrity",
    _key("integrity_id"),
    _ref("wf_id", "workflow.wf_id"),
    _ref("job_instance_id", "job_instance.job_instance_id"),
    _needed("type", String(7)),
    Column("file_type", String(6)),
    _needed("count", _COUNT),
    _needed("duration", _SECONDS),
    CheckConstraint("type IN ('check', 'compute')", name="integrity_type_desc"),
    CheckConstraint("file_type IN ('input', 'output')", name="integrity_file_type_desc"),
    UniqueConstraint("job_instance_id", "type", "file_type", name="UNIQUE_INTEGRITY"),
)
TAG = _table(
    "tag",
    _key("tag_id"),
    _ref("wf_id", "workflow.wf_id"),
    _ref("job_instance_id", "job_instance.job_instance_id"),
    _needed("name", _NAME),
    _needed("count", _COUNT),
    UniqueConstraint("wf_id", "job_instance_id", name="UNIQUE_TAG"),
)

# The dashboard's and the ensemble manager's tables stay empty here; Pegasus's tools expect them to be there.
MASTER_WORKFLOW = _table(
    "master_workflow",
    *_described("wf_id", "UNIQUE_MASTER_WF_UUID"),
    _needed("archived", Boolean(create_constraint=True)),
)
_states("master_workflowstate", "master_workflow", "master_workflow_state")
_table(
    "ensemble",
    _key("id"),
    _needed("name", String(100)),
    _needed("created", DateTime),
    _needed("updated", DateTime),
    _needed("state", String(6)),
    _needed("max_running", Integer),
    _needed("max_planning", Integer),
    _needed("username", String(100)),
    CheckConstraint("state IN ('PAUSED', 'HELD', 'ACTIVE')", name="ensemble_state"),
    UniqueConstraint("name", "username", name="UNIQUE_ENSEMBLE"),
)
_table(
    "ensemble_workflow",
    _key("id"),
    Column("ensemble_id", Integer, ForeignKey("ensemble.id"), nullable=False),
    _needed("name", String(100)),
    _needed("basedir", String(512)),
    _needed("created", DateTime),
    _needed("updated", DateTime),
    _needed("state", String(11)),
    _needed("priority", Integer),
    Column("wf_uuid", String(36)),
    Column("submitdir", String(512)),
    _needed("plan_command", String(1024)),
    CheckConstraint(
        "state IN ('FAILED', 'PLAN_FAILED', 'QUEUED', 'READY', 'RUNNING', 'SUCCESSFUL', 'ABORTED', 'PLANNING', "
        "'RUN_FAILED')",
        name="ensemble_wf_state",
    ),
    UniqueConstraint("ensemble_id", "name", name="UNIQUE_ENSEMBLE_WORKFLOW"),
)
_table(
    "trigger",
    _key("id"),
    Column("ensemble_id", Integer, ForeignKey("ensemble.id"), nullable=False),
    _needed("name", String(100)),
    _needed("state", String(7)),
    _needed("workflow", Text),
    Column("args", Text),
    _needed("type", String(12)),
    CheckConstraint("state IN ('FAILED', 'RUNNING', 'READY', 'STOPPED')", name="trigger_state"),
    CheckConstraint("type IN ('CRON', 'FILE_PATTERN')", name="trigger_type"),
    UniqueConstraint("ensemble_id", "name"),
)

# Our own.
BRIDLE_SCHEMA = _table("bridle_schema", _needed("version", Integer, key=True))
BRIDLE_CURSOR = _table(
    "bridle_cursor",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("file", _NAME, key=True),
    _needed("offset", _COUNT),
    _needed("fingerprint", String(64)),
    _needed("memo", Text),
)
BRIDLE_RUN = _table(
    "bridle_run",
    _ref("wf_id", "workflow.wf_id", key=True),
    Column("dagman_id", _NAME),
    _needed("running", Boolean),
    _needed("restarting", Boolean),
    _needed("recovering", Boolean),
    _needed("restart_count", Integer),
    _needed("last_seq", Integer),
    Column("status", _COUNT),
)
BRIDLE_NODE = _table(
    "bridle_node",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("name", _NAME, key=True),
    _needed("seq", Integer),
    _needed("order", Integer),
    _needed("submits", Integer),
    _needed("state", _NAME),
    Column("sched_id", _NAME),
    Column("pre_started", Integer),
    Column("executed", Integer),
    Column("ended", Integer),
    Column("post_started", Integer),
    Column("post_ended", Integer),
    Column("exitcode", _COUNT),
    Column("host", _NAME),
    Column("post_exit", Integer),
    Column("last_time", Integer),
    _needed("last_words", Text),
)
BRIDLE_DETAIL = _table(
    "bridle_detail",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("job", _NAME, key=True),
    _needed("position", Integer, key=True),
    _needed("kind", Integer),
    _needed("value", Text),
)
BRIDLE_SUBWORKFLOW = _table(
    "bridle_subworkflow",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("job", _NAME, key=True),
    _needed("seq", Integer, key=True),
    _needed("directory", Text),
    _needed("dag", _NAME),
    _needed("settled", Boolean),
)
BRIDLE_QUARANTINE = _table(
    "bridle_quarantine",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("file", _NAME, key=True),
    _needed("offset", _COUNT, key=True),
    _needed("reason", _NAME, key=True),
    _needed("text", Text),
)
BRIDLE_WORKFLOW_METRICS = _table(
    "bridle_workflow_metrics",
    _ref("wf_id", "workflow.wf_id", key=True),
    _needed("source", String(16), key=True),
    _needed("key", _NAME, key=True),
    Column("value", Text),
    Column("number", Float(53)),
)
# By uuid, not by key: they outlive a workflow's rows, which a rebuild makes anew.
BRIDLE_FENCE = _table(
    "bridle_fence",
    _needed("wf_uuid", _NAME, key=True),
    _needed("token", BigInteger),
    _needed("holder", Text),
)
BRIDLE_EVENT_FEED = _table("bridle_event_feed", _needed("wf_uuid", _NAME, key=True), _needed("sent", _COUNT))
BRIDLE_EVENT = _table(
    "bridle_event",
    _needed("wf_uuid", _NAME, key=True),
    _needed("number", _COUNT, key=True),
    _needed("text", Text),
)
