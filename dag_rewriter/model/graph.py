"""Questions to the graph of a DAG. The only importer of networkx."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from dag_rewriter.errors import DagSyntaxError, RewriterError
from dag_rewriter.model.splices import ORDINARY, WholeDag


class UnknownNodeError(RewriterError):
    """A node that the DAG does not have."""


@dataclass(frozen=True, slots=True)
class DagGraph:
    """The nodes that have a place in the graph, and their edges; `build_graph` makes it."""

    source: str
    _graph: Any = field(repr=False)

    def __len__(self) -> int:
        return int(self._graph.number_of_nodes())

    def __contains__(self, name: object) -> bool:
        return name in self._graph

    @property
    def edge_count(self) -> int:
        """How many edges there are; an edge that is drawn twice counts once, as in DAGMan."""
        return int(self._graph.number_of_edges())

    @property
    def nodes(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(self._graph)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._graph.edges)

    def ancestors(self, names: Iterable[str]) -> tuple[str, ...]:
        """All nodes that any of `names` depends on, in the order of the file. Raises UnknownNodeError."""
        return self._in_order(nx.ancestors(self._graph, name) for name in self._known(names))

    def descendants(self, names: Iterable[str]) -> tuple[str, ...]:
        """All nodes that depend on any of `names`, in the order of the file. Raises UnknownNodeError.

        >>> from dag_rewriter.model.splices import expand
        >>> text = b"JOB A a\\nJOB B b\\nJOB C c\\nPARENT A CHILD B\\nPARENT B CHILD C\\n"
        >>> build_graph(expand("x.dag", lambda name: text)).descendants(["A"])
        ('B', 'C')
        """
        return self._in_order(nx.descendants(self._graph, name) for name in self._known(names))

    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The nodes level by level; a node's level is the longest way to it. Raises DagSyntaxError for a cycle."""
        self._refuse_cycle()
        return tuple(tuple(level) for level in nx.topological_generations(self._graph))

    def critical_path(self) -> tuple[str, ...]:
        """One of the longest ways through the graph, counted in nodes. Raises DagSyntaxError for a cycle."""
        self._refuse_cycle()
        return tuple(nx.dag_longest_path(self._graph, weight=None, default_weight=1))

    def roots(self) -> tuple[str, ...]:
        """The nodes without parents."""
        return tuple(name for name, degree in self._graph.in_degree if degree == 0)

    def leaves(self) -> tuple[str, ...]:
        """The nodes without children."""
        return tuple(name for name, degree in self._graph.out_degree if degree == 0)

    def _in_order(self, found: Iterable[set[str]]) -> tuple[str, ...]:
        names = set().union(*found)
        return tuple(name for name in self._graph if name in names)

    def _known(self, names: Iterable[str]) -> tuple[str, ...]:
        names = tuple(names)
        for name in names:
            if name not in self._graph:
                raise UnknownNodeError(self.source, f"there is no node {name}", self._advice(name))
        return names

    def _advice(self, name: str) -> str:
        like = next((known for known in self._graph if name.lower() in known.lower()), None)
        return "see `bridle graph --levels` for all nodes" if like is None else f"did you mean {like}?"

    def _refuse_cycle(self) -> None:
        if nx.is_directed_acyclic_graph(self._graph):
            return
        circle = [edge[0] for edge in nx.find_cycle(self._graph)]
        what = f"the nodes depend on each other in a circle: {' -> '.join([*circle, circle[0]])}"
        raise DagSyntaxError(self.source, 0, what, "take one of these edges out of the DAG")


def build_graph(whole: WholeDag) -> DagGraph:
    """The graph of all ordinary nodes (JOB, SUBDAG EXTERNAL); the others have no edges, and bridle's monitor none."""
    graph: Any = nx.DiGraph()
    graph.add_nodes_from(
        node.name for node in whole.nodes() if node.kind in ORDINARY and node.name != whole.monitor
    )
    graph.add_edges_from(edge for edge in whole.edges() if edge[0] in graph and edge[1] in graph)
    return DagGraph(whole.dag.source, graph)
