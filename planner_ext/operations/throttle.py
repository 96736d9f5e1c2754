"""The throttles of a running DAGMan, by the method that its version has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job import schedd
from monitord_job.condor_job import JobStatus
from monitord_job.logs.dagman_out_summary import queue_update_interval, version_in
from monitord_job.schedd import dagman_jobs
from planner_ext.errors import NotRunningError

COMMAND_SINCE = (25, 10)
"""From this HTCondor on DAGMan is told its throttles; before, it looks for them in its job's attributes (seen: 23.9
takes them from there, 25.14 does not any more)."""


@dataclass(frozen=True, slots=True)
class Throttles:
    """DAGMan's throttles, by our words; 0 is no limit. `method` is how they were set: command, attributes, or shown."""

    job: str
    throttles: Mapping[str, int]
    version: str
    method: str
    within_seconds: int = 0
    """until DAGMan heeds them: one of 23 looks for them every DAGMAN_QUEUE_UPDATE_INTERVAL seconds"""


def show_throttles(submit_dir: SubmitDir) -> Throttles:
    """The throttles as they are. Raises NotRunningError or ScheddError."""
    job = _running(submit_dir)
    return Throttles(job, schedd.throttles_of(job), _text(_version(submit_dir)), "shown")


def set_throttles(submit_dir: SubmitDir, limits: Mapping[str, int]) -> Throttles:
    """Change some throttles of a running DAGMan. Raises NotRunningError or ScheddError."""
    job = _running(submit_dir)
    version = _version(submit_dir)
    if version[:2] >= COMMAND_SINCE:
        now = schedd.command_throttles(job, limits)
        return Throttles(job, now, _text(version), "command")
    schedd.edit_throttles(job, limits)
    return Throttles(
        job,
        schedd.throttles_of(job),
        _text(version),
        "attributes",
        queue_update_interval(files.read_if_there(submit_dir.dagman_out) or b""),
    )


def _running(submit_dir: SubmitDir) -> str:
    jobs = [job for job in dagman_jobs(submit_dir) if job.status == JobStatus.RUNNING]
    if not jobs:
        what = "no DAGMan of this schedd runs this workflow"
        hint = "throttles of a start are given to condor_submit_dag, or as dagman.maxjobs and the like to the planner"
        raise NotRunningError(str(submit_dir.path), what, hint)
    return jobs[0].job


def _version(submit_dir: SubmitDir) -> tuple[int, ...]:
    """Which DAGMan runs: it says so in its own log whenever it starts."""
    return version_in(files.read_if_there(submit_dir.dagman_out) or b"") or COMMAND_SINCE


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
