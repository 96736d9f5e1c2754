"""A whole run at once, sub-workflows and all: hold, release, halt, resume, remove."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from condor_templates.did_you_mean import did_you_mean
from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from dag_rewriter import files
from dag_rewriter.directory.liveness import dagman_lives
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.ownership import other_owner, require_own
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.subworkflows import sub_workflows
from monitord_job import schedd
from monitord_job.condor_job import LIVE, JobStatus, QueuedJob, node_paths
from monitord_job.database.queries.runs import is_stored, progress
from monitord_job.database.reading import open_database
from monitord_job.database.url import database_of
from monitord_job.errors import LockedError
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.schedd import dagman_jobs, jobs_below, node_jobs
from monitord_job.waiting import wait_for
from planner_ext.errors import NotRunningError

_HOLD = "held with bridle hold"
_RELEASE = "released with bridle release"
_REMOVE = "removed with bridle remove"
_MONITOR_LIMIT = 60.0
"""Seconds for the monitor to leave after the last job."""


class ControlError(BridleError):
    """It was tried and did not come about."""

    exit_code: ClassVar[int] = ExitCode.FAILED


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to which jobs, or files."""

    verb: str
    to: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.verb} {', '.join(self.to)}" if self.to else f"nothing to be {self.verb}"


def hold(submit_dir: SubmitDir) -> Done:
    """Hold all DAGMans of the run, the upper ones first; the jobs that they have submitted go on.

    Raises NotRunningError, ScheddError.
    """
    wanted = [job for job in _dagmans(submit_dir) if job.status != JobStatus.HELD]
    for job in wanted:
        schedd.hold_job(job.job, _HOLD)
    return Done("held", _names(wanted))


def release(submit_dir: SubmitDir, *, jobs: bool = False) -> Done:
    """Release all DAGMans of the run, the lower ones first, and let them start at once; with `jobs`, its jobs too.

    Raises as `hold`.
    """
    dagmans = _dagmans(submit_dir)
    stopped = schedd.held_jobs(job.job for job in dagmans) if jobs else []
    others = [job for job in stopped if job.job not in {one.job for one in dagmans}]
    for job in others:
        schedd.release_job(job.job, _RELEASE)
    wanted = [job for job in reversed(dagmans) if job.status == JobStatus.HELD]
    for job in wanted:
        schedd.release_job(job.job, _RELEASE)
    waiting = [job for job in reversed(dagmans) if job not in wanted and job.cool_down_until > time.time()]
    for job in (*wanted, *waiting):
        schedd.end_cool_down(job.job)
    return Done("released", _names([*wanted, *waiting, *others]))


def hold_nodes(submit_dir: SubmitDir, nodes: Sequence[str]) -> Done:
    """Hold the jobs of some nodes, also of sub-workflows (`below/fit`). Raises NotRunningError, ScheddError."""
    wanted = [job for job in _jobs_of(submit_dir, nodes) if job.status != JobStatus.HELD]
    for job in wanted:
        schedd.hold_job(job.job, _HOLD)
    return Done("held", _names(wanted))


def release_nodes(submit_dir: SubmitDir, nodes: Sequence[str]) -> Done:
    """Release the jobs of some nodes. Raises as `hold_nodes`."""
    wanted = [job for job in _jobs_of(submit_dir, nodes) if job.status == JobStatus.HELD]
    for job in wanted:
        schedd.release_job(job.job, _RELEASE)
    return Done("released", _names(wanted))


def remove_nodes(submit_dir: SubmitDir, nodes: Sequence[str]) -> Done:
    """Remove the jobs of some nodes: DAGMan takes that for a failure of each. Raises as `hold_nodes`."""
    wanted = _jobs_of(submit_dir, nodes)
    schedd.remove_jobs((job.job for job in wanted), _REMOVE)
    return Done("removed", _names(wanted))


def _jobs_of(submit_dir: SubmitDir, nodes: Sequence[str]) -> list[QueuedJob]:
    """The jobs in the queue of all of these nodes; a name that fits several nodes, or none, is refused."""
    top = [job.job for job in _dagmans(submit_dir)[:1]]
    there = [job for job in jobs_below(top) if job.status in LIVE]
    paths = node_paths(there, top)
    jobs: dict[str, QueuedJob] = {}
    for node in nodes:
        meant = {path for path in paths.values() if path == node or path.endswith(f"/{node}")}
        if not meant:
            what = f"no job of node {node} is in the queue"
            hint = did_you_mean(node, set(paths.values())) or "see `bridle status`"
            raise NotRunningError(str(submit_dir.path), what, hint)
        if len(meant) > 1 and node not in meant:
            what = f"node {node} is in several workflows: {', '.join(sorted(meant)[:5])}"
            raise NotRunningError(str(submit_dir.path), what, "name it with the nodes that lead to it")
        path = node if node in meant else meant.pop()
        jobs |= {job.job: job for job in there if paths[job.job] == path}
    return list(jobs.values())


def halt(submit_dir: SubmitDir) -> Done:
    """Let all DAGMans of the run submit nothing more; what runs goes on. Raises NotRunningError, ScheddError."""
    require_own(submit_dir.path)
    places = [job.dag_file for job in _dagmans(submit_dir) if job.dag_file is not None]
    made = [place for place in map(_halt_file, places) if files.create(place, b"")]
    return Done("halted", tuple(path.name for path in made))


