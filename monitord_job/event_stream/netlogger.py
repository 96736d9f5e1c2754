"""The events of the Stampede event model, made from the rows that are stored; names and fields as pegasus-monitord's.

Two renderings: bp, the NetLogger lines of a static.bp, which `static_bp.parse` reads, and JSON, one object a line.
An attempt's details (texts, exit code, host) come with the event that ends it: post.end where there is a POST script.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

from monitord_job.stampede import rows as r

PREFIX = "stampede."
_Fields = dict[str, Any]


class BpFormat(Enum):
    """How events are written."""

    BP = "bp"
    JSON = "json"


class BpEvent(NamedTuple):
    """`name` is without the prefix, `ts` in seconds since the epoch; fields that are None do not occur."""

    name: str
    ts: float
    fields: Mapping[str, r.Value]


class EventStream:
    """The events of one workflow's rows, which come one by one, in the order in which things happened.

    `now` dates those of rows that have no time and follow none that has.
    """

    def __init__(self, wf_uuid: str, now: float) -> None:
        self._wf_uuid = wf_uuid
        self._ts = now
        self._opened: dict[tuple[str, int], Mapping[str, r.Value]] = {}
        self._held: r.JobStateRow | None = None
        self._planned = self._in_meta = False

    def take(self, row: r.Row) -> Iterator[BpEvent]:
        """The events that the next row completes."""
        if isinstance(row, r.InstanceRow):
            yield from self._release()
            self._opened[row.job, row.seq] = row.values
        elif isinstance(row, r.JobStateRow):
            yield from self._release()
            # Until its details are known, if there are any: they follow, before the next state.
            self._held, self._ts = row, row.timestamp
        elif isinstance(row, r.InstanceUpdate):
            yield from self._detailed(row)
        elif isinstance(row, r.InvocationRow):
            yield from self._invocation(row)
        else:
            if isinstance(row, r.WorkflowStateRow):
                yield from self._release()
                self._ts = row.timestamp
            yield from self._simple(row)

    def end(self) -> Iterator[BpEvent]:
        """What waits for rows that did not come."""
        yield from self._release()
        yield from self._meta(False)
        if self._planned:
            yield self._event("static.end", {})

    def _event(self, name: str, fields: Mapping[str, r.Value], ts: float | None = None) -> BpEvent:
        known = {key: value for key, value in fields.items() if value is not None}
        return BpEvent(name, self._ts if ts is None else ts, {"xwf.id": self._wf_uuid, **known})

    def _simple(self, row: r.Row) -> Iterator[BpEvent]:
        made = _SIMPLE.get(type(row))
        if made is None:
            return
        if isinstance(row, r.WorkflowRow):
            self._planned = True
            self._ts = self._ts if row.timestamp is None else row.timestamp
        elif self._planned:
            yield from self._meta(isinstance(row, _META))
        name, fields = made(row)
        yield self._event(name, fields)
        if isinstance(row, r.WorkflowRow):
            yield self._event("static.start", {})

    def _meta(self, inside: bool) -> Iterator[BpEvent]:
        if inside is not self._in_meta:
            self._in_meta = inside
            yield self._event("static.meta.start" if inside else "static.meta.end", {})

    def _release(self, details: Mapping[str, r.Value] | None = None) -> Iterator[BpEvent]:
        row, self._held = self._held, None
        if row is None:
            return
        ids: _Fields = {
            "job.id": row.job,
            "job_inst.id": row.seq,
            "js.id": row.jobstate_submit_seq,
            "reason": row.reason,
        }
        opened = self._opened.pop((row.job, row.seq), {})
        for name, status in _STATES.get(row.state) or ((row.state.lower(), None),):
            # What pegasus-monitord's loader takes from an event that opens an attempt.
            of_attempt = opened if name in ("submit.start", "pre.start") else {}
            level = {"level": "Error"} if status else {}
            more = {**of_attempt, **(details or {})}
            yield self._event(f"job_inst.{name}", {**ids, "status": status, **level, **more}, row.timestamp)

    def _detailed(self, row: r.InstanceUpdate) -> Iterator[BpEvent]:
        details = {_INSTANCE_FIELDS.get(key, key): value for key, value in row.values.items()}
        ids: _Fields = {"job.id": row.job, "job_inst.id": row.seq}
        if row.host is not None:
            yield self._event("job_inst.host.info", {**ids, **row.host._asdict()})
        held = self._held
        if held is not None and (held.job, held.seq) == (row.job, row.seq):
            yield from self._release(details)
        if "exitcode" in row.values:
            hostname = {"hostname": row.host.hostname} if row.host else {}
            brief = {key: value for key, value in details.items() if not key.endswith(".text")}
            yield self._event("job_inst.composite", {**ids, **brief, **hostname})

    def _invocation(self, row: r.InvocationRow) -> Iterator[BpEvent]:
        ids: _Fields = {"job.id": row.job, "job_inst.id": row.seq, "inv.id": row.task_submit_seq}
        yield self._event("inv.start", ids, row.start_time)
        fields = {
            **ids,
            "transformation": row.transformation,
            "task.id": row.abs_task_id,
            "start_time": row.start_time,
            "dur": row.remote_duration,
            "remote_cpu_time": row.remote_cpu_time,
            "avg_cpu": row.avg_cpu,
            "maxrss": row.maxrss,
            "exitcode": row.exitcode,
            "executable": row.executable,
            "argv": row.argv,
            "level": "Error" if row.exitcode else None,
        }
        yield self._event("inv.end", fields, int(row.start_time + row.remote_duration))


_STATES: dict[str, tuple[tuple[str, int | None], ...]] = {
    "PRE_SCRIPT_STARTED": (("pre.start", None),),
    "PRE_SCRIPT_TERMINATED": (("pre.term", None),),
    "PRE_SCRIPT_SUCCESS": (("pre.end", 0),),
    "PRE_SCRIPT_FAILED": (("pre.end", -1),),
    "SUBMIT": (("submit.start", None), ("submit.end", 0)),
    "SUBMIT_FAILED": (("submit.start", None), ("submit.end", -1)),
    "GRID_SUBMIT": (("grid.submit.start", None), ("grid.submit.end", 0)),
    "GRID_SUBMIT_FAILED": (("grid.submit.start", None), ("grid.submit.end", -1)),
    "GLOBUS_SUBMIT": (("globus.submit.start", None), ("globus.submit.end", 0)),
    "GLOBUS_SUBMIT_FAILED": (("globus.submit.start", None), ("globus.submit.end", -1)),
    "EXECUTE": (("main.start", None),),
    "IMAGE_SIZE": (("image.info", None),),
    "JOB_TERMINATED": (("main.term", 0),),
    "JOB_EVICTED": (("main.term", -1),),
    "JOB_SUCCESS": (("main.end", 0),),
    "JOB_FAILURE": (("main.end", -1),),
    "JOB_ABORTED": (("abort.info", None),),
    "JOB_HELD": (("held.start", None),),
    "JOB_RELEASED": (("held.end", 0),),
    "POST_SCRIPT_STARTED": (("post.start", None),),
    "POST_SCRIPT_TERMINATED": (("post.term", None),),
    "POST_SCRIPT_SUCCESS": (("post.end", 0),),
    "POST_SCRIPT_FAILED": (("post.end", -1),),
}
"""Any other state becomes its own word, as pegasus-monitord's loader reads it: job_inst.job_suspended."""

