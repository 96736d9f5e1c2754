"""What the attempts of a workflow asked for and used: what HTCondor's logs say of the jobs that a database knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitord_job.statistics.model.requests import Asked, Requests, request
from monitord_job.statistics.queries.questions import Questions

_ATTEMPTS = """
SELECT i.sched_id, CAST(i.local_duration AS DOUBLE PRECISION),
       COALESCE((SELECT min(n.transformation) FROM invocation n
                 WHERE n.job_instance_id = i.job_instance_id AND n.task_submit_seq = 1), t.transformation, j.type_desc)
FROM job j JOIN job_instance i ON i.job_id = j.job_id
LEFT JOIN (SELECT k.job_id AS job_id, min(k.transformation) AS transformation FROM task k
           WHERE k.wf_id = ? GROUP BY k.job_id) t ON t.job_id = j.job_id
WHERE j.wf_id = ? AND i.sched_id IS NOT NULL
"""


def requests(questions: Questions, wf_id: int, asked: Mapping[str, Asked]) -> Iterator[Requests]:
    """One for each attempt. `asked`: by `cluster.proc`."""
    for job, ran, transformation in questions.rows(_ATTEMPTS, wf_id, wf_id) if asked else ():
        if job in asked:
            yield request(str(transformation), asked[job], ran)
