"""`bridle run`: from a planned directory to a DAGMan in the queue, and how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from condor_templates.exit_codes import ExitCode
from dag_rewriter import files
from dag_rewriter.directory.dagman_places import to_type
from dag_rewriter.directory.dagman_submit_file import is_made_by_shim, planners_environment
from dag_rewriter.directory.liveness import dagman_lives
from dag_rewriter.directory.locate import jobstate_log
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import parse_submit_file
from dag_rewriter.rescue.rescue_files import wants_to_run
from dag_rewriter.rewriting import originals
from dag_rewriter.rewriting.rewrite import Options, is_rewritten, rewrite
from monitord_job.condor_job import JobStatus
from monitord_job.database.queries.run_values import WorkflowSummary
from monitord_job.database.queries.runs import is_stored
from monitord_job.database.reading import OpenDatabase, open_database
from monitord_job.database.url import database_of, note_url
from monitord_job.diagnosis.dagman_processes import dagman_processes
from monitord_job.diagnosis.diagnose import diagnose
from monitord_job.diagnosis.facts import gather
from monitord_job.diagnosis.run_states import Condition, Diagnosis
from monitord_job.diagnosis.stopped_jobs import starts_for_ever
from monitord_job.errors import LockedError
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.monitor.unplanned_identity import in_its_run
from monitord_job.outcome.ending import Ending
from monitord_job.readers.run_outcome import RunState, ending, state_of
from monitord_job.readers.status import as_dagman_counts, read_status
from monitord_job.runs.records import keep_ended
from monitord_job.schedd import dagman_jobs, hand_over, node_jobs, release_job, submit_dag
from monitord_job.waiting import wait_for
from planner_ext.errors import AlreadyRunningError, RunError
from planner_ext.operations.control import resume_run
from planner_ext.operations.lost_run import prepare, put_in_order

_Answer = TypeVar("_Answer")
_POLL, _TICK = 1.0, 0.2
"""Seconds between two questions to the queue, and between two looks at what is stored."""
_LEAVE_LIMIT = 30.0
"""Seconds for jobs of a DAGMan that was removed to leave."""


class LostError(RunError):
    """The DAGMan job is gone or stands still, and the run has not ended."""

    exit_code: ClassVar[int] = ExitCode.NOT_ENDED


@dataclass(frozen=True, slots=True)
class Submitted:
    """A DAGMan job of the run; `rewritten` tells whether the DAG had to be rewritten for it, `how` it began."""

    job: str
    rewritten: bool
    how: str = "submitted"
    notes: tuple[str, ...] = ()
    """files with notification rules that may come from a job"""


def start(
    submit_dir: SubmitDir, url: str | None = None, *, force: bool = False
) -> Submitted | WorkflowSummary:
    """Rewrite if needed, store what an earlier run left, submit. A run that has succeeded is not run again, unless
    a rescue DAG was made since (`bridle rescue`): its summary comes back. A halted one goes on, one that the queue has
    lost is taken up. `url` names the database. Raises AlreadyRunningError beside a live DAGMan; BadDagError for one in
    which `bridle check` finds an error, unless `force` is set."""
    require_own(submit_dir.path)
    _refuse_several(submit_dir)
    diagnosis = diagnose(gather(submit_dir, url))
    if diagnosis.condition is Condition.HALTED:
        resume_run(submit_dir)
        return Submitted(diagnosis.job or "", rewritten=False, how="resumed")
    refuse_if_live(submit_dir)
    if diagnosis.condition is Condition.UNKNOWN:
        raise AlreadyRunningError(str(submit_dir.path), diagnosis.what, diagnosis.advice)
    rewritten = not is_rewritten(submit_dir)
    report = rewrite(submit_dir, Options(force=force))  # refuses by itself to change the DAG of a live one
    if url is not None:
        note_url(submit_dir, url)
    stored = store_the_run_before(submit_dir)
    is_done = stored is not None and ending(stored, diagnosis) is Ending.SUCCEEDED
    if stored is not None and is_done and not wants_to_run(submit_dir, stored.ended or 0):
        return stored
    recover = _take_up(submit_dir, diagnosis)
    job = _submit(submit_dir, recover=recover)
    if recover:
        hand_over((each.job for each in node_jobs(submit_dir.nodes_log)), job)
        release_job(job, "it has its jobs now")
    how = "submitted again" if diagnosis.condition is Condition.LOST else "submitted"
    return Submitted(job, rewritten, how, report.unconfirmed)


def _refuse_several(submit_dir: SubmitDir) -> None:
    """HTCondor's bindings submit one DAG: to go on with one of several would leave the others out."""
    dags = submit_dir.places.dags
    if dags:
        what = f"it was submitted as one with {' and '.join(dags[1:])}"
        all_of_them = to_type("`bridle run`", submit_dir.dag_file, submit_dir.places)
        hint = f"{all_of_them} goes on with all of them; to run it alone, rename {submit_dir.condor_sub.name}"
        raise RunError(str(submit_dir.dag_file), what, hint)


def _submit(submit_dir: SubmitDir, *, recover: bool) -> str:
    """The id of the DAGMan job, which has what the planner wants it to have."""
    planned = keep_planners_submit_file(submit_dir)
    environment = planners_environment(planned).decode("utf-8", "surrogateescape")
    before = files.read_if_there(submit_dir.condor_sub) or b""
    job = submit_dag(submit_dir, _attributes(planned), environment, recover=recover)
    if is_made_by_shim(before):
        # To submit has written another one, without what pegasus-run and its like want on the job.
        files.replace(submit_dir.condor_sub, before)
    return job