_INSTANCE_FIELDS = {
    "sched_id": "sched.id",
    "cluster_start": "cluster.start",
    "cluster_duration": "cluster.dur",
    "local_duration": "local.dur",
    "stdout_file": "stdout.file",
    "stdout_text": "stdout.text",
    "stderr_file": "stderr.file",
    "stderr_text": "stderr.text",
}
"""Columns of job_instance that have another name in events."""

_META = (r.WorkflowMetaRow, r.TaskMetaRow, r.FileMetaRow, r.FilePlaceRow, r.TaskFileRow)


def _named(name: str, fields: str) -> Callable[[Any], tuple[str, _Fields]]:
    """An event whose fields are the row's, under other names."""
    names = fields.split()
    return lambda row: (name, dict(zip(names, row, strict=True)))


def _workflow(row: r.WorkflowRow) -> tuple[str, _Fields]:
    return "wf.plan", {
        "dax.label": row.dax_label,
        "dax.version": row.dax_version,
        "dax.file": row.dax_file,
        "dag.file.name": row.dag_file_name,
        "submit.hostname": row.submit_hostname,
        "submit.dir": row.submit_dir,
        "argv": row.planner_arguments or "",  # pegasus-monitord's loader wants one
        "user": row.user,
        "grid_dn": row.grid_dn,
        "planner.version": row.planner_version,
        "parent.xwf.id": row.parent_wf_uuid,
        "root.xwf.id": row.root_wf_uuid,
    }


