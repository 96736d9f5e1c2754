"""One node of a DAG as a value, made from the index when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, ValuesView
from dataclasses import dataclass
from typing import Any

from dag_rewriter.commands import NodeKind, Tolerance
from dag_rewriter.fields import Fields
from dag_rewriter.index import Index
from dag_rewriter.pairs import pairs
from dag_rewriter.tables import Table
from dag_rewriter.text import bytes_of, text_of


@dataclass(frozen=True, slots=True)
class Script:
    """A PRE, POST or HOLD script; `arguments` is the raw rest of the line."""

    executable: str
    arguments: str = ""
    defer: tuple[int, int] | None = None
    debug: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One node with all that the DAG says about it, ALL_NODES included."""

    name: str
    kind: NodeKind
    submit_file: str
    """As written in the DAG, relative to `directory`; the DAG file of a SUBDAG; meaningless where `inline` is
    set.
    """
    line_no: int
    directory: str | None = None
    noop: bool = False
    done: bool = False
    inline: str | None = None
    pre: Script | None = None
    post: Script | None = None
    hold: Script | None = None
    retries: int = 0
    unless_exit: int | None = None
    priority: int | None = None
    category: str | None = None
    vars: tuple[tuple[str, str], ...] = ()
    abort_dag_on: tuple[int, int | None] | None = None
    pre_skip: int | None = None
    tolerance: Tolerance | None = None
    save_point: bool = False
    save_point_file: str | None = None
    """where it is, if a SAVE_POINT_FILE line says so"""


class Nodes(Mapping[str, Node]):
    """The nodes by name, in the order of the file; each is made when it is asked for."""

    __slots__ = ("_index", "_tables")

    def __init__(self, index: Index) -> None:
        self._index = index
        self._tables: dict[bytes, Table[Any]] | None = None

    def _settings(self) -> dict[bytes, Table[Any]]:
        """The tables that hold anything."""
        if self._tables is None:
            found = {key: self._index.table(key) for key in _TABLES}
            self._tables = {key: table for key, table in found.items() if table}
        return self._tables

    def __len__(self) -> int:
        return len(self._index.nodes)

    def __iter__(self) -> Iterator[str]:
        return map(text_of, self._index.ordinals)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bytes_of(name) in self._index.ordinals

    def __getitem__(self, name: str) -> Node:
        key = bytes_of(name)
        place = self._index.ordinals.get(key)
        if place is None:
            raise KeyError(name)
        return _node(self._index, self._settings(), key, place)

    def values(self) -> ValuesView[Node]:
        """All nodes, one after the other."""
        return _Values(self)

    def all(self) -> Iterator[Node]:
        """All nodes, faster than by name."""
        tables = self._settings()
        for key, place in self._index.ordinals.items():
            yield _node(self._index, tables, key, place)


class _Values(ValuesView[Node]):
    """Makes each node once, without looking for its name."""

    _mapping: Nodes

    def __iter__(self) -> Iterator[Node]:
        return self._mapping.all()


def is_ordinary(kind: NodeKind) -> bool:
    """Whether ALL_NODES is about it, and CATEGORY, PRIORITY, RETRY may be."""
    return kind is NodeKind.JOB or kind is NodeKind.SUBDAG


def _node(index: Index, tables: Mapping[bytes, Table[Any]], key: bytes, place: int) -> Node:
    kind, _, file, directory, noop, done, inline = index.fields_of(place, key)
    found = dict.fromkeys(_TABLES)
    for name, table in tables.items():
        found[name] = table.get(key, kind)
    save_point = found[b"SAVE_POINT_FILE"]
    retries = found[b"RETRY"] or (0, None)
    everyone = found[b"VARS"] and tables[b"VARS"].default if is_ordinary(kind) else None
    own = found[b"VARS"] and tables[b"VARS"].of.get(key)
    return Node(
        name=text_of(key),
        kind=kind,
        submit_file=text_of(file),
        line_no=index.line_of(place),
        directory=_optional(directory),
        noop=noop,
        done=done or key in index.done,
        inline=_optional(inline),
        pre=_script(found[b"PRE"]),
        post=_script(found[b"POST"]),
        hold=_script(found[b"HOLD"]),
        retries=retries[0],
        unless_exit=retries[1],
        priority=_first(found[b"PRIORITY"]),
        category=_optional(_first(found[b"CATEGORY"])),
        vars=()
        if not everyone and not own
        else tuple(
            pair
            for part in (everyone, own)
            if part
            for line in part.split(b"\n")
            for pair in pairs(text_of(line))
        ),
        abort_dag_on=found[b"ABORT_DAG_ON"],
        pre_skip=_first(found[b"PRE_SKIP"]),
        tolerance=_tolerance(text_of(key), found[b"TOLERANCE"]),
        save_point=save_point is not None,
        save_point_file=_optional(_first(save_point)),
    )


_TABLES = (
    b"PRE",
    b"POST",
    b"HOLD",
    b"RETRY",
    b"PRIORITY",
    b"CATEGORY",
    b"ABORT_DAG_ON",
    b"PRE_SKIP",
    b"TOLERANCE",
    b"SAVE_POINT_FILE",
    b"VARS",
)


def _first(fields: Fields | None) -> Any:
    return None if fields is None else fields[0]


def _tolerance(name: str, fields: Fields | None) -> Tolerance | None:
    if fields is None:
        return None
    value, percent, mode = fields
    return Tolerance(name, value, percent, _optional(mode))


def _optional(value: bytes | None) -> str | None:
    return None if value is None else text_of(value)


def _script(fields: Fields | None) -> Script | None:
    if fields is None:
        return None
    executable, arguments, defer, debug = fields
    shown = None if debug is None else (text_of(debug[0]), text_of(debug[1]))
    return Script(text_of(executable), text_of(arguments), defer, shown)
