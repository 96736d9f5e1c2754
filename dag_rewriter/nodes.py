"""One node of a DAG as a value, made from the index when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dag_rewriter.commands import NodeKind, Tolerance
from dag_rewriter.fields import Fields
from dag_rewriter.index import Index
from dag_rewriter.pairs import pairs
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

    __slots__ = ("_index",)

    def __init__(self, index: Index) -> None:
        self._index = index

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
        return _node(self._index, key, place)


def is_ordinary(kind: NodeKind) -> bool:
    """Whether ALL_NODES is about it, and CATEGORY, PRIORITY, RETRY may be."""
    return kind is NodeKind.JOB or kind is NodeKind.SUBDAG


def _node(index: Index, key: bytes, place: int) -> Node:
    kind, _, file, directory, noop, done, inline = index.fields_of(place, key)
    found = {name: index.table(name).get(key, kind) for name in _TABLES}
    save_point = found[b"SAVE_POINT_FILE"]
    retries = found[b"RETRY"] or (0, None)
    everyone = (index.table(b"VARS").default or b"") if is_ordinary(kind) else b""
    own = index.table(b"VARS").of.get(key, b"")
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
            pair for part in (everyone, own) for line in part.split(b"\n") for pair in pairs(text_of(line))
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
