"""Applies events to a turn, each with what it needs from files."""

from __future__ import annotations

from collections.abc import ItemsView
from math import inf

from condor_templates.policy import JobClass
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.logs.events import ABORTED_BY, DagmanEvent, DagmanState, NodeEvent
from dag_rewriter.logs.failed_jobs import JOB_ENDS
from monitord_job.logs.dagman_out_summary import last_word
from monitord_job.logs.nodes_log import ends_of_clusters
from monitord_job.logs.tail import Cursor, read_tail
from monitord_job.recording.job_files import JobFileReader
from monitord_job.recording.job_logs import FailureReader, MessageReader, NodesLogReader, leftover_events
from monitord_job.recording.subworkflows import find
from monitord_job.stampede.leftover_jobs import half_told, still_queued
from monitord_job.stampede.rows import SubWorkflowRow
from monitord_job.stampede.state import NO_FILES, JobFiles, NodeState
from monitord_job.stampede.transitions import BOUNDS, DETAIL_OF, apply, detail_needed, files_needed
from monitord_job.stampede.turn import Turn

_BEGIN = Cursor()
_TAIL = 1 << 16
_SUB_WORKFLOW = JobClass.SUB_WORKFLOW.value


class Recorder:
    """One turn of a workflow at work. `nodes_log` and DAGMan's `messages` are read as far as the events ask for it."""

    def __init__(
        self,
        submit_dir: SubmitDir,
        files: JobFileReader,
        turn: Turn,
        failures: FailureReader,
        nodes_log_at: Cursor,
        messages_at: Cursor = _BEGIN,
    ) -> None:
        self._dir = submit_dir
        self._files = files
        self._failures = failures
        self.turn = turn
        self.nodes_log = NodesLogReader(submit_dir.nodes_log, nodes_log_at, turn)
        self.set_aside = 0
        """lines that went to the quarantine"""
        self.messages = MessageReader(submit_dir, messages_at, turn)

    def apply(self, event: NodeEvent | DagmanEvent, *, judged: bool = False) -> None:
        """Add to the turn what the event means. `judged`: it is no word of DAGMan's, which may tolerate failures."""
        turn, files = self.turn, NO_FILES
        if isinstance(event, DagmanEvent):
            if event.state is DagmanState.STARTED:
                self._failures.dagman_started()
            elif event.state is DagmanState.FINISHED and event.reason is None and self._aborted_half_way():
                event = event._replace(reason=f"{ABORTED_BY}job")
            apply(turn, event)
            return
        # Each line passes here, and most ask for nothing.
        state = event.state
        if state in DETAIL_OF and (detail := detail_needed(turn, event)) is not None:
            (self.messages if detail.kind.is_message else self.nodes_log).read_until(detail)
        if state in BOUNDS and (wanted := files_needed(turn, event)) is not None:
            files = self._files.read(wanted)
            if state in JOB_ENDS and not judged:
                jobs = self._failures.of(self._dir, turn.node(event.node).sched_id)
                files = files if jobs is None else files._replace(jobs=jobs)
        apply(turn, event, files)
        if state == "SUBMIT":
            self._note_sub_workflow(event, files)

    def _aborted_half_way(self) -> bool:
        """Whether ABORT-DAG-ON has ended the run by a job of a cluster: the JOBSTATE_LOG has no word on that."""
        plans = self.turn.before.plans
        may_abort = {name for name, plan in plans.items() if plan.abort_on is not None}
        if not may_abort or may_abort.isdisjoint(half_told(self._nodes()).values()):
            return False
        try:
            return last_word(read_tail(self._dir.dagman_out, _TAIL)).aborted
        except OSError:
            return False

    def _note_sub_workflow(self, event: NodeEvent, files: JobFiles) -> None:
        plan = self.turn.before.plans.get(event.node)
        # Nothing is submitted for a NOOP node: its job is one of cluster 0.
        if plan is None or event.info.startswith("0."):
            return
        if plan.is_subdag or files.description.job_class == _SUB_WORKFLOW:
            node = self.turn.node(event.node)
            sub_workflow = find(self._dir, plan, node.seq, node.submits - 1)
            if sub_workflow is not None:
                row = SubWorkflowRow(*sub_workflow, settled=False)
                self.turn.begun.append(row)
                self.turn.rows.append(row)

    def apply_leftover_jobs(self, until: float = inf) -> bool:
        """How jobs have left whose DAGMan was gone by then, up to a time; whether some of them are still queued."""
        turn = self.turn
        if turn.workflow.status is None or turn.workflow.running:
            return False
        queued, half = still_queued(self._nodes()), half_told(self._nodes())
        events = list(leftover_events(self._dir, queued)) if queued else []
        events += leftover_events(self._dir, half, ends_of_clusters) if half else ()
        for event in events:
            if event.time <= until:
                self.apply(event, judged=True)
        return bool(queued) and bool(still_queued(self._nodes()))

    def _nodes(self) -> ItemsView[str, NodeState]:
        return {**self.turn.before.nodes, **self.turn.nodes}.items()
