"""A DAG with its splices and includes put in, as DAGMan sees it: one set of nodes, one set of edges.

A node of a splice is called SPLICE+NODE. The text of the files comes from a function, so nothing is read here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, product
from typing import TypeAlias

from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.text import bytes_of, text_of
from dag_rewriter.model.dag import Dag, Node, Work, parse_dag
from dag_rewriter.model.includes import with_includes
from dag_rewriter.model.part_limits import MAX_FILES, known_once, refuse_many_edges, refuse_too_much, too_much

Read: TypeAlias = Callable[[str], bytes]
"""path -> bytes; a relative path counts from where DAGMan runs"""
Edge: TypeAlias = tuple[str, str]

MONITOR = "bridle_monitor"
_OURS = ".bridle.sub"
ORDINARY = frozenset({NodeKind.JOB, NodeKind.SUBDAG})
"""The kinds that have a place in the graph; the others run beside it (SERVICE), before (PROVISIONER) or after it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the whole: the DAG itself, or a splice."""

    prefix: str
    """stands before the names of its nodes: "" or "SPLICE+"; "0." and "0.SPLICE+0." where several DAGs run as one"""
    directory: str
    """where DAGMan is when it reads the file, from where it runs: "" or a DIR"""
    dag: Dag
    is_splice: bool = False
    has_includes: bool = False
    """whether the text of other files stands in it: of those there is no more to be seen"""

    def nodes(self) -> Iterator[Node]:
        """Its nodes under their whole names. SERVICE nodes of a splice are left out: DAGMan never starts them."""
        for node in self.dag.nodes.values():
            if not self.prefix:
                yield node
            elif not (self.is_splice and node.kind is NodeKind.SERVICE):
                yield node.renamed(self.prefix + node.name, self.category(node.category))

    def names(self, places: Sequence[int]) -> list[str]:
        """The whole names of the nodes at some places of `Index.nodes`, in their order. Makes no node."""
        ordinals = self.dag.index.ordinals
        # Decoded at once: a name has no newline in it.
        names = text_of(b"\n".join(ordinals)).split("\n") if ordinals else []
        if self.prefix:
            names = [self.prefix + name for name in names]
        return names if len(places) == len(names) else [names[place] for place in places]

    def done(self) -> Iterator[str]:
        """The whole names of the nodes that the DAG says are done. Makes no node."""
        index = self.dag.index
        flagged = (index.fields_of(place, b"") for place in index.special)
        names = {*index.done, *(fields[1] for fields in flagged if fields[5])}
        return (self.prefix + text_of(name) for name in names if name in index.ordinals)

    def works(self) -> Iterator[Work]:
        """The same of them, for who asks for nothing but what they run."""
        for work in self.dag.nodes.works():
            if not self.prefix:
                yield work
            elif not (self.is_splice and work.kind is NodeKind.SERVICE):
                yield work._replace(name=self.prefix + work.name)

    def category(self, name: str | None) -> str | None:
        """A category of a splice is its own, unless it begins with a plus sign (throttle_by_category.cpp)."""
        if name is None or name.startswith("+") or not self.is_splice:
            return name
        return self.prefix + name

    def path(self, name: str) -> str:
        """A file that this part names, from where DAGMan runs."""
        return posixpath.normpath(posixpath.join(self.directory, name))


@dataclass(frozen=True, slots=True)
class WholeDag:
    """All parts of a DAG, the DAG itself first."""

    parts: tuple[Part, ...]
    links: tuple[Edge, ...] = ()
    """the edges that begin or end in a splice"""
    weak_links: frozenset[Edge] = frozenset()
    """those of them that are weak"""

    def nodes(self) -> Iterator[Node]:
        """Every node under its whole name."""
        return chain.from_iterable(part.nodes() for part in self.parts)

    def ordinary(self, part: Part) -> Sequence[int]:
        """The places, in `Index.nodes`, of a part's nodes that have a place in the graph, without bridle's monitor."""
        index = part.dag.index
        out = {place for place in index.special if index.kind_of(place) not in ORDINARY}
        monitor = None if part.prefix else self.monitor
        if monitor is not None:
            out.add(index.ordinals[bytes_of(monitor)])
        places = range(len(index.nodes))
        return [place for place in places if place not in out] if out else places

    def ordinary_names(self) -> list[str]:
        """The whole names of all nodes that have a place in the graph, without bridle's monitor. Makes no node."""
        return [name for part in self.parts for name in part.names(self.ordinary(part))]

    def count(self) -> int:
        """How many nodes there are, as `nodes` gives them."""
        services = (
            part.dag.index.kind_of(place) is NodeKind.SERVICE
            for part in self.parts
            if part.is_splice
            for place in part.dag.index.special
        )
        return sum(len(part.dag.nodes) for part in self.parts) - sum(services)

    def done(self) -> set[str]:
        """The whole names of the nodes that the DAG itself says are done. Makes no node."""
        return {name for part in self.parts for name in part.done()}

    def edges(self) -> Iterator[Edge]:
        """(parent, child) of every dependency."""
        for part in self.parts:
            before = part.prefix
            yield from part.dag.edges if not before else ((before + a, before + b) for a, b in part.dag.edges)
        yield from self.links

    def weak_edges(self) -> set[Edge]:
        """(parent, child) of those that a WEAK PARENT line gave: the child runs also if the parent failed (25.13)."""
        weak = {(part.prefix + a, part.prefix + b) for part in self.parts for a, b in part.dag.edges.weak}
        return weak | self.weak_links

    def strong_edges(self) -> Iterator[Edge]:
        """(parent, child) of those after whose parent's failure the child cannot run: not of WEAK PARENT."""
        weak = self.weak_edges()
        return (edge for edge in self.edges() if edge not in weak) if weak else self.edges()

    def descriptions(self) -> dict[str, tuple[str, str]]:
        """The file and the text of each SUBMIT-DESCRIPTION: for DAGMan they hold in all parts, wherever they stand."""
        return {
            name: (part.dag.source, text)
            for part in self.parts
            for name, text in part.dag.descriptions.items()
        }

    @property
    def dag(self) -> Dag:
        """The DAG itself."""
        return self.parts[0].dag

    @property
    def monitor(self) -> str | None:
        """The node that bridle put in, be it a SERVICE or a JOB."""
        if self.dag.monitor is not None:
            return self.dag.monitor
        names = (MONITOR, *(f"{MONITOR}_{number}" for number in range(2, 10)))
        there = (self.dag.nodes[name] for name in names if name in self.dag.nodes)
        return next((node.name for node in there if node.submit_file.endswith(_OURS)), None)


