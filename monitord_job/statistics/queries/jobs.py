"""What the attempts of jobs say: how jobs went, how long each took and waited, when they ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monitord_job.stampede.wait_status import exit_code
from monitord_job.statistics.model.figures import Attempt, Busy, Counts, Tally, WallTime, Workflow, plus
from monitord_job.statistics.queries.questions import Questions

_IS_SUB = "CASE WHEN j.type_desc IN ('dax', 'dag') THEN 1 ELSE 0 END"
QUARTER = "ROUND(CAST({0} AS DOUBLE PRECISION) / 900.0 - 0.5)"
"""Which quarter of an hour since the epoch: what SQLite and PostgreSQL both round so."""

_OUTCOMES = f"""
SELECT j.wf_id, {_IS_SUB},
       CASE WHEN i.job_instance_id IS NULL THEN -1
            WHEN i.job_submit_seq = (SELECT max(l.job_submit_seq) FROM job_instance l WHERE l.job_id = j.job_id) THEN 1
            ELSE 0 END,
       CASE WHEN i.exitcode = 0 THEN 0 WHEN i.exitcode > 0 THEN 1 WHEN i.exitcode < 0 THEN -1 END,
       CASE WHEN i.subwf_id IS NULL THEN 0 ELSE 1 END,
       count(*), CAST(sum(i.local_duration * i.multiplier_factor) AS DOUBLE PRECISION)
FROM job j LEFT JOIN job_instance i ON i.job_id = j.job_id
WHERE j.wf_id IN (?*)
GROUP BY 1, 2, 3, 4, 5
"""

Outcomes = dict[int, tuple[Counts, WallTime]]
"""wf_id -> its jobs and sub-workflows (no tasks), and the seconds that DAGMan has seen"""


def outcomes(questions: Questions, workflows: list[Workflow]) -> Outcomes:
    """How the jobs of each workflow went. One pass over all attempts, counted in the database."""
    counted: Outcomes = {one.wf_id: (Counts(restarts=one.restarts), WallTime()) for one in workflows}
    for wf_id, is_sub, place, code, has_run, count, seconds in questions.rows(_OUTCOMES, list(counted)):
        counts, wall = counted[wf_id]
        more = _tally(int(place), code, int(count))
        # What a sub-workflow takes is what its own jobs take.
        if not (is_sub and has_run):
            bad = 0.0 if seconds is not None and not (code or 0) > 0 else seconds
            wall = WallTime(plus(wall.total, seconds), plus(wall.badput, bad))
        if is_sub:
            counts = replace(counts, subworkflows=counts.subworkflows + more)
        else:
            counts = replace(counts, jobs=counts.jobs + more)
        counted[wf_id] = counts, wall
    return counted


def _tally(place: int, code: int | None, count: int) -> Tally:
    """`place` is 1 for the last attempts of jobs, 0 for those before, -1 where there was none."""
    if place == 0:
        return Tally(retries=count)
    ended = place == 1 and code is not None
    return Tally(
        succeeded=count if ended and code == 0 else 0,
        failed=count if ended and code != 0 else 0,
        total=count,
    )


_WHEN = f"""
SELECT {QUARTER.format("s.began")}, h.hostname, s.ended, count(*), CAST(sum(s.seconds) AS DOUBLE PRECISION)
FROM (
    SELECT min(e."timestamp") AS began, i.host_id AS host_id, i.local_duration AS seconds,
           CASE WHEN i.local_duration IS NULL THEN 0 ELSE 1 END AS ended
    FROM job j JOIN job_instance i ON i.job_id = j.job_id
         JOIN jobstate e ON e.job_instance_id = i.job_instance_id AND e.state = 'EXECUTE'
    WHERE j.wf_id IN (?*) AND j.type_desc NOT IN ('dax', 'dag')
    GROUP BY i.job_instance_id
) s LEFT JOIN host h ON h.host_id = s.host_id
GROUP BY 1, 2, 3
ORDER BY 1, 2
"""


def when_jobs_ran(questions: Questions, wf_ids: list[int]) -> tuple[Busy, ...]:
    """By when they began to run. An attempt that was evicted and ran again counts once, by its first time."""
    rows = questions.rows(_WHEN, wf_ids)
    return tuple(
        Busy(int(quarter) * 900, host, int(count), seconds or 0.0, bool(ended))
        for quarter, host, ended, count, seconds in rows
    )


def _state(function: str, state: str) -> str:
    """A look into an index for each state is faster than one pass over all of them."""
    return (
        f'CAST((SELECT {function}(s."timestamp") FROM jobstate s '
        f"WHERE s.job_instance_id = i.job_instance_id AND s.state = '{state}') AS DOUBLE PRECISION)"
    )


# What is between these words in the index, and no other word is: one look, where there is usually nothing.
_REMOTE = """CAST((
         SELECT min(s."timestamp") FROM jobstate s WHERE s.job_instance_id = i.job_instance_id
         AND s.state BETWEEN 'GLOBUS_SUBMIT' AND 'GRID_SUBMIT' AND s.state IN ('GLOBUS_SUBMIT', 'GRID_SUBMIT')
       ) AS DOUBLE PRECISION)"""


_ATTEMPTS = f"""
SELECT j.exec_job_id,
       (SELECT count(*) FROM job_instance p WHERE p.job_id = i.job_id AND p.job_submit_seq <= i.job_submit_seq),
       i.site, i.multiplier_factor,
       CAST(sum(CASE WHEN n.task_submit_seq >= 0 THEN n.remote_duration END) AS DOUBLE PRECISION),
       CAST(sum(CASE WHEN n.task_submit_seq >= 0 THEN n.remote_cpu_time END) AS DOUBLE PRECISION),
       {_state("min", "SUBMIT")}, {_REMOTE},
       {_state("min", "EXECUTE")}, {_state("max", "JOB_TERMINATED")}, {_state("max", "POST_SCRIPT_STARTED")},
       {_state("min", "POST_SCRIPT_TERMINATED")},
       CAST(i.local_duration AS DOUBLE PRECISION), CAST(i.cluster_duration AS DOUBLE PRECISION),
       max(CASE WHEN n.task_submit_seq >= -1 THEN n.exitcode END),
       h.hostname
