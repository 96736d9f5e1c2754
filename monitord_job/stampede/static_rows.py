"""What is known of a workflow before it runs, as rows: braindump and static.bp; without Pegasus, its DAG."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache, partial
from operator import itemgetter
from posixpath import normpath
from typing import Any

from dag_rewriter.logs.events import Malformed, new
from monitord_job.stampede.rows import (
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
from monitord_job.stampede.state import JobDescription, JobPlan
from monitord_job.stampede.static_bp import Form, StaticEvent, form_of, parse, values_of
from monitord_job.text.unprintable import excerpt, text_of

Describe = Callable[[JobPlan], JobDescription]


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


def static_rows(pieces: Iterable[list[bytes]], file: str, plans: Mapping[str, JobPlan]) -> Iterator[Row]:
    """The rows of a static.bp, in its order, and then those of nodes that only the DAG knows.

    It comes in pieces of some lines. `file` is its name for quarantine; a line that cannot be read costs nothing but
    itself.
    """
    known: set[str] = set()
    offset = 0
    form: Form | None = None
    for lines in pieces:
        rows: Iterable[Row] | None = _rows_of_form(lines, form)
        if rows is None:
            rows = rows_of_lines(lines, file, offset)
            form = form_of(lines[-1])
        for row in rows:
            if row.__class__ is JobRow:
                known.add(row[0])
            yield row
        offset += sum(map(len, lines)) + len(lines)
    yield from unplanned_rows(plans, known)


def _rows_of_form(lines: list[bytes], form: Form | None) -> list[Row] | None:
    """All rows of lines that are alike, in half of the time; None if they are not."""
    make = form and _maker(form.name, form.keys)
    values = make and form and values_of(lines, form)
    try:
        return list(map(make, values)) if make and values else None
    except ValueError:
        return None


def rows_of_lines(lines: Iterable[bytes], file: str, offset: int = 0) -> Iterator[Row]:
    """The rows of the lines that begin at a byte of a static.bp, each read by itself."""
    for line in lines:
        event = parse(line)
        if isinstance(event, Malformed):
            yield QuarantineRow(file, offset, event.reason, excerpt(event.text))
        elif event is not None:
            row = _row(event)
            if row is not None:
                yield row
            elif event.name not in _WITHOUT_ROW:
                reason = f"event {event.name} is unknown or lacks a field"
                yield QuarantineRow(file, offset, reason, excerpt(text_of(line)))
        offset += len(line) + 1


def unplanned_rows(plans: Mapping[str, JobPlan], known: Collection[str]) -> Iterator[JobRow]:
    """The nodes of the DAG that are not among the known jobs: a user may add some before a rescue run."""
    return (_unplanned(plan) for name, plan in plans.items() if name not in known)


def dag_rows(
    plans: Mapping[str, JobPlan], edges: Iterable[tuple[str, str]], describe: Describe
) -> Iterator[Row]:
    """The jobs and their edges; there are no tasks, because nobody knows what a job is for."""
    for plan in plans.values():
        yield _job_of_plan(plan, describe(plan))
    for parent, child in edges:
        if parent in plans and child in plans:
            yield JobEdgeRow(parent, child)


def _job_of_plan(plan: JobPlan, description: JobDescription) -> JobRow:
    return JobRow(
        exec_job_id=plan.name,
        submit_file=plan.submit_file or plan.dag_file or "",
        type_desc="dag" if plan.is_subdag else "compute",
        clustered=False,
        max_retries=plan.retries,
        # A sub-DAG's submit file is made when its node starts: what is stored before is stored again by a rebuild.
        executable="" if plan.is_subdag else description.executable,
        argv=description.arguments,
        task_count=0,
    )


def _row(event: StaticEvent) -> Row | None:
    make = _maker(event.name, event.keys)
    try:
        return make and make(event.values)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _maker(name: str, keys: tuple[str, ...]) -> Callable[[tuple[str, ...]], Row] | None:
    """How the values of a form of lines become a row; None if it has no row, or lacks a field of it."""
    make: Callable[[Iterable[Any]], Row] | None
    make, *fields = _ROWS.get(name, (None,))
    places = [keys.index(field.lstrip("?")) if field.lstrip("?") in keys else None for field in fields]
    lacking = [field for field, place in zip(fields, places, strict=True) if place is None]
    if make is None or not all(field.startswith("?") for field in lacking):
        return None
    if lacking:
        return lambda values: make([None if place is None else values[place] for place in places])
    if places == list(range(len(keys))):
        return make
    pick = itemgetter(*places)
    return lambda values: make(pick(values))


def _unplanned(plan: JobPlan) -> JobRow:
    kind = "dag" if plan.is_subdag else "unknown"
    return JobRow(plan.name, plan.submit_file or "", kind, False, 0, "", None, 0)


def _job(fields: Iterable[str]) -> JobRow:
    """Raises ValueError."""
    name, submit_file, type_desc, clustered, max_retries, executable, argv, task_count = fields
    # In the order of the fields: by name it takes three times as long.
    is_clustered = clustered not in ("0", "false", "False")
    values = (
        name,
        submit_file,
        type_desc,
        is_clustered,
        _count(max_retries),
        executable,
        argv,
        _count(task_count),
    )
    return new(JobRow, values)


def _count(text: str) -> int:
    """Raises ValueError, also for a number that no database's column holds."""
    number = int(text)
    if abs(number) >= 1 << 31:
        raise ValueError(f"{text[:20]} is too large")
    return number


def _of(kind: type[Row]) -> Callable[[Iterable[Any]], Row]:
    """Makes a row of its fields, all in C: a plan has seven for each job."""
    return partial(new, kind)


_ROWS: dict[str, tuple[Any, ...]] = {
    "task.info": (_of(TaskRow), "task.id", "transformation", "?argv", "type_desc"),
    "task.edge": (_of(TaskEdgeRow), "parent.task.id", "child.task.id"),
    "task.meta": (_of(TaskMetaRow), "task.id", "key", "value"),
    "xwf.meta": (_of(WorkflowMetaRow), "key", "value"),
    "rc.meta": (_of(FileMetaRow), "lfn.id", "key", "value"),
    "rc.pfn": (_of(FilePlaceRow), "lfn.id", "pfn", "?site"),
    "wf.map.file": (_of(TaskFileRow), "task.id", "lfn.id", "?file_type"),
    "job.info": (
        _job,
        "job.id",
        "submit_file",
        "type_desc",
        "clustered",
        "max_retries",
        "executable",
        "?argv",
        "task_count",
    ),
    "wf.map.task_job": (_of(TaskJobRow), "task.id", "job.id"),
    "job.edge": (_of(JobEdgeRow), "parent.job.id", "child.job.id"),
}
"""What makes the row of an event from the values of these fields in their order; ? before those that may be missing."""

_WITHOUT_ROW = frozenset({"static.meta.start", "static.meta.end", "static.start", "static.end"})
