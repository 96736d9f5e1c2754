"""Nodes that are DONE from the beginning: DAGMan tells nothing of them, and no attempt of theirs is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from dag_rewriter import files
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.text import show_bytes
from monitord_job.database.queries.run_values import WorkflowSummary
from monitord_job.database.queries.runs import with_unready
from monitord_job.database.reading import OpenDatabase
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.readers.rerun_nodes import has_rescues

_MAY_SAY_SO = re.compile(rb"\b(?:DONE|SPLICE|INCLUDE)\b", re.IGNORECASE)
"""To look at each of a million nodes takes seconds."""


def with_done_nodes(engine: OpenDatabase, submit_dir: SubmitDir, run: WorkflowSummary) -> WorkflowSummary:
    """The run, with nodes that were never to run as what they are to DAGMan: done."""
    if not run.count()[NodeStatus.UNREADY]:
        return run
    done = done_nodes(submit_dir)
    if not done:
        return run
    run = with_unready(engine, run)
    jobs = (
        replace(job, status=NodeStatus.SUCCEEDED)
        if job.name in done and job.status is NodeStatus.UNREADY
        else job
        for job in run.jobs
    )
    return replace(run, jobs=tuple(jobs))


def counts_otherwise(submit_dir: SubmitDir, unready: int) -> bool:
    """Whether DAGMan may count a run otherwise than by its attempts, of which so many nodes have none."""
    return has_rescues(submit_dir) or (unready > 0 and bool(done_nodes(submit_dir)))


def done_nodes(submit_dir: SubmitDir) -> frozenset[str]:
    """The nodes that the DAG says are done, as the database has their names."""
    return frozenset(_done(submit_dir))


def _done(submit_dir: SubmitDir) -> Iterator[str]:
    with suppress(RewriterError):  # a DAG that is gone or was broken since hides no run
        if not _MAY_SAY_SO.search(files.read(submit_dir.dag_file)):
            return
        from dag_rewriter.model.splices import ORDINARY

        for part in read_whole(submit_dir).parts:
            yield from (show_bytes(node.name) for node in part.nodes() if node.done and node.kind in ORDINARY)
