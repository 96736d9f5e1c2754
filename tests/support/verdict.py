"""Did a job succeed, by what it wrote? The rules of pegasus-exitcode, on the fields that the parsers have read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitord_job.kickstart.records import ClusterLine, Damage, Invocation, Record, whole


def failure_of(records: Sequence[Record]) -> str | None:
    """Why the job failed, None if it succeeded.

    >>> failure_of([ClusterLine(0, True, {"stat": "ok", "tasks": "2", "succeeded": "1", "failed": "1"})])
    '1 task of the cluster failed'
    >>> failure_of([])
    'there is no kickstart record'
    """
    lines = [record for record in records if isinstance(record, ClusterLine)]
    summary = next((line.fields for line in lines if line.is_summary), None)
    if summary is not None:
        return _of_summary(summary)
    if lines:
        return "the summary of the cluster is missing"
    damage = next((record for record in records if isinstance(record, Damage)), None)
    if damage is not None:
        return damage.reason
    return _of_invocations([record for record in records if isinstance(record, Invocation)])


def _of_summary(fields: Mapping[str, str]) -> str | None:
    if fields.get("stat", "ok") != "ok":
        return f"the cluster says {fields['stat']}"
    failed = _count(fields, "failed")
    if failed:
        return f"{failed} task{'s'[: failed > 1]} of the cluster failed"
    if 0 in (_count(fields, "submitted"), _count(fields, "tasks")):
        return None  # there was nothing to do
    return "no task of the cluster succeeded" if _count(fields, "succeeded") == 0 else None


def _count(fields: Mapping[str, str], key: str) -> int | None:
    try:
        return whole(fields.get(key))
    except ValueError:
        return None


def _of_invocations(records: Sequence[Invocation]) -> str | None:
    if not records:
        return "there is no kickstart record"
    return next((failure for failure in map(_of_invocation, records) if failure), None)


def _of_invocation(record: Invocation) -> str | None:
    if record.raw is None:
        return "a kickstart record has no status"
    if record.raw != 0:
        return f"{record.transformation or 'the job'} ended with the wait status {record.raw}"
    if record.integrity_error is not None:
        return f"the checksum of an output could not be made: {record.integrity_error}"
    return None
