"""What a rescue DAG says beside what is stored: nodes that ended in a run before and that DAGMan runs again are not
done, and those that it marks as done are, also where nobody kept the run in which they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.text import show_bytes
from dag_rewriter.rescue.rescue_dag import numbered
from dag_rewriter.rescue.rescue_files import find_rescues
from dag_rewriter.rescue.run_state import NumberedRescue
from monitord_job.database.queries.run_values import Job, WorkflowSummary
from monitord_job.database.queries.runs import last_times, summary
from monitord_job.database.reading import OpenDatabase
from monitord_job.outcome.node_status import NodeStatus


def with_rerun_nodes(engine: OpenDatabase, submit_dir: SubmitDir, run: WorkflowSummary) -> WorkflowSummary:
    """The run, with nodes that its rescue DAG has run again as not started, until they begin, and those of which no
    attempt is stored, and which it marks as done, as done.
    """
    rescue = _in_use(submit_dir, run)
    if rescue is None:
        return run
    whole = summary(engine, run.wf_uuid) if run.others else run
    times = last_times(engine, run.wf_uuid)
    done = frozenset(map(show_bytes, rescue.rescue.done))
    return replace(whole, jobs=tuple(_as_counted(job, rescue, done, times, run) for job in whole.jobs))


def rerun_and_done(engine: OpenDatabase, submit_dir: SubmitDir) -> tuple[frozenset[str], frozenset[str]]:
    """The nodes that are to begin anew though they have an attempt, and those that are done though they have none."""
    if not has_rescues(submit_dir):
        return frozenset(), frozenset()
    stored = summary(engine, submit_dir.wf_uuid or "")
    counted = with_rerun_nodes(engine, submit_dir, stored)
    changed = {
        job.name: as_counted.status
        for job, as_counted in zip(stored.jobs, counted.jobs, strict=True)
        if job.status is not as_counted.status
    }
    done = frozenset(name for name, status in changed.items() if status is NodeStatus.SUCCEEDED)
    return frozenset(changed) - done, done


def has_rescues(submit_dir: SubmitDir) -> bool:
    """Whether there is any rescue DAG."""
    return bool(numbered(submit_dir.rescue_base, files.names_in(submit_dir.path)))


def _in_use(submit_dir: SubmitDir, run: WorkflowSummary) -> NumberedRescue | None:
    """The rescue DAG that the run began with, or that somebody has made for the next one (`bridle rescue`)."""
    rescues: tuple[NumberedRescue, ...] = ()
    with suppress(RewriterError):  # one of the old form, or one that cannot be read
        rescues, _ = find_rescues(submit_dir)
    if rescues and rescues[-1].ours and rescues[-1].time >= (run.ended or run.begun or 0):
        return rescues[-1]
    began_with = [each for each in rescues if run.begun is not None and each.time <= run.begun]
    return began_with[-1] if began_with else None


def _as_counted(
    job: Job, rescue: NumberedRescue, done: frozenset[str], times: Mapping[str, int], run: WorkflowSummary
) -> Job:
    if job.status is NodeStatus.UNREADY and job.name in done:
        return replace(job, status=NodeStatus.SUCCEEDED)
    is_old = times.get(job.name, rescue.time + 1) <= rescue.time
    if job.status is NodeStatus.UNREADY or job.name in done or not is_old:
        return job
    if job.status is not NodeStatus.SUCCEEDED and rescue.time > (run.begun or 0):
        return job  # the next run has not begun: it is what failed
    return replace(job, status=NodeStatus.UNREADY)
