"""One pass over the bytes of a DAG: each command goes to where it is found by node name (`index`).

What planners write is read in bulk, piece by piece; a piece with anything else in it goes line by line.
"""

from __future__ import annotations

import gc
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from operator import itemgetter

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
from dag_rewriter.model.index import DescribedPiece, Group, Index, IndexedPiece
from dag_rewriter.model.part_limits import ABSURD, refuse_many_edges
from dag_rewriter.model.tables import table_key

_RERUN = "let pegasus-plan write the directory again, or mend the line"


def build_index(
    data: bytes, source: str, size: int = SIZE, segments: Sequence[tuple[int, int]] = ()
) -> Index:
    """Reads all commands; DagSyntaxError where DAGMan would refuse one. Unknown ones are kept in `other`. `segments` as
    `parse_dag` has them.
    """
    collects = gc.isenabled()
    gc.disable()  # millions of tuples that live for a moment: the collector would look at each of them again
    try:
        index = Index(data)
        for piece in _pieces(data, size, segments):
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
        if segments:
            place = {start: number for number, (start, stop) in enumerate(segments) if stop > start}
            starts = sorted(place)
            index.parts.sort(key=lambda part: place[starts[bisect_right(starts, part.start) - 1]])
        _resolve(index, source)
        index.monitor = _monitor(index)
    except TooLongError as error:
        raise DagSyntaxError(source, error.line, TOO_LONG, ABSURD) from error
    finally:
        if collects:
            gc.enable()
    return index


def _pieces(data: bytes, size: int, segments: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """All of it in the order of the file; no piece belongs to two segments."""
    if not segments:
        yield from pieces(data, size)
        return
    line = 1
    for start, stop in sorted(segments):
        text = data[start:stop]
        for piece in pieces(text, size, line=line):
            yield replace(piece, start=piece.start + start, stop=piece.stop + start)
        line += text.count(b"\n")


def _absorb(index: Index, bulk: dict[bytes, regex_lines.Columns], piece: Piece, source: str) -> None:
    """Takes the lines of a bulk piece: nodes and edges at once; of settings only the names are looked at."""
    ordinals = index.ordinals
    names: list[bytes] = []
    for key in regex_lines.NODES & bulk.keys():  # one of them at most
        names, files = bulk.pop(key)
        _name(index, names, piece, source)
        if key in regex_lines.DESCRIBED:
            places = range(len(index.nodes), len(index.nodes) + len(names))
            index.described.append(DescribedPiece(places, index.parts[-1], key))
            index.nodes.extend([None] * len(names))
        else:
            index.nodes.extend(files)
    edges = bulk.pop(b"PARENT", None)
    if edges is not None and not _edges(index, edges):
        index.later.append(edges)
    here = frozenset(names) if bulk else frozenset()
    for named, _ in bulk.values():
        # Most are about nodes of the same piece, and a small set is in the processor's cache.
        elsewhere = set(named) - here
        index.pending += [name for name in elsewhere if name not in ordinals]


def _name(index: Index, names: Sequence[bytes], piece: Piece, source: str) -> None:
    """Takes the names of new nodes."""
    ordinals = index.ordinals
    before = len(ordinals)
    ordinals.update(zip(names, count(before)))
    if len(ordinals) != before + len(names):
        raise twice_in_bulk(source, index.data, piece, names, ordinals, before)


def _edges(index: Index, edges: regex_lines.Columns) -> bool:
    """Adds edges; adds none and says so if one of the names is (still) unknown."""
    parents, children = edges
    try:
        ends = _places(index, parents), _places(index, children)
    except KeyError:
        return False
    index.parents.extend(ends[0])
    index.children.extend(ends[1])
    return True


def _places(index: Index, names: Sequence[bytes]) -> array[int]:
    """Raises KeyError for an unknown one."""
    if len(names) == 1:
        return array("I", [index.ordinals[names[0]]])
    return array("I", itemgetter(*names)(index.ordinals))


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
    index.word_by_word.append(place)
    if not plain:
        index.special.append(place)


def _monitor(index: Index) -> bytes | None:
    """The SERVICE node that stands in our block, if there is one."""
    if not index.special:
        return None
    lines = block.lines_of(index.data)
    special = (index.nodes[place] for place in index.special)
    ours = (fields for fields in special if isinstance(fields, tuple) and fields[0] in lines)
    return next((fields[2] for fields in ours if fields[1] is NodeKind.SERVICE), None)


def _groups(index: Index) -> Iterator[Group]:
    """All dependencies that could not be placed when they were read."""
    for parents, children in index.later:
        for parent, child in zip(parents, children, strict=True):
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
