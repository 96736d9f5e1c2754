"""What the end of an attempt adds to the database: its invocations, host, files and texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from dag_rewriter.logs.events import new
from monitord_job.kickstart.clustered_tasks import TaskRun, task_runs
from monitord_job.kickstart.monitoring_payload import Metric, integrity_metrics, summed
from monitord_job.kickstart.records import (
    ClusterLine,
    Damage,
    IntegritySummary,
    Invocation,
    decimal,
    epoch,
    whole,
)
from monitord_job.stampede.output_text import stderr_text, stdout_text
from monitord_job.stampede.rows import (
    FileMetaRow,
    FilePlaceRow,
    HostRow,
    InstanceUpdate,
    IntegrityRow,
    InvocationRow,
    QuarantineRow,
    Row,
    TagRow,
    Value,
)
from monitord_job.stampede.state import JobFiles, JobPlan, NodeState
from monitord_job.stampede.wait_status import raw_status, was_removed
from monitord_job.text.unprintable import excerpt

PRE_SCRIPT_TASK = -1
POST_SCRIPT_TASK = -2

_UNKNOWN = "unknown"
_LITE_HOST_MARK, _LITE_EXIT_MARK = "Executing on host", "PegasusLite: exitcode "
_LITE_HOST = re.compile(_LITE_HOST_MARK + r"\s*(\S+)(?:\s*IP=(\S+))?")
_LITE_EXIT = re.compile(r"(?:\A|\n)PegasusLite: exitcode ([0-9]{1,3})(?![^\n])")
_JUDGE = "pegasus-exitcode"
_NO_RECORDS_EXPECTED = "--no-invocations"


class Attempt(NamedTuple):
    """An attempt at its end: `time` is when DAGMan judged it."""

    plan: JobPlan
    node: NodeState
    time: int
    user: str | None
    submit_dir: str | None


def pre_script_row(plan: JobPlan, node: NodeState, time: int, code: int) -> InvocationRow:
    """The PRE script as an invocation; of a failure, the JOBSTATE_LOG has no exit code: then `code` is 1."""
    return _script_row(plan, node, PRE_SCRIPT_TASK, node.pre_started, time, code)


def finished_rows(attempt: Attempt, files: JobFiles) -> list[Row]:
    """All rows that the end of an attempt adds."""
    plan, node = attempt.plan, attempt.node
    invocations = [record for record in files.records if isinstance(record, Invocation)]
    rows: list[Row] = []
    if _had_job(node):
        rows += _invocation_rows(attempt, files)
    rows += _file_rows(invocations)
    rows += _integrity_rows(attempt, files, invocations)
    if files.registrations and _succeeded(node):
        rows += [FilePlaceRow(*registration) for registration in files.registrations]
    if plan.post is not None and node.post_exit is not None:
        ended = attempt.time if node.post_ended is None else node.post_ended
        rows.append(_script_row(plan, node, POST_SCRIPT_TASK, node.post_started, ended, node.post_exit))
    rows += _quarantine_rows(attempt, files, bool(invocations))
    rows.append(_instance_update(attempt, files, invocations))
    return rows


def _had_job(node: NodeState) -> bool:
    """Whether the attempt came to a job: not one that ended with its PRE script, or that HTCondor never took."""
    judged = node.ended is not None and node.exitcode is not None
    return node.sched_id is not None or node.executed is not None or judged


def _quarantine_rows(attempt: Attempt, files: JobFiles, has_record: bool) -> Iterator[QuarantineRow]:
    file = files.stdout_file or attempt.plan.name
    for record in files.records:
        if isinstance(record, Damage):
            yield QuarantineRow(record.file or file, record.offset, record.reason, record.text)
    if not has_record and _record_expected(attempt):
        lacking = _LACKING[files.stdout_text is not None, bool(files.stdout_text)]
        if not any(isinstance(record, Damage | ClusterLine) for record in files.records):
            yield QuarantineRow(file, 0, lacking, excerpt(files.stdout_text or ""))


_LACKING = {
    (False, False): "there is no such file",
    (True, False): "it is empty",
    (True, True): "there is no kickstart record in it",
}


def _record_expected(attempt: Attempt) -> bool:
    """pegasus-exitcode fails a job without a record unless it is told that there is none."""
    post = attempt.plan.post
    code = attempt.node.exitcode
    ran = attempt.node.executed is not None and code is not None and not was_removed(code)
    return (
        ran and post is not None and _JUDGE in post.executable and _NO_RECORDS_EXPECTED not in post.arguments
    )


def _succeeded(node: NodeState) -> bool:
    return node.exitcode == 0 and not node.post_exit


def _script_row(
    plan: JobPlan, node: NodeState, task: int, started: int | None, ended: int, code: int
) -> InvocationRow:
    script = plan.pre if task == PRE_SCRIPT_TASK else plan.post
    start = ended if started is None else started
    duration = max(ended - start, 0)
    # In the order of the fields, here and below: by name it takes three times as long.
    values = (
        plan.name,
        node.seq,
        task,
        start,
        duration,
        duration,
        raw_status(code),
        "dagman::pre" if task == PRE_SCRIPT_TASK else "dagman::post",
        script.executable if script else "",
        script.arguments if script else None,
        None,
        None,
        None,
    )
    return new(InvocationRow, values)


def _invocation_rows(attempt: Attempt, files: JobFiles) -> Iterator[InvocationRow]:
    fallback = _without_record(attempt, files)
    runs = task_runs(files.records)
    if not runs:
        yield fallback
    for run in runs:
        yield _of_record(run.record, run, fallback) if run.record else _of_line(run, fallback)


def _of_record(record: Invocation, run: TaskRun, fallback: InvocationRow) -> InvocationRow:
    duration = fallback.remote_duration if record.duration is None else record.duration
    cpu = None if record.utime is None or record.stime is None else record.utime + record.stime
    transformation, task = _names(run, fallback)
    values = (
        fallback.job,
        fallback.seq,
        run.number,
        fallback.start_time if record.start is None else int(record.start),
        max(duration, 0.0),
        cpu,
        fallback.exitcode if record.raw is None else record.raw,
        record.transformation or transformation,
        record.executable or fallback.executable,
        fallback.argv,
        _task(record.derivation) if record.derivation else task,
        record.maxrss,
        cpu / duration if cpu is not None and duration > 0 else None,
    )
    return new(InvocationRow, values)


def _of_line(run: TaskRun, fallback: InvocationRow) -> InvocationRow:
    """A task of a cluster that left no record, or a damaged one: what its cluster-task line and the list say."""
    fields = run.line.fields if run.line else {}
    start, duration = _read(epoch, fields.get("start")), _read(decimal, fields.get("duration"))
    status = _read(whole, fields.get("status"))
    transformation, task = _names(run, fallback)
    listed = run.listed
    return fallback._replace(
        task_submit_seq=run.number,
        start_time=fallback.start_time if start is None else int(start),
        remote_duration=fallback.remote_duration if duration is None else max(duration, 0.0),
        exitcode=fallback.exitcode if status is None else status,
        transformation=transformation,
        executable=(listed.executable if listed else None) or fields.get("app") or fallback.executable,
        argv=listed.arguments if listed else fallback.argv,
        abs_task_id=task,
    )


def _names(run: TaskRun, fallback: InvocationRow) -> tuple[str, str | None]:
    if run.listed:
        return run.listed.transformation, _task(run.listed.task)
    if run.line:  # of a cluster whose list is not there: its submit file names no task
        return fallback.transformation, run.line.fields.get("name")
    return fallback.transformation, fallback.abs_task_id


_Value = TypeVar("_Value")


def _read(reader: Callable[[str | None], _Value | None], text: str | None) -> _Value | None:
    try:
        return reader(text)
    except (ArithmeticError, ValueError):
        return None


def _without_record(attempt: Attempt, files: JobFiles) -> InvocationRow:
    """The invocation as DAGMan saw it, for a job that left no kickstart record."""
    plan, node, job = attempt.plan, attempt.node, files.description
    ended = attempt.time if node.ended is None else node.ended
    started = ended if node.executed is None else node.executed
    values = (
        plan.name,
        node.seq,
        1,
        started,
        max(ended - started, 0),
        None,
        _main_exit(node, files),
        job.transformation or ("condor::dagman" if plan.is_subdag else plan.name),
        job.executable,
        job.arguments,
        _task(job.task),
        None,
        None,
    )
    return new(InvocationRow, values)


def _task(derivation: str | None) -> str | None:
    return None if derivation == "null" else derivation


def _main_exit(node: NodeState, files: JobFiles) -> int:
    text = files.stderr_text or ""
    # The last one: what stands before it may be an application's.
    lite = _LITE_EXIT.findall(text) if _LITE_EXIT_MARK in text else ()
    if lite:
        return raw_status(int(lite[-1]))
    return node.exitcode if node.exitcode is not None else raw_status(1)


def _file_rows(records: list[Invocation]) -> list[FileMetaRow]:
    return [
        new(FileMetaRow, (output.lfn, key, value))
        for record in records
        for output in record.outputs
        for key, value in output.attributes
    ]


def _integrity_rows(attempt: Attempt, files: JobFiles, records: list[Invocation]) -> Iterator[Row]:
    name, seq = attempt.plan.name, attempt.node.seq
    for metric in summed(_metrics(files, records)):
        duration = round(metric.duration, 3)
        yield new(IntegrityRow, (name, seq, metric.type, metric.file_type, metric.files, duration))
        if metric.failed:
            yield TagRow(name, seq, "int.error", metric.failed)


def _metrics(files: JobFiles, records: list[Invocation]) -> Iterator[Metric]:
    for record in records:
        timings = [
            output.checksum_seconds for output in record.outputs if output.checksum_seconds is not None
        ]
        if timings:
            yield new(Metric, ("compute", "output", len(timings), 0, sum(timings)))
    for summary in files.records:
        if isinstance(summary, IntegritySummary):
            count = summary.succeeded + summary.failed
            yield Metric("check", "input", count, summary.failed, summary.duration)
    texts = [text for record in records for text in (record.stdout, record.stderr)]
    for text in (*texts, files.stdout_text, files.stderr_text):
        if text:
            yield from integrity_metrics(text)


def _instance_update(attempt: Attempt, files: JobFiles, records: list[Invocation]) -> InstanceUpdate:
    plan, node, job = attempt.plan, attempt.node, files.description
    first = records[0] if records else None
    site = (first.resource if first else None) or job.site
    values: dict[str, Value] = {
        "site": site,
        "user": (first.user if first else None) or attempt.user,
        "work_dir": (first.cwd if first else None) or attempt.submit_dir,
        "local_duration": _local_duration(node),
        "stdout_file": files.stdout_file,
        "stdout_text": stdout_text(files, records),
        "stderr_file": files.stderr_file,
        "stderr_text": stderr_text(files),
        "exitcode": _instance_exit(node, plan),
    }
    if plan.pre is not None and node.sched_id is not None:
        values["sched_id"] = node.sched_id  # pegasus-monitord's loader takes it from the attempt's end then
    values.update(_cluster_values(files))
    return new(InstanceUpdate, (plan.name, node.seq, values, _host(node, files, site, first)))


def _local_duration(node: NodeState) -> int | None:
    return None if node.executed is None or node.ended is None else max(node.ended - node.executed, 0)


def _instance_exit(node: NodeState, plan: JobPlan) -> int | None:
    """The POST script has the last word, as for DAGMan."""
    return (
        raw_status(node.post_exit) if plan.post is not None and node.post_exit is not None else node.exitcode
    )


def _cluster_values(files: JobFiles) -> dict[str, Value]:
    for record in files.records:
        if isinstance(record, ClusterLine) and record.is_summary:
            start, duration = record.fields.get("start"), record.fields.get("duration")
            began = _read(epoch, start)
            return {
                "cluster_start": None if began is None else int(began),
                "cluster_duration": _read(decimal, duration),
            }
    return {}


def _host(node: NodeState, files: JobFiles, site: str | None, first: Invocation | None) -> HostRow | None:
    text = files.stderr_text or ""
    lite = _LITE_HOST.search(text, max(text.find(_LITE_HOST_MARK), 0)) if _LITE_HOST_MARK in text else None
    hostname, address = (lite[1], lite[2]) if lite else (None, None)
    if first is None:
        hostname = hostname or node.host
        return HostRow(site or _UNKNOWN, hostname, address or _UNKNOWN, None, None) if hostname else None
    hostname = hostname or first.hostname or first.node_name or node.host or _UNKNOWN
    ip = address or first.hostaddr or _UNKNOWN
    return new(HostRow, (site or _UNKNOWN, hostname, ip, first.uname, first.ram_total))
