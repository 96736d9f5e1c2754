"""What `bridle rescue` says: text for people, values for JSON. Reads nothing but what was read before."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from condor_templates.state_words import StateWord
from dag_rewriter.directory.liveness import dagman_lives
from dag_rewriter.rescue.rescue_dag import RescueError
from dag_rewriter.rescue.rescue_files import Workflow
from dag_rewriter.rescue.rescue_plan import limit_notes
from dag_rewriter.rescue.run_state import NodeState, NumberedRescue, RunState
from monitord_job.database.queries.run_values import Job
from monitord_job.outcome.ending import Ending
from monitord_job.readers.last_runs import LastRun, LastRuns
from monitord_job.text.display import one_line

_MOST = 20
_UNKNOWN = LastRun()


def rescue_at(workflow: Workflow, number: int) -> RunState:
    """Where a run stands that goes on from rescue DAG `number`. Raises RescueError."""
    rescue = next((each for each in workflow.rescues if each.number == number), None)
    if rescue is None:
        there = ", ".join(str(each.number) for each in workflow.rescues) or "none"
        where = str(workflow.submit_dir.dag_file)
        raise RescueError(where, f"there is no rescue DAG {number}", f"there are: {there}")
    return workflow.state_from(rescue)


def as_mapping(workflow: Workflow, last: LastRuns) -> dict[str, Any]:
    """All rescue DAGs, for --json; times in seconds since the epoch."""
    now, ending = workflow.run_state, _of(workflow, last).ending
    return {
        "dag": str(workflow.submit_dir.dag_file),
        "rescues": [_mapping(each) for each in workflow.rescues],
        "set_aside": list(workflow.set_aside),
        "next": workflow.rescues[-1].number if workflow.rescues else None,
        "up_to_date": now.rescue is not None,
        "limit": workflow.limit,
        "last_run": {
            "started": workflow.history.started,
            "ended": workflow.history.ended,
            "exit_code": workflow.history.exit_code,
            "ending": None if ending is None else ending.value,
        },
        "sub_workflows": {node: as_mapping(child, last) for node, child in workflow.children.items()},
        "notes": list(limit_notes(workflow)),
    }


def _mapping(each: NumberedRescue) -> dict[str, Any]:
    return {
        "number": each.number,
        "file": each.name,
        "created": each.time,
        "done": len(each.rescue.done),
        "failed": list(each.rescue.failed),
        "nodes": each.rescue.total,
        "by": "bridle" if each.ours else "DAGMan",
        "origin": each.rescue.origin,
    }


def list_lines(workflow: Workflow, last: LastRuns, node: str = "") -> Iterator[str]:
    """All rescue DAGs, for people."""
    if not node:
        yield from _listed(workflow, last, "")
    for name, child in workflow.children.items():
        where = f"{node}{name}"
        folder = os.path.relpath(child.submit_dir.dag_file, workflow.submit_dir.path)
        yield f"sub-workflow {where} ({folder}):"
        yield from _listed(child, last, "  ")
        yield from list_lines(child, last, f"{where}/")
    if not node:
        yield from limit_notes(workflow)


def _listed(workflow: Workflow, last: LastRuns, indent: str) -> Iterator[str]:
    for each in workflow.rescues:
        made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each.time))
        of = f" of {each.rescue.total}" if each.rescue.total is not None else ""
        failed = f", {len(each.rescue.failed)} failed" if each.rescue.failed else ""
        why = f", by bridle ({each.rescue.origin})" if each.ours else ""
        yield f"{indent}{each.name}  {made}  {len(each.rescue.done)}{of} nodes done{failed}{why}"
    if not workflow.rescues:
        yield f"{indent}no rescue DAG"
    if workflow.set_aside:
        yield f"{indent}set aside: {', '.join(workflow.set_aside)}"
    yield f"{indent}{_next(workflow, _of(workflow, last).ending)}"


_ENDED = {
    Ending.SUCCEEDED: "the last run succeeded",
    Ending.FAILED: "the last run failed",
    Ending.REMOVED: "the last run was removed",
    Ending.ABORTED: "ABORT-DAG-ON ended the last run",
    Ending.HALTED: "a halt file drained the last run",
}


def _next(workflow: Workflow, ending: Ending | None) -> str:
    run_state, ended = workflow.run_state, None if ending is None else _ENDED[ending]
    if run_state.rescue is not None:
        goes_on = f"the next run goes on from {run_state.source}"
        return goes_on if ended is None else f"{ended}; {goes_on}"
    if workflow.history.started is None and not workflow.has_run:
        return "nothing has run yet"
    if ending is Ending.SUCCEEDED or (ending is None and workflow.history.succeeded):
        return "the last run succeeded" + (", after these were written" if workflow.rescues else "")
    if workflow.history.started is None:
        return f"{ended or 'it has run'}: no JOBSTATE_LOG says where it stands"
    return f"{ended or 'the last run has not ended in order'}: its log says where it stands"


def _of(workflow: Workflow, last: LastRuns) -> LastRun:
    return last.get(workflow.submit_dir.dag_file, _UNKNOWN)


def show_mapping(workflow: Workflow, run_state: RunState, last: LastRuns) -> dict[str, Any]:
    """For --json."""
    below = {
        node: show_mapping(child, child.run_state, last)
        for node, child in workflow.children.items()
        if run_state.nodes.get(node) is not NodeState.DONE
    }
    attempts = {
        name: len(workflow.history.nodes[name].numbers)
        for name in run_state.of(NodeState.FAILED)
        if name in workflow.history.nodes
    }
    causes = {
        name: job.cause.as_json()
        for state in _EXPLAINED
        for name in run_state.of(state)
        if (job := _of(workflow, last).why(name)) and job.cause
    }
    dag = str(workflow.submit_dir.dag_file)
    return {
        "dag": dag,
        **run_state.as_json(),
        "attempts": attempts,
        "causes": causes,
        "sub_workflows": below,
    }


def show_lines(workflow: Workflow, run_state: RunState, last: LastRuns, indent: str = "") -> Iterator[str]:
    """For people."""
    nodes, words = run_state.by_state(), _words(workflow, run_state)
    counts = ", ".join(f"{len(names)} {words[state]}" for state, names in nodes.items() if names)
    yield f"{indent}{workflow.submit_dir.dag}: {len(run_state.nodes)} nodes, {counts} (says {run_state.source})"
    for state, names in nodes.items():
        if state is NodeState.DONE or not names:
            continue
        for line in _named(workflow, names, state, _of(workflow, last)):
            yield f"{indent}{words[state]}: {line}"
    for node, child in workflow.children.items():
        if run_state.nodes.get(node) is not NodeState.DONE and child.has_run:
            yield f"{indent}sub-workflow {node}:"
            yield from show_lines(child, child.run_state, last, f"{indent}  ")


def _named(workflow: Workflow, names: tuple[str, ...], state: NodeState, last: LastRun) -> Iterator[str]:
    """The nodes in one state: each of which something is known on a line of its own, the others on one."""
    rest = []
    for name in names[:_MOST]:
        told, job = _told(workflow, name, state), last.why(name) if state in _EXPLAINED else None
        if job is None:
            rest.append(told)
        else:
            yield f"{told}{why_line(job)}"
    more = f"{len(names) - _MOST} more" if len(names) > _MOST else ""
    if rest or more:
        yield " and ".join(filter(None, (", ".join(rest), more)))


def why_line(job: Job) -> str:
    """Why a job failed, or was cut off, and the file to look into: to follow its name."""
    why = "" if job.cause is None else f": {one_line(job.cause.phrase)}"
    return f"{why}{f', see {job.output}' if job.output else ''}"


def causes_of(workflow: Workflow, nodes: Iterable[str], last: LastRuns) -> dict[str, Job]:
    """Why those of these nodes (`S/X`: X of the sub-workflow S) failed that did so in their last attempt."""
    if not last:
        return {}
    causes = ((node, _why(workflow, node, last)) for node in nodes)
    return {node: job for node, job in causes if job is not None}


def _why(workflow: Workflow, node: str, last: LastRuns) -> Job | None:
    first, slash, rest = node.partition("/")
    if slash and first in workflow.children:
        return _why(workflow.children[first], rest, last)
    return _of(workflow, last).why(node)


_EXPLAINED = (NodeState.FAILED, NodeState.INTERRUPTED)

_WORDS = {
    NodeState.DONE: StateWord.DONE.value,
    NodeState.FAILED: StateWord.FAILED.value,
    NodeState.INTERRUPTED: StateWord.INTERRUPTED.value,
    NodeState.AGAIN: StateWord.AGAIN.value,
    NodeState.NEVER: StateWord.NOT_STARTED.value,
}


def _words(workflow: Workflow, run_state: RunState) -> Mapping[NodeState, str]:
    """What is said of each state: what has not ended runs on as long as its DAGMan does."""
    is_live = run_state.rescue is None and dagman_lives(workflow.submit_dir)
    return {**_WORDS, NodeState.INTERRUPTED: StateWord.RUNNING.value} if is_live else _WORDS


def _told(workflow: Workflow, name: str, state: NodeState) -> str:
    attempts = workflow.history.nodes.get(name)
    if state is not NodeState.FAILED or attempts is None or len(attempts.numbers) < 2:
        return name
    return f"{name} ({len(attempts.numbers)} attempts)"
