"""All Stampede rules of jobs: what an event means, decided without touching a file, a clock or a database."""

from __future__ import annotations

from typing import NamedTuple

from dag_rewriter.logs.events import DagmanEvent, NodeEvent, NodeLogEvent, NodeLogKind, new
from dag_rewriter.logs.failed_jobs import JOB_ENDS, judged
from monitord_job.stampede.attempt_fields import (
    PROGRESS,
    SKIPPED,
    code_in,
    is_of_the_same_cluster,
    stampede_word,
)
from monitord_job.stampede.attempt_rows import Attempt, finished_rows, pre_script_row
from monitord_job.stampede.rows import InstanceRow, InstanceUpdate, JobStateRow, Value
from monitord_job.stampede.state import NO_FILES, JobFiles, JobPlan, NodeState
from monitord_job.stampede.turn import DetailNeeded, Turn
from monitord_job.stampede.workflow_transitions import apply_dagman, let_second_take_over

_IGNORED = frozenset(
    {
        *("FILE_TRANSFER", "ATTRIBUTE_UPDATE", "JOB_AD_INFORMATION", "RESERVE_SPACE", "RELEASE_SPACE"),
        *("CLUSTER_SUBMIT", "CLUSTER_REMOVE"),  # of late materialization: around those of the jobs
    }
)
"""Events without a word in Stampede that say nothing of a job's progress."""

DETAIL_OF = {
    "EXECUTE": NodeLogKind.EXECUTE,
    "JOB_HELD": NodeLogKind.JOB_HELD,
    "JOB_ABORTED": NodeLogKind.JOB_ABORTED,
    "POST_SCRIPT_TERMINATED": NodeLogKind.POST_SCRIPT_TERMINATED,
    "PRE_SCRIPT_FAILURE": NodeLogKind.PRE_SCRIPT_FAILED,
    "SUBMIT_FAILURE": NodeLogKind.SUBMIT_FAILED,
}
"""Which event of the nodes.log, or message of DAGMan's, completes which state."""
_MESSAGES = frozenset(state for state, kind in DETAIL_OF.items() if kind.is_message)
_REASONS = (NodeLogKind.JOB_HELD, NodeLogKind.JOB_ABORTED, NodeLogKind.SUBMIT_FAILED)

_OPENS = frozenset({"SUBMIT", "SUBMIT_FAILURE", "PRE_SCRIPT_STARTED"})
_PRE_ENDS = frozenset({"PRE_SCRIPT_SUCCESS", "PRE_SCRIPT_FAILURE"})
_POST_ENDS = frozenset({"POST_SCRIPT_SUCCESS", "POST_SCRIPT_FAILURE"})
BOUNDS = _OPENS | _PRE_ENDS | JOB_ENDS | _POST_ENDS | {SKIPPED}
"""States that may open or end an attempt: these alone ask for files and have more rows than their own."""
_ENDED_BY_PRE = {"PRE_SCRIPT_FAILURE": "JOB_FAILURE", SKIPPED: "JOB_SUCCESS"}
"""What pegasus-monitord adds to the end of an attempt that came to no job: its readers look for a job's end."""
_VERDICTS = frozenset({"POST_SCRIPT_SUCCESS", "POST_SCRIPT_FAILED"})
_JOB_VERDICTS = _VERDICTS | {"JOB_SUCCESS", "JOB_FAILURE", "PRE_SCRIPT_FAILED"}
"""Stampede's words for an attempt's end: with a POST script, and without one."""
_OPENED_BY_PRE = frozenset({"PRE_SCRIPT_STARTED", "PRE_SCRIPT_SUCCESS"})
"""States after which the job of the same attempt is submitted: never after a PRE script that failed."""


class FilesNeeded(NamedTuple):
    """Files of a job: `output` is the number of the rotated output, None if it is not rotated.

    `retry` counts the attempts before this one. `planner_log`: it ended in its PRE script, which plans a sub-workflow.
    """

    plan: JobPlan
    attempt_ended: bool
    output: int | None
    sched_id: str | None = None
    retry: int = 0
    planner_log: bool = False


def detail_needed(turn: Turn, event: NodeEvent) -> DetailNeeded | None:
    """What has to be read in another log before the event is applied; most events need nothing.

    DAGMan reads the nodes.log, and writes its debug log, before it writes the JOBSTATE_LOG: the detail is there.
    """
    kind = DETAIL_OF.get(event.state)
    if kind is None or event.node not in turn.before.plans or _is_complete(event, kind):
        return None
    return new(DetailNeeded, (_detail_key(turn, event), kind))


