"""The critical path of what really ran, from the times in a database."""

from __future__ import annotations

from collections.abc import Sequence

from monitord_job.outcome.wall_time import State, periods
from monitord_job.statistics.model.critical_path import Link, Times, chain, latest_parents, phases
from monitord_job.statistics.queries.questions import Questions
from monitord_job.statistics.queries.workflows import states_of

_ENDS = """
SELECT i.job_id, (SELECT CAST(max(s."timestamp") AS DOUBLE PRECISION) FROM jobstate s
                  WHERE s.job_instance_id = i.job_instance_id)
FROM job j JOIN job_instance i ON i.job_id = j.job_id WHERE j.wf_id = ?
"""
# Not joined: a PostgreSQL that has not looked at its tables yet compares each job with each edge.
# One that is not stored is NULL, which has ended never.
EDGES = """
SELECT (SELECT p.job_id FROM job p WHERE p.wf_id = e.wf_id AND p.exec_job_id = e.parent_exec_job_id),
       (SELECT c.job_id FROM job c WHERE c.wf_id = e.wf_id AND c.exec_job_id = e.child_exec_job_id)
FROM job_edge e WHERE e.wf_id = ?
"""
_STEPS = """
SELECT j.exec_job_id, j.type_desc, i.job_instance_id, i.subwf_id, h.hostname, s.state,
       CAST(s."timestamp" AS DOUBLE PRECISION)
FROM job j JOIN job_instance i ON i.job_id = j.job_id JOIN jobstate s ON s.job_instance_id = i.job_instance_id
     LEFT JOIN host h ON h.host_id = i.host_id
WHERE j.job_id = ?
ORDER BY i.job_submit_seq, s.jobstate_submit_seq, s."timestamp"
"""
_DEEPEST = 20


def critical_path(questions: Questions, wf_id: int, until: float | None) -> tuple[Link, ...]:
    """The chain of jobs of a workflow that ended last, with those of sub-workflows in it.

    `until` is when something was last told of a run that has not ended.
    """
    return _path(questions, wf_id, until, _DEEPEST)


def _path(questions: Questions, wf_id: int, until: float | None, deepest: int) -> tuple[Link, ...]:
    ends: dict[int, float] = {}
    for job, end in questions.rows(_ENDS, wf_id):
        if end is not None and end >= ends.get(job, end):
            ends[job] = end
    jobs = chain(ends, latest_parents(ends, questions.rows(EDGES, wf_id)))
    states = states_of(questions, [wf_id]).get(wf_id, [])
    at_work = periods(states, until)
    ready = _start(states, at_work)
    links: list[Link] = []
    for job in jobs:
        rows = list(questions.rows(_STEPS, job))
        times = _times(rows)
        below = rows[-1][3]
        links.append(
            Link(
                job=rows[0][0],
                kind=rows[0][1],
                attempts=len({row[2] for row in rows}),
                host=rows[-1][4],
                phases=phases(times, times.began if ready is None else ready, at_work),
                ended=times.ended,
                below=()
                if below is None or not deepest
                else _path(questions, int(below), until, deepest - 1),
            )
        )
        ready = times.ended if ready is None else max(ready, times.ended)
    return tuple(links)


def _start(states: Sequence[State], at_work: Sequence[tuple[float, float]]) -> float | None:
    return at_work[0][0] if at_work else min((one.at for one in states if one.started), default=None)


def _times(rows: Sequence[tuple[str, str, int, int | None, str | None, str, float]]) -> Times:
    last = [row for row in rows if row[2] == rows[-1][2]]

    def first(state: str) -> float | None:
        return min((row[6] for row in last if row[5] == state), default=None)

    return Times(
        began=min(row[6] for row in rows),
        last_began=min(row[6] for row in last),
        submit=first("SUBMIT"),
        execute=first("EXECUTE"),
        terminated=max((row[6] for row in last if row[5] == "JOB_TERMINATED"), default=None),
        ended=max(row[6] for row in rows),
    )
