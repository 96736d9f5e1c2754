"""All Stampede rules: what an event means, decided without touching a file, a clock or a database.

A `Turn` is one transaction in the making: the state before it stays as it was, so that a turn whose commit
failed is simply dropped and read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from dag_rewriter.logs.events import (
    DAGMAN_RESTARTS,
    DagmanEvent,
    DagmanState,
    NodeEvent,
    NodeLogEvent,
    NodeLogKind,
    is_past_refusal,
    new,
    was_refused,
)
from monitord_job.stampede.attempt_fields import PROGRESS, SKIPPED, code_in, is_of_the_same_cluster
from monitord_job.stampede.attempt_rows import Attempt, finished_rows, pre_script_row
from monitord_job.stampede.rows import (
    InstanceRow,
    InstanceUpdate,
    JobStateRow,
    Row,
    SubWorkflowRow,
    Value,
    WorkflowStateRow,
)
from monitord_job.stampede.state import JobFiles, JobPlan, NodeState, RunState, WorkflowState

UNKNOWN_FAILURE = 2
"""What pegasus-monitord writes as status of a DAGMan that ended without a word."""

_IGNORED = frozenset(
    {"FILE_TRANSFER", "ATTRIBUTE_UPDATE", "JOB_AD_INFORMATION", "RESERVE_SPACE", "RELEASE_SPACE"}
)
"""Events without a word in Stampede that say nothing of a job's progress."""

_WORDS = {
    "PRE_SCRIPT_FAILURE": "PRE_SCRIPT_FAILED",
    "POST_SCRIPT_FAILURE": "POST_SCRIPT_FAILED",
    "SUBMIT_FAILURE": "SUBMIT_FAILED",
}
"""Where Stampede's word differs from DAGMan's."""

_DETAIL_OF = {
    "EXECUTE": NodeLogKind.EXECUTE,
    "JOB_HELD": NodeLogKind.JOB_HELD,
    "POST_SCRIPT_TERMINATED": NodeLogKind.POST_SCRIPT_TERMINATED,
}
"""Which event of the nodes.log completes which state."""

_RECOVERY = (DagmanState.RECOVERY_STARTED, DagmanState.RECOVERY_FINISHED, DagmanState.RECOVERY_FAILURE)
_OPENS = frozenset({"SUBMIT", "SUBMIT_FAILURE", "PRE_SCRIPT_STARTED"})
_PRE_ENDS = frozenset({"PRE_SCRIPT_SUCCESS", "PRE_SCRIPT_FAILURE"})
_JOB_ENDS = frozenset({"JOB_SUCCESS", "JOB_FAILURE"})
_POST_ENDS = frozenset({"POST_SCRIPT_SUCCESS", "POST_SCRIPT_FAILURE"})
BOUNDS = _OPENS | _PRE_ENDS | _JOB_ENDS | _POST_ENDS | {SKIPPED}
"""States that may open or end an attempt: these alone ask for files and have more rows than their own."""
_ENDED_BY_PRE = {"PRE_SCRIPT_FAILURE": "JOB_FAILURE", SKIPPED: "JOB_SUCCESS"}
"""What pegasus-monitord adds to the end of an attempt that came to no job: its readers look for a job's end."""
_VERDICTS = frozenset({"POST_SCRIPT_SUCCESS", "POST_SCRIPT_FAILED"})
_OWN_VERDICTS = _VERDICTS | {"JOB_SUCCESS", "JOB_FAILURE", "PRE_SCRIPT_FAILED"}
"""Stampede's words for an attempt's end: with a POST script, and without one."""
_OPENED_BY_PRE = frozenset({"PRE_SCRIPT_STARTED", "PRE_SCRIPT_SUCCESS", "PRE_SCRIPT_FAILED"})


