"""Nodes that failed in a run that succeeded all the same: DAGMan counts them as done, and why it does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.text import show_bytes
from dag_rewriter.rescue.rescue_files import find_rescues
from monitord_job.database.queries.run_values import WorkflowSummary
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import NodeStatus

WEAK = "which its weak edges allow"
BY_RESCUE = "and its rescue DAG has it as done"


def excuses(submit_dir: SubmitDir) -> Mapping[str, str]:
    """By node: what lets a run succeed though it failed in the run before, in words that follow its cause.

    After a WEAK PARENT has failed, DAGMan's rescue DAG has it as done (25.14.1, seen). Empty where nothing can be read.
    """
    with suppress(RewriterError):
        rescues, _ = find_rescues(submit_dir)
        if not rescues:
            return {}
        done = {show_bytes(name): BY_RESCUE for name in rescues[-1].rescue.done}
        weak = (show_bytes(parent) for parent, _ in read_whole(submit_dir).weak_edges())
        return done | {name: WEAK for name in weak if name in done}
    return {}


def with_excuses(submit_dir: SubmitDir, run: WorkflowSummary) -> WorkflowSummary:
    """The run, with that said in the causes of its nodes that failed, if it has succeeded."""
    failed = any(job.status is NodeStatus.FAILED and not job.service for job in run.jobs)
    if run.end is not RunEnd.OVER or run.failed or not failed:
        return run
    known = excuses(submit_dir)
    jobs = (
        replace(job, cause=replace(job.cause, excuse=known[job.name]))
        if job.status is NodeStatus.FAILED and job.cause is not None and job.name in known
        else job
        for job in run.jobs
    )
    return replace(run, jobs=tuple(jobs))
