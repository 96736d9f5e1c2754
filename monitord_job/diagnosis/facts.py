"""Gathers the facts of a run for `diagnose`: from the queue, the logs, the locks, the processes, the database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dag_rewriter import files
from dag_rewriter.directory.confirmed import target_of
from dag_rewriter.directory.liveness import dagman_lives
from dag_rewriter.directory.locate import jobstate_log
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.text import show_bytes
from dag_rewriter.logs import dagman_log
from dag_rewriter.logs.dagman_log import DagmanJob
from dag_rewriter.rescue.rescue_files import nodes_of_the_next_run
from monitord_job import schedd
from monitord_job.condor_job import QueuedJob
from monitord_job.database.queries.runs import failures, is_stored, last_times, offsets, progress
from monitord_job.database.reading import open_database
from monitord_job.database.url import database_of
from monitord_job.diagnosis.dagman_processes import dagman_processes
from monitord_job.diagnosis.legibility import dagman_metrics, newest_rescue, was_over, why_unreadable
from monitord_job.diagnosis.monitors import is_wanted, seen_in
from monitord_job.diagnosis.run_states import (
    MOST_NAMED,
    Condition,
    Diagnosis,
    Facts,
    Lock,
    StoppedJob,
)
from monitord_job.diagnosis.stopped_jobs import stopped_jobs, with_failures
from monitord_job.errors import MonitorError, NewerDatabaseError, ScheddError
from monitord_job.logs.dagman_out_summary import LastWord, last_word, node_counts, refusal_in
from monitord_job.logs.tail import read_tail
from monitord_job.outcome.ending import Ending, ending_of, was_aborted
from monitord_job.text.display import one_line

_TAIL = 1 << 20
_NONE_STOPPED: tuple[tuple[StoppedJob, ...], tuple[StoppedJob, ...]] = ((), ())


def gather(submit_dir: SubmitDir, url: str | None = None) -> Facts:
    """The facts of now. A schedd that does not answer is a fact; FileError and OSError of the directory are not."""
    silence, here, dagmans, nodes, above, stopped = "", "", None, [], [], _NONE_STOPPED
    try:
        dagmans = schedd.dagman_jobs(submit_dir)
        # A run may have a hundred thousand jobs in the queue: they count only where no DAGMan waits for them.
        nodes = schedd.node_jobs(submit_dir.nodes_log, only_monitors=bool(dagmans))
        above = nodes if submit_dir.top is None else _monitors_of(submit_dir.run)
        here = schedd.machine()
        stopped = stopped_jobs(dagmans)
    except ScheddError as error:
        silence = error.what
    job = dagman_log.parse(files.read_if_there(submit_dir.dagman_log) or b"")
    out = read_tail(submit_dir.dagman_out, _TAIL)
    word, counts = last_word(out), node_counts(out)
    monitors = [job for job in above if job.is_monitor]
    halt = submit_dir.halt_file
    stored = _stored(submit_dir, url)
    metrics = dagman_metrics(submit_dir.dag_file)
    if job is None and not out and stored is not None:  # its logs were cleaned away
        word = replace(word, ended=stored.code if stored.has_begun else _code(metrics))
    unreadable = ""
    if stored is not None and not stored.has_begun:
        unreadable = why_unreadable(submit_dir, out, is_over=was_over(submit_dir, job))
    unread = 0 if unreadable else _unread(submit_dir, stored)
    return Facts(
        now=int(time.time()),
        queue=None if dagmans is None else tuple(dagmans),
        silence=silence,
        submitted=job.job if job else None,
        elsewhere=_elsewhere(job, here),
        left=job is not None and job.ended,
        processes=dagman_processes(submit_dir),
        lock=_lock(submit_dir),
        halt_files=(halt.name,) if files.mode_of(halt) is not None else (),
        recovering=word.recovering,
        ended=word.ended,
        ending=_ending(metrics, job, word, _Counted(counts.failed if counts else 0, unread, stored)),
        refusal=refusal_in(out),
        failures=() if stored is None or unread else stored.failures,
        rescue=newest_rescue(submit_dir),
        again=0 if dagmans or stored is None else len(_again(submit_dir, stored)),
        jobs=() if dagmans else tuple(job.job for job in nodes if not job.is_monitor),
        monitor=seen_in(submit_dir.run.lock, monitors),
        monitor_job=monitors[0].job if monitors else "",
        has_monitor=is_wanted(submit_dir.run.monitor_submit),
        unread=unread,
        goes_on=stored is not None and stored.goes_on,
        started=max((job.started for job in dagmans or ()), default=0),
        has_run=bool(out) or bool(metrics) or (stored is not None and stored.has_begun),
        unreadable=unreadable,
        held=with_failures(stopped[0], submit_dir, url),
        for_ever=stopped[1],
    )


def told(diagnosis: Diagnosis, submit_dir: SubmitDir) -> Diagnosis:
    """The same, with the commands in its words to be typed as they stand: a sub-workflow runs again with its run."""
    own = submit_dir.top is None or diagnosis.condition in _OF_ITS_OWN
    if submit_dir.top is not None and diagnosis.condition is Condition.NEVER_SUBMITTED:
        diagnosis = replace(diagnosis, what="its node has not begun", advice="see `bridle status`")
    meant = submit_dir if own else submit_dir.run
    return diagnosis.of_run(target_of(meant), meant.places)


_OF_ITS_OWN = frozenset({Condition.HELD, Condition.COOLING_DOWN, Condition.HALTED})
"""In which a command is about the DAGMan of a sub-workflow itself."""


def _monitors_of(run: SubmitDir) -> list[QueuedJob]:
    return schedd.node_jobs(run.nodes_log, only_monitors=True)


def _code(metrics: Mapping[str, Any]) -> int | None:
    code = metrics.get("exitcode")
    return code if isinstance(code, int) else None


def _elsewhere(job: DagmanJob | None, here: str) -> str:
    """The host that the last DAGMan job was submitted on, if it is not this schedd's."""
    there = job.host if job else ""
    return there if here and there and there.lower() != here.lower() else ""


