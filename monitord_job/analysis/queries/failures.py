"""Attempts as failures: the cause of each, and what it wrote last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from monitord_job.analysis.model.failure import Failure
from monitord_job.analysis.model.last_words import MOST_LINES, last_words
from monitord_job.analysis.queries.newest_attempts import Newest, attempts_before
from monitord_job.database.queries.attempts import StoredAttempt, read_attempts
from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.statistics.queries.questions import Questions
from monitord_job.text.display import one_line

_TAIL = 3000
"""Characters of each text that are looked at."""


def _tail(column: str) -> str:
    """The end of a text. Not substr with a negative number, which PostgreSQL understands otherwise than SQLite."""
    cut = f"substr({column}, length({column}) - {_TAIL - 1})"
    return f"CASE WHEN length({column}) > {_TAIL} THEN {cut} ELSE {column} END"


_TEXTS = f"""
SELECT i.job_instance_id, {_tail("i.stdout_text")}, {_tail("i.stderr_text")}
FROM job_instance i WHERE i.job_instance_id IN (?*)
"""
_RAN = """
SELECT n.job_instance_id, n.task_submit_seq, n.exitcode, n.transformation, n.executable FROM invocation n
WHERE n.job_instance_id IN (?*) AND n.task_submit_seq > 0 AND (n.exitcode <> 0 OR n.task_submit_seq = 1)
ORDER BY n.job_instance_id, n.task_submit_seq DESC
"""
# No index leads from a job to its tasks.
_PLANNED = """
SELECT t.job_id, min(t.transformation) FROM task t WHERE t.wf_id IN (?*) AND t.job_id IN (?*) GROUP BY t.job_id
"""


def failures(
    questions: Questions, rows: Sequence[Newest], labels: Mapping[int, str], lines: int = MOST_LINES
) -> Iterator[Failure]:
    """One for each attempt, in their order. `labels`: what sub-workflows are called, by wf_id."""
    if not rows:
        return
    stored = read_attempts(questions.connection, [row.instance for row in rows])
    failed = _failed_before(questions, rows, stored)
    instances = [failed.get(row.job_id, row.instance) for row in rows]
    outputs = {**stored, **read_attempts(questions.connection, list(failed.values()))}
    texts = {number: (out or "", err or "") for number, out, err in questions.rows(_TEXTS, instances)}
    ran = _ran(questions, instances)
    planned = _planned(
        questions, [row for row, shown in zip(rows, instances, strict=True) if shown not in ran]
    )
    for row, instance in zip(rows, instances, strict=True):
        attempt, output = stored.get(row.instance), outputs.get(instance)
        failed_task, program = ran.get(instance, (None, planned.get(row.job_id, "")))
        out, err = texts.get(instance, ("", ""))
        yield Failure(
            job=one_line(row.job, 200),
            type=row.type,
            cause=None if attempt is None else attempt.cause,
            lines=last_words(failed_task, out, err, lines),
            file=one_line((output and output.output) or "", 300),
            program=one_line(program, 200),
            workflow=one_line(labels.get(row.wf_id, ""), 60),
            wf_id=row.wf_id,
            instance=instance,
            attempts=row.attempts,
            host=_host(row.host),
        )


def _failed_before(
    questions: Questions, rows: Sequence[Newest], stored: Mapping[int, StoredAttempt]
) -> dict[int, int]:
    """By job_id, the attempt that failed, of jobs that are held because DAGMan submitted them once more on hold.

    What is to be mended stands in what that one wrote.
    """
    held = [
        row.job_id
        for row in rows
        if row.instance in stored and _is_once_more(row, stored[row.instance].cause)
    ]
    return attempts_before(questions, held)


def _is_once_more(row: Newest, cause: Cause | None) -> bool:
    if cause is None:  # the queue alone says that it is held
        return row.status is NodeStatus.HELD
    return cause.kind is CauseKind.HELD and cause.inner is not None


def _ran(questions: Questions, instances: list[int]) -> dict[int, tuple[int | None, str]]:
    """By attempt: the first of its tasks that failed, if one did, and what that, or its first task, ran."""
    programs: dict[int, tuple[int | None, str]] = {}
    for instance, task, code, transformation, executable in questions.rows(_RAN, instances):
        if code or instance not in programs:
            programs[instance] = (task if code else None, _program(transformation, executable))
    return programs


def _program(transformation: str | None, executable: str | None) -> str:
    return transformation or PurePath(executable or "").name


def _planned(questions: Questions, rows: Sequence[Newest]) -> dict[Any, str]:
    if not rows:
        return {}
    wf_ids = sorted({row.wf_id for row in rows})
    asked = questions.rows(_PLANNED, wf_ids, [row.job_id for row in rows])
    return {job_id: transformation or "" for job_id, transformation in asked}


def _host(name: str) -> str:
    """pegasus-monitord's word where no record names one is none."""
    return "" if name == "unknown" else one_line(name, 200)
