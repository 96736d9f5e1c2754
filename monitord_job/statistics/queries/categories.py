"""The attempts that categories count, from the times in a database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from dag_rewriter.categories.node_categories import NodeCategories
from monitord_job.statistics.model.categories import CategoryUse, Stay, category_use
from monitord_job.statistics.queries.questions import Questions


def _at(function: str, states: str = "") -> str:
    of_state = f"AND s.state IN ({states})" if states else ""
    return (
        f'CAST((SELECT {function}(s."timestamp") FROM jobstate s '
        f"WHERE s.job_instance_id = i.job_instance_id {of_state}) AS DOUBLE PRECISION)"
    )


_LEFT = "'JOB_TERMINATED', 'JOB_ABORTED', 'JOB_SUCCESS', 'JOB_FAILURE'"
"""After them, DAGMan counts a job no more."""
_ATTEMPTS = f"""
SELECT j.exec_job_id, {_at("min", "'SUBMIT'")}, {_at("min", "'EXECUTE'")}, {_at("max", _LEFT)},
       {_at("max", "'PRE_SCRIPT_SUCCESS', 'PRE_SCRIPT_FAILED'")}, {_at("max")}
FROM job j JOIN job_instance i ON i.job_id = j.job_id
WHERE j.wf_id = ? AND j.exec_job_id IN (?*)
ORDER BY j.job_id, i.job_submit_seq
"""
_PARENTS = """
SELECT child_exec_job_id, parent_exec_job_id FROM job_edge WHERE wf_id = ? AND child_exec_job_id IN (?*)
"""
_ENDS = f"""
SELECT j.exec_job_id, {_at("max")} FROM job j JOIN job_instance i ON i.job_id = j.job_id
WHERE j.wf_id = ? AND j.exec_job_id IN (?*)
"""


def category_uses(
    questions: Questions, wf_id: int, categories: NodeCategories, until: float | None
) -> Iterator[CategoryUse]:
    """Each category of a workflow's DAG that has nodes. `until`: the last thing told of a run that has not ended."""
    if not categories.of:
        return
    stays: defaultdict[str, list[Stay]] = defaultdict(list)
    for stay in _stays(questions, wf_id, categories, until):
        stays[categories.of[stay.job]].append(stay)
    for name, jobs in sorted(Counter(categories.of.values()).items()):
        yield category_use(name, categories.limits.get(name), jobs, stays[name])


def _stays(
    questions: Questions, wf_id: int, categories: NodeCategories, until: float | None
) -> Iterator[Stay]:
    free = _parents_ended(questions, wf_id, categories)
    before: tuple[str, float] | None = None
    for job, submitted, executed, left, pre, last in questions.rows(_ATTEMPTS, wf_id, list(categories.of)):
        ready = before[1] if before is not None and before[0] == job else free.get(job)
        before = (job, last)
        if submitted is None:
            continue
        if ready is not None and pre is not None:
            ready = max(ready, pre)
        end = left or until or last
        yield Stay(job, submitted, executed, max(end, executed or submitted), ready)


def _parents_ended(questions: Questions, wf_id: int, categories: NodeCategories) -> Mapping[str, float]:
    """Of the jobs that a limit may have held back: when the last of their parents had ended."""
    names = [name for name, category in categories.of.items() if category in categories.limits]
    parents: defaultdict[str, list[str]] = defaultdict(list)
    for child, parent in questions.rows(_PARENTS, wf_id, names) if names else ():
        parents[child].append(parent)
    ends: dict[str, float] = {}
    above = sorted({parent for some in parents.values() for parent in some})
    for job, end in questions.rows(_ENDS, wf_id, above) if above else ():
        if end is not None:
            ends[job] = max(end, ends.get(job, end))
    return {
        child: max(ends[parent] for parent in some)
        for child, some in parents.items()
        if all(parent in ends for parent in some)
    }