def resume_run(submit_dir: SubmitDir) -> Done:
    """Take away the halt files of the run and of all sub-workflows, whether it runs or not, and tell its DAGMans."""
    require_own(submit_dir.path)
    dagmans = _queued_dagmans(submit_dir)
    queued = (job.dag_file for job in dagmans if job.dag_file is not None)
    places = dict.fromkeys(_halt_file(dag) for dag in (*_dags(submit_dir), *queued))
    there = [place for place in places if files.mode_of(place) is not None]
    for place in there:
        files.remove(place)
    told = [job for job in dagmans if job.status == JobStatus.RUNNING and schedd.resume_dagman(job.job)]
    return Done("resumed", (*(path.name for path in there), *_names(told)))


def remove(submit_dir: SubmitDir, wait: float | None, tell: Callable[[int], None]) -> Done:
    """Remove the run with all that it has submitted, and with `wait`, stay until it is gone and stored to its end.

    `tell` hears how many jobs are left. Raises ControlError after `wait` seconds, NotRunningError, ScheddError.
    """
    top = [job for job in dagman_jobs(submit_dir) if job.status in LIVE]
    left = _all_jobs(submit_dir)
    if not left:
        if wait is not None:
            _store_the_rest(submit_dir)
        raise NotRunningError(str(submit_dir.path), "no job of it is in the queue", "see `bridle status`")
    # Without its DAGMan, nobody removes what that has submitted.
    wanted = top or [job for job in left if job.status != JobStatus.REMOVED]
    schedd.remove_jobs((job.job for job in wanted), _REMOVE)
    if wait is not None:
        _see_them_leave(submit_dir, {job.job for job in left if job.is_dagman}, wait, tell)
        _store_the_rest(submit_dir)
    return Done("removed", _names(wanted))


def _see_them_leave(
    submit_dir: SubmitDir, dagmans: set[str], wait: float, tell: Callable[[int], None]
) -> None:
    """The jobs of a DAGMan that has left are still its own: their last events come after it."""
    last = -1

    def gone() -> bool:
        nonlocal last
        left = _all_jobs(submit_dir, dagmans)
        if len(left) != last:
            last = len(left)
            tell(last)
        return not left

    if not wait_for(gone, wait) and not _only_delivers(submit_dir, dagmans):
        what = f"{last} jobs are still in the queue after {wait:.0f} s"
        hint = "see `condor_q -nobatch`; `bridle remove` again waits for them and stores how they ended"
        raise ControlError(str(submit_dir.path), what, hint)


def _only_delivers(submit_dir: SubmitDir, dagmans: set[str]) -> bool:
    """Whether all that is left is a monitor that has stored the end, and has notifications to deliver."""
    return all(job.is_monitor for job in _all_jobs(submit_dir, dagmans)) and _end_is_stored(submit_dir)


def _end_is_stored(submit_dir: SubmitDir) -> bool:
    database, wf_uuid = database_of(submit_dir), submit_dir.wf_uuid or ""
    if not is_stored(database, wf_uuid):
        return False
    engine = open_database(database)
    try:
        return progress(engine, wf_uuid).ended is not None
    finally:
        engine.dispose()


def _store_the_rest(submit_dir: SubmitDir) -> None:
    """The monitor stores it and leaves; or it is stored here, but for a run of another user's."""
    is_part, lock = submit_dir.top is not None, submit_dir.run.lock
    wait_for(lambda: not files.is_locked(lock) or (is_part and _end_is_stored(submit_dir)), _MONITOR_LIMIT)
    if other_owner(submit_dir.path) is not None:
        return
    try:
        catch_up(submit_dir, Limits(), lock_wait=5.0)
    except LockedError as error:
        if _end_is_stored(submit_dir):
            return
        hint = "see `bridle status` later: the database is complete when that has left"
        raise ControlError(str(submit_dir.path), error.what, hint) from error


def _all_jobs(submit_dir: SubmitDir, dagmans: set[str] | None = None) -> list[QueuedJob]:
    """All jobs of the run in the queue, also of DAGMans that were there before."""
    jobs = {job.job: job for job in dagman_jobs(submit_dir)}
    jobs |= {job.job: job for job in node_jobs(submit_dir.nodes_log)}
    above = {job.job for job in jobs.values() if job.is_dagman} | (dagmans or set())
    if above:
        jobs |= {job.job: job for job in jobs_below(sorted(above))}
    return list(jobs.values())


def _dagmans(submit_dir: SubmitDir) -> list[QueuedJob]:
    """The DAGMans of the run, the upper ones first. Raises NotRunningError."""
    top = [job for job in dagman_jobs(submit_dir) if job.status in LIVE]
    if not top:
        what = "no DAGMan of it is in the queue"
        if dagman_lives(submit_dir):
            what = "its DAGMan lives, but is in no queue of this schedd"
        raise NotRunningError(str(submit_dir.path), what, "see `bridle recover`")
    below = jobs_below(job.job for job in top)
    return [*top, *(job for job in below if job.is_dagman and job.status in LIVE)]


def _dags(submit_dir: SubmitDir, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The DAGs of the run and of its sub-workflows, as far as they are planned."""
    here = submit_dir.dag_file.resolve()
    if here in above:
        return
    yield submit_dir.dag_file
    for sub in sub_workflows(submit_dir, read_whole(submit_dir)):
        below = sub.open()
        if below is not None:
            yield from _dags(below, (*above, here))


def _queued_dagmans(submit_dir: SubmitDir) -> list[QueuedJob]:
    top = dagman_jobs(submit_dir)
    return [job for job in (*top, *jobs_below(job.job for job in top)) if job.is_dagman]


def _halt_file(dag: Path) -> Path:
    return dag.with_name(f"{dag.name}.halt")


def _names(jobs: list[QueuedJob]) -> tuple[str, ...]:
    return tuple(job.job for job in jobs)
