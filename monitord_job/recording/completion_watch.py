"""Whether a run is complete, for a monitor that DAGMan waits for: from the log, and from DAGMan's own count."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dag_rewriter import files
from dag_rewriter.directory.dagman_options import SETTINGS, throttles
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.text import show_bytes
from dag_rewriter.logs.events import (
    DAGMAN_RESTARTS,
    DagmanEvent,
    DagmanState,
    JobstateLine,
    Malformed,
    NodeEvent,
)
from dag_rewriter.model.splices import ORDINARY
from dag_rewriter.rescue.rescue_files import find_rescues
from monitord_job.errors import InTheWayError
from monitord_job.logs.dagman_out_summary import node_counts
from monitord_job.logs.tail import read_tail
from monitord_job.recording.completion import Completion, CompletionTracker, NodeTerms

_TAIL = 1 << 16


def completion_by_dagman(tail: bytes) -> Completion:
    """What DAGMan's last count in its own log comes to, if no node but the monitor is left.

    HTCondor 23 counts nodes that can never run as Un-Ready: after a failure it says nothing.
    """
    counts = node_counts(tail)
    if counts is None or counts.pre or counts.post or counts.ready or counts.unready or counts.queued > 1:
        return Completion.PENDING
    return Completion.FAILED if counts.failed else Completion.SUCCEEDED


class CompletionWatch:
    """Hears every event of a run and knows whether more can come. `monitor` is our own node.

    `judged(event, job)` is the end of a node's jobs as DAGMan takes it, `job` (`cluster.proc`) one of them.
    """

    def __init__(
        self, submit_dir: SubmitDir, monitor: str, judged: Callable[[NodeEvent, str | None], NodeEvent]
    ) -> None:
        self._dir = submit_dir
        self._judged = judged
        self._jobs: dict[str, str] = {}
        whole = read_whole(submit_dir)
        nodes = list(whole.nodes())
        self._planned_done = [show_bytes(node.name) for node in nodes if node.done]
        self._has_final = any(node.kind is NodeKind.FINAL for node in nodes)
        terms = {
            show_bytes(node.name): NodeTerms(node.retries, node.unless_exit, node.post is not None)
            for node in nodes
            if node.kind in ORDINARY and node.name != monitor
        }
        self._tracker = CompletionTracker(
            terms, ((show_bytes(a), show_bytes(b)) for a, b in whole.strong_edges())
        )

    @property
    def completion(self) -> Completion:
        """DAGMan's own count decides what the log leaves open: UNLESS-EXIT, PRE_SKIP and such."""
        by_log = self._tracker.completion
        if by_log is not Completion.PENDING:
            return by_log
        return completion_by_dagman(read_tail(self._dir.dagman_out, _TAIL))

    @property
    def ends_the_run(self) -> bool:
        """Whether the run is over when it is complete; a FINAL node runs after the monitor has left."""
        return not self._has_final

    @property
    def latest(self) -> int:
        """When the last node ended, in seconds since the epoch."""
        return self._tracker.latest

    def refuse_to_be_the_only_one(self) -> None:
        """InTheWayError under -maxjobs 1: no other node could run, and DAGMan would wait for ever."""
        limits = throttles(files.read_if_there(self._dir.condor_sub) or b"")
        if limits.get(SETTINGS["maxjobs"]) == 1:
            what = "with -maxjobs 1 the monitor keeps all other nodes from running"
            hint = "submit with -maxjobs 2, or `bridle rewrite --as service`"
            raise InTheWayError(str(self._dir.path), what, hint)

    def hear(self, event: NodeEvent | DagmanEvent) -> NodeEvent | DagmanEvent:
        """The next line, as it is to be recorded: the run ends with its last node, not when DAGMan leaves."""
        if not isinstance(event, DagmanEvent):
            if event.state == "SUBMIT":
                self._jobs[event.node] = event.info
            self._tracker.apply(self._judged(event, self._jobs.get(event.node)))
            return event
        starts = event.state is DagmanState.STARTED
        self._tracker.apply(event, self._done_at(event.time) if starts else ())
        if event.state is not DagmanState.FINISHED:
            return event
        restarts = event.info == str(DAGMAN_RESTARTS)
        is_last = self._tracker.completion is not Completion.PENDING and self.ends_the_run and not restarts
        return event._replace(time=self.latest) if is_last else event

    def hear_again(self, events: Iterable[JobstateLine]) -> None:
        """What was read before, after a restart."""
        for event in events:
            if not isinstance(event, Malformed):
                self.hear(event)

    def _done_at(self, time: int) -> list[str]:
        """The nodes that a DAGMan that starts now takes for done: from the newest rescue DAG, and from the DAG."""
        try:
            rescues, _ = find_rescues(self._dir)
        except RewriterError:
            return self._planned_done  # a whole DAG of HTCondor 23: DAGMan's count says when it is over
        older = [rescue for rescue in rescues if rescue.time <= time]
        return [*self._planned_done, *(map(show_bytes, older[-1].rescue.done) if older else ())]
