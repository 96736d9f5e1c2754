"""What attempts were for, counted in the database; only those that were stopped are looked at one by one."""

from __future__ import annotations

from monitord_job.statistics.model.usage import Group, Loss, Lost, Outcome, Step, Usage, interruptions
from monitord_job.statistics.queries.questions import Questions

_STATE = (
    '(SELECT min(s."timestamp") FROM jobstate s '
    "WHERE s.job_instance_id = i.job_instance_id AND s.state = '{0}')"
)
# A sub-workflow's job is left out where its own jobs are stored: they count.
_GROUPS = f"""
SELECT t.kind, t.outcome, count(*), count(t.waited), CAST(sum(t.waited) AS DOUBLE PRECISION),
       CAST(max(t.waited) AS DOUBLE PRECISION), CAST(sum(t.ran) AS DOUBLE PRECISION)
FROM (
    SELECT j.type_desc AS kind,
           CASE WHEN i.exitcode = 0 THEN 'succeeded' WHEN i.exitcode IS NULL THEN 'open'
                WHEN EXISTS (SELECT 1 FROM jobstate a
                             WHERE a.job_instance_id = i.job_instance_id AND a.state = 'JOB_ABORTED') THEN 'removed'
                ELSE 'failed' END AS outcome,
           {_STATE.format("EXECUTE")} - {_STATE.format("SUBMIT")} AS waited,
           i.local_duration * i.multiplier_factor AS ran
    FROM job j JOIN job_instance i ON i.job_id = j.job_id
    WHERE j.wf_id IN (?*) AND NOT (j.type_desc IN ('dax', 'dag') AND i.subwf_id IS NOT NULL)
) t GROUP BY 1, 2
"""
_STOPPED = """
SELECT s.job_instance_id, s.state, CAST(s."timestamp" AS DOUBLE PRECISION)
FROM job j JOIN job_instance i ON i.job_id = j.job_id JOIN jobstate s ON s.job_instance_id = i.job_instance_id
WHERE j.wf_id IN (?*) AND NOT (j.type_desc IN ('dax', 'dag') AND i.subwf_id IS NOT NULL)
  AND EXISTS (SELECT 1 FROM jobstate h WHERE h.job_instance_id = i.job_instance_id
              AND h.state IN ('JOB_HELD', 'JOB_EVICTED', 'JOB_ABORTED'))
ORDER BY i.job_instance_id, s.jobstate_submit_seq, s."timestamp"
"""


def usage(questions: Questions, wf_ids: list[int]) -> Usage:
    """What the attempts of these workflows were for."""
    groups = tuple(
        Group(kind, Outcome(outcome), int(count), int(started), waited or 0.0, longest or 0.0, ran or 0.0)
        for kind, outcome, count, started, waited, longest, ran in questions.rows(_GROUPS, wf_ids)
    )
    lost, held_for = interruptions(Step(*row) for row in questions.rows(_STOPPED, wf_ids))
    failed = [one for one in groups if one.outcome is Outcome.FAILED]
    if failed:
        lost[Loss.FAILED] = Lost(sum(one.attempts for one in failed), sum(one.ran for one in failed))
    return Usage(groups, lost, held_for)
