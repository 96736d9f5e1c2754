"""The event pipeline: new lines -> events -> rows -> one commit. A restart is the same from the cursor."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir, jobstate_log_of, with_places
from dag_rewriter.logs.events import DagmanEvent, JobstateLine, Malformed, NodeEvent
from dag_rewriter.logs.failed_jobs import JOB_ENDS, judged
from dag_rewriter.model.dag import NodeKind
from dag_rewriter.rewriting.originals import monitor_of
from monitord_job.errors import CannotWorkError
from monitord_job.logs.tail import TOO_LONG, Cursor, Reading, read_new_lines, read_rotated
from monitord_job.recording.job_files import JobFileReader
from monitord_job.recording.job_logs import FailureReader
from monitord_job.recording.log_source import Numbered, Source, pick_source
from monitord_job.recording.metrics_reader import cluster_of, dagman_metrics
from monitord_job.recording.plan_rows import plan_changes
from monitord_job.recording.quarantine import MAX_ROWS, nth_row
from monitord_job.recording.recorder import Recorder
from monitord_job.recording.store import Changes, Store
from monitord_job.recording.subworkflows import SubWorkflow
from monitord_job.stampede.job_plans import plans_of
from monitord_job.stampede.known_events import KnownEvents
from monitord_job.stampede.leftover_jobs import starts_without_recovery
from monitord_job.stampede.rows import QuarantineRow, Row
from monitord_job.stampede.state import JobDescription, JobPlan, RunState, WorkflowState
from monitord_job.stampede.static_rows import unplanned_rows, workflow_row
from monitord_job.stampede.turn import Turn
from monitord_job.stampede.workflow_transitions import end_without_last_line, refuse
from monitord_job.text.unprintable import excerpt

if TYPE_CHECKING:
    from monitord_job.recording.completion_watch import CompletionWatch

TURN_BYTES = 1 << 19
"""Bytes of the JOBSTATE_LOG in one transaction: about 8,000 events, half a second."""
_REPLACED = "the file was replaced or cut; it is read from its beginning, what followed this byte is lost"

_LATER_IN_DAGMAN_OUT = 2
"""Seconds: DAGMan stamps its debug log when it writes, the JOBSTATE_LOG with the time of the event."""


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
        is_unplanned = not submit_dir.static_bp.exists()
        # DAGMan numbers the nodes of several DAGs by their DAG; the monitor is one of the first.
        number = "0." if submit_dir.places.dags else ""
        name = None if monitor is None else number + monitor.name
        self.plans = plans_of(whole, name, is_unplanned=is_unplanned)
        self._failures = FailureReader(self.plans.values())
        is_job = monitor is not None and monitor.kind is NodeKind.JOB
        self.watch = _watch(submit_dir, name, self._judged) if name is not None and is_job else None
        """only where DAGMan waits for the monitor"""
        self.jobstate_log = jobstate_log_of(submit_dir, dag)
        self._source: Source | None = None
        self._files = JobFileReader(submit_dir)
        self._state: RunState | None = None
        self._metrics_of: str | None = None
        self._cursors: dict[str, Cursor] = {}
        self._known: KnownEvents | None = None
        """what is stored, where a log is not the one that was read"""
        self._set_aside_of: dict[str, int] = {}
        """lines of a log that are in quarantine, once it has one"""
        # Apart from how far it was read for the events of a run without a JOBSTATE_LOG.
        self._messages = f"{submit_dir.dagman_out.name}: messages"

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
        stored = self._store.stored(self.wf_uuid)
        self._cursors = stored.cursors()
        if self._dir.static_bp.name not in self._cursors:
            changes = plan_changes(self._dir, self.plans, self._files.describe, self._parent)
            self._store.commit(self.wf_uuid, changes)
            self._cursors.update(changes.cursors)
        else:
            added = list(unplanned_rows(self.plans, stored.jobs()))
            if added:
                self.store_rows([*added])
        row = workflow_row(self._dir.braindump, self._dir.dag)
        fresh = RunState(self.wf_uuid, row.user, row.submit_dir, self.plans)
        self._state = stored.state(fresh)
        self._mark_services()
        self._metrics_of = stored.dagman_of_metrics()
        source = self._pick()
        if self.watch is not None:
            self.watch.hear_again(source.events_before(self._cursor(source).offset))
        self._known = self._load_known(source) if stored.was_read_anew(_REPLACED) else None

    def _load_known(self, source: Source) -> KnownEvents:
        """What is stored, but for what the log has before the cursor: that does not come again."""
        known = self._stored_events(source)
        for event in source.events_before(self._cursor(source).offset):
            known.repeats(event)
        return known

    def _mark_services(self) -> None:
        """A database of an earlier version does not say which nodes are SERVICE nodes."""
        turn = Turn(self._loaded())
        for name, plan in self.plans.items():
            if plan.is_service and turn.node(name).seq and not turn.node(name).service:
                turn.node_to_change(name).service = True
        if turn.nodes:
            self._store.commit(self.wf_uuid, Changes([], {}, turn))
            self._state = turn.absorbed()

    def step(self) -> Progress:
        """Read some lines and commit what follows from them, as one transaction."""
        source = self._pick()
        before = self._cursor(source)
        reading = read_new_lines(source.path, before, TURN_BYTES)
        if reading.replaced:
            reading = read_rotated(source.path, before, reading, TURN_BYTES)
        memo, events = source.events("" if reading.replaced else before.memo, reading.lines)
        reads_anew = reading.replaced or (self._reads_anew(before) and bool(events))
        if reads_anew:
            self._known = self._stored_events(source)
        if self._known is not None:
            known = self._known
            events = [(number, event) for number, event in events if not known.repeats(event)]
        recorder = self._recorder()
        self._apply_all(recorder, events, reading)
        more = reading.at_end and recorder.nodes_log.advance()
        if reads_anew:
            recorder.turn.rows.append(QuarantineRow(source.path.name, before.offset, _REPLACED, ""))
        if reading.too_long is not None:
            recorder.turn.rows.append(QuarantineRow(source.path.name, reading.too_long, TOO_LONG, ""))
        begun = recorder.turn.begun
        moved = self._commit(recorder, replace(reading.cursor, memo=memo))
        sub_workflows = tuple(SubWorkflow(*row[:-1]) for row in begun) if moved else ()
        return Progress(len(reading.lines), reading.at_end and not more, sub_workflows)

    def _stored_events(self, source: Source) -> KnownEvents:
        known = self._store.stored(self.wf_uuid).events()
        if source.path != self.jobstate_log and self.jobstate_log.name in self._cursors:
            known.slack = _LATER_IN_DAGMAN_OUT
        return known

    def _reads_anew(self, before: Cursor) -> bool:
        """Whether what is stored came from another log, or from this one before its cursor was lost."""
        return not before.offset and self._known is None and self.workflow.restart_count >= 0

    def _apply_all(self, recorder: Recorder, events: Numbered, reading: Reading) -> None:
        offsets: list[int] = []  # of the lines, as soon as one is to be kept as it stands
        for place, (number, event) in enumerate(events):
            if isinstance(event, NodeEvent):  # nearly always
                recorder.apply(event if self.watch is None else self.watch.hear(event))
                continue
            if isinstance(event, DagmanEvent):
                then = events[place + 1][1] if place + 1 < len(events) else None
                if starts_without_recovery(event, then):
                    recorder.apply_leftover_jobs(until=event.time)
            elif isinstance(event, Malformed):
                offsets = offsets or _offsets(reading.lines, reading.cursor.offset)
            self._apply(recorder, event, offsets[number] if offsets else 0)

    def _apply(self, recorder: Recorder, event: JobstateLine, offset: int) -> None:
        if isinstance(event, Malformed):
            self._set_aside(recorder, event, offset)
        else:
            recorder.apply(event if self.watch is None else self.watch.hear(event))

    def _set_aside(self, recorder: Recorder, event: Malformed, offset: int) -> None:
        file = self._pick().path.name
        if self._set_aside_of.get(file) is None:
            self._set_aside_of[file] = self._store.stored(self.wf_uuid).count_quarantined(file)
        if self._set_aside_of[file] + recorder.set_aside <= MAX_ROWS:
            row = QuarantineRow(file, offset, event.reason, excerpt(event.text))
            kept = nth_row(self._set_aside_of[file] + recorder.set_aside, row)
            recorder.turn.rows += [] if kept is None else [kept]
            recorder.set_aside += 1

    def record_leftover_jobs(self) -> bool:
        """Store how jobs have left whose DAGMan was gone by then; whether some of them are still queued."""
        recorder = self._recorder()
        left = recorder.apply_leftover_jobs()
        self._commit(recorder)
        return left

    def looks(self) -> Looks:
        """How the log looks that DAGMan writes; the nodes.log has nothing to add until that one has grown."""
        log = self.log_at_work
        if log is not None:
            return (_looks(log),)
        return _looks(self.jobstate_log), _looks(self._dir.dagman_out)

    @property
    def log_at_work(self) -> Path | None:
        """The log that DAGMan writes; None as long as nothing was read, for which one that is shows then."""
        source = self._source
        return source.path if source is not None and self._cursor(source).offset else None

    def end_run(self, time: int, code: int) -> None:
        """Store that the run has ended, for a DAGMan that left no last line of its own."""
        recorder, source = self._recorder(), self._pick()
        before = self._cursor(source)
        memo, waiting = source.held_back(before.memo)
        for event in waiting:
            self._apply(recorder, event, before.offset)
        end_without_last_line(recorder.turn, time, code)
        self._commit(recorder, replace(before, memo=memo))

    def refuse(self, dagman_id: str, began: int, ended: int, why: str) -> None:
        """Store that a DAGMan refused the DAG, if the log that is read cannot tell."""
        if self._pick().path == self.jobstate_log:
            recorder = self._recorder()
            refuse(recorder.turn, dagman_id, began, ended, why)
            self._commit(recorder)

    @property
    def metrics_due(self) -> bool:
        """Whether DAGMan has ended and its metrics are not stored: it writes them after its last line."""
        return self._lacks_metrics(self.workflow)

    def _lacks_metrics(self, workflow: WorkflowState) -> bool:
        ended = workflow.status is not None and not workflow.running
        return ended and self._metrics_of != cluster_of(workflow.dagman_id)

    def _commit(self, recorder: Recorder, cursor: Cursor | None = None) -> bool:
        """Store what the turn brought, if anything, and DAGMan's metrics as soon as they are there.

        `cursor` is how far the source of events is read now; whether a log was read further than before.
        """
        turn = recorder.turn
        dagman_id = turn.workflow.dagman_id
        metrics = dagman_metrics(self._dir, dagman_id) if self._lacks_metrics(turn.workflow) else []
        turn.rows.extend(metrics)
        now = {recorder.nodes_log.name: recorder.nodes_log.cursor}
        if recorder.messages.cursor.offset:
            now[self._messages] = recorder.messages.cursor
        if cursor is not None:
            now[self._pick().path.name] = cursor
        cursors = {name: new for name, new in now.items() if self._cursors.get(name) != new}
        if cursors or turn.rows or turn.workflow != turn.before.workflow:
            self._store.commit(self.wf_uuid, Changes(turn.rows, cursors, turn))
            self._cursors.update(cursors)
            self._state = turn.absorbed()
            if recorder.set_aside:
                self._set_aside_of[self._pick().path.name] += recorder.set_aside
            if metrics:
                self._metrics_of = cluster_of(dagman_id)
        return bool(cursors)

    def _loaded(self) -> RunState:
        assert self._state is not None, "open() comes first"
        return self._state

    def _pick(self) -> Source:
        # Until something was read: which log DAGMan writes shows when it has begun.
        read_before = {name for name, cursor in self._cursors.items() if cursor.offset}
        if self._source is None or self._source.path.name not in read_before:
            self._dir = with_places(self._dir)  # DAGMan has named them by then, whenever this was opened
            was_read = self.jobstate_log.name in self._cursors
            self._source = pick_source(self._dir, self.jobstate_log, read_before, was_read=was_read)
        return self._source

    def _cursor(self, source: Source) -> Cursor:
        return self._cursors.get(source.path.name, Cursor())

    def _recorder(self) -> Recorder:
        read_to = self._cursors.get(self._dir.nodes_log.name, Cursor())
        messages = self._cursors.get(self._messages, Cursor())
        turn = Turn(self._loaded())
        return Recorder(self._dir, self._files, turn, self._failures, read_to, messages)

    def _judged(self, event: NodeEvent, job: str | None) -> NodeEvent:
        plan = self.plans.get(event.node)
        if plan is None or plan.post is not None or event.state not in JOB_ENDS:
            return event
        return judged(event, plan.tolerance, self._failures.of(self._dir, job))

    def attempt_ended(self, sub_workflow: SubWorkflow) -> bool:
        """Whether the attempt that runs a sub-workflow is over, as far as DAGMan of this workflow has said."""
        node = self._loaded().nodes.get(sub_workflow.job)
        return node is not None and (node.seq > sub_workflow.seq or node.ended is not None)

    def ended_well(self, sub_workflow: SubWorkflow) -> bool:
        """Whether the newest attempt at the node that runs a sub-workflow succeeded."""
        node = self._loaded().nodes.get(sub_workflow.job)
        return node is not None and node.exitcode == 0 and not node.post_exit

    def ran_at(self, sub_workflow: SubWorkflow) -> tuple[str, int]:
        """The job of that attempt, and when it began, in seconds since the epoch."""
        node = self._loaded().nodes[sub_workflow.job]
        return node.sched_id or "", node.executed or self.ended_at(sub_workflow)

    def ended_at(self, sub_workflow: SubWorkflow) -> int:
        """When that attempt was over, in seconds since the epoch; its successor's time if only that is known."""
        node = self._loaded().nodes[sub_workflow.job]
        return node.ended or node.executed or node.pre_started or 0

    def store_rows(self, rows: list[Row]) -> None:
        """Store rows that follow from no line of this workflow's own logs."""
        self._store.commit(self.wf_uuid, Changes(rows))


def _watch(
    submit_dir: SubmitDir, monitor: str, judge: Callable[[NodeEvent, str | None], NodeEvent]
) -> CompletionWatch:
    from monitord_job.recording.completion_watch import CompletionWatch  # with all that reads rescue DAGs

    return CompletionWatch(submit_dir, monitor, judge)


def _looks(path: Path) -> tuple[int, ...]:
    try:
        status = os.stat(path)  # noqa: PTH116 - for thousands of files at each look, half the time of Path.stat
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _offsets(lines: list[bytes], end: int) -> list[int]:
    """Where each line begins in its file; `end` is the offset after the last line."""
    sizes = [len(line) + 1 for line in lines]
    return list(accumulate(sizes, initial=end - sum(sizes)))
