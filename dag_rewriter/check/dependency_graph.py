"""The dependencies of all nodes of a check, splices and includes in their places, as numbers: a DAG has millions."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Iterable, Sequence

JOIN = b"(join)"
"""Stands between many parents and many children; it is never shown."""


class Graph:
    """Nodes are numbers from 0; edges go from parents to children."""

    __slots__ = ("_has_child", "_has_parent", "children", "names", "parents")

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.parents: array[int] = array("I")
        self.children: array[int] = array("I")
        self._has_parent = bytearray()
        self._has_child = bytearray()

    def add(self, names: Sequence[bytes]) -> int:
        """New nodes; the first one's number is returned."""
        first = len(self.names)
        self.names.extend(names)
        self._has_parent.extend(bytes(len(names)))
        self._has_child.extend(bytes(len(names)))
        return first

    def connect(self, parents: Sequence[int], children: Sequence[int]) -> int | None:
        """Every parent with every child; of many with many DAGMan makes a node between them, which is returned."""
        join = None
        if len(parents) > 1 and len(children) > 1:
            join = self.add([JOIN])
            self.connect(parents, [join])
            parents = [join]
        for parent in parents:
            self.extend([parent] * len(children), children)
        return join

    def extend(self, parents: Sequence[int], children: Sequence[int]) -> None:
        """Edges one by one: each parent with the child at the same place."""
        self.parents.extend(parents)
        self.children.extend(children)
        for parent in parents:
            self._has_child[parent] = 1
        for child in children:
            self._has_parent[child] = 1

    def is_initial(self, node: int) -> bool:
        """Whether it has no parents."""
        return not self._has_parent[node]

    def is_terminal(self, node: int) -> bool:
        """Whether it has no children."""
        return not self._has_child[node]

    def cycle(self) -> list[bytes]:
        """The names along one cycle, the first one again at the end; empty if there is none.

        >>> graph = Graph()
        >>> graph.connect([graph.add([b"A", b"B", b"C"])], [1])
        >>> graph.connect([1], [2]), graph.connect([2], [1])
        (None, None)
        >>> graph.cycle()
        [b'C', b'B', b'C']
        """
        left = never_ready(len(self.names), self.parents, self.children)
        if not left:
            return []
        above = {child: parent for parent, child in self._edges() if parent in left and child in left}
        node = next(iter(above))
        path: dict[int, int] = {}
        while node not in path:
            path[node] = len(path)
            node = above[node]
        ring = [*list(path)[path[node] :], node]
        return [self.names[one] for one in reversed(ring)]

    def _edges(self) -> Iterable[tuple[int, int]]:
        return zip(self.parents, self.children, strict=True)


def never_ready(nodes: int, parents: Sequence[int], children: Sequence[int]) -> set[int]:
    """The nodes that are on a cycle or below one: their parents never all end. Edges go from `parents` to `children`.

    >>> never_ready(3, [0, 1, 2], [1, 2, 1])
    {1, 2}
    """
    if all(map(operator.lt, parents, children)):  # as planners write them
        return set()
    below: list[list[int]] = [[] for _ in range(nodes)]
    waits = [0] * nodes
    for parent, child in zip(parents, children, strict=True):
        below[parent].append(child)
        waits[child] += 1
    ready = [node for node, count in enumerate(waits) if not count]
    for node in ready:
        for child in below[node]:
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    return {node for node, count in enumerate(waits) if count}
