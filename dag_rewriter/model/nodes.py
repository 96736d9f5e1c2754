"""One node of a DAG as a value, made from the index when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, ValuesView
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.field_words import Fields
from dag_rewriter.language.text import bytes_of, text_of
from dag_rewriter.language.vars_assignments import pairs
from dag_rewriter.model.index import Index
from dag_rewriter.model.tables import Table, is_ordinary


@dataclass(frozen=True, slots=True)
class Script:
    """A PRE, POST or HOLD script; `arguments` is the raw rest of the line."""

    executable: str
    arguments: str = ""
    defer: tuple[int, int] | None = None
    debug: tuple[str, str] | None = None


class Work(NamedTuple):
    """Of a node, what it runs and what follows from its exit codes: the fields of a Node by the same names.

    `pre` and `post` are (executable, arguments).
    """

    name: str
    kind: NodeKind
    submit_file: str
    directory: str | None
    inline: str | None
    pre: tuple[str, str] | None
    post: tuple[str, str] | None
    retries: int
    unless_exit: int | None
    abort_dag_on: tuple[int, int | None] | None
    pre_skip: int | None
    pre_deferred: bool
    """whether the PRE script has a DEFER"""
    tolerance: tuple[int, bool, str | None] | None
    """how many of its jobs may fail; whether that is a percentage; the mode, as TOLERANCE has it"""


class _Source(NamedTuple):
    """Where the fields of a node are read."""

    read_from: Index
    tables: Mapping[bytes, Table[Any]]
    key: bytes
    place: int
    fields: Fields

    def get(self, table: bytes) -> Any:
        """The fields of one setting, None if the node has none."""
        values = self.tables.get(table)
        return None if values is None else values.get(self.place, self.fields[0])


class _ReadWhenAsked:
    """A field that is not set yet is read from the index, once."""

    __slots__ = ("_source",)
    _source: _Source

    if not TYPE_CHECKING:  # else any name would be a field to mypy

        def __getattr__(self, name: str) -> Any:
            make = _MAKERS.get(name)
            if make is None:
                raise AttributeError(f"a node has no {name}")
            value = make(object.__getattribute__(self, "_source"))
            object.__setattr__(self, name, value)
            return value


@dataclass(frozen=True, slots=True)
class Node(_ReadWhenAsked):
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
    tolerance: tuple[int, bool, str | None] | None = None

    def renamed(self, name: str, category: str | None) -> Node:
        """The same node of a DAG under another name; what was not asked for yet is not read for it."""
        node = _unread(self._source, name)
        object.__setattr__(node, "category", category)
        return node


class Nodes(Mapping[str, Node]):
    """The nodes by name, in the order of the file; each is made when it is asked for."""

    __slots__ = ("_index", "_tables")

    def __init__(self, index: Index) -> None:
        self._index = index
        self._tables: dict[bytes, Table[Any]] | None = None

    def _settings(self) -> dict[bytes, Table[Any]]:
        """The tables that hold anything."""
        if self._tables is None:
            tables = {key: self._index.table(key) for key in _TABLES}
            self._tables = {key: table for key, table in tables.items() if table}
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
        return _lazy(self._index, self._settings(), key, place)

    def values(self) -> ValuesView[Node]:
        """All nodes, one after the other."""
        return _Values(self)

    def all(self) -> Iterator[Node]:
        """All nodes, faster than by name."""
        tables = self._settings()
        for key, place in self._index.ordinals.items():
            yield _lazy(self._index, tables, key, place)

    def works(self) -> Iterator[Work]:
        """What all nodes run, setting by setting: in a fourth of the time and the memory that Nodes take."""
        index = self._index
        node_fields = [
            _JOB_FIELDS if isinstance(fields, bytes) else index.fields_of(place, b"")
            for place, fields in enumerate(index.nodes)
        ]
        kinds = [fields[0] for fields in node_fields]
        tables = map(index.table, (b"PRE", b"POST", b"RETRY", b"ABORT_DAG_ON", b"PRE_SKIP", b"TOLERANCE"))
        settings = zip(*(table.of_all(kinds) for table in tables), strict=True)
        words: dict[bytes, str] = {}
        rows = zip(index.ordinals, index.nodes, node_fields, settings, strict=True)
        for key, plain, (kind, _, file, directory, _, _, inline), of_node in rows:
            pre, post, retry, abort, skip, tolerance = of_node
            retries, unless_exit = retry or (0, None)
            yield Work(
                text_of(key),
                kind,
                text_of(plain if isinstance(plain, bytes) else file),
                _optional(directory),
                _optional(inline),
                pre and _command(pre, words),
                post and _command(post, words),
                retries,
                unless_exit,
                abort,
                _first(skip),
                pre is not None and pre[2] is not None,
                tolerance,
            )


class _Values(ValuesView[Node]):
    """Makes each node once, without looking for its name."""

    _mapping: Nodes

    def __iter__(self) -> Iterator[Node]:
        return self._mapping.all()


_JOB_FIELDS: Fields = (NodeKind.JOB, b"", b"", None, False, False, None)


def _lazy(index: Index, tables: Mapping[bytes, Table[Any]], key: bytes, place: int) -> Node:
    """A Node whose fields are read when they are asked for: to read them all takes ten times as long."""
    return _unread(_Source(index, tables, key, place, index.fields_of(place, key)), text_of(key))


def _unread(source: _Source, name: str) -> Node:
    node = object.__new__(Node)
    set_ = object.__setattr__
    set_(node, "_source", source)
    set_(node, "name", name)
    set_(node, "kind", source.fields[0])
    return node


def _vars(source: _Source) -> tuple[tuple[str, str], ...]:
    table = source.tables.get(b"VARS")
    if table is None:
        return ()
    everyone = table.default if is_ordinary(source.fields[0]) else None
    parts = (part for part in (everyone, table.own(source.place)) if part)
    return tuple(pair for part in parts for line in part.split(b"\n") for pair in pairs(text_of(line)))


def _first(fields: Fields | None) -> Any:
    return None if fields is None else fields[0]


def _optional(value: bytes | None) -> str | None:
    return None if value is None else text_of(value)


def _command(fields: Fields, words: dict[bytes, str]) -> tuple[str, str]:
    """A script's executable and arguments; `words` keeps executables, which nearly all nodes have in common."""
    executable = words.get(fields[0])
    if executable is None:
        executable = words[fields[0]] = text_of(fields[0])
    return executable, text_of(fields[1])