@dataclass(slots=True)
class Turn:
    """The changes of some events, on top of a state that they do not touch."""

    before: RunState
    workflow: WorkflowState = field(init=False)
    nodes: dict[str, NodeState] = field(default_factory=dict)
    details: dict[str, tuple[NodeLogEvent, ...]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    begun: list[SubWorkflowRow] = field(default_factory=list)
    """those among the rows"""

    def __post_init__(self) -> None:
        self.workflow = self.before.workflow

    def node(self, name: str) -> NodeState:
        """The node's state as of now, within the turn."""
        return self.nodes.get(name) or self.before.nodes.get(name) or NodeState()

    def own(self, name: str) -> NodeState:
        """The node's state as of now, to be changed: the turn's own copy of what was before."""
        own = self.nodes.get(name)
        if own is None:
            before = self.before.nodes.get(name)
            own = self.nodes[name] = NodeState() if before is None else before.copy()
        return own

    def details_of(self, job: str) -> tuple[NodeLogEvent, ...]:
        """Events of the nodes.log that no line of the JOBSTATE_LOG has asked for yet."""
        found = self.details.get(job)
        return self.before.details.get(job, ()) if found is None else found

    def absorbed(self) -> RunState:
        """The state after the turn, once it is committed. `before` gives up its nodes to it and is used up."""
        # Copying 100,000 nodes at each commit would make a large run quadratic; only a committed turn comes here.
        nodes, details = self.before.nodes, self.before.details
        nodes.update(self.nodes)
        for job, events in self.details.items():
            if events:
                details[job] = events
            else:
                details.pop(job, None)
        return replace(self.before, workflow=self.workflow, nodes=nodes, details=details)


class Due(NamedTuple):
    """Which files of a job an event asks for: `output` is the number of the rotated output, None if not rotated.

    `retry` counts the attempts before this one. `planner_log`: it ended in its PRE script, which plans a sub-workflow.
    """

    plan: JobPlan
    attempt_ended: bool
    output: int | None
    sched_id: str | None = None
    retry: int = 0
    planner_log: bool = False


def files_due(turn: Turn, event: NodeEvent) -> Due | None:
    """The files that `apply_node` wants to see with this event, or None. Only one of BOUNDS can ask for any."""
    plan = turn.before.plans.get(event.node)
    ends = plan is not None and _ends_attempt(plan, event)
    if plan is None or not (ends or event.state in _OPENS):
        return None
    node = turn.node(event.node)
    if event.state == "PRE_SCRIPT_FAILURE":
        return Due(plan, ends, None, None, node.submits, planner_log=True)
    retry = max(node.submits - 1, 0)
    return Due(plan, ends, retry if plan.post else None, node.sched_id, retry)


def detail_wanted(turn: Turn, event: NodeEvent) -> bool:
    """True if the nodes.log must have an event, not read yet, that completes this one.

    DAGMan reads the nodes.log and then writes the JOBSTATE_LOG, so the event stands there already.
    """
    kind = _DETAIL_OF.get(event.state)
    if kind is None or event.node not in turn.before.plans:
        return False
    waiting = turn.details_of(_detail_key(turn, event))
    return not waiting or kind not in [detail.kind for detail in waiting]


def add_detail(turn: Turn, detail: NodeLogEvent) -> None:
    """Keep an event of the nodes.log until the line that it completes is read."""
    turn.details[detail.job] = (*turn.details_of(detail.job), detail)


def apply_dagman(turn: Turn, event: DagmanEvent) -> None:
    """DAGMan started or finished."""
    if turn.workflow.rival is not None and not _settled_rival(turn, event):
        return
    if event.state is DagmanState.STARTED:
        _start_workflow(turn, event)
    elif event.state in _RECOVERY:
        turn.workflow = turn.workflow._replace(recovering=event.state is DagmanState.RECOVERY_STARTED)
    elif event.state is DagmanState.FINISHED and turn.workflow.running:
        code = int(event.info) if event.info.lstrip("-").isdecimal() else UNKNOWN_FAILURE
        if code == DAGMAN_RESTARTS:
            turn.workflow = turn.workflow._replace(restarting=True)
        else:
            _end_workflow(turn, event.time, code, event.reason)


def _start_workflow(turn: Turn, event: DagmanEvent) -> None:
    workflow = turn.workflow
    if workflow.running and workflow.dagman_id == event.info:
        # Killed or stopped, and run again by the schedd: one and the same run.
        turn.workflow = workflow._replace(restarting=False, recovering=False)
    elif workflow.running and not workflow.restarting:
        turn.workflow = workflow._replace(rival=event.info, rival_since=event.time)
    else:
        _begin_run(turn, event.info, event.time)


def _begin_run(turn: Turn, dagman_id: str, time: int) -> None:
    if turn.workflow.running:
        reason = f"DAGMan {turn.workflow.dagman_id} ended without a word"
        _end_workflow(turn, time - 1, UNKNOWN_FAILURE, reason)
    count = turn.workflow.restart_count + 1
    turn.rows.append(WorkflowStateRow("WORKFLOW_STARTED", time, count, None, None))
    last_seq = turn.workflow.last_seq
    turn.workflow = WorkflowState(dagman_id, running=True, restart_count=count, last_seq=last_seq)


def _settled_rival(turn: Turn, event: DagmanEvent) -> bool:
    """Whether an event still has a meaning when it is clear which of two DAGMans it is from."""
    workflow = turn.workflow
    if was_refused(event, workflow.rival_since):
        turn.workflow = workflow._replace(rival=None)
        return False
    if event.state is DagmanState.STARTED and event.info == workflow.dagman_id:
        turn.workflow = workflow._replace(rival=None)
    else:
        _begin_run(turn, workflow.rival or "", workflow.rival_since)
    return True


def pass_on(turn: Turn, time: int) -> None:
    """Seconds after a second DAGMan started, something happens and it was not refused: the run is its own now."""
    workflow = turn.workflow
    if workflow.rival is not None and is_past_refusal(time, workflow.rival_since):
        _begin_run(turn, workflow.rival, workflow.rival_since)


def dagman_left(turn: Turn, time: int, code: int) -> None:
    """The schedd says that the run's DAGMan is gone, which left no last line of its own."""
    rival, since = turn.workflow.rival, turn.workflow.rival_since
    _end_workflow(turn, time, code, None)
    if rival is not None:
        _begin_run(turn, rival, since)


def _end_workflow(turn: Turn, time: int, status: int, reason: str | None) -> None:
    count = turn.workflow.restart_count
    turn.rows.append(WorkflowStateRow("WORKFLOW_TERMINATED", time, count, status, reason))
    turn.workflow = turn.workflow._replace(running=False, status=status, rival=None)


def apply_node(turn: Turn, event: NodeEvent, files: JobFiles) -> None:
    """A node changed its state; `files` are those that `files_due` named."""
    plan = turn.before.plans.get(event.node)
    if plan is None or event.state in _IGNORED:
        return
    if turn.workflow.recovering and _is_repeated(turn, event):
        return
    node = _attempt_of(turn, event, files)
    reason = event.reason
    detail = _take_detail(turn, event) if event.state in _DETAIL_OF else None
    if detail is not None:
        _note_detail(node, detail)
        if reason is None and detail.kind is NodeLogKind.JOB_HELD:
            reason = detail.value
    before = node.state
    _record(turn, event, node, reason)
    if before in _OWN_VERDICTS and _is_verdict(plan, before) and event.state != SKIPPED:
        node.state = before  # of a second DAGMan beside the first (HTCondor 23): the first one's word counts
    else:
        progress = PROGRESS.get(event.state)
        if progress is not None:
            progress(node, event)
        if event.state in BOUNDS:
            turn.rows.extend(_rows_of(turn, plan, node, event, files, before))
    _note_words(node, event)


def _rows_of(
    turn: Turn, plan: JobPlan, node: NodeState, event: NodeEvent, files: JobFiles, before: str
) -> Iterator[Row]:
    """What the state adds beyond its own row; `before` is the one before it."""
    if event.state == "SUBMIT" and node.sched_id == event.info:
        yield InstanceUpdate(event.node, node.seq, {"sched_id": event.info})
    if event.state in _PRE_ENDS and before in ("", "PRE_SCRIPT_STARTED"):
        yield pre_script_row(plan, node, event.time, code_in(event, int(event.state == "PRE_SCRIPT_FAILURE")))
    if _ends_attempt(plan, event):
        if event.state in _ENDED_BY_PRE:
            word = _ENDED_BY_PRE[event.state]
            yield JobStateRow(event.node, node.seq, word, event.time, node.order, None)
            node.submits += plan.post is None
        attempt = Attempt(plan, node, event.time, turn.before.user, turn.before.submit_dir)
        yield from finished_rows(attempt, files)


def _attempt_of(turn: Turn, event: NodeEvent, files: JobFiles) -> NodeState:
    """The state, to be changed, of the attempt that the event belongs to, which it may open."""
    node = turn.own(event.node)
    if node.seq and (event.state not in _OPENS or not _opens_attempt(node, event)):
        return node
    seq = turn.workflow.last_seq + 1
    turn.workflow = turn.workflow._replace(last_seq=seq)
    values: dict[str, Value] = {
        "site": files.description.site,
        "multiplier_factor": files.description.cores,
        "stdin_file": files.description.stdin,
    }
    turn.rows.append(InstanceRow(event.node, seq, values))
    opened = NodeState(seq=seq, submits=node.submits, last_time=node.last_time, last_words=node.last_words)
    turn.nodes[event.node] = opened
    return opened


def _is_repeated(turn: Turn, event: NodeEvent) -> bool:
    """Whether DAGMan, in recovery, says again what it has said.

    It leaves out lines that stand in its log already, but it numbers attempts anew, so those of its last second may
    look different to it (seen, 25.14.1; jobstate_log.cpp).
    """
    node = turn.node(event.node)
    return event.time == node.last_time and f"{event.state}:{event.info}" in node.last_words.split()


def _note_words(node: NodeState, event: NodeEvent) -> None:
    time, _, state, info, _, _ = event
    if node.last_time == time and node.last_words:
        node.last_words = f"{node.last_words} {state}:{info}"
    else:
        node.last_time, node.last_words = time, f"{state}:{info}"


def _opens_attempt(node: NodeState, event: NodeEvent) -> bool:
    """Whether one of those that open attempts opens one."""
    if event.state == "PRE_SCRIPT_STARTED":
        return True
    if node.state in _OPENED_BY_PRE or is_of_the_same_cluster(node, event):
        return False
    return event.state != "SUBMIT" or node.sched_id != event.info or node.ended is not None


def _record(turn: Turn, event: NodeEvent, node: NodeState, reason: str | None) -> None:
    """Write down the state, or the two of them that a PRE script's end stands for in Stampede."""
    state = event.state
    if state in _PRE_ENDS:
        _add_state(turn, event, node, "PRE_SCRIPT_TERMINATED", reason)
    node.state = _WORDS.get(state, state)
    _add_state(turn, event, node, node.state, reason)


def _add_state(turn: Turn, event: NodeEvent, node: NodeState, state: str, reason: str | None) -> None:
    node.order += 1
    turn.rows.append(new(JobStateRow, (event.node, node.seq, state, event.time, node.order, reason)))


def _detail_key(turn: Turn, event: NodeEvent) -> str:
    """Under which job the nodes.log has the event: the node's name where DAGMan had no job."""
    job = event.info if "." in event.info else turn.node(event.node).sched_id
    return event.node if job is None or job.startswith(("0.", "-")) else job


def _take_detail(turn: Turn, event: NodeEvent) -> NodeLogEvent | None:
    kind = _DETAIL_OF[event.state]
    key = _detail_key(turn, event)
    waiting = turn.details_of(key)
    for number, detail in enumerate(waiting):
        if detail.kind is kind:
            turn.details[key] = waiting[:number] + waiting[number + 1 :]
            return detail
    return None


def _note_detail(node: NodeState, detail: NodeLogEvent) -> None:
    if detail.kind is NodeLogKind.EXECUTE:
        node.host = detail.value
    elif detail.kind is NodeLogKind.POST_SCRIPT_TERMINATED:
        node.post_exit = int(detail.value)


def _ends_attempt(plan: JobPlan, event: NodeEvent) -> bool:
    if event.state in _POST_ENDS or event.state == SKIPPED:
        return True
    if event.state == "PRE_SCRIPT_FAILURE":
        # A POST script may run all the same (DAGMAN_ALWAYS_RUN_POST); then that ends it once more.
        return plan.pre_skip is None or code_in(event, plan.pre_skip) != plan.pre_skip
    return plan.post is None and event.state in _JOB_ENDS


def _is_verdict(plan: JobPlan, word: str) -> bool:
    """Whether this state, in Stampede's word, was the end of the attempt."""
    return word in (_VERDICTS if plan.post else _OWN_VERDICTS)