def _lock(submit_dir: SubmitDir) -> Lock:
    if files.mode_of(submit_dir.dagman_lock) is None:
        return Lock.NONE
    return Lock.LIVE if dagman_lives(submit_dir) else Lock.STALE


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the database has: how far each log was read; whether the run has not ended there."""

    offsets: Mapping[str, int] = field(default_factory=dict)
    goes_on: bool = False
    has_begun: bool = False
    """whether a run is in it at all"""
    ended: int | None = None
    """when the last run did, if it has"""
    code: int | None = None
    """DAGMan's exit code, if it has ended there"""
    failed: int = 0
    """nodes that count for how it ended"""
    failures: tuple[str, ...] = ()
    """why the first of them did"""
    reason: str | None = None
    attempted: frozenset[str] = frozenset()
    """the nodes that ever began, where there are rescue DAGs"""


@dataclass(frozen=True, slots=True)
class _Counted:
    """How many nodes failed: as DAGMan counted last, and as the database has it, if that is read to the end."""

    by_dagman: int
    unread: int
    stored: _Stored | None

    @property
    def _is_stored(self) -> bool:
        return self.stored is not None and self.stored.ended is not None and not self.unread

    @property
    def failed(self) -> int:
        ours = self.stored.failed if self.stored is not None and self._is_stored else 0
        return max(self.by_dagman, ours)

    @property
    def aborted(self) -> bool:
        return self.stored is not None and self._is_stored and was_aborted(self.stored.reason)


def _ending(
    metrics: Mapping[str, Any], job: DagmanJob | None, word: LastWord, counted: _Counted
) -> Ending | None:
    """From DAGMan's metrics if they are of this run, else from what its job's log says, or its own last word.

    DAGMan's last count is asked, too: the metrics of 23 leave failed nodes out.
    """
    code = word.ended if job is None or job.code is None else job.code
    aborted, failed = word.aborted or counted.aborted, counted.failed
    try:
        if job is not None and str(metrics.get("dagman_id")) == job.job.partition(".")[0]:
            failed = max(int(metrics.get("nodes_failed", 0)), failed)
            status = int(metrics.get("DagStatus", 0))
            return ending_of(int(metrics["exitcode"]), failed, status, aborted=aborted)
    except (ValueError, KeyError, TypeError, OverflowError):
        pass  # cut short: the other witnesses are asked
    if job is not None and job.ended and job.code is None:
        return Ending.REMOVED
    return None if code is None else ending_of(code, failed, None, aborted=aborted)


def _again(submit_dir: SubmitDir, stored: _Stored) -> set[str]:
    """The nodes that ran and are to run again, because `bridle rescue` says so since the last run ended."""
    if stored.ended is None:
        return set()
    try:
        return {
            show_bytes(name) for name in nodes_of_the_next_run(submit_dir, stored.ended)
        } & stored.attempted
    except RewriterError:
        return set()  # whoever is to run it says what is wrong with its files


def _stored(submit_dir: SubmitDir, url: str | None) -> _Stored | None:
    """None where the database cannot be asked."""
    wf_uuid = submit_dir.wf_uuid or ""
    try:
        database = database_of(submit_dir, url)
        if not is_stored(database, wf_uuid):
            return _Stored()
        engine = open_database(database)
        try:
            run = progress(engine, wf_uuid)
            goes_on = run.started is not None and run.ended is None
            return _Stored(
                offsets(engine, wf_uuid),
                goes_on,
                run.started is not None,
                run.ended,
                run.status,
                run.failed,
                tuple(map(one_line, failures(engine, wf_uuid, MOST_NAMED))) if run.failed else (),
                run.reason,
                frozenset(last_times(engine, wf_uuid) if newest_rescue(submit_dir) else ()),
            )
        finally:
            engine.dispose()
    except NewerDatabaseError:
        raise  # whoever asks would go on to write
    except MonitorError:
        return None


def _unread(submit_dir: SubmitDir, stored: _Stored | None) -> int:
    """Bytes of the log of this run that are not stored."""
    if stored is None:
        return 0
    log = jobstate_log(submit_dir)
    debug_log = submit_dir.dagman_out
    if log.name not in stored.offsets and (debug_log.name in stored.offsets or files.mode_of(log) is None):
        log = debug_log
    try:
        return max(0, log.stat().st_size - stored.offsets.get(log.name, 0))
    except FileNotFoundError:
        return 0
