"""The graph of a workflow as it is drawn: in levels, and, where it is large, the nodes of a kind in a level as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus, attempt_status
from monitord_job.report.queries import planned_transformations
from monitord_job.report.run_data import RunData
from monitord_job.statistics.queries.questions import Questions
from monitord_job.text.display import one_line

MOST_NODES, MOST_WIDE, MOST_LEVELS = 120, 10, 40
"""Of a picture in which each node is seen; of one of its levels; rows of any picture."""
_JOBS = """
SELECT j.job_id, j.exec_job_id, j.type_desc, i.job_instance_id, i.exitcode
FROM job j LEFT JOIN job_instance i ON i.job_id = j.job_id AND i.job_submit_seq =
     (SELECT max(l.job_submit_seq) FROM job_instance l WHERE l.job_id = j.job_id)
WHERE j.wf_id = ? ORDER BY j.job_id
"""
_EDGES = "SELECT parent_exec_job_id, child_exec_job_id FROM job_edge WHERE wf_id = ?"
_TASKS = """
SELECT t.abs_task_id, t.transformation, j.exec_job_id FROM task t LEFT JOIN job j ON j.job_id = t.job_id
WHERE t.wf_id = ? ORDER BY t.task_id
"""
_TASK_EDGES = "SELECT parent_abs_task_id, child_abs_task_id FROM task_edge WHERE wf_id = ?"

Edges = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node of a picture: one, or several of a kind."""

    label: str
    count: int = 1
    states: Mapping[str, int] = field(default_factory=dict)
    """how many are in which, in words"""


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn; the keys of nodes are no more than that."""

    levels: tuple[tuple[str, ...], ...]
    nodes: Mapping[str, Drawn]
    edges: tuple[tuple[str, str], ...]
    is_collapsed: bool = False
    levels_a_row: int = 1
    """so many of the workflow are one row here"""


@dataclass(frozen=True, slots=True)
class Node:
    """Of the workflow."""

    kind: str
    """nodes of one kind are drawn as one where there are many"""
    state: str


def dag_graph(questions: Questions, run: RunData) -> Graph:
    """The jobs of the run itself, without those of its sub-workflows."""
    root = run.statistics.figures[0].workflow.wf_id
    nodes = _jobs(questions, run, root)
    edges = [(str(parent), str(child)) for parent, child in questions.rows(_EDGES, root)]
    return graph(nodes, edges)


def dax_graph(questions: Questions, run: RunData) -> Graph:
    """The tasks of the abstract workflow, each with the state of its job; empty of a DAG without Pegasus."""
    root = run.statistics.figures[0].workflow.wf_id
    jobs = _jobs(questions, run, root)
    nothing = Node("", NODE_WORDS[NodeStatus.UNREADY].value)
    nodes = {
        str(task): Node(str(name), jobs.get(job, nothing).state)
        for task, name, job in questions.rows(_TASKS, root)
    }
    edges = [(str(parent), str(child)) for parent, child in questions.rows(_TASK_EDGES, root)]
    return graph(nodes, edges)


def _jobs(questions: Questions, run: RunData, wf_id: int) -> dict[str, Node]:
    """Those of a workflow. Of so many that the report leaves some out, these are read here: none of them failed."""
    known = {one.job: one for one in run.attempts if one.workflow == 0 and one.is_newest}
    planned = planned_transformations(questions, [wf_id])
    nodes = {}
    for job_id, job, kind, instance, code in questions.rows(_JOBS, wf_id):
        told = known.get(job)
        if told is not None:
            nodes[job] = Node(told.transformation, NODE_WORDS[told.status].value)
            continue
        end = run.statistics.figures[0].workflow.end
        status = attempt_status(None if instance is None else "EXECUTE", code, end=end)
        nodes[job] = Node(planned.get(job_id, kind), NODE_WORDS[status].value)
    return nodes


def graph(nodes: Mapping[str, Node], edges: Iterable[tuple[str, str]]) -> Graph:
    """What is drawn of it.

    >>> many = {f"n{at}": Node("work", "done") for at in range(200)}
    >>> [(one.label, one.count) for one in graph(many, []).nodes.values()]
    [('work', 200)]
    """
    known = [edge for edge in dict.fromkeys(edges) if edge[0] in nodes and edge[1] in nodes]
    levels = levels_of(nodes, known)
    wide = max(map(len, levels), default=0)
    if len(nodes) <= MOST_NODES and wide <= MOST_WIDE and len(levels) <= MOST_LEVELS:
        drawn = {name: Drawn(one_line(name, 40), 1, {node.state: 1}) for name, node in nodes.items()}
        return Graph(levels, drawn, tuple(known))
    return _collapsed(nodes, known, levels)


def levels_of(nodes: Iterable[str], edges: Edges) -> tuple[tuple[str, ...], ...]:
    """Each node on the level of the longest path to it; those on a cycle are left out.

    >>> levels_of("abc", [("a", "b"), ("b", "c"), ("a", "c")])
    (('a',), ('b',), ('c',))
    """
    waiting = dict.fromkeys(nodes, 0)
    below: dict[str, list[str]] = defaultdict(list)
    for parent, child in edges:
        waiting[child] += 1
        below[parent].append(child)
    levels = [tuple(name for name, count in waiting.items() if not count)]
    while levels[-1]:
        following = []
        for child in (child for name in levels[-1] for child in below[name]):
            waiting[child] -= 1
            if not waiting[child]:
                following.append(child)
        levels.append(tuple(following))
    return tuple(levels[:-1])


def _collapsed(nodes: Mapping[str, Node], edges: Edges, levels: Sequence[Sequence[str]]) -> Graph:
    each = -(-len(levels) // MOST_LEVELS)
    row = {name: at // each for at, names in enumerate(levels) for name in names}
    group = {name: f"{at} {nodes[name].kind}" for name, at in row.items()}
    members: dict[str, list[str]] = defaultdict(list)
    for name, key in group.items():
        members[key].append(name)
    drawn = {
        key: Drawn(
            one_line(nodes[names[0]].kind, 40), len(names), Counter(nodes[name].state for name in names)
        )
        for key, names in members.items()
    }
    pairs = dict.fromkeys(
        (group[parent], group[child])
        for parent, child in edges
        if parent in row and child in row and row[parent] < row[child]
    )
    rows: dict[int, dict[str, None]] = defaultdict(dict)
    for name, key in group.items():
        rows[row[name]][key] = None
    return Graph(tuple(map(tuple, rows.values())), drawn, tuple(pairs), is_collapsed=True, levels_a_row=each)
