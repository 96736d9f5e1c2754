"""One setting of all nodes (retries, scripts, ...): by name, with what ALL_NODES says. Values are kept as the bytes
that stand in the DAG until somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from dag_rewriter.bulk import Pairs
from dag_rewriter.commands import NodeKind
from dag_rewriter.fields import Fields

T = TypeVar("T")


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
    """A later line wins (VARS add up); ALL_NODES counts for every ordinary node (JOB, SUBDAG)."""

    __slots__ = ("_adds", "_read", "default", "of")

    def __init__(self, key: bytes) -> None:
        self.of: dict[bytes, Any] = {}
        self.default: Any = None
        self._read = _READ.get(key, _one)
        self._adds = key == b"VARS"

    def __bool__(self) -> bool:
        return bool(self.of) or self.default is not None

    def put_raw(self, pairs: Pairs) -> None:
        """Takes lines as a bulk pattern found them."""
        if not self._adds:
            self.of.update(pairs)
            return
        for name, raw in pairs:
            before = self.of.get(name)
            self.of[name] = raw if before is None else before + b"\n" + raw

    def put(self, name: bytes, value: Fields) -> None:
        """Takes one line that was read word by word."""
        everyone = len(name) == 9 and name.upper() == b"ALL_NODES"
        if self._adds:
            before = self.default if everyone else self.of.get(name)
            added = value[0] if before is None else before + b"\n" + value[0]
            if everyone:
                self.default = added
            else:
                self.of[name] = added
        elif everyone:
            self.of.clear()
            self.default = value
        else:
            self.of[name] = value

    def get(self, name: bytes, kind: NodeKind) -> Any:
        """The fields of a node's setting, None if it has none."""
        ordinary = kind is NodeKind.JOB or kind is NodeKind.SUBDAG
        return self._value(self.of.get(name, self.default if ordinary else None))

    def values(self) -> Iterator[Any]:
        """All settings, that of ALL_NODES first."""
        if self.default is not None:
            yield self.default
        yield from map(self._value, self.of.values())

    def _value(self, raw: Any) -> Any:
        if self._adds or not isinstance(raw, bytes):
            return raw
        return self._read(raw)
