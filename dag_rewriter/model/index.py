"""All of a DAG as its lines gave it, found by node name; no object per line.

Tables of settings (scripts, retries, ...) and the descriptions of nodes are made when somebody asks for them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias

from dag_rewriter.language import regex_lines
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.field_words import Fields
from dag_rewriter.model.tables import Table


@dataclass(frozen=True, slots=True)
class IndexedPiece:
    """A piece of the file as the tables need it."""

    start: int
    stop: int
    line: int
    first_node: int
    """how many nodes come before it"""
    keys: tuple[bytes, ...]
    """the commands in it, if it is bulk"""
    entries: list[tuple[bytes, Fields]] | None
    """(table, fields of the setting) of its lines; None: it is bulk"""


@dataclass(frozen=True, slots=True)
class DescribedPiece:
    """A bulk piece whose nodes have their submit descriptions in the DAG."""

    places: range
    """of its nodes"""
    part: IndexedPiece
    key: bytes
    """the pattern of its nodes"""


Group: TypeAlias = "tuple[tuple[bytes, ...], tuple[bytes, ...], bool]"
"""(parents, children, weak)"""


@dataclass(slots=True)
class Index:
    """Everything of a DAG as its lines gave it (`build_index` fills it; only tables are added afterwards)."""

    data: bytes
    parts: list[IndexedPiece] = field(default_factory=list)
    ordinals: dict[bytes, int] = field(default_factory=dict)
    """name -> place in `nodes`"""
    nodes: list[bytes | Fields | None] = field(default_factory=list)
    """the submit file of a plain JOB, else the fields of the NodeCommand with the line's number before them; None of
    `described`"""
    word_by_word: list[int] = field(default_factory=list)
    """places in `nodes` of those that are fields"""
    special: list[int] = field(default_factory=list)
    """places in `nodes` of those that are no plain JOB, but for `described`"""
    described: list[DescribedPiece] = field(default_factory=list)
    """JOBs, many at once, that are plain but for a description in the DAG"""
    parents: array[int] = field(default_factory=lambda: array("I"))
    children: array[int] = field(default_factory=lambda: array("I"))
    weak: set[tuple[int, int]] = field(default_factory=set)
    groups: list[Group] = field(default_factory=list)
    """PARENT lines with several names, or with the names of splices"""
    later: list[regex_lines.Columns] = field(default_factory=list)
    """edges of bulk pieces that name nodes of later pieces"""
    pending: list[bytes] = field(default_factory=list)
    """names in settings that no line before them defined"""
    elsewhere: frozenset[bytes] = frozenset()
    """names in settings, and in DONE lines, that no line of this file defines: of splices, their nodes, includes"""
    done: set[bytes] = field(default_factory=set)
    lines: dict[bytes, list[tuple[int, Fields]]] = field(default_factory=dict)
    """keyword -> (line, fields) of the commands that are about no node: CONFIG, SPLICE, DOT, ..."""
    other: list[tuple[int, bytes]] = field(default_factory=list)
    monitor: bytes | None = None
    tables: dict[bytes, Table[Any]] = field(default_factory=dict)
    line_numbers: array[int] = field(default_factory=lambda: array("I"))
    chosen: tuple[array[int], tuple[bytes, ...]] | None = None
    """what `categories` found"""
    made: tuple[range, list[tuple[bytes, bytes]]] = (range(0), [])
    """the descriptions of one piece, those that were made last"""

    def all(self, word: bytes) -> list[tuple[int, Fields]]:
        """(line, fields) of each command of a kind that is about no node."""
        return self.lines.get(word, [])

    def table(self, key: bytes) -> Table[Any]:
        """One setting of all nodes: RETRY, ..., and for SCRIPT: PRE, POST, HOLD."""
        if key not in self.tables:
            self.tables[key] = _table(self, key)
        return self.tables[key]

    def select(self, part: IndexedPiece, key: bytes) -> regex_lines.Pairs:
        """(name, raw value) of a setting in a bulk part."""
        return regex_lines.select(self.framed(part), key)

    def framed(self, part: IndexedPiece) -> bytes:
        """The bytes of a piece as the patterns want them."""
        return regex_lines.framed(self.data, part.start, part.stop)

    def categories(self) -> tuple[array[int], tuple[bytes, ...]]:
        """Of each node (at its place) the number of the last category that a line gives it, from 1, 0 for none; all
        names that CATEGORY lines have. Makes no table.
        """
        if self.chosen is None:
            self.chosen = _categories(self)
        return self.chosen

    def edges(self) -> Iterator[tuple[int, int]]:
        """(parent, child) of every dependency between nodes of this file, by their places."""
        yield from zip(self.parents, self.children, strict=True)
        known = self.ordinals
        for parents, children, _ in self.groups:
            for parent, child in product(parents, children):
                if parent in known and child in known:
                    yield known[parent], known[child]

    def line_of(self, ordinal: int) -> int:
        """The number of the line that defines a node."""
        fields = self.nodes[ordinal]
        if fields is not None and not isinstance(fields, bytes):
            line: int = fields[0]
            return line
        if not self.line_numbers:
            self.line_numbers = _line_numbers(self)
        return self.line_numbers[ordinal]

    def kind_of(self, ordinal: int) -> NodeKind:
        """JOB, FINAL, ..."""
        fields = self.nodes[ordinal]
        return NodeKind.JOB if fields is None or isinstance(fields, bytes) else fields[1]

    def fields_of(self, ordinal: int, name: bytes) -> Fields:
        """The fields of a NodeCommand."""
        fields = self.nodes[ordinal]
        if fields is None:
            opens, description = self._described(ordinal)
            return NodeKind.JOB, name, opens, None, False, False, description
        if isinstance(fields, bytes):
            return NodeKind.JOB, name, fields, None, False, False, None
        return fields[1:]

    def descriptions(self, piece: DescribedPiece) -> list[bytes]:
        """The submit descriptions of its nodes."""
        return [description for _, description in regex_lines.described(self.framed(piece.part), piece.key)]

    def _described(self, ordinal: int) -> tuple[bytes, bytes]:
        if ordinal not in self.made[0]:
            at = bisect_right(self.described, ordinal, key=lambda piece: piece.places.start) - 1
            piece = self.described[at]
            self.made = piece.places, regex_lines.described(self.framed(piece.part), piece.key)
        places, descriptions = self.made
        return descriptions[ordinal - places.start]


def _table(index: Index, key: bytes) -> Table[Any]:
    """Reads one setting from all pieces, in the order of the file."""
    table: Table[Any] = Table(key, index.ordinals)
    for part in index.parts:
        if key in part.keys:
            table.put_raw(index.select(part, key))
        for kind, fields in part.entries or ():
            if kind == key:
                table.put(fields[0], fields[1:])
    return table


def _categories(index: Index) -> tuple[array[int], tuple[bytes, ...]]:
    chosen = array("I", bytes(4 * len(index.nodes)))
    numbers: dict[bytes, int] = {}
    places = index.ordinals
    for part in index.parts:
        for name, category in index.select(part, b"CATEGORY") if b"CATEGORY" in part.keys else ():
            number = numbers.setdefault(category, len(numbers) + 1)
            if name in places:  # an INCLUDE may define others
                chosen[places[name]] = number
        for kind, (name, *rest) in part.entries or ():
            if kind == b"CATEGORY":
                number = numbers.setdefault(rest[0], len(numbers) + 1)
                if name.upper() == b"ALL_NODES":
                    chosen = array("I", [number]) * len(chosen)
                    for place in index.special:
                        chosen[place] *= index.kind_of(place) in (NodeKind.JOB, NodeKind.SUBDAG)
                elif name in places:
                    chosen[places[name]] = number
    return chosen, tuple(numbers)


def _line_numbers(index: Index) -> array[int]:
    numbers = array("I", bytes(4 * len(index.nodes)))
    for part in index.parts:
        if part.entries is None:
            lines = regex_lines.job_lines(index.framed(part), part.line)
            for place, line in enumerate(lines, part.first_node):
                if place < len(numbers):
                    numbers[place] = line
    return numbers
