"""What the end of an attempt adds to the database: its invocations, host, files and texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from monitord_job.job import JobFiles, JobPlan, NodeState
from monitord_job.kickstart import ClusterLine, Damage, IntegritySummary, Invocation, epoch
from monitord_job.payload import Metric, integrity_metrics, summed
from monitord_job.rows import (
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
from monitord_job.status_codes import raw_status
from monitord_job.texts import stderr_text, stdout_text

PRE_SCRIPT_TASK = -1
POST_SCRIPT_TASK = -2

_UNKNOWN = "unknown"
_LITE_HOST = re.compile(r"^.*Executing on host\s*(\S+)(?:\s*IP=(\S+))?", re.MULTILINE)
_LITE_EXIT = re.compile(r"^PegasusLite: exitcode (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at its end: `time` is when DAGMan judged it."""

    plan: JobPlan
    node: NodeState
    time: int
    user: str | None
    submit_dir: str | None


def pre_script_row(plan: JobPlan, node: NodeState, time: int, failed: bool) -> InvocationRow:
    """The PRE script as an invocation; DAGMan's log has no exit code of it, only success or failure."""
    return _script_row(plan, node, PRE_SCRIPT_TASK, node.pre_started, time, int(failed))


def finished_rows(attempt: Attempt, files: JobFiles) -> Iterator[Row]:
    """All rows that the end of an attempt adds."""
    plan, node = attempt.plan, attempt.node
    invocations = [record for record in files.records if isinstance(record, Invocation)]
    if node.submits or node.exitcode is not None:
        yield from _invocation_rows(attempt, files, invocations)
    yield from _file_rows(invocations)
    yield from _integrity_rows(attempt, files, invocations)
    if _succeeded(node):
        yield from (FilePlaceRow(*registration) for registration in files.registrations)
    if plan.post is not None:
        post_exit = node.post_exit or 0
        ended = attempt.time if node.post_ended is None else node.post_ended
        yield _script_row(plan, node, POST_SCRIPT_TASK, node.post_started, ended, post_exit)
    for record in files.records:
        if isinstance(record, Damage):
            yield QuarantineRow(files.stdout_file or plan.name, record.offset, record.reason, record.text)
    yield _instance_update(attempt, files, invocations)


def _succeeded(node: NodeState) -> bool:
    return node.exitcode == 0 and not node.post_exit


def _script_row(
    plan: JobPlan, node: NodeState, task: int, started: int | None, ended: int, code: int
) -> InvocationRow:
    script = plan.pre if task == PRE_SCRIPT_TASK else plan.post
    start = ended if started is None else started
    duration = max(ended - start, 0)
    return InvocationRow(
        job=plan.name,
        seq=node.seq,
        task_submit_seq=task,
        start_time=start,
        remote_duration=duration,
        remote_cpu_time=duration,
        exitcode=raw_status(code),
        transformation="dagman::pre" if task == PRE_SCRIPT_TASK else "dagman::post",
        executable=script.executable if script else "",
        argv=script.arguments if script else None,
        abs_task_id=None,
        maxrss=None,
        avg_cpu=None,
    )


def _invocation_rows(attempt: Attempt, files: JobFiles, records: list[Invocation]) -> Iterator[InvocationRow]:
    if not records:
        yield _without_record(attempt, files)
    for number, record in enumerate(records, 1):
        yield _from_record(attempt, files, number, record)


def _from_record(attempt: Attempt, files: JobFiles, number: int, record: Invocation) -> InvocationRow:
    fallback, job = _without_record(attempt, files), files.description
    duration = fallback.remote_duration if record.duration is None else record.duration
    cpu = None if record.utime is None or record.stime is None else record.utime + record.stime
    return InvocationRow(
        job=attempt.plan.name,
        seq=attempt.node.seq,
        task_submit_seq=number,
        start_time=fallback.start_time if record.start is None else int(record.start),
        remote_duration=max(duration, 0.0),
        remote_cpu_time=cpu,
        exitcode=fallback.exitcode if record.raw is None else record.raw,
        transformation=record.transformation or fallback.transformation,
        executable=record.executable or job.executable,
        argv=job.arguments,
        abs_task_id=_task(record.derivation) if record.derivation else fallback.abs_task_id,
        maxrss=record.maxrss,
        avg_cpu=cpu / duration if cpu is not None and duration > 0 else None,
    )