def _script(fields: Fields | None) -> Script | None:
    if fields is None:
        return None
    executable, arguments, defer, debug = fields
    shown = None if debug is None else (text_of(debug[0]), text_of(debug[1]))
    return Script(text_of(executable), text_of(arguments), defer, shown)


def _of(key: bytes, read: Callable[[Any], Any]) -> Callable[[_Source], Any]:
    return lambda source: read(source.get(key))


_SETTINGS: Mapping[str, tuple[bytes, Callable[[Any], Any]]] = {
    "pre": (b"PRE", _script),
    "post": (b"POST", _script),
    "hold": (b"HOLD", _script),
    "retries": (b"RETRY", lambda fields: 0 if fields is None else fields[0]),
    "unless_exit": (b"RETRY", lambda fields: None if fields is None else fields[1]),
    "priority": (b"PRIORITY", _first),
    "category": (b"CATEGORY", lambda fields: _optional(_first(fields))),
    "abort_dag_on": (b"ABORT_DAG_ON", lambda fields: fields),
    "pre_skip": (b"PRE_SKIP", _first),
    "tolerance": (b"TOLERANCE", lambda fields: fields),
}
"""The fields of a Node that a setting gives: in which table it is, and what of its fields is meant."""

_TABLES = (*dict.fromkeys(key for key, _ in _SETTINGS.values()), b"VARS")

_MAKERS: Mapping[str, Callable[[_Source], Any]] = {
    "submit_file": lambda s: text_of(s.fields[2]),
    "line_no": lambda s: s.read_from.line_of(s.place),
    "directory": lambda s: _optional(s.fields[3]),
    "noop": lambda s: s.fields[4],
    "done": lambda s: s.fields[5] or s.key in s.read_from.done,
    "inline": lambda s: _optional(s.fields[6]),
    "vars": _vars,
    **{name: _of(key, read) for name, (key, read) in _SETTINGS.items()},
}
"""How each field of a Node is read; the name and the kind are there from the beginning."""
