"""`bridle recover`: what state a run is in, and what is done about it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from dag_rewriter import files
from dag_rewriter.directory.find_bridle import find_bridle, script_directories
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job import schedd
from monitord_job.condor_job import JobStatus
from monitord_job.diagnosis.dagman_processes import dagman_processes
from monitord_job.diagnosis.diagnose import diagnose
from monitord_job.diagnosis.facts import gather, told
from monitord_job.diagnosis.run_states import Condition, Diagnosis, Remedy
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.waiting import wait_for
from planner_ext.operations.control import resume_run
from planner_ext.operations.lost_run import put_in_order, remove_left_behind
from planner_ext.operations.run import start

_STOP_LIMIT = 60.0
"""Seconds for an orphan to end after SIGTERM."""
_START_LIMIT = 30.0
"""Seconds for HTCondor to start what it may start."""
_ROUNDS = 8
_REASON = "bridle recover --fix"


class RecoverError(BridleError):
    """What was tried did not help."""

    exit_code: ClassVar[int] = ExitCode.FAILED


@dataclass(frozen=True, slots=True)
class Recovered:
    """How a run was, what was done about it, and how it is now."""

    before: Diagnosis
    after: Diagnosis
    done: tuple[Remedy, ...] = ()


def look(submit_dir: SubmitDir) -> Diagnosis:
    """The state of a run now."""
    return told(diagnose(gather(submit_dir)), submit_dir)


def fix(submit_dir: SubmitDir, tell: Callable[[Remedy], None]) -> Recovered:
    """Do what helps, one after the other, and look again after each. Never a second DAGMan beside a live one.

    `tell` hears of each remedy before it is tried. Of a sub-workflow, what its own DAGMan needs is done first, and then
    what the run above needs, which alone may start it. Raises RecoverError, ScheddError, RewriterError, MonitorError.
    """
    require_own(submit_dir.path)
    if submit_dir.top is None:
        return _fix(submit_dir, tell, frozenset(_DO))
    own = _fix(submit_dir, tell, _OF_ITS_OWN)
    above = fix(submit_dir.run, tell)
    return Recovered(own.before, above.after, (*own.done, *above.done))


def _fix(submit_dir: SubmitDir, tell: Callable[[Remedy], None], may: frozenset[Remedy]) -> Recovered:
    before = diagnosis = look(submit_dir)
    done: list[Remedy] = []
    for _ in range(_ROUNDS):
        wanted = [remedy for remedy in diagnosis.remedies if remedy in may and remedy not in done]
        if not wanted:
            break
        tell(wanted[0])
        _DO[wanted[0]](submit_dir, diagnosis)
        done.append(wanted[0])
        diagnosis = _after_starts(submit_dir)
    return Recovered(before, diagnosis, tuple(done))


_OF_ITS_OWN = frozenset({Remedy.RELEASE, Remedy.END_COOL_DOWN, Remedy.RESUME, Remedy.END_ORPHANS})


def _after_starts(submit_dir: SubmitDir) -> Diagnosis:
    """The state once the schedd has started what it starts at once."""
    wait_for(lambda: look(submit_dir).condition is not Condition.WAITING, _START_LIMIT)
    return look(submit_dir)


def _release(_submit_dir: SubmitDir, diagnosis: Diagnosis) -> None:
    schedd.release_job(diagnosis.job or "", _REASON)


def _end_cool_down(submit_dir: SubmitDir, diagnosis: Diagnosis) -> None:
    schedd.end_cool_down(diagnosis.job or "")
    wait_for(lambda: look(submit_dir).condition is not Condition.COOLING_DOWN, _START_LIMIT)


def _resume(submit_dir: SubmitDir, _diagnosis: Diagnosis) -> None:
    resume_run(submit_dir)


def _end_orphans(submit_dir: SubmitDir, _diagnosis: Diagnosis) -> None:
    """SIGTERM: DAGMan leaves its jobs in the queue, and its log in order, as when its host goes down."""

    def orphans() -> list[int]:
        return [process.pid for process in dagman_processes(submit_dir) if process.orphan]

    for pid in orphans():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    if not wait_for(lambda: not orphans(), _STOP_LIMIT):
        what = f"DAGMan, process {orphans()[0]}, does not end on SIGTERM"
        raise RecoverError(str(submit_dir.path), what, f"`kill -9 {orphans()[0]}`, then try again")


def _submit(submit_dir: SubmitDir, _diagnosis: Diagnosis) -> None:
    start(submit_dir)


def _catch_up(submit_dir: SubmitDir, _diagnosis: Diagnosis) -> None:
    catch_up(submit_dir, Limits(), deliver=True)


def _set_lock_aside(submit_dir: SubmitDir, _diagnosis: Diagnosis) -> None:
    put_in_order(submit_dir)


def _remove_left_behind(submit_dir: SubmitDir, _diagnosis: Diagnosis) -> None:
    remove_left_behind(submit_dir)


def _release_monitor(submit_dir: SubmitDir, _diagnosis: Diagnosis) -> None:
    wait_for(lambda: _let_monitor_run(submit_dir), _START_LIMIT, poll=1.0)
    _await_monitor(submit_dir)


def _let_monitor_run(submit_dir: SubmitDir) -> bool:
    """Whether no monitor is on hold and one runs, or none is in the queue; one that is on hold is released.

    A job that is released before its process has quite left is put on hold once more as it leaves (25.14, seen with
    a process of the local universe that was killed at the same moment).
    """
    monitors = [job for job in schedd.node_jobs(submit_dir.nodes_log) if job.is_monitor]
    held = [job for job in monitors if job.status == JobStatus.HELD]
    for job in held:
        schedd.release_job(job.job, _REASON)
    return not monitors or (not held and any(job.status == JobStatus.RUNNING for job in monitors))


def _start_monitor(submit_dir: SubmitDir, _diagnosis: Diagnosis) -> None:
    """As HTCondor would, but it dies with this machine and nobody starts it again."""
    target = "." if submit_dir.is_planned else submit_dir.dag
    command = find_bridle(script_directories(), os.environ.get("PATH", ""))
    subprocess.Popen(
        [command, "monitord", "--follow", "--notify", target],
        cwd=submit_dir.path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _await_monitor(submit_dir)


def _await_monitor(submit_dir: SubmitDir) -> None:
    if not wait_for(lambda: files.is_locked(submit_dir.lock), _START_LIMIT):
        what = f"its monitor has not begun within {_START_LIMIT:.0f} s"
        raise RecoverError(str(submit_dir.path), what, f"see {submit_dir.monitor_log.name}")


_DO: Mapping[Remedy, Callable[[SubmitDir, Diagnosis], None]] = {
    Remedy.RELEASE: _release,
    Remedy.END_COOL_DOWN: _end_cool_down,
    Remedy.RESUME: _resume,
    Remedy.END_ORPHANS: _end_orphans,
    Remedy.RESUBMIT: _submit,
    Remedy.RUN_AGAIN: _submit,
    Remedy.CATCH_UP: _catch_up,
    Remedy.SET_LOCK_ASIDE: _set_lock_aside,
    Remedy.REMOVE_LEFT_BEHIND: _remove_left_behind,
    Remedy.RELEASE_MONITOR: _release_monitor,
    Remedy.START_MONITOR: _start_monitor,
}