FROM job j JOIN job_instance i ON i.job_id = j.job_id LEFT JOIN host h ON h.host_id = i.host_id
     LEFT JOIN invocation n ON n.job_instance_id = i.job_instance_id
WHERE j.wf_id = ?
GROUP BY i.job_submit_seq, i.job_instance_id, j.job_id, h.host_id
ORDER BY i.job_submit_seq
"""
"""With the PRE script (-1) for the exit code: an invocation to Stampede."""


def attempts(questions: Questions, wf_id: int) -> Iterator[Attempt]:
    """All attempts of one workflow in the order of their submits, as they are asked for."""
    for row in questions.rows(_ATTEMPTS, wf_id):
        yield _attempt(*row)


def _attempt(
    job: str, number: int, site: str | None, multiplier: int, kickstart: float | None, cpu: float | None,
    submit: float | None, remote: float | None, execute: float | None,
    terminated: float | None, post_started: float | None, post_ended: float | None,
    runtime: float | None, seqexec: float | None, code: int | None, host: str | None,
) -> Attempt:  # fmt: skip
    left = execute if remote is None else remote if execute is None else min(remote, execute)
    ended = terminated if post_started is None else max(post_started, terminated or post_started)
    return Attempt(
        job,
        number,
        site,
        kickstart,
        multiplier,
        None if kickstart is None else kickstart * multiplier,
        cpu,
        _from(ended, post_ended),
        _from(submit, left),
        _from(remote, execute),
        runtime,
        seqexec,
        None if code is None else exit_code(code),
        host,
    )


def _from(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin
