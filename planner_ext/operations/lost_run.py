"""Taking up a run that the queue has lost: adopt its jobs if they are all there, else go on from what its log says."""

from __future__ import annotations

import time
from collections.abc import Iterable

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rescue.rescue_files import Workflow, read_workflow
from dag_rewriter.rescue.rescue_plan import Choice, plan_resume
from dag_rewriter.rescue.rescue_steps import carry_out
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.errors import ScheddError
from monitord_job.readers.last_runs import as_logs_tell
from monitord_job.schedd import node_jobs, remove_jobs
from monitord_job.waiting import wait_for

LEAVE_LIMIT = 60.0
"""Seconds for removed jobs to leave the queue."""
_NO_JOB = (
    "PRE_SCRIPT",
    "POST_SCRIPT",
    "JOB_TERMINATED",
    "JOB_SUCCESS",
    "JOB_FAILURE",
    "JOB_ABORTED",
    "SUBMIT_FAILURE",
)
"""Beginnings of DAGMan's words after which a node has no job in the queue."""


def can_recover(workflow: Workflow, queued: Iterable[QueuedJob]) -> bool:
    """Whether DAGMan's recovery comes to an end: it waits for each job that its log knows and has not seen leave.

    The monitor is none that it waits for.
    """
    there = {job.node for job in queued if job.status != JobStatus.REMOVED}
    return all(
        node in there or node == workflow.whole.monitor or attempts.last.startswith(_NO_JOB)
        for node, attempts in workflow.history.nodes.items()
    )


def prepare(submit_dir: SubmitDir) -> bool:
    """Make a lost run ready to be submitted again; whether its DAGMan is to recover, and adopt the jobs that run.

    Otherwise what is left of its jobs is removed, and a rescue DAG is made from its log. Raises ScheddError,
    RewriterError.
    """
    if can_recover(as_logs_tell(read_workflow(submit_dir)), node_jobs(submit_dir.nodes_log)):
        return True
    remove_left_behind(submit_dir)
    put_in_order(submit_dir)
    return False


def put_in_order(submit_dir: SubmitDir) -> None:
    """Set locks of dead DAGMans aside, here and below, and keep what is done. Raises RewriterError."""
    workflow = as_logs_tell(read_workflow(submit_dir))
    carry_out(plan_resume(workflow, Choice(now=int(time.time()))).steps)


def remove_left_behind(submit_dir: SubmitDir) -> None:
    """Remove the jobs of DAGMans that are no more, and wait until they have left. Raises ScheddError."""
    remove_jobs(_jobs(submit_dir), "the DAGMan that submitted it is gone")
    if not wait_for(lambda: not _jobs(submit_dir), LEAVE_LIMIT):
        left = _jobs(submit_dir)
        what = f"{len(left)} jobs of a DAGMan that is gone do not leave the queue: {', '.join(left[:5])}"
        raise ScheddError(str(submit_dir.path), what, "see `condor_q -nobatch`, then try again")


def _jobs(submit_dir: SubmitDir) -> list[str]:
    return [job.job for job in node_jobs(submit_dir.nodes_log)]
