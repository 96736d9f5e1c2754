"""One setting of all nodes (retries, scripts, ...): by name, with what ALL_NODES says. Values are kept as the bytes
that stand in the DAG until somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.field_words import Fields
from dag_rewriter.language.regex_lines import Pairs

T = TypeVar("T")

_SHORT = 32  # bytes: shorter values (a number, a category) are those of many nodes


def is_ordinary(kind: NodeKind) -> bool:
    """Whether ALL_NODES is about it, and CATEGORY, PRIORITY, RETRY may be."""
    return kind is NodeKind.JOB or kind is NodeKind.SUBDAG


def _script(raw: bytes) -> Fields:
    executable, _, arguments = raw.partition(b" ")
    if b"\t" in executable or arguments[:1].isspace():
        parts = raw.split(None, 1)
        executable, arguments = parts[0], b"".join(parts[1:])
    return executable, arguments, None, None


def _one(raw: bytes) -> Fields:
    return (raw,)


_READ: dict[bytes, Callable[[bytes], Any]] = {
    b"RETRY": lambda raw: (int(raw), None),
    b"PRIORITY": lambda raw: (int(raw),),
    b"PRE": _script,
    b"POST": _script,
}
"""How the rest of a bulk line becomes the fields that the line's parser gives."""


def table_key(word: bytes, fields: Fields) -> tuple[bytes, Fields]:
    """(table, (node, value...)) of a command: scripts have a table for each time they run."""
    if word == b"SCRIPT":
        return fields[0].value.encode(), fields[1:]
    return word, fields


class Table(Generic[T]):
    """A later line wins (VARS add up); ALL_NODES counts for every ordinary node (JOB, SUBDAG).

    Kept by the nodes' places, not by their names: a dictionary for each setting of a million nodes takes ten times
    as much memory.
    """

    __slots__ = ("_adds", "_elsewhere", "_ordinals", "_own", "_read", "_shared", "default")

    def __init__(self, key: bytes, ordinals: Mapping[bytes, int]) -> None:
        self.default: Any = None
        self._ordinals = ordinals
        self._own: list[Any] = []
        self._elsewhere: dict[bytes, Any] = {}
        """of nodes that an INCLUDE or a SPLICE defines"""
        self._shared: dict[bytes, bytes] = {}
        self._read = _READ.get(key, _one)
        self._adds = key == b"VARS"

    def __bool__(self) -> bool:
        return bool(self._own or self._elsewhere) or self.default is not None

    def put_raw(self, pairs: Pairs) -> None:
        """Takes lines as a bulk pattern found them."""
        own, ordinals, shared = self._values(), self._ordinals, self._shared
        if self._adds:
            for name, raw in pairs:
                self._put(name, raw)
            return
        for name, raw in pairs:
            place = ordinals.get(name)
            if len(raw) < _SHORT:
                raw = shared.setdefault(raw, raw)  # noqa: PLW2901
            if place is None:
                self._elsewhere[name] = raw
            else:
                own[place] = raw

    def put(self, name: bytes, value: Fields) -> None:
        """Takes one line that was read word by word."""
        if len(name) != 9 or name.upper() != b"ALL_NODES":
            self._put(name, value[0] if self._adds else value)
        elif self._adds:
            self.default = value[0] if self.default is None else self.default + b"\n" + value[0]
        else:
            self._own.clear()
            self._elsewhere.clear()
            self.default = value

    def _put(self, name: bytes, value: Any) -> None:
        place = self._ordinals.get(name)
        before = self.own(place) if place is not None else self._elsewhere.get(name)
        if self._adds and before is not None:
            value = before + b"\n" + value
        if place is None:
            self._elsewhere[name] = value
        else:
            self._values()[place] = value

    def _values(self) -> list[Any]:
        if not self._own:
            self._own = [None] * len(self._ordinals)
        return self._own

    def own(self, place: int) -> Any:
        """What the node's own lines say, as bytes or fields; None if there are none."""
        return self._own[place] if self._own else None

    def get(self, place: int, kind: NodeKind) -> Any:
        """The fields of a node's setting, None if it has none."""
        value = self.own(place)
        if value is None and is_ordinary(kind):
            value = self.default
        return self._value(value)

    def of_all(self, kinds: Iterable[NodeKind]) -> Iterator[Any]:
        """`get` of every node, in their order."""
        if not self._own:
            return (self.default if is_ordinary(kind) else None for kind in kinds)
        if self.default is None:
            return map(self._value, self._own)
        return (
            self._value(self.default if raw is None and is_ordinary(kind) else raw)
            for raw, kind in zip(self._own, kinds, strict=True)
        )

    def values(self) -> Iterator[Any]:
        """All settings, that of ALL_NODES first."""
        if self.default is not None:
            yield self.default
        yield from (self._value(raw) for raw in self._own if raw is not None)
        yield from map(self._value, self._elsewhere.values())

    def _value(self, raw: Any) -> Any:
        if self._adds or not isinstance(raw, bytes):
            return raw
        return self._read(raw)