@dataclass(slots=True)
class _Scope:
    """A file while it is put together: what DAGMan calls a Dag, for the root and for each splice."""

    parts: list[Part] = field(default_factory=list)
    links: list[Edge] = field(default_factory=list)
    weak: set[Edge] = field(default_factory=set)
    pins: dict[tuple[bool, int], list[str]] = field(default_factory=dict)
    known_ends: tuple[list[str], list[str]] | None = None

    def ends(self) -> tuple[list[str], list[str]]:
        """The nodes that have no parent, and those that have no child, inside a splice. Most are never asked."""
        if self.known_ends is None:
            whole = WholeDag(tuple(self.parts), tuple(self.links))
            edges = list(whole.edges())
            parents, children = {parent for parent, _ in edges}, {child for _, child in edges}
            works = chain.from_iterable(part.works() for part in self.parts)
            names = [work.name for work in works if work.kind in ORDINARY]
            first, last = ([one for one in names if one not in others] for others in (children, parents))
            self.known_ends = first, last
        return self.known_ends


def expand(source: str, read: Read) -> WholeDag:
    """The DAG in the file `source` with all that it splices in and includes. Raises DagSyntaxError, and what read
    raises.

    >>> texts = {"x.dag": b"SPLICE S s.dag\\nJOB B b\\nPARENT S CHILD B\\n", "s.dag": b"JOB A a\\nJOB C c\\n"}
    >>> list(expand("x.dag", texts.__getitem__).edges())
    [('S+A', 'B'), ('S+C', 'B')]
    """
    scope = _root_scope(source, "", read)
    return WholeDag(tuple(scope.parts), tuple(scope.links), frozenset(scope.weak))


def expand_several(sources: Sequence[str], read: Read, *, each_at_home: bool = False) -> WholeDag:
    """Several DAGs that one DAGMan runs: it puts the number of its DAG before every name (25.14: seen).

    `each_at_home`: the names in each begin where it lies (-usedagdir). Raises as `expand`.

    >>> texts = {"x.dag": b"JOB A a\\n", "y.dag": b"JOB A a\\nSPLICE S x.dag\\n"}
    >>> [node.name for node in expand_several(["x.dag", "y.dag"], texts.__getitem__).nodes()]
    ['0.A', '1.A', '1.S+1.A']
    """
    parts: list[Part] = []
    links: list[Edge] = []
    weak: set[Edge] = set()
    for number, source in enumerate(sources):
        directory = posixpath.dirname(source) if each_at_home else ""
        scope = _root_scope(source, directory, read, f"{number}.")
        parts += scope.parts
        links += scope.links
        weak |= scope.weak
    return WholeDag(tuple(parts), tuple(links), frozenset(weak))


