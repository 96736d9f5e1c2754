"""The newest attempts of jobs that did not succeed: failed, held, or going on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from monitord_job.database.queries.attempts import LAST_STATE, tells_services
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import NodeStatus, attempt_status
from monitord_job.statistics.queries.questions import Questions

PAGE = 2000
"""Attempts that are read at once: as long as a question is open, SQLite lets nobody commit."""

_SERVICE = "(SELECT n.service FROM bridle_node n WHERE n.wf_id = j.wf_id AND n.name = j.exec_job_id)"
_NEWEST = f"""
SELECT i.job_instance_id, j.wf_id, j.job_id, j.exec_job_id, j.type_desc, i.job_submit_seq, i.exitcode, i.subwf_id,
       i.sched_id, (SELECT h.hostname FROM host h WHERE h.host_id = i.host_id),
       {LAST_STATE},
       (SELECT CAST(max(e."timestamp") AS DOUBLE PRECISION) FROM jobstate e
        WHERE e.job_instance_id = i.job_instance_id),
       (SELECT count(*) FROM job_instance n WHERE n.job_id = i.job_id), {{service}}
FROM job_instance i JOIN job j ON j.job_id = i.job_id
WHERE j.wf_id IN (?*) AND (i.exitcode IS NULL OR i.exitcode <> 0) AND i.job_instance_id > ?
  AND NOT EXISTS (SELECT 1 FROM job_instance l WHERE l.job_id = i.job_id AND l.job_submit_seq > i.job_submit_seq)
ORDER BY i.job_instance_id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest attempt of a job, and where the job stands by it."""

    instance: int
    wf_id: int
    job_id: int
    job: str
    type: str
    seq: int
    exitcode: int | None
    subwf_id: int | None
    sched_id: str
    """what HTCondor calls it, `cluster.proc`"""
    host: str
    state: str
    told: float
    """when something was last told of it"""
    attempts: int
    service: bool
    status: NodeStatus


def unsuccessful(questions: Questions, ends: Mapping[int, RunEnd]) -> Iterator[list[Newest]]:
    """In pages, in the order of their keys. `ends`: the workflows that are asked for, and whether each is over."""
    text = _NEWEST.format(service=_SERVICE if tells_services(questions.connection) else "NULL")
    after = 0
    while rows := list(questions.rows(text, list(ends), after, PAGE)):
        yield [_newest(*row, ends=ends) for row in rows]
        after = rows[-1][0]


def _newest(
    instance: int, wf_id: int, job_id: int, job: str, kind: str, seq: int, exitcode: int | None,
    subwf_id: int | None, sched_id: object, host: str | None, state: str | None, told: float | None,
    attempts: int, service: object, *,
    ends: Mapping[int, RunEnd],
) -> Newest:  # fmt: skip
    is_service = bool(service)
    status = attempt_status(state, exitcode, service=is_service, end=ends[wf_id])
    return Newest(
        instance, wf_id, job_id, job, kind, seq, exitcode, subwf_id, str(sched_id or ""), host or "", state or "",
        told or 0, attempts, is_service, status,
    )  # fmt: skip


_BEFORE = """
SELECT i.job_id, i.job_instance_id FROM job_instance i
WHERE i.job_id IN (?*) AND i.job_submit_seq = (
    SELECT max(p.job_submit_seq) FROM job_instance p WHERE p.job_id = i.job_id AND p.job_submit_seq < (
        SELECT max(l.job_submit_seq) FROM job_instance l WHERE l.job_id = i.job_id))
"""


def attempts_before(questions: Questions, job_ids: list[int]) -> dict[int, int]:
    """By job_id, the attempt before the newest."""
    return {int(job): int(instance) for job, instance in questions.rows(_BEFORE, job_ids)} if job_ids else {}


_COUNTS = """
SELECT j.wf_id, count(*),
       sum(CASE WHEN EXISTS (SELECT 1 FROM job_instance i WHERE i.job_id = j.job_id) THEN 0 ELSE 1 END)
FROM job j WHERE j.wf_id IN (?*) GROUP BY j.wf_id
"""


def job_counts(questions: Questions, wf_ids: list[int]) -> dict[int, tuple[int, int]]:
    """By wf_id: how many jobs there are, and how many of them never began."""
    return {int(wf_id): (int(jobs), int(unready)) for wf_id, jobs, unready in questions.rows(_COUNTS, wf_ids)}


_NOT_BEGUN = """
SELECT count(*) FROM job j WHERE j.wf_id = ? AND j.exec_job_id IN (?*)
  AND NOT EXISTS (SELECT 1 FROM job_instance i WHERE i.job_id = j.job_id)
"""


def not_begun(questions: Questions, wf_id: int, names: Collection[str]) -> int:
    """How many of these jobs of a workflow have no attempt."""
    return int(next(questions.rows(_NOT_BEGUN, wf_id, sorted(names)))[0]) if names else 0
