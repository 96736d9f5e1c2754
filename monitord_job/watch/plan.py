"""What a workflow has left to do, and how long its jobs took so far: what an estimate is made of. Only reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitord_job.outcome.node_status import NodeStatus, node_status
from monitord_job.statistics.queries.questions import Questions
from monitord_job.watch.estimate import Left, estimate, kinds_of
from monitord_job.watch.moment import Estimate

MOST_JOBS = 50_000
"""Of a larger workflow no chain is looked for."""
_NEWEST = 1000
"""Jobs that are done and tell how long one takes."""
_SHARED = 3
_JOBS = "SELECT job_id, exec_job_id, type_desc, submit_file FROM job WHERE wf_id = ?"
_TASKS = "SELECT job_id, min(transformation) FROM task WHERE wf_id = ? AND job_id IS NOT NULL GROUP BY job_id"
_EDGES = "SELECT parent_exec_job_id, child_exec_job_id FROM job_edge WHERE wf_id = ?"
_NODES = "SELECT name, state, executed, {service} FROM bridle_node n WHERE wf_id = ?"
_TOOK = """
SELECT n.name, n.last_time, (
  SELECT CAST(min(s."timestamp") AS DOUBLE PRECISION)
  FROM job_instance i JOIN jobstate s ON s.job_instance_id = i.job_instance_id
  WHERE i.job_id = j.job_id AND i.job_submit_seq = n.seq)
FROM bridle_node n JOIN job j ON j.wf_id = n.wf_id AND j.exec_job_id = n.name
WHERE n.wf_id = ? AND n.state IN ('POST_SCRIPT_SUCCESS', 'JOB_SUCCESS') ORDER BY n.last_time DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A workflow as it was planned: what kind of job each is, and who waits for it."""

    wf_id: int
    kinds: Mapping[str, str]
    children: Mapping[str, Sequence[str]]


def read_plan(questions: Questions, wf_id: int) -> Plan:
    """Jobs are of a kind that run the same transformation; without tasks, those that share a submit file."""
    jobs = list(questions.rows(_JOBS, wf_id))
    tasks = dict(questions.rows(_TASKS, wf_id))
    shared = Counter(submit_file for *_, submit_file in jobs)
    kinds = {
        str(name): str(tasks.get(job_id) or (submit_file if shared[submit_file] >= _SHARED else kind))
        for job_id, name, kind, submit_file in jobs
    }
    children: defaultdict[str, list[str]] = defaultdict(list)
    for parent, child in questions.rows(_EDGES, wf_id):
        children[parent].append(child)
    return Plan(wf_id, kinds, children)


def when(questions: Questions, plan: Plan, now: float, service: str) -> Estimate | None:
    """When the workflow may end; None where that would be a guess."""
    took = [
        (name, float(end), float(begin))
        for name, end, begin in questions.rows(_TOOK, plan.wf_id, _NEWEST)
        if end is not None and begin is not None
    ]
    if not took:
        return None
    kinds = kinds_of((plan.kinds.get(name, name), end - begin) for name, end, begin in took)
    span = max(end for _, end, _ in took) - min(begin for *_, begin in took)
    at_once = sum(end - begin for _, end, begin in took) / max(span, 1.0)
    return estimate(now, Left(_left(questions, plan, now, service), plan.children, at_once), kinds)


def _left(questions: Questions, plan: Plan, now: float, service: str) -> dict[str, tuple[str, float]]:
    """Jobs that are still to end; not those that wait for one which failed."""
    left = {name: (kind, 0.0) for name, kind in plan.kinds.items()}
    failed = []
    for name, state, executed, is_service in questions.rows(_NODES.format(service=service), plan.wf_id):
        status = node_status(state, service=bool(is_service))
        if is_service or status is NodeStatus.SUCCEEDED:
            left.pop(name, None)
        elif status is NodeStatus.FAILED:
            failed.append(name)
        elif executed is not None and name in left:
            left[name] = (left[name][0], max(0.0, now - executed))
    while failed:
        name = failed.pop()
        if left.pop(name, None) is not None:
            failed += plan.children.get(name, ())
    return left
