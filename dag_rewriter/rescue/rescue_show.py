"""What `bridle rescue list` and `show` say: text for people, values for JSON. Reads nothing but the Workflow."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from condor_templates.state_words import StateWord
from dag_rewriter.rescue.rescue_dag import RescueError
from dag_rewriter.rescue.rescue_files import Workflow
from dag_rewriter.rescue.rescue_plan import limit_notes
from dag_rewriter.rescue.run_state import NodeState, NumberedRescue, RunState

_MOST = 20


def rescue_at(workflow: Workflow, number: int) -> RunState:
    """Where a run stands that goes on from rescue DAG `number`. Raises RescueError."""
    rescue = next((each for each in workflow.rescues if each.number == number), None)
    if rescue is None:
        there = ", ".join(str(each.number) for each in workflow.rescues) or "none"
        where = str(workflow.submit_dir.dag_file)
        raise RescueError(where, f"there is no rescue DAG {number}", f"there are: {there}")
    return workflow.state_from(rescue)


def as_mapping(workflow: Workflow) -> dict[str, Any]:
    """All rescue DAGs, for --json; times in seconds since the epoch."""
    now = workflow.run_state
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
        },
        "sub_workflows": {node: as_mapping(child) for node, child in workflow.children.items()},
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


def list_lines(workflow: Workflow, node: str = "") -> Iterator[str]:
    """All rescue DAGs, for people."""
    if not node:
        yield from _listed(workflow, "")
    for name, child in workflow.children.items():
        where = f"{node}{name}"
        folder = os.path.relpath(child.submit_dir.dag_file, workflow.submit_dir.path)
        yield f"sub-workflow {where} ({folder}):"
        yield from _listed(child, "  ")
        yield from list_lines(child, f"{where}/")
    if not node:
        yield from limit_notes(workflow)


def _listed(workflow: Workflow, indent: str) -> Iterator[str]:
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
    yield f"{indent}{_next(workflow)}"


def _next(workflow: Workflow) -> str:
    run_state = workflow.run_state
    if run_state.rescue is not None:
        return f"the next run goes on from {run_state.source}"
    if workflow.history.started is None:
        return "nothing has run yet"
    if workflow.history.succeeded:
        return "the last run succeeded" + (", after these were written" if workflow.rescues else "")
    return "the last run has not ended in order: its log says where it stands"


def show_mapping(workflow: Workflow, run_state: RunState) -> dict[str, Any]:
    """For --json."""
    below = {
        node: show_mapping(child, child.run_state)
        for node, child in workflow.children.items()
        if run_state.nodes.get(node) is not NodeState.DONE
    }
    attempts = {
        name: len(workflow.history.nodes[name].numbers)
        for name in run_state.of(NodeState.FAILED)
        if name in workflow.history.nodes
    }
    dag = str(workflow.submit_dir.dag_file)
    return {"dag": dag, **run_state.as_json(), "attempts": attempts, "sub_workflows": below}


def show_lines(workflow: Workflow, run_state: RunState, indent: str = "") -> Iterator[str]:
    """For people."""
    counts = ", ".join(
        f"{len(run_state.of(state))} {_WORDS[state]}" for state in NodeState if run_state.of(state)
    )
    yield f"{indent}{workflow.submit_dir.dag}: {len(run_state.nodes)} nodes, {counts} (says {run_state.source})"
    for state in NodeState:
        names = run_state.of(state)
        if state is NodeState.DONE or not names:
            continue
        shown = ", ".join(_told(workflow, name, state) for name in names[:_MOST])
        yield f"{indent}{_WORDS[state]}: {shown}" + (
            f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        )
    for node, child in workflow.children.items():
        if run_state.nodes.get(node) is not NodeState.DONE and child.has_run:
            yield f"{indent}sub-workflow {node}:"
            yield from show_lines(child, child.run_state, f"{indent}  ")


_WORDS = {
    NodeState.DONE: StateWord.DONE.value,
    NodeState.FAILED: StateWord.FAILED.value,
    NodeState.INTERRUPTED: StateWord.INTERRUPTED.value,
    NodeState.AGAIN: StateWord.AGAIN.value,
    NodeState.NEVER: StateWord.NOT_STARTED.value,
}


def _told(workflow: Workflow, name: str, state: NodeState) -> str:
    attempts = workflow.history.nodes.get(name)
    if state is not NodeState.FAILED or attempts is None or len(attempts.numbers) < 2:
        return name
    return f"{name} ({len(attempts.numbers)} attempts)"