def _without_record(attempt: Attempt, files: JobFiles) -> InvocationRow:
    """The invocation as DAGMan saw it, for a job that left no kickstart record."""
    plan, node, job = attempt.plan, attempt.node, files.description
    ended = attempt.time if node.ended is None else node.ended
    started = ended if node.executed is None else node.executed
    return InvocationRow(
        job=plan.name,
        seq=node.seq,
        task_submit_seq=1,
        start_time=started,
        remote_duration=max(ended - started, 0),
        remote_cpu_time=None,
        exitcode=_main_exit(node, files),
        transformation=job.transformation or ("condor::dagman" if plan.is_subdag else plan.name),
        executable=job.executable,
        argv=job.arguments,
        abs_task_id=_task(job.task),
        maxrss=None,
        avg_cpu=None,
    )


def _task(derivation: str | None) -> str | None:
    return None if derivation == "null" else derivation


def _main_exit(node: NodeState, files: JobFiles) -> int:
    lite = _LITE_EXIT.search(files.stderr_text or "")
    if lite:
        return raw_status(int(lite[1]))
    return node.exitcode if node.exitcode is not None else raw_status(1)


def _file_rows(records: list[Invocation]) -> Iterator[FileMetaRow]:
    for record in records:
        for output in record.outputs:
            for key, value in output.attributes:
                yield FileMetaRow(output.lfn, key, value)


def _integrity_rows(attempt: Attempt, files: JobFiles, records: list[Invocation]) -> Iterator[Row]:
    name, seq = attempt.plan.name, attempt.node.seq
    for metric in summed(_metrics(files, records)):
        duration = round(metric.duration, 3)
        yield IntegrityRow(name, seq, metric.type, metric.file_type, metric.count, duration)
        if metric.failed:
            yield TagRow(name, seq, "int.error", metric.failed)


def _metrics(files: JobFiles, records: list[Invocation]) -> Iterator[Metric]:
    for record in records:
        timings = [
            output.checksum_seconds for output in record.outputs if output.checksum_seconds is not None
        ]
        if timings:
            yield Metric("compute", "output", len(timings), 0, sum(timings))
    for summary in files.records:
        if isinstance(summary, IntegritySummary):
            count = summary.succeeded + summary.failed
            yield Metric("check", "input", count, summary.failed, summary.duration)
    texts = [text for record in records for text in (record.stdout, record.stderr)]
    for text in (*texts, files.stdout_text, files.stderr_text):
        yield from integrity_metrics(text or "")


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
    values.update(_cluster_values(files))
    return InstanceUpdate(plan.name, node.seq, values, _host(node, files, site, first))


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
            began = epoch(start) if start else None
            return {
                "cluster_start": None if began is None else int(began),
                "cluster_duration": None if duration is None else float(duration),
            }
    return {}


def _host(node: NodeState, files: JobFiles, site: str | None, first: Invocation | None) -> HostRow | None:
    lite = _LITE_HOST.search(files.stderr_text or "")
    names = (
        lite[1] if lite else None,
        first.hostname if first else None,
        first.node_name if first else None,
        node.host,
    )
    addresses = (lite[2] if lite else None, first.hostaddr if first else None)
    hostname = next((name for name in names if name), None)
    if hostname is None and first is None:
        return None
    ip = next((address for address in addresses if address), _UNKNOWN)
    uname, memory = (first.uname, first.ram_total) if first else (None, None)
    return HostRow(site or _UNKNOWN, hostname or _UNKNOWN, ip, uname, memory)
