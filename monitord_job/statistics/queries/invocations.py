"""What the records of invocations say: how tasks went, what each transformation took, when it ran."""

from __future__ import annotations

from typing import NamedTuple

from monitord_job.statistics.model.figures import (
    Busy,
    Checksums,
    Ran,
    Tally,
    WallTime,
    by_transformation,
    plus,
    spread_of,
)
from monitord_job.statistics.queries.jobs import QUARTER
from monitord_job.statistics.queries.questions import Questions

DAGMAN = "condor::dagman"
"""The transformation of a sub-workflow's DAGMan: its jobs are counted, not itself."""

_TASKS = """
SELECT t.wf_id, count(*) FROM task t JOIN job j ON j.job_id = t.job_id
WHERE t.wf_id IN (?*) AND t.type_desc NOT IN ('dax', 'dag') GROUP BY t.wf_id
"""
# The name of a task is that of its record: a cluster's job has many.
_LAST = "i.job_submit_seq = (SELECT max(l.job_submit_seq) FROM job_instance l WHERE l.job_id = j.job_id)"
_TASK_OUTCOMES = f"""
SELECT t.wf_id, sum(t.records), count(*), sum(t.succeeded), sum(t.failed), sum(t.once)
FROM (
    SELECT s.wf_id AS wf_id, count(*) AS records, max(CASE WHEN s.outcome = 0 THEN 1 ELSE 0 END) AS succeeded,
           max(CASE WHEN s.outcome = 1 THEN 1 ELSE 0 END) AS failed, max(s.succeeded) AS once
    FROM (
        SELECT j.wf_id AS wf_id, n.abs_task_id AS task, CASE WHEN n.exitcode = 0 THEN 1 ELSE 0 END AS succeeded,
               CASE WHEN NOT ({_LAST}) THEN -1 WHEN n.exitcode = 0 THEN 0 ELSE 1 END AS outcome
        FROM job j JOIN job_instance i ON i.job_id = j.job_id JOIN invocation n ON n.job_instance_id = i.job_instance_id
        WHERE j.wf_id IN (?*) AND j.type_desc NOT IN ('dax', 'dag') AND n.abs_task_id IS NOT NULL
    ) s GROUP BY s.wf_id, s.task
) t GROUP BY t.wf_id
"""


def task_tallies(questions: Questions, wf_ids: list[int], *, any_attempt: bool = False) -> dict[int, Tally]:
    """How the tasks of each workflow went, by the last attempt of their job.

    `any_attempt`: one that succeeded once has, as in the clusters of PMC, which do not run it again.
    """
    totals = {int(wf_id): int(count) for wf_id, count in questions.rows(_TASKS, wf_ids)}
    tallies = {wf_id: Tally(total=totals.get(wf_id, 0)) for wf_id in wf_ids}
    for wf_id, *numbers in questions.rows(_TASK_OUTCOMES, wf_ids):
        records, names, succeeded, failed, once = map(int, numbers)
        succeeded = once if any_attempt else succeeded
        tallies[wf_id] = Tally(succeeded, failed, totals.get(wf_id, 0), retries=records - names)
    return tallies


_RAN = """
SELECT n.wf_id, n.transformation,
       CASE WHEN n.exitcode = 0 THEN 0 WHEN n.exitcode > 0 THEN 1 ELSE -1 END,
       CASE WHEN n.task_submit_seq < 0 THEN 1 ELSE 0 END,
       count(*),
       count(n.remote_duration),
       CAST(min(n.remote_duration * i.multiplier_factor) AS DOUBLE PRECISION),
       CAST(max(n.remote_duration * i.multiplier_factor) AS DOUBLE PRECISION),
       CAST(sum(n.remote_duration * i.multiplier_factor) AS DOUBLE PRECISION),
       count(n.maxrss), min(n.maxrss), max(n.maxrss), CAST(sum(n.maxrss) AS DOUBLE PRECISION),
       count(n.avg_cpu), CAST(min(n.avg_cpu) AS DOUBLE PRECISION), CAST(max(n.avg_cpu) AS DOUBLE PRECISION),
       CAST(sum(n.avg_cpu) AS DOUBLE PRECISION),
       CAST(sum(n.remote_cpu_time) AS DOUBLE PRECISION),
       CAST(sum(CASE WHEN n.remote_cpu_time IS NOT NULL THEN n.remote_duration END) AS DOUBLE PRECISION)
FROM invocation n JOIN job_instance i ON i.job_instance_id = n.job_instance_id
WHERE n.wf_id IN (?*)
GROUP BY 1, 2, 3, 4
"""


