"""What a report asks the database: a few questions for all workflows of a run; rows come as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from monitord_job.statistics.queries.invocations import DAGMAN
from monitord_job.statistics.queries.questions import Questions

_SPAN = """
SELECT CAST(min(s."timestamp") AS DOUBLE PRECISION), CAST(max(s."timestamp") AS DOUBLE PRECISION), count(*)
FROM job j JOIN job_instance i ON i.job_id = j.job_id JOIN jobstate s ON s.job_instance_id = i.job_instance_id
WHERE j.wf_id IN (?*)
"""
_COUNT = "SELECT count(*) FROM job j JOIN job_instance i ON i.job_id = j.job_id WHERE j.wf_id IN (?*)"
_ATTEMPTS = """
SELECT i.job_instance_id, j.job_id, j.wf_id, j.exec_job_id, j.type_desc, i.exitcode, h.hostname, i.site, i.subwf_id,
       CASE WHEN i.job_submit_seq = (SELECT max(l.job_submit_seq) FROM job_instance l WHERE l.job_id = j.job_id)
            THEN 1 ELSE 0 END,
       (SELECT count(*) FROM job_instance p WHERE p.job_id = i.job_id AND p.job_submit_seq <= i.job_submit_seq)
FROM job j JOIN job_instance i ON i.job_id = j.job_id LEFT JOIN host h ON h.host_id = i.host_id
WHERE j.wf_id IN (?*)
ORDER BY i.job_instance_id
"""
_STATES = """
SELECT s.job_instance_id, s.state, CAST(s."timestamp" AS DOUBLE PRECISION)
FROM job j JOIN job_instance i ON i.job_id = j.job_id JOIN jobstate s ON s.job_instance_id = i.job_instance_id
WHERE j.wf_id IN (?*)
ORDER BY s.job_instance_id, s.jobstate_submit_seq, s."timestamp"
"""
_RECORDS = f"""
SELECT n.job_instance_id, n.transformation, n.exitcode, CAST(n.start_time AS DOUBLE PRECISION),
       CAST(n.remote_duration AS DOUBLE PRECISION), CAST(n.remote_cpu_time AS DOUBLE PRECISION), n.maxrss
FROM invocation n
WHERE n.wf_id IN (?*) AND n.task_submit_seq >= 0 AND n.transformation <> '{DAGMAN}'
ORDER BY n.job_instance_id, n.task_submit_seq
"""
_NEVER_BEGUN = """
SELECT j.job_id, j.wf_id, j.exec_job_id, j.type_desc FROM job j
WHERE j.wf_id IN (?*) AND NOT EXISTS (SELECT 1 FROM job_instance i WHERE i.job_id = j.job_id)
ORDER BY j.job_id
"""
_PLANNED = """
SELECT t.job_id, min(t.transformation) FROM task t
WHERE t.wf_id IN (?*) AND t.job_id IS NOT NULL GROUP BY t.job_id
"""
_FILES = """
SELECT t.transformation, f.file_type, f.task_id, m.value
FROM workflow_files f JOIN task t ON t.task_id = f.task_id JOIN rc_meta m ON m.lfn_id = f.lfn_id
WHERE f.wf_id IN (?*) AND m."key" = 'size' AND f.file_type IN ('input', 'output')
ORDER BY f.task_id, f.file_type
"""
_SERVICES = "SELECT wf_id, name FROM bridle_node WHERE wf_id IN (?*) AND service"
_OUTPUT = """
SELECT i.job_instance_id, {0}, {1},
       (SELECT min(n.task_submit_seq) FROM invocation n
        WHERE n.job_instance_id = i.job_instance_id AND n.exitcode <> 0 AND n.task_submit_seq > 0)
FROM job_instance i WHERE i.job_instance_id IN (?*)
"""
_TAIL = 4000
"""Characters of each text that are looked at."""
_AT_ONCE = 500


class AttemptRow(NamedTuple):
    """A row of job_instance and what belongs to it; `exitcode` is a wait status."""

    instance: int
    job_id: int
    wf_id: int
    job: str
    kind: str
    exitcode: int | None
    host: str | None
    site: str | None
    below: int | None
    """the workflow that it ran"""
    is_newest: int
    number: int


class Record(NamedTuple):
    """An invocation; CPU seconds and kB of memory are None where nothing measured them."""

    instance: int
    transformation: str
    exitcode: int
    begin: float
    seconds: float
    cpu: float | None
    memory: int | None


class FileSize(NamedTuple):
    """A file of a task whose size was recorded; `value` is what the record says."""

    transformation: str
    direction: str
    """input or output"""
    task: int
    value: str


def span(questions: Questions, wf_ids: list[int]) -> tuple[float, float] | None:
    """When the first and the last thing happened to a job; None if nothing did."""
    first, last, _ = next(questions.rows(_SPAN, wf_ids))
    return None if first is None else (first, last)


def count_attempts(questions: Questions, wf_ids: list[int]) -> int:
    """How many attempts there are."""
    return int(next(questions.rows(_COUNT, wf_ids))[0])


def attempt_rows(questions: Questions, wf_ids: list[int]) -> Iterator[AttemptRow]:
    """All attempts, by their key."""
    return (AttemptRow(*row) for row in questions.rows(_ATTEMPTS, wf_ids))


def states(questions: Questions, wf_ids: list[int]) -> Iterator[tuple[int, str, float]]:
    """The states of all attempts, each attempt's together and in order, by the attempt's key."""
    return questions.rows(_STATES, wf_ids)


def records(questions: Questions, wf_ids: list[int]) -> Iterator[Record]:
    """The invocations of all attempts but for PRE and POST scripts, by the attempt's key."""
    return (Record(*row) for row in questions.rows(_RECORDS, wf_ids))


def never_begun(questions: Questions, wf_ids: list[int]) -> Iterator[tuple[int, int, str, str]]:
    """(job_id, wf_id, job, kind) of the jobs without an attempt."""
    return questions.rows(_NEVER_BEGUN, wf_ids)


def planned_transformations(questions: Questions, wf_ids: list[int]) -> dict[int, str]:
    """What a job was to run, by its key; of a cluster, one of its tasks."""
    return {int(job_id): str(name) for job_id, name in questions.rows(_PLANNED, wf_ids)}


def file_sizes(questions: Questions, wf_ids: list[int]) -> Iterator[FileSize]:
    """The files of all tasks whose size is known, each task's together."""
    return (FileSize(*row) for row in questions.rows(_FILES, wf_ids))


def services(questions: Questions, wf_ids: list[int]) -> set[tuple[int, str]]:
    """(wf_id, name) of the SERVICE nodes, where the database says so."""
    if not questions.has_column("bridle_node", "service"):
        return set()
    return {(int(wf_id), str(name)) for wf_id, name in questions.rows(_SERVICES, wf_ids)}


def outputs(questions: Questions, instances: list[int]) -> Iterator[tuple[int, str, str, int | None]]:
    """(attempt, end of its stdout, of its stderr, number of the first task that failed)"""
    text = _OUTPUT.format(_tail("stdout_text"), _tail("stderr_text"))
    for start in range(0, len(instances), _AT_ONCE):
        row: Any
        for row in questions.rows(text, instances[start : start + _AT_ONCE]):
            yield int(row[0]), row[1] or "", row[2] or "", row[3]


def _tail(column: str) -> str:
    # Not substr with a negative number, which PostgreSQL understands otherwise than SQLite.
    start = f"length(i.{column}) - {_TAIL - 1}"
    return f"CASE WHEN {start} > 1 THEN substr(i.{column}, {start}) ELSE i.{column} END"
