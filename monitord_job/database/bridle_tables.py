"""Our own tables, in the same database: how far the monitor is, and what Stampede has no place for."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Text

from monitord_job.database.dialect import COUNT
from monitord_job.database.schema import NAME, needed, ref, table

BRIDLE_VERSION = 8
"""Raised whenever a table here changes, with a step in `migrations` that changes it in databases that are there."""

# A row for each version that the database has had: since when, and by which program; NULL for 6, which had no columns
# for that.
BRIDLE_SCHEMA = table(
    "bridle_schema",
    needed("version", Integer, key=True),
    Column("since", BigInteger),
    Column("program", Text),
)
BRIDLE_CURSOR = table(
    "bridle_cursor",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("file", NAME, key=True),
    needed("offset", COUNT),
    needed("fingerprint", String(64)),
    needed("memo", Text),
)
BRIDLE_RUN = table(
    "bridle_run",
    ref("wf_id", "workflow.wf_id", key=True),
    Column("dagman_id", NAME),
    needed("running", Boolean),
    needed("restarting", Boolean),
    needed("recovering", Boolean),
    needed("restart_count", Integer),
    needed("last_seq", Integer),
    Column("status", COUNT),
    Column("rival", NAME),
    needed("rival_since", Integer),
    Column("aborted_by", Text),
)
BRIDLE_NODE = table(
    "bridle_node",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("name", NAME, key=True),
    needed("seq", Integer),
    needed("order", Integer),
    needed("submits", Integer),
    needed("state", NAME),
    Column("sched_id", NAME),
    Column("pre_started", Integer),
    Column("executed", Integer),
    Column("ended", Integer),
    Column("post_started", Integer),
    Column("post_ended", Integer),
    Column("exitcode", COUNT),
    Column("host", NAME),
    Column("post_exit", Integer),
    Column("last_time", Integer),
    needed("last_words", Text),
    Column("service", Boolean),
)
BRIDLE_DETAIL = table(
    "bridle_detail",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("job", NAME, key=True),
    needed("position", Integer, key=True),
    needed("kind", Integer),
    needed("value", Text),
)
BRIDLE_SUBWORKFLOW = table(
    "bridle_subworkflow",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("job", NAME, key=True),
    needed("seq", Integer, key=True),
    needed("directory", Text),
    needed("dag", NAME),
    needed("settled", Boolean),
)
BRIDLE_QUARANTINE = table(
    "bridle_quarantine",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("file", NAME, key=True),
    needed("offset", COUNT, key=True),
    needed("reason", NAME, key=True),
    needed("text", Text),
)
BRIDLE_WORKFLOW_METRICS = table(
    "bridle_workflow_metrics",
    ref("wf_id", "workflow.wf_id", key=True),
    needed("source", String(16), key=True),
    needed("key", NAME, key=True),
    Column("value", Text),
    Column("number", Float(53)),
)
# By uuid, not by key: they outlive a workflow's rows, which a rebuild makes anew.
BRIDLE_FENCE = table(
    "bridle_fence",
    needed("wf_uuid", NAME, key=True),
    needed("token", BigInteger),
    needed("holder", Text),
)
BRIDLE_EVENT_FEED = table("bridle_event_feed", needed("wf_uuid", NAME, key=True), needed("sent", COUNT))
BRIDLE_EVENT = table(
    "bridle_event",
    needed("wf_uuid", NAME, key=True),
    needed("number", COUNT, key=True),
    needed("text", Text),
)
BRIDLE_NOTIFYING = table("bridle_notifying", needed("wf_uuid", NAME, key=True), needed("since", BigInteger))
BRIDLE_NOTIFICATION = table(
    "bridle_notification",
    needed("key", String(32), key=True),
    needed("root_wf_uuid", NAME),
    needed("number", BigInteger),
    needed("state", String(9)),
    needed("wf_uuid", NAME),
    needed("entity", Text),
    needed("occasion", Text),
    needed("rule", Text),
    needed("time", BigInteger),
    needed("argv", Text),
    needed("directory", Text),
    needed("environment", Text),
    needed("tries", Integer),
    needed("not_before", Float(53)),
    Column("started", Float(53)),
    Column("ended", Float(53)),
    Column("code", Integer),
    Column("seconds", Float(53)),
    Column("cause", Text),
    Column("stdout", Text),
    Column("stderr", Text),
)
Index(
    "bridle_notification_work", *(BRIDLE_NOTIFICATION.c[name] for name in ("root_wf_uuid", "state", "number"))
)