def _workflow_state(row: r.WorkflowStateRow) -> tuple[str, _Fields]:
    fields: _Fields = {"restart_count": row.restart_count, "reason": row.reason}
    if row.state == "WORKFLOW_STARTED":
        return "xwf.start", fields
    return "xwf.end", {**fields, "status": row.status, "level": "Error" if row.status else None}


_SIMPLE: dict[type[Any], Callable[[Any], tuple[str, _Fields]]] = {
    r.WorkflowRow: _workflow,
    r.WorkflowStateRow: _workflow_state,
    r.WorkflowMetaRow: _named("xwf.meta", "key value"),
    r.TaskRow: _named("task.info", "task.id transformation argv type_desc"),
    r.TaskJobRow: _named("wf.map.task_job", "task.id job.id"),
    r.TaskMetaRow: _named("task.meta", "task.id key value"),
    r.TaskEdgeRow: _named("task.edge", "parent.task.id child.task.id"),
    r.JobRow: _named(
        "job.info", "job.id submit_file type_desc clustered max_retries executable argv task_count"
    ),
    r.JobEdgeRow: _named("job.edge", "parent.job.id child.job.id"),
    r.FileMetaRow: _named("rc.meta", "lfn.id key value"),
    r.FilePlaceRow: _named("rc.pfn", "lfn.id pfn site"),
    r.TaskFileRow: _named("wf.map.file", "task.id lfn.id file_type"),
    r.SubWorkflowLink: _named("xwf.map.subwf_job", "job.id job_inst.id subwf.id"),
    r.IntegrityRow: _named("int.metric", "job.id job_inst.id type file_type count duration"),
    r.TagRow: _named("job_inst.tag", "job.id job_inst.id name count"),
}
"""Rows that make one event each. Rows of bridle's own tables make none."""


# Text.

_PLAIN = re.compile(r'[^\s"=\\]+')
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


def render(event: BpEvent, style: BpFormat) -> str:
    r"""An event as one line, with its newline.

    >>> render(BpEvent("xwf.meta", 0, {"xwf.id": "u", "value": 'a "b"'}), BpFormat.BP)
    'ts=1970-01-01T00:00:00.000000Z event=stampede.xwf.meta level=Info xwf.id=u value="a \\"b\\""\n'
    >>> render(BpEvent("xwf.meta", 0, {"xwf.id": "u", "value": "b"}), BpFormat.JSON)
    '{"event": "stampede.xwf.meta", "ts": 0, "xwf_id": "u", "value": "b"}\n'
    """
    if style is BpFormat.JSON:
        fields = {key.replace(".", "_"): value for key, value in event.fields.items()}
        return json.dumps({"event": PREFIX + event.name, "ts": event.ts, **fields}) + "\n"
    level = event.fields.get("level", "Info")
    parts = [f"ts={_iso(event.ts)}", f"event={PREFIX}{event.name}", f"level={level}"]
    parts += [f"{key}={_bp_value(value)}" for key, value in event.fields.items() if key != "level"]
    return " ".join(parts) + "\n"


def _bp_value(value: r.Value) -> str:
    if not isinstance(value, str):
        return str(int(value) if isinstance(value, bool) else value)
    return value if _PLAIN.fullmatch(value) and value.isascii() else f'"{value.translate(_ESCAPES)}"'


def _iso(ts: float) -> str:
    try:
        return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (OverflowError, ValueError, OSError):
        return str(ts)


def pack(event: BpEvent) -> str:
    """An event as a line of the outbox; `unpack` is the inverse."""
    return json.dumps([event.name, event.ts, event.fields], separators=(",", ":"))


def unpack(line: str) -> BpEvent:
    """The event that `pack` was given."""
    return BpEvent(*json.loads(line))