class Invocations(NamedTuple):
    """Of one workflow."""

    breakdown: tuple[Ran, ...]
    kickstart: WallTime


def breakdowns(questions: Questions, wf_ids: list[int]) -> dict[int, Invocations]:
    """What the transformations of each workflow took."""
    invocations = {wf_id: Invocations((), WallTime()) for wf_id in wf_ids}
    for wf_id, name, code, is_script, count, *numbers in questions.rows(_RAN, wf_ids):
        *spreads, cpu_seconds, measured = numbers
        runtime, memory, cpu = (spread_of(*spreads[at : at + 4]) for at in (0, 4, 8))
        before = invocations[wf_id]
        wall = before.kickstart
        if not is_script and name != DAGMAN and runtime is not None:
            bad = runtime.total if code > 0 else 0.0
            wall = WallTime(plus(wall.total, runtime.total), plus(wall.badput, bad))
        used = (0.0, 0.0) if is_script else (cpu_seconds or 0.0, measured or 0.0)  # nobody measured a script
        row = Ran(name, code == 0, int(count), runtime, memory, cpu, *used)
        invocations[wf_id] = Invocations((*before.breakdown, row), wall)
    return {
        wf_id: Invocations(tuple(by_transformation(one.breakdown)), one.kickstart)
        for wf_id, one in invocations.items()
    }


_WHEN = f"""
SELECT {QUARTER.format("n.start_time")}, h.hostname, count(*), CAST(sum(n.remote_duration) AS DOUBLE PRECISION)
FROM invocation n JOIN job_instance i ON i.job_instance_id = n.job_instance_id
     LEFT JOIN host h ON h.host_id = i.host_id
WHERE n.wf_id IN (?*) AND n.transformation <> '{DAGMAN}'
GROUP BY 1, 2
ORDER BY 1, 2
"""


def when_invocations_ran(questions: Questions, wf_ids: list[int]) -> tuple[Busy, ...]:
    """By when they began."""
    return tuple(
        Busy(int(quarter) * 900, host, int(count), seconds or 0.0)
        for quarter, host, count, seconds in questions.rows(_WHEN, wf_ids)
    )


_CHECKSUMS = """
SELECT wf_id, type, file_type, sum(count), CAST(sum(duration) AS DOUBLE PRECISION)
FROM integrity WHERE wf_id IN (?*) GROUP BY 1, 2, 3
"""
_ERRORS = f"""
SELECT t.wf_id, sum(t.count), sum(CASE WHEN t.count > 0 AND i.exitcode <> 0 AND {_LAST} THEN 1 ELSE 0 END)
FROM tag t JOIN job_instance i ON i.job_instance_id = t.job_instance_id JOIN job j ON j.job_id = i.job_id
WHERE t.wf_id IN (?*) AND t.name = 'int.error' GROUP BY t.wf_id
"""


def checksums(questions: Questions, wf_ids: list[int]) -> dict[int, tuple[Checksums, ...]]:
    """Of each workflow that has any."""
    rows: dict[int, tuple[Checksums, ...]] = {}
    for wf_id, kind, file_type, count, seconds in questions.rows(_CHECKSUMS, wf_ids):
        row = Checksums(kind, file_type, int(count), seconds)
        rows[wf_id] = (*rows.get(wf_id, ()), row)
    return rows


def integrity_errors(questions: Questions, wf_ids: list[int]) -> dict[int, tuple[int, int]]:
    """Of each workflow that has any: how many, and in how many jobs that have failed with one."""
    return {int(row[0]): (int(row[1]), int(row[2])) for row in questions.rows(_ERRORS, wf_ids)}
