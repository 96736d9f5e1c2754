"""The one way of an event: new lines -> events -> rows -> one commit. A restart is the same way from the cursor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from condor_templates.policy import JobClass
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir, jobstate_log_of
from dag_rewriter.language.text import show_bytes
from dag_rewriter.logs.events import DagmanEvent, JobstateLine, Malformed, NodeEvent
from dag_rewriter.model.dag import NodeKind
from dag_rewriter.rewriting.originals import monitor_of
from monitord_job.errors import CannotWorkError
from monitord_job.logs.tail import Cursor, read_new_lines, read_rotated
from monitord_job.recording.job_files import JobFileReader
from monitord_job.recording.job_logs import NodesLogReader, left_since
from monitord_job.recording.log_source import Source, pick_source
from monitord_job.recording.metrics_reader import cluster_of, dagman_metrics, planned_metrics
from monitord_job.recording.store import Changes, Store
from monitord_job.recording.subworkflows import SubWorkflow, find
from monitord_job.stampede.job_plans import plans_of
from monitord_job.stampede.leftover_jobs import begins_anew, in_queue_yet
from monitord_job.stampede.rows import QuarantineRow, Row, SubWorkflowRow
from monitord_job.stampede.state import JobDescription, JobFiles, JobPlan, RunState, WorkflowState
from monitord_job.stampede.static_rows import dag_rows, static_rows, unplanned_rows, workflow_row
from monitord_job.stampede.transitions import (
    BOUNDS,
    Turn,
    apply_dagman,
    apply_node,
    dagman_left,
    detail_wanted,
    files_due,
    pass_on,
)
from monitord_job.text.unprintable import excerpt

if TYPE_CHECKING:
    from monitord_job.recording.completion_watch import RestWatch

TURN_BYTES = 1 << 19
"""Bytes of the JOBSTATE_LOG in one transaction: about 8,000 events, half a second."""
_STATIC_BYTES = 1 << 16
"""Bytes of a static.bp that are read at once: most of these pieces have lines of one kind alone."""
_NO_FILES = JobFiles()
_LOST_DETAILS = (
    "the file was replaced or cut (a rescue run does that): hosts, hold reasons and exit codes of POST scripts that "
    "followed this byte are lost"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step did: how many lines it read, whether it left nothing unread, which sub-workflows began."""

    lines: int
    at_end: bool
    begun: tuple[SubWorkflow, ...] = ()


NOTHING_NEW = Progress(0, at_end=True)
Looks = tuple[tuple[int, ...], ...]
"""How files look from outside: inode, size and times of each; nothing of one that is not there."""


