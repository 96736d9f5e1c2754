"""Questions to the graph of a DAG. The only importer of networkx, and only for what is more than a walk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from condor_templates.did_you_mean import did_you_mean
from dag_rewriter.errors import DagSyntaxError, RewriterError
from dag_rewriter.model.splices import ORDINARY, WholeDag

_Neighbours = Mapping[str, Mapping[str, None]]
"""name -> its parents, or its children, in the order of the edges"""


class UnknownNodeError(RewriterError):
    """A node that the DAG does not have."""


@dataclass(frozen=True, slots=True)
class DagGraph:
    """The nodes that have a place in the graph, and their edges; `build_graph` makes it."""

    source: str
    _children: _Neighbours = field(repr=False)
    _parents: _Neighbours = field(repr=False)

    def __len__(self) -> int:
        return len(self._children)

    def __contains__(self, name: object) -> bool:
        return name in self._children

    @property
    def edge_count(self) -> int:
        """How many edges there are; an edge that is drawn twice counts once, as in DAGMan."""
        return sum(map(len, self._children.values()))

    @property
    def nodes(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(self._children)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        return tuple((parent, child) for parent, below in self._children.items() for child in below)

    def ancestors(self, names: Iterable[str]) -> tuple[str, ...]:
        """All nodes that any of `names` depends on, in the order of the file. Raises UnknownNodeError."""
        return self._reached(names, self._parents)

    def descendants(self, names: Iterable[str]) -> tuple[str, ...]:
        """All nodes that depend on any of `names`, in the order of the file. Raises UnknownNodeError.

        >>> from dag_rewriter.model.splices import expand
        >>> text = b"JOB A a\\nJOB B b\\nJOB C c\\nPARENT A CHILD B\\nPARENT B CHILD C\\n"
        >>> build_graph(expand("x.dag", lambda name: text)).descendants(["A"])
        ('B', 'C')
        """
        return self._reached(names, self._children)

    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The nodes level by level; a node's level is the longest path to it. Raises DagSyntaxError for a cycle."""
        waiting = {name: len(above) for name, above in self._parents.items()}
        levels = [self.roots()]
        while levels[-1]:
            following = []
            for child in (child for name in levels[-1] for child in self._children[name]):
                waiting[child] -= 1
                if not waiting[child]:
                    following.append(child)
            levels.append(tuple(following))
        if any(waiting.values()):
            raise self._cycle()
        return tuple(levels[:-1])

    def critical_path(self) -> tuple[str, ...]:
        """One of the longest paths through the graph, counted in nodes. Raises DagSyntaxError for a cycle."""
        import networkx as nx

        self.levels()  # refuses a cycle
        return tuple(nx.dag_longest_path(self._networkx(), weight=None, default_weight=1))

    def roots(self) -> tuple[str, ...]:
        """The nodes without parents."""
        return tuple(name for name, above in self._parents.items() if not above)

    def leaves(self) -> tuple[str, ...]:
        """The nodes without children."""
        return tuple(name for name, below in self._children.items() if not below)

    def _reached(self, names: Iterable[str], ways: _Neighbours) -> tuple[str, ...]:
        reached: set[str] = set()
        waiting = list(self._known(names))
        while waiting:
            new = ways[waiting.pop()].keys() - reached
            reached |= new
            waiting += new
        return tuple(name for name in self._children if name in reached)

    def _known(self, names: Iterable[str]) -> tuple[str, ...]:
        names = tuple(names)
        for name in names:
            if name not in self._children:
                raise UnknownNodeError(self.source, f"there is no node {name}", self._advice(name))
        return names

    def _advice(self, name: str) -> str:
        return did_you_mean(name, self._children) or "see `bridle graph --levels` for all nodes"

    def _networkx(self) -> Any:
        import networkx as nx

        return nx.DiGraph(self._children)

    def _cycle(self) -> DagSyntaxError:
        import networkx as nx

        ring = [edge[0] for edge in nx.find_cycle(self._networkx())]
        what = f"the nodes depend on each other in a circle: {' -> '.join([*ring, ring[0]])}"
        return DagSyntaxError(self.source, 0, what, "take one of these edges out of the DAG")


def build_graph(whole: WholeDag) -> DagGraph:
    """The graph of all ordinary nodes (JOB, SUBDAG EXTERNAL); the others have no edges, and bridle's monitor none."""
    names = [node.name for node in whole.nodes() if node.kind in ORDINARY and node.name != whole.monitor]
    children: dict[str, dict[str, None]] = {name: {} for name in names}
    parents: dict[str, dict[str, None]] = {name: {} for name in names}
    for parent, child in whole.edges():
        if parent in children and child in children:
            children[parent][child] = None
            parents[child][parent] = None
    return DagGraph(whole.dag.source, children, parents)