def _take_up(submit_dir: SubmitDir, diagnosis: Diagnosis) -> bool:
    """Put in order what a DAGMan left that is no more; whether the next one is to recover, and adopt its jobs."""
    if diagnosis.condition is Condition.LOST:
        return prepare(submit_dir)
    if not wait_for(lambda: not _jobs_left(submit_dir), _LEAVE_LIMIT):
        what = f"jobs of the run before are in the queue: {', '.join(_jobs_left(submit_dir)[:5])}"
        raise AlreadyRunningError(str(submit_dir.path), what, "wait until they have left, or `bridle remove`")
    if diagnosis.condition is not Condition.NEVER_SUBMITTED:
        put_in_order(submit_dir)
        resume_run(submit_dir)
    return False


def _jobs_left(submit_dir: SubmitDir) -> list[str]:
    return [job.job for job in node_jobs(submit_dir.nodes_log) if not job.is_monitor]


def store_the_run_before(submit_dir: SubmitDir) -> WorkflowSummary | None:
    """Catch the database up before a DAGMan starts anew: it empties its nodes.log, and what is not stored is lost.

    The run as it is stored then; None if nothing was run or is stored.
    """
    submit_dir = in_its_run(
        submit_dir
    )  # one that runs by itself now may have been a part of another run so far
    is_new = not is_stored(database_of(submit_dir), submit_dir.wf_uuid or "")
    # Without a database, there may have been a run all the same: one whose monitor never came to work.
    if is_new and files.mode_of(jobstate_log(submit_dir)) is None:
        return None
    return read_status(submit_dir)


def refuse_if_live(submit_dir: SubmitDir) -> None:
    """AlreadyRunningError if a DAGMan runs this directory; ScheddError if the queue cannot be asked."""
    queued = dagman_jobs(submit_dir)
    if queued:
        held = f", held: {queued[0].hold_reason}" if queued[0].status == JobStatus.HELD else ""
        what = f"DAGMan job {queued[0].job} runs this workflow already{held}"
        raise AlreadyRunningError(
            str(submit_dir.path),
            what,
            "see `bridle status`, or remove it with `bridle remove`",
            queued[0].job,
        )
    if dagman_lives(submit_dir) or dagman_processes(submit_dir):
        what = "a DAGMan that is in no queue of this schedd runs this workflow"
        raise AlreadyRunningError(
            str(submit_dir.path), what, f"see `bridle recover`, and {submit_dir.dagman_lock.name}"
        )


def keep_planners_submit_file(submit_dir: SubmitDir) -> bytes:
    """The planner's submit file for DAGMan, complete, in the place where it is set aside; empty if there is none.

    Where the hook has made another one, to submit the DAG writes that anew, and what the planner added is lost.
    """
    planned = originals.planners_submit_file(submit_dir)
    if planned is not None:
        files.replace(submit_dir.planned_condor_sub, planned)
    return planned or b""


def _attributes(planned: bytes) -> dict[str, str]:
    """The +pegasus_ attributes that the planner wants on the DAGMan job: pegasus-status and its like look for them."""
    description = parse_submit_file(planned)
    return {name[3:]: value for name, value in description.assigned.items() if name.startswith("my.pegasus_")}


def watch(submit_dir: SubmitDir, job: str) -> Iterator[WorkflowSummary | None]:
    """None every `_TICK` seconds while the run goes on, and its summary at the end.

    Raises LostError if DAGMan is held or gone and its run has not ended.
    """
    while True:
        queued = [dagman for dagman in dagman_jobs(submit_dir) if dagman.job == job]
        summary = None if queued else _stored_to_its_end(submit_dir)
        yield summary
        if queued and queued[0].status == JobStatus.HELD:
            what = f"DAGMan job {job} is held: {queued[0].hold_reason}"
            raise LostError(str(submit_dir.path), what, f"mend that, then `bridle release {submit_dir.path}`")
        if queued and starts_for_ever(queued[0]):
            what = f"ABORT-DAG-ON ended it, and HTCondor starts DAGMan job {job} again, for ever"
            raise LostError(str(submit_dir.path), what, f"see `bridle recover {submit_dir.path}`")
        if not queued:
            if summary is None or state_of(summary) in (RunState.NOT_STARTED, RunState.RUNNING):
                what = f"DAGMan job {job} has left the queue, but the run has not ended"
                raise LostError(str(submit_dir.path), what, f"see {submit_dir.dagman_out.name}")
            return
        asked = time.monotonic()
        time.sleep(_TICK)
        while time.monotonic() - asked < _POLL:
            yield None
            time.sleep(_TICK)


def _read(submit_dir: SubmitDir, question: Callable[[OpenDatabase, SubmitDir], _Answer]) -> _Answer | None:
    database = database_of(submit_dir)
    if not is_stored(database, submit_dir.wf_uuid or ""):
        return None
    engine = open_database(database)
    try:
        return question(engine, submit_dir)
    finally:
        engine.dispose()


def _stored_to_its_end(submit_dir: SubmitDir) -> WorkflowSummary | None:
    """The run after its DAGMan has gone: the monitor stores the rest and leaves, or it is stored here."""
    with suppress(LockedError):
        catch_up(submit_dir, Limits(), lock_wait=Limits().drain, deliver=True)
    keep_ended(submit_dir)  # the database is not as the monitor has left it
    return _read(submit_dir, as_dagman_counts)