class Ingest:
    """Brings the database of one submit directory up to its logs, step by step. The caller holds the lock."""

    def __init__(self, submit_dir: SubmitDir, store: Store, parent: str | None = None) -> None:
        if submit_dir.wf_uuid is None:
            where = str(submit_dir.path / "braindump.yml")
            raise CannotWorkError(where, "it has no wf_uuid", "plan the workflow again")
        self.wf_uuid = submit_dir.wf_uuid
        self._parent = parent
        self._dir = submit_dir
        self._store = store
        whole = read_whole(submit_dir)
        dag = whole.dag
        monitor = monitor_of(submit_dir)
        is_ours = not submit_dir.static_bp.exists()
        self.plans = plans_of(whole, None if monitor is None else monitor.name, is_ours=is_ours)
        is_job = monitor is not None and monitor.kind is NodeKind.JOB
        self.watch = _watch(submit_dir, monitor.name) if monitor is not None and is_job else None
        """only where DAGMan waits for the monitor"""
        self.jobstate_log = jobstate_log_of(submit_dir, dag)
        self._source: Source | None = None
        self._files = JobFileReader(submit_dir)
        self._state: RunState | None = None
        self._metrics_of: str | None = None
        self._cursors: dict[str, Cursor] = {}

    def describe(self, plan: JobPlan) -> JobDescription:
        """What the submit file of one of the jobs says."""
        return self._files.describe(plan)

    @property
    def workflow(self) -> WorkflowState:
        """How far the run is, as committed."""
        return self._loaded().workflow

    @property
    def ended(self) -> bool:
        """Whether DAGMan has written its last line, and no other one has started since."""
        return self.workflow.status is not None and not self.workflow.running

    def open(self) -> None:
        """Make the database if need be, load the plan if it is not in it yet, and take up where it stands."""
        self._store.create()
        self._cursors = self._store.load_cursors(self.wf_uuid)
        if self._dir.static_bp.name not in self._cursors:
            self._load_plan()
        else:
            added = list(unplanned_rows(self.plans, self._store.load_jobs(self.wf_uuid)))
            if added:
                self.store_rows([*added])
        row = workflow_row(self._dir.braindump, self._dir.dag)
        fresh = RunState(self.wf_uuid, row.user, row.submit_dir, self.plans)
        self._state = self._store.load_state(fresh)
        self._metrics_of = self._store.load_dagman_of_metrics(self.wf_uuid)
        if self.watch is not None:
            source = self._pick()
            end = self._cursors.get(source.path.name, Cursor()).offset
            self.watch.hear_again(source.events_before(end))

    def step(self) -> Progress:
        """Read some lines and commit what follows from them, as one transaction."""
        source = self._pick()
        before = self._cursors.get(source.path.name, Cursor())
        reading = read_new_lines(source.path, before, TURN_BYTES)
        if reading.replaced:
            reading = read_rotated(source.path, before, reading, TURN_BYTES)
        memo, events = source.events("" if reading.replaced else before.memo, reading.lines)
        turn = Turn(self._loaded())
        ahead = self._ahead(turn)
        offsets: list[int] = []  # of the lines, as soon as one is to be kept as it stands
        for place, (number, event) in enumerate(events):
            if event.__class__ is not NodeEvent:
                then = events[place + 1][1] if place + 1 < len(events) else None
                if begins_anew(event, then):
                    self._hear_late(turn, until=event.time)
            if event.__class__ is Malformed:
                offsets = offsets or _offsets(reading.lines, reading.cursor.offset)
            self._apply(turn, event, offsets[number] if offsets else 0, ahead)
        more = reading.at_end and ahead.advance()
        changed = self._changed(ahead, replace(reading.cursor, memo=memo))
        if reading.replaced:
            turn.rows.append(self._replaced())
        self._commit(turn, changed)
        begun = tuple(SubWorkflow(*row[:-1]) for row in turn.begun) if changed else ()
        return Progress(len(reading.lines), reading.at_end and not more, begun)

    def hear_late(self) -> bool:
        """Store how jobs have left whose DAGMan was gone by then; whether some of them are in the queue yet."""
        turn = Turn(self._loaded())
        left = self._hear_late(turn)
        self._commit(turn, {})  # does nothing if there is nothing
        return left

    def _hear_late(self, turn: Turn, until: float = inf) -> bool:
        if turn.workflow.status is None or turn.workflow.running:
            return False
        jobs = in_queue_yet({**turn.before.nodes, **turn.nodes}.items())
        for event in left_since(self._dir, jobs) if jobs else ():
            if event.time <= until:
                apply_node(turn, event, self._files_for(turn, event))
        return bool(jobs) and bool(in_queue_yet({**turn.before.nodes, **turn.nodes}.items()))

    def looks(self) -> Looks:
        """How the log looks that DAGMan writes; the nodes.log has nothing to add until that one has grown."""
        source = self._source
        if source is not None and self._cursors.get(source.path.name, Cursor()).offset:
            return (_looks(source.path),)
        return _looks(self.jobstate_log), _looks(self._dir.dagman_out)

    def end_run(self, time: int, code: int) -> None:
        """Store that the run has ended, for a DAGMan that left no last line of its own."""
        turn = Turn(self._loaded())
        ahead = self._ahead(turn)
        source = self._pick()
        before = self._cursors.get(source.path.name, Cursor())
        memo, waiting = source.rest(before.memo)
        for event in waiting:
            self._apply(turn, event, before.offset, ahead)
        dagman_left(turn, time, code)
        self._commit(turn, self._changed(ahead, replace(before, memo=memo)))

    @property
    def metrics_due(self) -> bool:
        """Whether DAGMan has ended and its metrics are not stored: it writes them after its last line."""
        return self._lacks_metrics(self.workflow)

    def _lacks_metrics(self, workflow: WorkflowState) -> bool:
        ended = workflow.status is not None and not workflow.running
        return ended and self._metrics_of != cluster_of(workflow.dagman_id)

    def _commit(self, turn: Turn, cursors: dict[str, Cursor]) -> None:
        """Store what the turn brought, if anything, and DAGMan's metrics as soon as they are there."""
        ended = turn.workflow
        metrics = dagman_metrics(self._dir, ended.dagman_id) if self._lacks_metrics(ended) else []
        turn.rows.extend(metrics)
        if not (cursors or turn.rows or turn.workflow != turn.before.workflow):
            return
        self._store.commit(self.wf_uuid, Changes(turn.rows, cursors, turn))
        self._cursors.update(cursors)
        self._state = turn.absorbed()
        if metrics:
            self._metrics_of = cluster_of(ended.dagman_id)

    def _loaded(self) -> RunState:
        assert self._state is not None, "open() comes first"
        return self._state

    def _pick(self) -> Source:
        # Until something was read: which log DAGMan writes shows when it has begun.
        read_before = {name for name, cursor in self._cursors.items() if cursor.offset}
        if self._source is None or self._source.path.name not in read_before:
            self._source = pick_source(self._dir, self.jobstate_log, read_before)
        return self._source

    def _ahead(self, turn: Turn) -> NodesLogReader:
        nodes_log = self._dir.nodes_log
        return NodesLogReader(nodes_log, self._cursors.get(nodes_log.name, Cursor()), turn)

    def _picked(self) -> Source:
        assert self._source is not None, "step() comes first"
        return self._source

    def _changed(self, ahead: NodesLogReader, cursor: Cursor) -> dict[str, Cursor]:
        """How far the two logs were read now, where that is not how far they were read before."""
        cursors = {self._dir.nodes_log.name: ahead.cursor, self._picked().path.name: cursor}
        return {name: new for name, new in cursors.items() if self._cursors.get(name) != new}

    def _apply(self, turn: Turn, event: JobstateLine, offset: int, ahead: NodesLogReader) -> None:
        event = event if self.watch is None else self.watch.hear(event)
        if isinstance(event, NodeEvent):
            self._apply_node(turn, event, ahead)
        elif isinstance(event, DagmanEvent):
            apply_dagman(turn, event)
        else:
            turn.rows.append(
                QuarantineRow(self._picked().path.name, offset, event.reason, excerpt(event.text))
            )

    def _apply_node(self, turn: Turn, event: NodeEvent, ahead: NodesLogReader) -> None:
        if turn.workflow.rival is not None:
            pass_on(turn, event.time)
        while detail_wanted(turn, event):
            if not ahead.advance():
                if ahead.lost_from is not None:
                    lost = QuarantineRow(self._dir.nodes_log.name, ahead.lost_from, _LOST_DETAILS, "")
                    turn.rows.append(lost)
                    ahead.lost_from = None
                break
        files = self._files_for(turn, event) if event.state in BOUNDS else _NO_FILES
        apply_node(turn, event, files)
        if event.state == "SUBMIT":
            self._note_sub_workflow(turn, event, files)

    def _note_sub_workflow(self, turn: Turn, event: NodeEvent, files: JobFiles) -> None:
        plan = self.plans.get(event.node)
        if plan is not None and (
            plan.is_subdag or files.description.job_class == JobClass.SUB_WORKFLOW.value
        ):
            node = turn.node(event.node)
            found = find(self._dir, plan, node.seq, node.submits - 1)
            if found is not None:
                turn.begun.append(SubWorkflowRow(*found, settled=False))
                turn.rows.append(turn.begun[-1])

    def attempt_ended(self, found: SubWorkflow) -> bool:
        """Whether the attempt that runs a sub-workflow is over, as far as DAGMan of this workflow has said."""
        node = self._loaded().nodes.get(found.job)
        return node is not None and (node.seq > found.seq or node.ended is not None)

    def ended_well(self, found: SubWorkflow) -> bool:
        """Whether the newest attempt at the node that runs a sub-workflow succeeded."""
        node = self._loaded().nodes.get(found.job)
        return node is not None and node.exitcode == 0 and not node.post_exit

    def ended_at(self, found: SubWorkflow) -> int:
        """When that attempt was over, in seconds since the epoch; its successor's time if only that is known."""
        node = self._loaded().nodes[found.job]
        return node.ended or node.executed or node.pre_started or 0

    def store_rows(self, rows: list[Row]) -> None:
        """Store rows that follow from no line of this workflow's own logs."""
        self._store.commit(self.wf_uuid, Changes(rows))

    def _files_for(self, turn: Turn, event: NodeEvent) -> JobFiles:
        due = files_due(turn, event)
        return self._files.read(due) if due else _NO_FILES

    def _load_plan(self) -> None:
        static = self._dir.static_bp
        # Filled while the rows are written: the plan of a large workflow is never in memory as a whole.
        cursors = {static.name: Cursor()}
        if static.exists():
            rows = static_rows(_pieces(static, cursors), static.name, self.plans)
        else:
            # Read once more: kept from the beginning, the DAG would take more memory than all that is made of it.
            edges = (
                (show_bytes(parent), show_bytes(child)) for parent, child in read_whole(self._dir).edges()
            )
            rows = dag_rows(self.plans, edges, self._files.describe)
        self._store.commit(
            self.wf_uuid, Changes(chain([self._workflow_row()], rows, planned_metrics(self._dir)), cursors)
        )
        self._cursors.update(cursors)

    def _workflow_row(self) -> Row:
        return workflow_row(self._dir.braindump, self._dir.dag, self._parent)

    def _replaced(self) -> QuarantineRow:
        name = self._picked().path.name
        offset = self._cursors[name].offset
        reason = (
            "the file was replaced or cut; it is read from its beginning, what followed this byte is lost"
        )
        return QuarantineRow(name, offset, reason, "")


def _watch(submit_dir: SubmitDir, monitor: str) -> RestWatch:
    from monitord_job.recording.completion_watch import RestWatch  # with all that reads rescue DAGs

    return RestWatch(submit_dir, monitor)


def _pieces(path: Path, cursors: dict[str, Cursor]) -> Iterator[list[bytes]]:
    while True:
        reading = read_new_lines(path, cursors[path.name], _STATIC_BYTES)
        cursors[path.name] = reading.cursor
        if reading.lines:
            yield reading.lines
        if reading.at_end:
            return


def _looks(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116 - for thousands of files at each look, half the time of Path.stat
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _offsets(lines: list[bytes], end: int) -> list[int]:
    """Where each line begins in its file; `end` is the offset after the last line."""
    sizes = [len(line) + 1 for line in lines]
    return list(accumulate(sizes, initial=end - sum(sizes)))
