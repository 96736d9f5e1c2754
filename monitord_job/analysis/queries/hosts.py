"""How the work of a run is spread over hosts."""

from __future__ import annotations

from monitord_job.statistics.queries.questions import Questions

_ATTEMPTS = """
SELECT s.name, CAST(sum(s.attempts) AS INTEGER) FROM (
    SELECT h.hostname AS name, count(*) AS attempts
    FROM job j JOIN job_instance i ON i.job_id = j.job_id JOIN host h ON h.host_id = i.host_id
    WHERE j.wf_id IN (?*) GROUP BY i.host_id, h.hostname) s
GROUP BY s.name
"""


def attempts_by_host(questions: Questions, wf_ids: list[int]) -> dict[str, int]:
    """All attempts, however they went, of those whose host is known."""
    return {str(host): int(count) for host, count in questions.rows(_ATTEMPTS, wf_ids)}
