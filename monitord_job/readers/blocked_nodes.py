"""Nodes that cannot begin because one above them failed or is held: who blocks how many. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from monitord_job.database.queries.run_values import Blocked, WorkflowSummary
from monitord_job.outcome.node_status import NodeStatus

_BLOCK = (NodeStatus.FAILED, NodeStatus.HELD)
_MOST = 20
"""Nodes whose consequences are looked for: each is a walk through the DAG."""


def blockers(run: WorkflowSummary) -> list[str]:
    """The first of the nodes that may block others, if any other has not begun. SERVICE nodes block nobody."""
    if not run.count()[NodeStatus.UNREADY]:
        return []
    return [job.name for job in run.jobs if job.status in _BLOCK and not job.service][:_MOST]


def blocked_nodes(
    run: WorkflowSummary, blocking: Iterable[str], edges: Iterable[tuple[str, str]]
) -> tuple[Blocked, ...]:
    """Which of the nodes that have not begun wait for which of these; those that hold nobody up are left out."""
    children: defaultdict[str, list[str]] = defaultdict(list)
    for parent, child in edges:
        children[parent].append(child)
    waiting = {job.name: place for place, job in enumerate(run.jobs) if job.status is NodeStatus.UNREADY}
    blocked = ((name, _below(name, children, waiting)) for name in blocking)
    return tuple(
        Blocked(name, tuple(sorted(below, key=waiting.__getitem__))) for name, below in blocked if below
    )


def _below(name: str, children: defaultdict[str, list[str]], waiting: Collection[str]) -> set[str]:
    seen: set[str] = set()
    todo = [name]
    while todo:
        # A node that has begun is held up by nobody, and nor is what waits for it.
        new = [child for child in children.get(todo.pop(), ()) if child in waiting and child not in seen]
        seen.update(new)
        todo += new
    return seen
