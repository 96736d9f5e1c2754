"""What a DAG and its submit files say of its jobs, where no static.bp says more: a DAG that Pegasus did not plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from monitord_job.stampede.rows import JobEdgeRow, JobRow, Row
from monitord_job.stampede.state import JobDescription, JobPlan

Describe = Callable[[JobPlan], JobDescription]


def dag_rows(
    plans: Mapping[str, JobPlan], edges: Iterable[tuple[str, str]], describe: Describe
) -> Iterator[Row]:
    """The jobs and their edges; there are no tasks, because nobody knows what a job is for."""
    for plan in plans.values():
        yield _job(plan, describe(plan))
    for parent, child in edges:
        if parent in plans and child in plans:
            yield JobEdgeRow(parent, child)


def _job(plan: JobPlan, found: JobDescription) -> JobRow:
    return JobRow(
        exec_job_id=plan.name,
        submit_file=plan.submit_file or plan.dag_file or "",
        type_desc="dag" if plan.is_subdag else "compute",
        clustered=False,
        max_retries=plan.retries,
        # A sub-DAG's submit file is made when its node starts: what is stored before is stored again by a rebuild.
        executable="" if plan.is_subdag else found.executable,
        argv=found.arguments,
        task_count=0,
    )