def _is_complete(event: NodeEvent, kind: NodeLogKind) -> bool:
    """Whether the event says itself what the other log would: of a PRE script, dagman.out has the code."""
    return event.info != "-" if kind is NodeLogKind.PRE_SCRIPT_FAILED else event.reason is not None


def files_needed(turn: Turn, event: NodeEvent) -> FilesNeeded | None:
    """Which files of a job the event asks for, once its detail has been read."""
    if event.state not in BOUNDS:
        return None
    plan = turn.before.plans.get(event.node)
    if plan is None:
        return None
    if event.state in DETAIL_OF:
        event = _completed(event, _peek_detail(turn, event))
    return _files_needed(turn, plan, event)


def _files_needed(turn: Turn, plan: JobPlan, event: NodeEvent) -> FilesNeeded | None:
    ends = _ends_attempt(plan, event)
    if not ends and event.state not in _OPENS:
        return None
    node = turn.node(event.node)
    if event.state == "PRE_SCRIPT_FAILURE":
        return FilesNeeded(plan, ends, None, None, node.submits, planner_log=True)
    retry = max(node.submits - 1, 0)
    return new(FilesNeeded, (plan, ends, retry if plan.post else None, node.sched_id, retry, False))


def apply(turn: Turn, event: NodeEvent | DagmanEvent, files: JobFiles = NO_FILES) -> None:
    """Add to the turn what an event means; `files` hold those that it `needs`."""
    if isinstance(event, DagmanEvent):
        apply_dagman(turn, event)
        return
    if turn.workflow.second_dagman is not None:
        let_second_take_over(turn, event.time)
    plan = turn.before.plans.get(event.node)
    if plan is None or event.state in _IGNORED:
        return
    if turn.workflow.recovering and _is_repeated(turn, event):
        return
    _apply_node(turn, plan, event, files)


def _apply_node(turn: Turn, plan: JobPlan, told: NodeEvent, files: JobFiles) -> None:
    # Each line of a log passes here: what only few states need is not called for the others.
    returned, detail = told, None
    if told.state in DETAIL_OF:
        detail = _take_detail(turn, told)
        returned = _completed(told, detail)
    event = judged(returned, plan.tolerance, files.jobs) if files.jobs is not None else returned
    time, name, state, _, _, reason = event
    node = turn.node_to_change(name)
    if not node.seq or (state in _OPENS and _opens_attempt(plan, node, event)):
        node = _open_attempt(turn, plan, node, files)
    if detail is not None:
        _note_detail(node, detail)
    before, word = node.state, stampede_word(state)
    for stored in ("PRE_SCRIPT_TERMINATED", word) if state in _PRE_ENDS else (word,):
        node.order += 1
        turn.rows.append(new(JobStateRow, (name, node.seq, stored, time, node.order, reason)))
    # Of a second DAGMan beside the first (HTCondor 23) the states are kept, but the first one's word counts.
    if before not in _JOB_VERDICTS or not _is_verdict(plan, before) or state == SKIPPED:
        node.state = word
        progress = PROGRESS.get(state)
        if progress is not None:
            progress(node, event)
        if state in BOUNDS:
            _add_rows(turn, plan, node, event, files, before)
    if node.last_time == time and node.last_words:
        node.last_words = f"{node.last_words} {told.state}:{told.info}"
    else:
        node.last_time, node.last_words = time, f"{told.state}:{told.info}"
    if plan.abort_on is not None:
        _note_abort(turn, plan, node, returned)


def _note_abort(turn: Turn, plan: JobPlan, node: NodeState, event: NodeEvent) -> None:
    """ABORT-DAG-ON: DAGMan looks at what a node, or one of its scripts, has returned (dag.cpp CheckForDagAbort)."""
    whose, code = "", None
    if event.state == "PRE_SCRIPT_FAILURE":
        whose, code = "PRE script", code_in(event, 1)
    elif event.state in _POST_ENDS:
        whose, code = "POST script", node.post_exit
    elif event.state in JOB_ENDS and plan.post is None:
        whose, code = "job", code_in(event, int(event.state == "JOB_FAILURE"))
    if whose and code == plan.abort_on:
        turn.workflow = turn.workflow._replace(aborted_by=turn.workflow.aborted_by or whose)


