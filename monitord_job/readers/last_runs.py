"""How the last run of a DAG ended and why its nodes failed, for those who ask what the next one does."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.text import show_bytes
from dag_rewriter.rescue.rescue_files import Workflow
from dag_rewriter.rescue.run_history import Attempts, History
from monitord_job.database.queries.run_values import Job, WorkflowSummary
from monitord_job.database.queries.runs import is_stored, summary
from monitord_job.database.reading import OpenDatabase, open_database
from monitord_job.database.url import Database, database_of
from monitord_job.errors import CannotWorkError, MonitorError
from monitord_job.monitor.unplanned_identity import identified
from monitord_job.outcome.cause import CauseKind
from monitord_job.outcome.ending import Ending
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.readers.run_outcome import ending
from monitord_job.readers.status import brought_up
from monitord_job.recording.subworkflows import SubWorkflow, open_sub_directory

LOG = logging.getLogger("bridle.rescue")


@dataclass(frozen=True, slots=True)
class LastRun:
    """As the database has it: how it ended (None: it has not, or nobody knows), and its jobs by name."""

    ending: Ending | None = None
    jobs: Mapping[str, Job] = field(default_factory=dict)
    begun: int | None = None
    """when it began, in seconds since the epoch"""

    def why(self, node: str) -> Job | None:
        """The job of a node, as the DAG has its name, if it is known why it failed or does not go on."""
        job = self.jobs.get(show_bytes(node))
        return None if job is None or job.cause is None else job


LastRuns = Mapping[Path, LastRun]
"""By the DAG's file: of a workflow and of those below it."""


def last_runs(workflow: Workflow, *, stores: bool = False) -> LastRuns:
    """What is stored of the last run of a workflow and of all below it, caught up; nothing of one nobody monitors,
    unless it `stores` what the logs of that say.
    """
    try:
        submit_dir = identified(workflow.submit_dir) if stores else workflow.submit_dir
        database = brought_up(submit_dir) if stores else _database(submit_dir)
        if database is None:
            return {}
        engine = open_database(database)
        try:
            return dict(_all(engine, workflow, submit_dir))
        finally:
            engine.dispose()
    except (MonitorError, RewriterError, OSError) as error:
        LOG.warning("how the last run ended is not known: %s", error)
        return {}


def as_logs_tell(workflow: Workflow) -> Workflow:
    """The workflow; of a run that condor_submit_dag began, without a JOBSTATE_LOG, as dagman.out tells of it."""
    if not any(each.is_untold for each in workflow.in_all()):
        return workflow
    return with_stored(workflow, last_runs(workflow, stores=True))


def with_stored(workflow: Workflow, last: LastRuns) -> Workflow:
    """The workflow; what no JOBSTATE_LOG tells of it or of one below as the database has it."""
    children = {node: with_stored(child, last) for node, child in workflow.children.items()}
    run = last.get(workflow.submit_dir.dag_file)
    if run is None or run.begun is None or workflow.history.started is not None:
        return replace(workflow, children=children)
    nodes = {}
    for node in workflow.whole.nodes():
        job = run.jobs.get(show_bytes(node.name))
        if job is not None and job.status is not NodeStatus.UNREADY:
            nodes[node.name] = Attempts({0}, _last_word(job, has_post=node.post is not None))
    history = History(
        started=run.begun, exit_code=workflow.history.exit_code, nodes=nodes, ever={*nodes}, untold=True
    )
    return replace(workflow, history=history, children=children)


def _last_word(job: Job, *, has_post: bool) -> str:
    """As DAGMan would have written it."""
    if job.status is NodeStatus.SUCCEEDED:
        return "POST_SCRIPT_SUCCESS" if has_post else "JOB_SUCCESS"
    was_cut_off = job.cause is not None and job.cause.kind is CauseKind.REMOVED
    return "JOB_FAILURE" if job.status is NodeStatus.FAILED and not was_cut_off else "EXECUTE"


def _database(submit_dir: SubmitDir) -> Database | None:
    """None where nothing is stored: to ask for the rescue DAGs of a run that bridle never kept makes no database."""
    if submit_dir.wf_uuid is None:
        return None
    if other_owner(submit_dir.path) is None and not is_stored(database_of(submit_dir), submit_dir.wf_uuid):
        return None
    return brought_up(submit_dir)


def _all(
    engine: OpenDatabase, workflow: Workflow, stored_as: SubmitDir, depth: int = 0
) -> Iterator[tuple[Path, LastRun]]:
    run = _run(engine, stored_as, depth)
    if run is None:
        return
    yield workflow.submit_dir.dag_file, LastRun(ending(run), {job.name: job for job in run.jobs}, run.begun)
    for node, child in workflow.children.items():
        below = child.submit_dir
        place = os.path.relpath(below.path, stored_as.path)
        try:
            kept = open_sub_directory(stored_as, SubWorkflow(node, 0, place, below.dag))
        except (RewriterError, CannotWorkError):
            continue
        yield from _all(engine, child, kept, depth + 1)


def _run(engine: OpenDatabase, submit_dir: SubmitDir, depth: int) -> WorkflowSummary | None:
    try:
        return summary(engine, submit_dir.wf_uuid or "")
    except MonitorError:
        if not depth:
            raise
        return None  # a sub-workflow that has not begun
