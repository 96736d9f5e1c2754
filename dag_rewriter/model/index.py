"""One pass over the bytes of a DAG: each command goes to where it is found by node name; no object per line.

What planners write is read in bulk (`bulk`), piece by piece; a piece with anything else in it goes line by line.
Tables of settings (scripts, retries, ...) are made when somebody asks for them.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language import regex_lines
from dag_rewriter.language.chunks import SIZE, TOO_LONG, Piece, TooLongError, pieces
from dag_rewriter.language.command_table import COMMANDS, SETTINGS, About, CommandRow
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.field_words import Fields, MalformedError
from dag_rewriter.language.lexer import Statement, keyword
from dag_rewriter.language.text import text_of
from dag_rewriter.model import block
from dag_rewriter.model.complaints import twice, twice_in_bulk, unknown
from dag_rewriter.model.part_limits import ABSURD, refuse_many_edges
from dag_rewriter.model.tables import Table, table_key

_RERUN = "let pegasus-plan write the directory again, or mend the line"


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


Group: TypeAlias = "tuple[tuple[bytes, ...], tuple[bytes, ...], bool]"
"""(parents, children, weak)"""


@dataclass(slots=True)
class Index:
    """Everything of a DAG as its lines gave it (`build_index` fills it; only tables are added afterwards)."""

    data: bytes
    parts: list[IndexedPiece] = field(default_factory=list)
    ordinals: dict[bytes, int] = field(default_factory=dict)
    """name -> place in `nodes`"""
    nodes: list[bytes | Fields] = field(default_factory=list)
    """the submit file of a plain JOB, else the fields of the NodeCommand with the line's number before them, or 0 if it
    is one of many"""
    special: list[int] = field(default_factory=list)
    """places in `nodes` of those that are no plain JOB, but for `described`"""
    described: list[int] = field(default_factory=list)
    """places in `nodes` of the JOBs, many at once, that are plain but for a description in the DAG"""
    parents: array[int] = field(default_factory=lambda: array("I"))
    children: array[int] = field(default_factory=lambda: array("I"))
    weak: set[tuple[int, int]] = field(default_factory=set)
    groups: list[Group] = field(default_factory=list)
    """PARENT lines with several names, or with the names of splices"""
    later: list[regex_lines.Pairs] = field(default_factory=list)
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
        return regex_lines.select(regex_lines.framed(self.data, part.start, part.stop), key)

    def categories(self) -> tuple[array[int], tuple[bytes, ...]]:
        """Of each node (at its place) the number of the last category that a line gives it, from 1, 0 for none; all
        names that CATEGORY lines have. Makes no table.
        """
        if self.chosen is None:
            self.chosen = _categories(self)
        return self.chosen

    def line_of(self, ordinal: int) -> int:
        """The number of the line that defines a node."""
        fields = self.nodes[ordinal]
        if not isinstance(fields, bytes) and fields[0]:
            line: int = fields[0]
            return line
        if not self.line_numbers:
            self.line_numbers = _line_numbers(self)
        return self.line_numbers[ordinal]

    def kind_of(self, ordinal: int) -> NodeKind:
        """JOB, FINAL, ..."""
        fields = self.nodes[ordinal]
        return NodeKind.JOB if isinstance(fields, bytes) else fields[1]

    def fields_of(self, ordinal: int, name: bytes) -> Fields:
        """The fields of a NodeCommand."""
        fields = self.nodes[ordinal]
        if isinstance(fields, bytes):
            return NodeKind.JOB, name, fields, None, False, False, None
        return fields[1:]


def build_index(data: bytes, source: str, size: int = SIZE) -> Index:
    """Reads all commands; DagSyntaxError where DAGMan would refuse one. Unknown ones are kept in `other`."""
    collects = gc.isenabled()
    gc.disable()  # millions of tuples that live for a moment: the collector would look at each of them again
    try:
        index = Index(data)
        for piece in pieces(data, size):
            entries: list[tuple[bytes, Fields]] | None = None if piece.bulk is not None else []
            keys = tuple(piece.bulk or ())
            index.parts.append(
                IndexedPiece(piece.start, piece.stop, piece.line, len(index.nodes), keys, entries)
            )
            if piece.bulk is not None:
                _absorb(index, piece.bulk, piece, source)
            else:
                for statement in piece.statements():
                    _read(index, statement, source)
        _resolve(index, source)
        index.monitor = _monitor(index)
    except TooLongError as error:
        raise DagSyntaxError(source, error.line, TOO_LONG, ABSURD) from error
    finally:
        if collects:
            gc.enable()
    return index


def _absorb(index: Index, bulk: dict[bytes, regex_lines.Pairs], piece: Piece, source: str) -> None:
    """Takes the lines of a bulk piece: nodes and edges at once; of settings only the names are looked at."""
    ordinals = index.ordinals
    here: frozenset[bytes] = frozenset()
    for key in regex_lines.NODES & bulk.keys():  # one of them at most
        jobs = bulk.pop(key)
        names = tuple([job[0] for job in jobs])
        here = frozenset(names)
        _name(index, names, piece, source)
        if key in regex_lines.DESCRIBED:
            index.described.extend(range(len(index.nodes), len(index.nodes) + len(jobs)))
            index.nodes.extend(_described(jobs))
        else:
            index.nodes.extend([job[1] for job in jobs])
    edges = bulk.pop(b"PARENT", None)
    if edges is not None and not _edges(index, edges):
        index.later.append(edges)
    for pairs in bulk.values():
        # Most are about nodes of the same piece, and a small set is in the processor's cache.
        elsewhere = {name for name, _ in pairs} - here
        index.pending += [name for name in elsewhere if name not in ordinals]


def _name(index: Index, names: tuple[bytes, ...], piece: Piece, source: str) -> None:
    """Takes the names of new nodes."""
    ordinals = index.ordinals
    before = len(ordinals)
    known = ordinals.keys().isdisjoint(names) if before else True
    ordinals.update(zip(names, count(before)))
    if not known or len(ordinals) != before + len(names):
        raise twice_in_bulk(source, index.data, piece, names, ordinals, before)


def _described(jobs: regex_lines.Pairs) -> Iterator[Fields]:
    """What `nodes` keeps of nodes whose descriptions stand in the DAG; their lines are found when asked for."""
    for job, description in zip(jobs, regex_lines.described(jobs), strict=True):
        yield 0, NodeKind.JOB, job[0], job[1], None, False, False, description


def _edges(index: Index, pairs: regex_lines.Pairs) -> bool:
    """Adds edges; adds none and says so if one of the names is (still) unknown."""
    place = index.ordinals.__getitem__
    parents, children = zip(*pairs, strict=True)
    try:
        ends = array("I", map(place, parents)), array("I", map(place, children))
    except KeyError:
        return False
    index.parents.extend(ends[0])
    index.children.extend(ends[1])
    return True


def _read(index: Index, statement: Statement, source: str) -> None:
    """Reads one command word by word."""
    number, _, text, body, problem = statement
    word = text.split(None, 1)[0] if text.strip() else b""
    if problem:
        raise DagSyntaxError(source, number, problem, _RERUN)
    row = COMMANDS.get(keyword(word))
    if row is None:
        index.other.append((number, text))
        return
    try:
        fields = row.parse(text, body)
    except MalformedError as error:
        what = f"{text_of(word)}: {error.what}"
        raise DagSyntaxError(source, number, what, f"DAGMan reads: {error.example}") from None
    _take(index, row, fields, statement, source)


def _take(index: Index, row: CommandRow, fields: Fields, statement: Statement, source: str) -> None:
    """Takes one command that was read word by word."""
    line = statement[0]
    if row.about is About.NODE:
        _node(index, line, fields, source)
    elif row.about is About.EDGES:
        index.groups.append(fields)
    elif row.about is About.DONE:
        index.done.add(fields[0])
    elif row.about in SETTINGS:
        entries = index.parts[-1].entries
        assert entries is not None
        entries.append(table_key(row.keyword, fields))
        name = entries[-1][1][0]
        if name not in index.ordinals:
            index.pending.append(name)
    else:
        index.lines.setdefault(row.keyword, []).append((line, fields))


def _node(index: Index, line: int, fields: Fields, source: str) -> None:
    name = fields[1]
    if name in index.ordinals:
        raise twice(source, index.data, line, name)
    place = len(index.nodes)
    index.ordinals[name] = place
    plain = fields[0] is NodeKind.JOB and fields[3:] == (None, False, False, None)
    index.nodes.append((line, *fields))
    if not plain:
        index.special.append(place)


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
            lines = regex_lines.job_lines(regex_lines.framed(index.data, part.start, part.stop), part.line)
            for place, line in enumerate(lines, part.first_node):
                if place < len(numbers):
                    numbers[place] = line
    return numbers


def _monitor(index: Index) -> bytes | None:
    """The SERVICE node that stands in our block, if there is one."""
    lines = block.lines_of(index.data)
    special = (index.nodes[place] for place in index.special)
    ours = (fields for fields in special if not isinstance(fields, bytes) and fields[0] in lines)
    return next((fields[2] for fields in ours if fields[1] is NodeKind.SERVICE), None)


def _groups(index: Index) -> Iterator[Group]:
    """All dependencies that could not be placed when they were read."""
    for pairs in index.later:
        for parent, child in pairs:
            yield (parent,), (child,), False
    yield from index.groups


def _resolve(index: Index, source: str) -> None:
    """Edges whose nodes come later in the file find them now; a name that no line defines is an error."""
    left: list[Group] = []
    known = index.ordinals
    for group in _groups(index):
        parents, children, weak = group
        if any(name not in known for name in (*parents, *children)):
            left.append(group)
            continue
        _connect(index, parents, children, source)
        if weak:
            index.weak.update((known[parent], known[child]) for parent in parents for child in children)
    index.groups, index.later = left, []
    if not index.all(b"INCLUDE"):  # which may define anything
        _refuse_unknown(index, source)
    named = index.done.union(index.pending)
    index.elsewhere = frozenset(n for n in named if n not in known and n.upper() != b"ALL_NODES")
    index.pending = []


def _connect(index: Index, parents: tuple[bytes, ...], children: tuple[bytes, ...], source: str) -> None:
    """Every parent with every child, each once."""
    known = index.ordinals
    if len(parents) == len(children) == 1:
        index.parents.append(known[parents[0]])
        index.children.append(known[children[0]])
        return
    above, below = (dict.fromkeys(map(known.__getitem__, names)) for names in (parents, children))
    refuse_many_edges(source, len(index.parents) + len(above) * len(below))
    ends = array("I", below)
    for parent in above:
        index.parents.extend(array("I", [parent]) * len(ends))
        index.children.extend(ends)


def _refuse_unknown(index: Index, source: str) -> None:
    named = index.done.union(index.pending)
    for parents, children, _ in index.groups:
        named.update(parents, children)
    splices = {fields[0] for _, fields in index.all(b"SPLICE")}
    missing = {name for name in named - splices - index.ordinals.keys() if name.upper() != b"ALL_NODES"}
    if splices:
        missing = {name for name in missing if b"+" not in name}  # SPLICE+NODE
    if missing:
        raise unknown(source, index.data, missing)