def _add_rows(
    turn: Turn, plan: JobPlan, node: NodeState, event: NodeEvent, files: JobFiles, before: str
) -> None:
    """What the state adds beyond its own row; `before` is the one before it."""
    rows, state = turn.rows, event.state
    if state == "SUBMIT" and node.sched_id == event.info:
        rows.append(new(InstanceUpdate, (event.node, node.seq, {"sched_id": event.info}, None)))
    if state in _PRE_ENDS and before in ("", "PRE_SCRIPT_STARTED"):
        code = code_in(event, int(state == "PRE_SCRIPT_FAILURE"))
        rows.append(pre_script_row(plan, node, event.time, code))
    if _ends_attempt(plan, event):
        if state in _ENDED_BY_PRE:
            word = _ENDED_BY_PRE[state]
            rows.append(JobStateRow(event.node, node.seq, word, event.time, node.order, None))
            node.submits += plan.post is None
        attempt = new(Attempt, (plan, node, event.time, turn.before.user, turn.before.submit_dir))
        rows += finished_rows(attempt, files)


def _open_attempt(turn: Turn, plan: JobPlan, node: NodeState, files: JobFiles) -> NodeState:
    """The state, to be changed, of a new attempt at a node; `node` is that of the attempt before it."""
    seq = turn.workflow.last_seq + 1
    turn.workflow = turn.workflow._replace(last_seq=seq)
    values: dict[str, Value] = {
        "site": files.description.site,
        "multiplier_factor": files.description.cores,
        "stdin_file": files.description.stdin,
    }
    turn.rows.append(new(InstanceRow, (plan.name, seq, values)))
    if node.seq:
        node = NodeState(submits=node.submits, last_time=node.last_time, last_words=node.last_words)
        turn.nodes[plan.name] = node
    node.seq, node.service = seq, plan.is_service
    return node


def _is_repeated(turn: Turn, event: NodeEvent) -> bool:
    """Whether DAGMan, in recovery, says again what it has said.

    It leaves out lines that stand in its log already, but it numbers attempts anew, so those of its last second may
    look different to it (seen, 25.14.1; jobstate_log.cpp).
    """
    node = turn.node(event.node)
    return event.time == node.last_time and f"{event.state}:{event.info}" in node.last_words.split()


def _opens_attempt(plan: JobPlan, node: NodeState, event: NodeEvent) -> bool:
    """Whether one of those that open attempts opens one. A PRE script that asked for it is started once more."""
    if event.state == "PRE_SCRIPT_STARTED":
        return not (plan.pre_deferred and node.state == event.state)
    if node.state in _OPENED_BY_PRE or is_of_the_same_cluster(node, event):
        return False
    return event.state != "SUBMIT" or node.sched_id != event.info or node.ended is not None


def _detail_key(turn: Turn, event: NodeEvent) -> str:
    """Under which job the nodes.log has the event: the node's name where DAGMan had no job."""
    if event.state in _MESSAGES:
        return event.node
    job = event.info if "." in event.info else turn.node(event.node).sched_id
    return event.node if job is None or job.startswith(("0.", "-")) else job


def _peek_detail(turn: Turn, event: NodeEvent) -> NodeLogEvent | None:
    """Of an event that has one; None if it is not there."""
    waiting = turn.details_of(_detail_key(turn, event))
    kind = DETAIL_OF[event.state]
    return next((detail for detail in waiting if detail.kind is kind), None)


def _take_detail(turn: Turn, event: NodeEvent) -> NodeLogEvent | None:
    """The same, and nothing else gets it."""
    key, kind = _detail_key(turn, event), DETAIL_OF[event.state]
    waiting = turn.details_of(key)
    for place, detail in enumerate(waiting):
        if detail.kind is kind:
            turn.details[key] = waiting[:place] + waiting[place + 1 :]
            return detail
    return None


def _completed(event: NodeEvent, detail: NodeLogEvent | None) -> NodeEvent:
    """The event with what another log says of it, where it does not say so itself."""
    if detail is None or _is_complete(event, detail.kind):
        return event
    if detail.kind is NodeLogKind.PRE_SCRIPT_FAILED:
        return event._replace(info=detail.value)
    return event._replace(reason=detail.value) if detail.kind in _REASONS else event


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
    return plan.post is None and event.state in JOB_ENDS


def _is_verdict(plan: JobPlan, word: str) -> bool:
    """Whether this state, in Stampede's word, was the end of the attempt."""
    return word in (_VERDICTS if plan.post else _JOB_VERDICTS)
