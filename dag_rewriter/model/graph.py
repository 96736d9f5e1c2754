"""Questions to the graph of a DAG: nodes and edges are numbers, of which a million take little memory.

The only importer of networkx, which names a cycle.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, pairwise
from typing import Any, TypeAlias

from condor_templates.did_you_mean import did_you_mean
from dag_rewriter.errors import DagSyntaxError, RewriterError
from dag_rewriter.model.levels import grouped, peeled
from dag_rewriter.model.splices import Part, WholeDag

_Ways: TypeAlias = "tuple[array[int], array[int]]"
"""What `grouped` gives: of each node where its parents, or its children, begin; all of them one after another"""


class UnknownNodeError(RewriterError):
    """A node that the DAG does not have."""


@dataclass(frozen=True)
class DagGraph:
    """The nodes that have a place in the graph, and their edges; `build_graph` makes it."""

    source: str
    nodes: tuple[str, ...]
    """in the order of the file"""
    _parents: array[int] = field(repr=False)
    """of each edge the number of its parent, from 0 in the order of `nodes`; no edge is there twice"""
    _children: array[int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    @property
    def edge_count(self) -> int:
        """How many edges there are; an edge that is drawn twice counts once, as in DAGMan."""
        return len(self._parents)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Those of the first node's children first."""
        return tuple((self.nodes[parent], self.nodes[child]) for parent, child in self._in_order())

    def ancestors(self, names: Iterable[str]) -> tuple[str, ...]:
        """All nodes that any of `names` depends on, in the order of the file. Raises UnknownNodeError."""
        return self._reached(names, grouped(len(self), self._children, self._parents))

    def descendants(self, names: Iterable[str]) -> tuple[str, ...]:
        """All nodes that depend on any of `names`, in the order of the file. Raises UnknownNodeError.

        >>> from dag_rewriter.model.splices import expand
        >>> text = b"JOB A a\\nJOB B b\\nJOB C c\\nPARENT A CHILD B\\nPARENT B CHILD C\\n"
        >>> build_graph(expand("x.dag", lambda name: text)).descendants(["A"])
        ('B', 'C')
        """
        return self._reached(names, self._below)

    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The nodes level by level; a node's level is the longest path to it. Raises DagSyntaxError for a cycle."""
        return tuple(self._named(level) for level in self._levels())

    def critical_path(self) -> tuple[str, ...]:
        """One of the longest paths through the graph, counted in nodes. Raises DagSyntaxError for a cycle."""
        levels = self._levels()
        if not levels:
            return ()
        level_of = array("I", bytes(4 * len(self)))
        for number, level in enumerate(levels):
            for node in level:
                level_of[node] = number
        nobody = len(self)
        above = array("I", [nobody]) * nobody
        for parent, child in zip(self._parents, self._children, strict=True):
            if level_of[child] == level_of[parent] + 1 and parent < above[child]:
                above[child] = parent
        path = [levels[-1][0]]
        while above[path[-1]] != nobody:
            path.append(above[path[-1]])
        return self._named(reversed(path))

    def roots(self) -> tuple[str, ...]:
        """The nodes without parents."""
        return self._named(_left_out(len(self), self._children))

    def leaves(self) -> tuple[str, ...]:
        """The nodes without children."""
        return self._named(_left_out(len(self), self._parents))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return dict(zip(self.nodes, count()))

    @cached_property
    def _below(self) -> _Ways:
        return grouped(len(self), self._parents, self._children)

    def _in_order(self) -> Iterator[tuple[int, int]]:
        first, below = self._below
        return ((node, child) for node in range(len(self)) for child in below[first[node] : first[node + 1]])

    def _named(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple(map(self.nodes.__getitem__, numbers))

    def _levels(self) -> list[array[int]]:
        levels = peeled(len(self), self._children, *self._below)
        if levels is None:
            raise self._cycle()
        return levels

    def _reached(self, names: Iterable[str], ways: _Ways) -> tuple[str, ...]:
        first, ends = ways
        reached: set[int] = set()
        waiting = [self._numbers[name] for name in self._known(names)]
        while waiting:
            node = waiting.pop()
            new = set(ends[first[node] : first[node + 1]]) - reached
            reached |= new
            waiting += new
        return self._named(sorted(reached))

    def _known(self, names: Iterable[str]) -> tuple[str, ...]:
        names = tuple(names)
        for name in names:
            if name not in self._numbers:
                raise UnknownNodeError(self.source, f"there is no node {name}", self._advice(name))
        return names

    def _advice(self, name: str) -> str:
        return did_you_mean(name, self._numbers) or "see `bridle graph --levels` for all nodes"

    def _networkx(self) -> Any:
        import networkx as nx

        graph = nx.DiGraph()
        graph.add_nodes_from(range(len(self)))
        graph.add_edges_from(self._in_order())
        return graph

    def _cycle(self) -> DagSyntaxError:
        import networkx as nx

        ring = self._named(edge[0] for edge in nx.find_cycle(self._networkx()))
        what = f"the nodes depend on each other in a circle: {' -> '.join([*ring, ring[0]])}"
        return DagSyntaxError(self.source, 0, what, "take one of these edges out of the DAG")


def _left_out(number: int, ends: Iterable[int]) -> Iterator[int]:
    """The nodes at no end of an edge."""
    at_end = bytearray(number)
    for node in ends:
        at_end[node] = 1
    return (node for node, is_at_end in enumerate(at_end) if not is_at_end)


def build_graph(whole: WholeDag) -> DagGraph:
    """The graph of all ordinary nodes (JOB, SUBDAG EXTERNAL); the others have no edges, and bridle's monitor none."""
    names: list[str] = []
    parents, children = array("I"), array("I")
    for part in whole.parts:
        places = whole.ordinary(part)
        ends = _ends(part, places, len(names))
        parents.extend(ends[0])
        children.extend(ends[1])
        names += part.names(places)
    if whole.links:
        numbers = dict(zip(names, count()))
        for above, below in whole.links:
            if above in numbers and below in numbers:
                parents.append(numbers[above])
                children.append(numbers[below])
    return DagGraph(whole.dag.source, tuple(names), *_each_once(len(names), parents, children))


def _ends(part: Part, places: Sequence[int], before: int) -> tuple[array[int], array[int]]:
    """The parents and the children of the edges within a part whose nodes at `places` come after that many others."""
    index = part.dag.index
    if isinstance(places, range) and not index.groups:
        if not before:
            return index.parents, index.children
        above, below = ([node + before for node in nodes] for nodes in (index.parents, index.children))
        return array("I", above), array("I", below)
    number = dict(zip(places, count(before)))
    edges = [(number[a], number[b]) for a, b in index.edges() if a in number and b in number]
    return array("I", [parent for parent, _ in edges]), array("I", [child for _, child in edges])


def _each_once(number: int, parents: array[int], children: array[int]) -> tuple[array[int], array[int]]:
    """The edges without those that are drawn a second time."""
    first, below = grouped(number, parents, children)
    if all(stop - start < 2 or len({*below[start:stop]}) == stop - start for start, stop in pairwise(first)):
        return parents, children
    edges = dict.fromkeys(zip(parents, children, strict=True))
    return array("I", (parent for parent, _ in edges)), array("I", (child for _, child in edges))