def _root_scope(source: str, directory: str, read: Read, number: str = "") -> _Scope:
    files = _Files(source, cache(read))
    refuse_too_much(source, files.read, directory)
    return _scope(source, "", directory, files, (source,), number)


@dataclass(slots=True)
class _Files:
    """The files of a DAG: each is read once, and parsed once for each directory that it is used in."""

    source: str
    read: Read
    left: int = MAX_FILES
    edges: int = 0
    dags: dict[tuple[str, str], tuple[Dag, bool]] = field(default_factory=dict)

    def dag(self, file: str, directory: str, above: Sequence[str]) -> tuple[Dag, bool]:
        """The DAG in a file, and whether it includes others. Raises DagSyntaxError for one file too many."""
        key = file, directory
        self.take()
        if key not in self.dags:
            data = self.read(file)
            text = with_includes(data, directory, self.included, above)
            dag = parse_dag(text.data, file, text.segments) if text.segments else parse_dag(text.data, file)
            self.dags[key] = dag, text.data != data
        return self.dags[key]

    def included(self, file: str) -> bytes:
        """Its text. Raises DagSyntaxError for one file too many."""
        self.take()
        return self.read(file)

    def connect(self, number: int) -> None:
        """Raises DagSyntaxError for one dependency too many."""
        self.edges += number
        refuse_many_edges(self.source, self.edges)

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise too_much(self.source, f"{MAX_FILES} files")


def _scope(
    source: str, inside: str, directory: str, files: _Files, above: Sequence[str], number: str = ""
) -> _Scope:
    """`inside` is the splice that it is, with its plus sign, or ""; `number` stands before each of its names."""
    prefix = inside + number
    dag, has_includes = files.dag(source, directory, above)
    part = Part(prefix, directory, dag, bool(inside), has_includes)
    files.connect(len(part.dag.index.parents))
    scope = _Scope(parts=[part])
    splices = {}
    for splice in part.dag.splice_commands:
        inner = posixpath.join(directory, splice.directory or "")
        file = known_once(posixpath.normpath(posixpath.join(inner, splice.dag_file)), above)
        splices[splice.name] = _scope(file, f"{prefix}{splice.name}+", inner, files, (*above, file), number)
    for spliced in splices.values():
        scope.parts += spliced.parts
        scope.links += spliced.links
        scope.weak |= spliced.weak
    for edge, weak in _links(part, splices, files):
        scope.links.append(edge)
        if weak:
            scope.weak.add(edge)
    if inside:
        for pin in part.dag.pins:
            scope.pins.setdefault((pin.out, pin.number), []).append(prefix + pin.node)
    return scope


def _links(part: Part, splices: Mapping[str, _Scope], files: _Files) -> Iterator[tuple[Edge, bool]]:
    """The edges that PARENT and CONNECT lines draw to and from splices, and whether they are weak."""
    for parents, children, weak in part.dag.edges.groups:
        files.connect(len(parents) * len(children))
        for parent, child in product(parents, children):
            if parent in part.dag.nodes and child in part.dag.nodes:
                continue  # Dag.edges has it
            ends = splices[parent].ends()[1] if parent in splices else [part.prefix + parent]
            begins = splices[child].ends()[0] if child in splices else [part.prefix + child]
            files.connect(len(ends) * len(begins))
            yield from ((edge, weak) for edge in product(ends, begins))
    for connection in part.dag.connections:
        ends_of = splices.get(connection.parent), splices.get(connection.child)
        yield from ((edge, False) for edge in _connected(*ends_of, files))


def _connected(parent: _Scope | None, child: _Scope | None, files: _Files) -> Iterator[Edge]:
    """Each PIN_OUT of one splice to the PIN_IN of the same number of another."""
    if parent is None or child is None:
        return
    for (out, number), nodes in parent.pins.items():
        if out:
            below = child.pins.get((False, number), [])
            files.connect(len(nodes) * len(below))
            yield from product(nodes, below)
