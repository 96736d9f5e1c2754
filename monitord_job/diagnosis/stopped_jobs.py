"""What stands still in the queue below a DAGMan at work, at any depth: held jobs, DAGMans that start for ever."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job import schedd
from monitord_job.condor_job import JobStatus, QueuedJob, node_paths
from monitord_job.database.queries.runs import causes_before, is_stored
from monitord_job.database.reading import open_database
from monitord_job.database.url import database_of
from monitord_job.diagnosis.run_states import StoppedJob
from monitord_job.errors import MonitorError, ScheddError
from monitord_job.logs.dagman_out_summary import last_word
from monitord_job.logs.tail import read_tail
from monitord_job.outcome.attempt import SUBMITTED_ON_HOLD
from monitord_job.outcome.cause import AFTER, Cause
from monitord_job.outcome.queue_holds import NO_HOLDS, QueueHolds
from monitord_job.text.display import one_line

_TAIL = 1 << 16


def stopped_jobs(dagmans: Sequence[QueuedJob]) -> tuple[tuple[StoppedJob, ...], tuple[StoppedJob, ...]]:
    """The jobs below these DAGMans that are on hold; and the DAGMans, here or below, that ABORT-DAG-ON ends for ever.

    Raises ScheddError.
    """
    if not dagmans:
        return (), ()
    top = [job.job for job in dagmans]
    below = schedd.dagmans_below(top)
    held = schedd.held_jobs([*top, *(job.job for job in below)])
    paths = node_paths([*below, *held], top)
    waiting = [
        StoppedJob(paths[job.job], job.job, job.hold_reason or "no reason is known")
        for job in held
        if not job.is_monitor
    ]
    again = [
        StoppedJob(paths.get(job.job, ""), job.job, "") for job in (*dagmans, *below) if starts_for_ever(job)
    ]
    return tuple(waiting), tuple(again)


def queue_holds(submit_dir: SubmitDir, url: str | None = None) -> QueueHolds:
    """The jobs of a run that are on hold in the queue; none where that cannot be asked."""
    try:
        held, _ = stopped_jobs(schedd.dagman_jobs(submit_dir))
    except ScheddError:
        return NO_HOLDS
    return holds_in(with_failures(held, submit_dir, url))


def holds_in(held: Iterable[StoppedJob]) -> QueueHolds:
    """The same, of jobs that are known already."""
    return QueueHolds.of((one.job, one.reason) for one in held)


def with_failures(
    held: tuple[StoppedJob, ...], submit_dir: SubmitDir, url: str | None = None
) -> tuple[StoppedJob, ...]:
    """The same; of a job that DAGMan has submitted once more, on hold, also why it had failed, if that is stored.

    HTCondor says that this was the user's request, and logs no hold (DAGMAN_PUT_FAILED_JOBS_ON_HOLD; seen with 25.14).
    """
    unclear = [one.job for one in held if one.reason.startswith(SUBMITTED_ON_HOLD)]
    if not unclear:
        return held
    with suppress(MonitorError):
        database = database_of(submit_dir, url)
        if is_stored(database, submit_dir.wf_uuid or ""):
            engine = open_database(database)
            try:
                causes = causes_before(engine, submit_dir.wf_uuid or "", unclear)
            finally:
                engine.dispose()
            return tuple(_explained(one, causes) for one in held)
    return held


def _explained(one: StoppedJob, causes: Mapping[str, Cause]) -> StoppedJob:
    cause = causes.get(one.job)
    return (
        one if cause is None else replace(one, reason=f"{one.reason}{AFTER.format(one_line(cause.phrase))}")
    )


def starts_for_ever(job: QueuedJob) -> bool:
    """Whether the schedd is about to start a DAGMan again that ABORT-DAG-ON has ended: for other codes than 0 to 2."""
    if job.status != JobStatus.IDLE or job.cool_down_until <= time.time() or job.dag_file is None:
        return False
    return was_aborted_by_node(job.dag_file)


def was_aborted_by_node(dag: Path) -> bool:
    """Whether the last word of a DAG's last DAGMan is that ABORT-DAG-ON has ended it."""
    try:
        return last_word(read_tail(dag.with_name(f"{dag.name}.dagman.out"), _TAIL)).aborted
    except OSError:
        return False
