"""Reads a run for `bridle status`, after catching up."""

from __future__ import annotations

import errno
import logging
from dataclasses import replace

from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.queries.run_values import WorkflowProgress, WorkflowSummary
from monitord_job.database.queries.runs import (
    is_stored,
    job_edges,
    progress,
    summary,
    with_names,
    with_unready,
)
from monitord_job.database.reading import OpenDatabase, open_database
from monitord_job.database.url import Database, database_of
from monitord_job.diagnosis.run_states import Diagnosis
from monitord_job.errors import LockedError, StoppedError, TryAgainError
from monitord_job.lock import alone
from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.outcome.node_status import NodeStatus, in_queue
from monitord_job.readers.blocked_nodes import blocked_nodes, blockers
from monitord_job.readers.done_nodes import counts_otherwise, with_done_nodes
from monitord_job.readers.excused_failures import with_excuses
from monitord_job.readers.other_users import in_it, seen_database
from monitord_job.readers.rerun_nodes import with_rerun_nodes

LOG = logging.getLogger("bridle.status")


def read_status(submit_dir: SubmitDir, url: str | None = None) -> WorkflowSummary:
    """The run as its database (or the one at `url`) has it, after catching up if no monitor is alive to do that."""
    engine = open_database(brought_up(submit_dir, url))
    try:
        return _with_blocked(engine, as_dagman_counts(engine, submit_dir))
    finally:
        engine.dispose()


def read_to_tell(submit_dir: SubmitDir, url: str | None, most: int) -> tuple[WorkflowSummary, Diagnosis]:
    """The same of a run of any size, and its diagnosis, with what the queue has on hold.

    So many failed and held jobs, each, have their names; others are counted, unless their names matter.
    """
    engine = open_database(brought_up(submit_dir, url))
    try:
        run = _with_blocked(engine, as_dagman_counts(engine, submit_dir, most))
        diagnosis = diagnosis_of(submit_dir, url)
        run = with_names(engine, run, [one.node for one in diagnosis.held])
        return with_held(run, diagnosis), diagnosis
    finally:
        engine.dispose()


def as_dagman_counts(engine: OpenDatabase, submit_dir: SubmitDir, most: int | None = None) -> WorkflowSummary:
    """The run as it is stored, and what only the DAG and its rescue DAGs say: which nodes are done, which run again."""
    stored = summary(engine, submit_dir.wf_uuid or "", most)
    counted = with_done_nodes(engine, submit_dir, with_rerun_nodes(engine, submit_dir, stored))
    return with_excuses(submit_dir, counted)


def with_held(run: WorkflowSummary, diagnosis: Diagnosis) -> WorkflowSummary:
    """The run, with jobs as held that the queue has so: HTCondor logs no hold of one that is submitted on hold."""
    reasons = {one.node: one.reason for one in diagnosis.held}
    below = len(reasons.keys() - {job.name for job in run.jobs})
    jobs = (
        replace(job, status=NodeStatus.HELD, cause=Cause(CauseKind.HELD, reason=reasons[job.name]))
        if in_queue(job.status, reasons.get(job.name)) is not job.status
        else job
        for job in run.jobs
    )
    return replace(run, jobs=tuple(jobs), held_below=max(run.held_below, below)) if reasons else run


def _with_blocked(engine: OpenDatabase, run: WorkflowSummary) -> WorkflowSummary:
    """The run, with which of its nodes cannot begin because of which."""
    blocking = blockers(run)
    if not blocking:
        return run
    run = with_unready(engine, run)
    return replace(run, blocked=blocked_nodes(run, blocking, job_edges(engine, run.wf_uuid)))


def progress_as_dagman_counts(engine: OpenDatabase, submit_dir: SubmitDir) -> WorkflowProgress:
    """How far the run is; where the DAG or rescue DAGs say more than is stored, job by job."""
    stored = progress(engine, submit_dir.wf_uuid or "")
    if not counts_otherwise(submit_dir, stored.counts.get(NodeStatus.UNREADY, 0)):
        return stored
    return replace(stored, counts=as_dagman_counts(engine, submit_dir).count())


def brought_up(submit_dir: SubmitDir, url: str | None = None) -> Database:
    """The database of the run, caught up with its logs if that can be done now: what any reader begins with."""
    owner = other_owner(submit_dir.path)
    if owner is not None:
        return seen_database(submit_dir, owner, url)
    return in_it(_caught_up(submit_dir, url), submit_dir)


def _caught_up(submit_dir: SubmitDir, url: str | None) -> Database:
    database = database_of(submit_dir, url)
    try:
        with alone(submit_dir.run.lock, 0.0):
            pass
        # All of the monitor is imported only where none is at work.
        from monitord_job.monitor.limits import Limits
        from monitord_job.monitor.session import catch_up

        catch_up(submit_dir, Limits(database=5.0), url=url)
    except StoppedError as error:
        LOG.warning("showing the database as it stands: %s", error)
    except LockedError:
        LOG.info("a monitor is at work on %s", submit_dir.path)
    except TryAgainError as error:
        is_stored(database, submit_dir.wf_uuid or "")  # one that cannot be read either says so, once
        LOG.warning("showing the database as it stands: %s", error)
    except OSError as error:
        # On a file system that cannot be written, what is stored may be read all the same.
        there = database.file is None or database.file.exists()
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not there:
            raise
        LOG.info("showing the database as it stands: %s", error)
    return database


def diagnosis_of(submit_dir: SubmitDir, url: str | None = None) -> Diagnosis:
    """What state the run is in, as HTCondor and the files have it."""
    from monitord_job.diagnosis.diagnose import diagnose
    from monitord_job.diagnosis.facts import gather, told  # asks the schedd: with HTCondor's bindings

    return told(diagnose(gather(submit_dir, url)), submit_dir)
