"""The runs of a user, of an access point or of a database, and how each stands: what `bridle list` shows."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import FileError
from dag_rewriter.logs import dagman_log
from dag_rewriter.logs.dagman_log import DagmanJob
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.diagnosis.legibility import dagman_metrics
from monitord_job.diagnosis.monitors import MonitorSeen, is_wanted, monitor_of, seen_in
from monitord_job.diagnosis.run_states import OVER, Condition, Monitor
from monitord_job.errors import ScheddError
from monitord_job.logs.dagman_out_summary import last_word, node_counts
from monitord_job.logs.tail import read_tail
from monitord_job.runs.kept_figures import KeptFigures
from monitord_job.runs.places import places_of
from monitord_job.runs.records import RescueDags, record_at, stored_at
from monitord_job.runs.run_condition import Witnesses, condition_of
from monitord_job.runs.run_record import RunRecord, with_held

_AT_ONCE = 4
_TAIL = 1 << 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs: the caller's, and with `all_users` those of others in the queue; or those below a folder; or those
    in the database at a URL.
    """

    all_users: bool = False
    folder: Path | None = None
    url: str | None = None
    uuids: Collection[str] | None = None
    """of that database: only these"""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run and how it stands. Times in seconds since the epoch."""

    record: RunRecord
    condition: Condition
    monitor: Monitor | None
    """None: it has none, or needs none"""
    job: str | None
    """the DAGMan job in the queue, or the last one"""
    noted: int = 0
    """when it was submitted or rewritten first, as far as that is known"""

    @property
    def since(self) -> int | None:
        """When it ended, or began to run; None: not yet, or not known."""
        return self.record.ended if self.condition in OVER else self.record.begun

    @property
    def newest(self) -> int:
        """By what the newest run is the first."""
        return max(self.record.begun or 0, self.noted)


@dataclass(frozen=True, slots=True)
class Listing:
    """The newest first; `silence`: why the queue could not be asked, empty if it was."""

    runs: tuple[ListedRun, ...]
    silence: str = ""


def list_runs(wanted: Wanted) -> Listing:
    """All that are found, as they were stored last. Raises MonitorError if the database at the URL cannot be read."""
    queue, silence = _queue()
    runs = [_listed(record, job, noted, queue) for record, job, noted in _records(wanted, queue or [])]
    runs.sort(key=lambda run: (-run.newest, run.record.name, run.record.directory))
    return Listing(tuple(runs), silence)


def _queue() -> tuple[list[QueuedJob] | None, str]:
    from monitord_job.schedd import all_dagmans_and_held

    try:
        return all_dagmans_and_held(), ""
    except ScheddError as error:
        return None, error.what


def _records(wanted: Wanted, queue: list[QueuedJob]) -> Iterator[tuple[RunRecord, QueuedJob | None, int]]:
    if wanted.url is not None:
        jobs = {str(job.dag_file): job for job in queue if job.dag_file is not None}
        for record in stored_at(wanted.url, wanted.uuids):
            yield record, jobs.get(record.dag_file), 0
        return
    kept = KeptFigures()
    places = places_of(queue, folder=wanted.folder, all_users=wanted.all_users)
    for place, record in zip(places, _at([place.path for place in places], kept), strict=True):
        yield record, place.job, place.noted
    kept.write()


def _at(paths: Sequence[Path], kept: KeptFigures) -> list[RunRecord]:
    """The runs at these places, a few at a time: SQLite's work, most of a first look, goes on beside Python's."""
    known = {path: record for path in paths if (record := kept.get(path)) is not None}
    new = [path for path in paths if path not in known]
    if not new:
        return [known[path] for path in paths]
    rescue_dags = RescueDags()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Each in a context of its own: the properties of the command line are in it.
        looks = [pool.submit(copy_context().run, record_at, path, kept, rescue_dags) for path in new]
        known |= {path: look.result() for path, look in zip(new, looks, strict=True)}
    return [known[path] for path in paths]


def _listed(record: RunRecord, job: QueuedJob | None, noted: int, queue: list[QueuedJob] | None) -> ListedRun:
    witnesses = _witnesses(record, job, asked=queue is not None)
    condition = condition_of(record, witnesses)
    monitor = _monitor(record, condition, job, queue or ())
    if condition in OVER and record.ended is None:
        record = replace(record, counts={})  # what its last jobs did is in its logs, and not stored yet
    if job is not None and record.ended is None:
        record = with_held(record, *_held(queue or [], _cluster(job)))
    last = witnesses.last.job if witnesses.last is not None else record.job
    return ListedRun(record, condition, monitor, (last or None) if job is None else job.job, noted)


def _held(queue: Sequence[QueuedJob], cluster: int) -> tuple[int, int]:
    """How many nodes of a DAGMan are on hold in the queue, and of those below it."""
    below, found = {cluster}, {0}
    while found:
        found = {_cluster(job) for job in queue if job.is_dagman and job.parent in below} - below
        below |= found
    held = [
        job for job in queue if job.status == JobStatus.HELD and job.parent in below and not job.is_monitor
    ]
    own = {job.node for job in held if job.parent == cluster}
    return len(own), len({(job.parent, job.node) for job in held if job.parent != cluster})


def _witnesses(record: RunRecord, job: QueuedJob | None, *, asked: bool) -> Witnesses:
    now = int(time.time())
    if job is None and record.ended is not None:
        return Witnesses(now, asked)  # nothing else counts
    dag_file = Path(record.dag_file)
    here = _is_there(dag_file)
    last = None if job is not None else _last_job(dag_file)
    return Witnesses(
        now,
        asked,
        job,
        last,
        *(_own_words(dag_file) if last is not None and last.ended else (None, None)),
        here and files.is_locked(dag_file.with_name(f"{dag_file.name}.lock")),
        _is_there(dag_file.with_name(f"{dag_file.name}.halt")),
        here,
    )


def _last_job(dag_file: Path) -> DagmanJob | None:
    """As the schedd has written it down, or DAGMan at its end."""
    job = None
    with suppress(FileError):
        job = dagman_log.parse(files.read_if_there(dag_file.with_name(f"{dag_file.name}.dagman.log")) or b"")
    code = None if job is not None else dagman_metrics(dag_file).get("exitcode")
    return DagmanJob("", ended=True, code=code) if isinstance(code, int) else job


def _own_words(dag_file: Path) -> tuple[int | None, int | None]:
    """With what the last DAGMan left, and how many nodes had failed then, as its debug log has it."""
    with suppress(FileError, OSError):
        tail = read_tail(dag_file.with_name(f"{dag_file.name}.dagman.out"), _TAIL)
        counts = node_counts(tail)
        return last_word(tail).ended, None if counts is None else counts.failed
    return None, None


def _is_there(path: Path) -> bool:
    with suppress(FileError):
        return files.mode_of(path) is not None
    return False


def _monitor(
    record: RunRecord, condition: Condition, job: QueuedJob | None, queue: Sequence[QueuedJob]
) -> Monitor | None:
    dag_file = Path(record.dag_file)
    run = SubmitDir(dag_file.parent, {}, dag_file.name)
    jobs = [one for one in queue if job is not None and one.is_monitor and one.parent == _cluster(job)]
    wanted = False
    with suppress(FileError):
        wanted = is_wanted(run.monitor_submit)
    seen = MonitorSeen(seen_in(run.lock, jobs), wanted, 0 if job is None else job.started)
    return monitor_of(condition, seen, int(time.time()))


def _cluster(job: QueuedJob) -> int:
    return int(job.job.partition(".")[0])


def chosen(runs: Sequence[ListedRun], states: Sequence[str], since: float | None) -> list[ListedRun]:
    """Those in one of these states (all, if none is named), and no older than `since` (seconds since the epoch)."""
    from monitord_job.runs.run_condition import is_live, word_of

    def fits(run: ListedRun) -> bool:
        words = {word_of(run.condition), "live" if is_live(run.condition) else ""}
        words.add("ended" if run.condition in OVER else "")
        return not states or not words.isdisjoint(states)

    return [run for run in runs if fits(run) and (since is None or run.newest >= since)]
