"""What the planner knew, as rows: braindump, static.bp, and those nodes of the DAG that static.bp leaves out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from posixpath import normpath

from monitord_job.events import Malformed
from monitord_job.hidden import excerpt, text_of
from monitord_job.job import JobPlan
from monitord_job.rows import (
    FileMetaRow,
    FilePlaceRow,
    JobEdgeRow,
    JobRow,
    QuarantineRow,
    Row,
    TaskEdgeRow,
    TaskFileRow,
    TaskJobRow,
    TaskMetaRow,
    TaskRow,
    WorkflowMetaRow,
    WorkflowRow,
)
from monitord_job.static_bp import parse

_Fields = Mapping[str, str]


def workflow_row(
    braindump: Mapping[str, str | None], dag_file_name: str, parent: str | None = None
) -> WorkflowRow:
    """The workflow as its braindump describes it; `parent` is the uuid of the workflow that runs it as a node."""
    get = braindump.get
    wf_uuid = get("wf_uuid") or ""
    grid_dn = get("grid_dn")
    return WorkflowRow(
        wf_uuid=wf_uuid,
        dag_file_name=dag_file_name,
        timestamp=planned_at(get("timestamp")),
        submit_hostname=get("submit_hostname"),
        submit_dir=normpath(submit_dir) if (submit_dir := get("submit_dir")) else None,
        planner_arguments=(get("planner_arguments") or "").strip('" \t\n\r') or None,
        user=get("user"),
        grid_dn=None if grid_dn == "null" else grid_dn,
        planner_version=get("planner_version"),
        dax_label=get("dax_label"),
        dax_version=get("dax_version"),
        dax_file=get("dax"),
        root_wf_uuid=get("root_wf_uuid") or wf_uuid,
        parent_wf_uuid=parent,
    )


def planned_at(timestamp: str | None) -> int | None:
    """Seconds since the epoch of a braindump's timestamp, None if it has none that can be read.

    >>> planned_at("20261123T052812+0000")
    1795411692
    """
    try:
        return int(datetime.strptime(timestamp or "", "%Y%m%dT%H%M%S%z").timestamp())
    except ValueError:
        return None


def static_rows(lines: Iterable[bytes], file: str, plans: Mapping[str, JobPlan]) -> Iterator[Row]:
    """The rows of a static.bp, in its order, and then those of nodes that only the DAG knows.

    `file` is its name for quarantine; a line that cannot be read costs nothing but itself.
    """
    known: set[str] = set()
    offset = 0
    for line in lines:
        event = parse(line)
        if isinstance(event, Malformed):
            yield QuarantineRow(file, offset, event.reason, excerpt(event.text))
        elif event is not None:
            if event.name == "job.info":
                known.add(event.fields.get("job.id", ""))
            row = _row(event.name, event.fields)
            if row is not None:
                yield row
            elif event.name not in _WITHOUT_ROW:
                yield QuarantineRow(
                    file, offset, f"event {event.name} is unknown or lacks a field", excerpt(text_of(line))
                )
        offset += len(line) + 1
    yield from unplanned_rows(plans, known)


def unplanned_rows(plans: Mapping[str, JobPlan], known: Collection[str]) -> Iterator[JobRow]:
    """The nodes of the DAG that are not among the known jobs: a user may add some before a rescue run."""
    return (_unplanned(plan) for name, plan in plans.items() if name not in known)


def _row(name: str, fields: _Fields) -> Row | None:
    make = _ROWS.get(name)
    if make is None:
        return None
    try:
        return make(fields)
    except (KeyError, ValueError):
        return None


def _unplanned(plan: JobPlan) -> JobRow:
    kind = "dag" if plan.is_subdag else "unknown"
    return JobRow(plan.name, plan.submit_file or "", kind, False, 0, "", None, 0)


def _job(f: _Fields) -> JobRow:
    return JobRow(
        exec_job_id=f["job.id"],
        submit_file=f["submit_file"],
        type_desc=f["type_desc"],
        clustered=f["clustered"] not in ("0", "false", "False"),
        max_retries=int(f["max_retries"]),
        executable=f["executable"],
        argv=f.get("argv"),
        task_count=int(f["task_count"]),
    )


def _task(f: _Fields) -> TaskRow:
    return TaskRow(f["task.id"], f["transformation"], f.get("argv"), f["type_desc"])


_ROWS: dict[str, Callable[[_Fields], Row]] = {
    "task.info": _task,
    "task.edge": lambda f: TaskEdgeRow(f["parent.task.id"], f["child.task.id"]),
    "task.meta": lambda f: TaskMetaRow(f["task.id"], f["key"], f["value"]),
    "xwf.meta": lambda f: WorkflowMetaRow(f["key"], f["value"]),
    "rc.meta": lambda f: FileMetaRow(f["lfn.id"], f["key"], f["value"]),
    "rc.pfn": lambda f: FilePlaceRow(f["lfn.id"], f["pfn"], f.get("site")),
    "wf.map.file": lambda f: TaskFileRow(f["task.id"], f["lfn.id"], f.get("file_type")),
    "job.info": _job,
    "wf.map.task_job": lambda f: TaskJobRow(f["task.id"], f["job.id"]),
    "job.edge": lambda f: JobEdgeRow(f["parent.job.id"], f["child.job.id"]),
}

_WITHOUT_ROW = frozenset({"static.meta.start", "static.meta.end", "static.start", "static.end"})
