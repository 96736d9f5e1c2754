"""Reads the user logs of a DAG's nodes: ahead, for details; of jobs that outlive their DAGMan, to their end."""

from __future__ import annotations

import mmap
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.files import search, stream_of
from dag_rewriter.logs.events import NodeEvent, NodeLogEvent, NodeLogKind
from dag_rewriter.logs.failed_jobs import LONGEST_SETTING, TOLERATES, Failures, NodeJobs
from dag_rewriter.logs.user_log import EVENT_END
from monitord_job.logs import nodes_log
from monitord_job.logs.tail import CHUNK, TOO_LONG, Cursor, read_new_lines, read_tail
from monitord_job.recording.log_source import zone_of
from monitord_job.stampede.rows import QuarantineRow
from monitord_job.stampede.state import JobPlan
from monitord_job.stampede.turn import MAX_DETAILS, DetailNeeded, Turn
from monitord_job.text.unprintable import text_of

_NODES_LOG_BYTES = 1 << 18
_LOST_DETAILS = (
    "the file was replaced or cut (a rescue run does that): hosts, hold reasons and exit codes of POST scripts that "
    "followed this byte are lost"
)
_TOO_MANY = f"more than {MAX_DETAILS} events of one job wait for lines of DAGMan's; those after this byte are not kept"


class NodesLogReader:
    """Reads the nodes.log ahead as far as the lines of the JOBSTATE_LOG in one turn ask for it."""

    def __init__(self, path: Path, cursor: Cursor, turn: Turn) -> None:
        self._path = path
        self._turn = turn
        self.cursor = cursor
        self._lost_from: int | None = None
        """where reading had come to when the file was found to be another one"""

    @property
    def name(self) -> str:
        """What its cursor is kept under."""
        return self._path.name

    def advance(self) -> bool:
        """Read some more events into the turn; False if there are none."""
        reading = read_new_lines(self._path, self.cursor, _NODES_LOG_BYTES, EVENT_END)
        if reading.replaced:
            self._lost_from = self.cursor.offset
        kept = [self._turn.add_detail(event) for event in nodes_log.parse_all(reading.lines)]
        if not all(kept):
            self._turn.rows.append(QuarantineRow(self._path.name, self.cursor.offset, _TOO_MANY, ""))
        if reading.too_long is not None:
            self._turn.rows.append(QuarantineRow(self._path.name, reading.too_long, TOO_LONG, ""))
        self.cursor = reading.cursor
        return bool(reading.lines) or reading.too_long is not None

    def read_until(self, wanted: DetailNeeded) -> None:
        """Read on until that event is there, or nothing more."""
        while self._turn.lacks(wanted):
            if not self.advance():
                if self._lost_from is not None:
                    lost = QuarantineRow(self._path.name, self._lost_from, _LOST_DETAILS, "")
                    self._turn.rows.append(lost)
                    self._lost_from = None
                return


class MessageReader:
    """Reads DAGMan's debug log ahead as far as the lines of the JOBSTATE_LOG in one turn ask for it: seldom at all."""

    def __init__(self, submit_dir: SubmitDir, cursor: Cursor, turn: Turn) -> None:
        self._dir = submit_dir
        self._path = submit_dir.dagman_out
        self._turn = turn
        self.cursor = cursor

    def read_until(self, wanted: DetailNeeded) -> None:
        """Read on until that message is there, or nothing more."""
        from monitord_job.logs import dagman_out_details  # seldom needed

        while self._turn.lacks(wanted):
            reading = read_new_lines(self._path, self.cursor, CHUNK)
            memo = "" if reading.replaced else self.cursor.memo
            memo, messages = dagman_out_details.parse_lines(memo, reading.lines)
            if reading.replaced:  # of what was told before, only the newest can be what is asked for
                messages = list({(message.job, message.kind): message for message in messages}.values())
            for message in messages:
                self._turn.add_detail(self._in_full(message))
            self.cursor = replace(reading.cursor, memo=memo)
            if reading.at_end and reading.too_long is None:
                return

    def _in_full(self, message: NodeLogEvent) -> NodeLogEvent:
        """The message; of a sub-DAG that condor_submit_dag refused with that program's own words."""
        plan = self._turn.before.plans.get(message.job)
        if message.kind is not NodeLogKind.SUBMIT_FAILED or plan is None or not plan.dag_file:
            return message
        said = _refusal_of_submit_dag(self._dir, plan.dag_file)
        return message._replace(value=": ".join(filter(None, (message.value, said))))


class FailureReader:
    """How many jobs of a node failed, from DAGMan's debug log: of runs alone in which some may fail."""

    def __init__(self, plans: Iterable[JobPlan]) -> None:
        self._failures = Failures()
        self._cursor = Cursor()
        self._looked_to = 0
        self._some_may_fail = any(plan.tolerance is not None for plan in plans)
        self._is_sure = self._some_may_fail

    def dagman_started(self) -> None:
        """It has its settings from its environment, and may have others than the one before it."""
        self._is_sure = self._some_may_fail

    def of(self, submit_dir: SubmitDir, job: str | None) -> NodeJobs | None:
        """The jobs of a cluster, of which `job` (`cluster.proc`) is one; None if DAGMan's own word tells all."""
        if not self._is_sure:
            self._look_for_setting(submit_dir.dagman_out)
        if job is None or not self._some_may_fail:
            return None
        at_end = False
        while not at_end:
            reading = read_new_lines(submit_dir.dagman_out, self._cursor, CHUNK)
            if reading.replaced:
                self._failures = Failures()
            self._failures.read(reading.lines)
            self._cursor, at_end = reading.cursor, reading.at_end
        return self._failures.of(job)

    def _look_for_setting(self, path: Path) -> None:
        self._some_may_fail, self._looked_to = search(path, TOLERATES, LONGEST_SETTING, self._looked_to)
        self._is_sure = True


_TAIL = 1 << 16


def _refusal_of_submit_dag(submit_dir: SubmitDir, dag_file: str) -> str:
    """DAGMan starts condor_submit_dag for a sub-DAG, which writes to DAGMan's stderr; the last line about that DAG."""
    name = posixpath.basename(dag_file)
    with suppress(OSError, RewriterError):
        lines = read_tail(submit_dir.path / f"{submit_dir.dag}.lib.err", _TAIL).split(b"\n")
        told = (text_of(line).strip() for line in lines if line.startswith(b"ERROR: "))
        return next((line for line in reversed([*told]) if name in line), "")
    return ""


Reader = Callable[[mmap.mmap, Mapping[str, str], tzinfo | None, float], Iterable[NodeEvent]]


def leftover_events(
    submit_dir: SubmitDir, jobs: Mapping[str, str], read: Reader = nodes_log.leftover_events
) -> Iterator[NodeEvent]:
    """How some of these jobs (`cluster.proc` -> node) left. Pegasus gives all jobs one log, which no DAGMan empties."""
    zone = zone_of(submit_dir.braindump.get("timestamp"))
    waiting = dict(jobs)
    for path in (submit_dir.condor_log, submit_dir.nodes_log):
        if not waiting or not _has_bytes(path):
            continue
        with stream_of(path) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as log:
            events = list(read(log, waiting, zone, path.stat().st_mtime))
        nodes = {event.node for event in events}
        waiting = {job: node for job, node in waiting.items() if node not in nodes}
        yield from events


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
