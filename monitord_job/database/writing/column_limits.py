"""What a database cannot hold, made into what it can: visibly, and never a reason to stop."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, get_args

from monitord_job.stampede.rows import InstanceUpdate, JobStateRow, QuarantineRow, Row, WorkflowStateRow

INDEXED_BYTES = 800
"""PostgreSQL's index entries end at some 2,700 bytes, and our longest keys have three texts."""
_MARK_DIGITS = 16
_LARGEST = 2**63
_NAMES = frozenset(
    {
        "abs_task_id", "task", "job", "exec_job_id", "parent_exec_job_id", "child_exec_job_id",
        "parent_abs_task_id", "child_abs_task_id", "lfn", "pfn", "site", "key", "hostname", "ip", "file", "reason",
    }
)  # fmt: skip
_ALWAYS_PLAIN = (type(None), bool, float)
_FREE = {(JobStateRow, "reason"), (WorkflowStateRow, "reason")}
_PLACES: dict[type[Any], list[int]] = {
    kind: [n for n, name in enumerate(kind._fields) if name in _NAMES and (kind, name) not in _FREE]
    for kind in get_args(Row)
}
"""Where in each kind of row something goes into an index."""


def fitted(rows: list[Any]) -> list[Any]:
    """Rows of one kind as they can be stored."""
    # Column by column, for nearly always nothing is to be done: that takes a quarter of the time.
    if all(map(_are_plain, zip(*rows, strict=True))):
        return rows
    return [storable(row) for row in rows]


def with_short_names(rows: Iterable[Row]) -> Iterator[Row]:
    """Fitted rows as PostgreSQL's indexes can hold them, and a note for each name that had to be cut."""
    for row in rows:
        shortened = row
        places = [place for place in _PLACES[row.__class__] if _is_long(row[place])]
        if places:
            yield from (_note(row, place) for place in places)
            shortened = _with_short_names(row, places)
        if (
            isinstance(shortened, InstanceUpdate)
            and shortened.host
            and any(map(_is_long, shortened.host[:3]))
        ):
            shortened = shortened._replace(host=_with_short_names(shortened.host, [0, 1, 2]))
        yield shortened


def short_name(name: str) -> str:
    """A name as an index can hold it: cut where it is too long, with a mark that keeps different ones apart.

    >>> short_name("é" * 400) == "é" * 400, len(short_name("é" * 401).encode())
    (True, 799)
    """
    data = name.encode()
    if len(data) <= INDEXED_BYTES:
        return name
    mark = "~" + hashlib.sha256(data).hexdigest()[:_MARK_DIGITS]
    return data[: INDEXED_BYTES - len(mark)].decode(errors="ignore") + mark


def storable(value: Any) -> Any:
    r"""A value without what no database takes: NUL, half characters, numbers of more than 64 bits.

    >>> storable("a\x00b\udcff"), storable(10**30), storable({"exitcode": 2**70})
    ('a\\x00b\\udcff', 9223372036854775807, {'exitcode': 9223372036854775807})
    """
    if not _is_odd(value):
        return value
    if isinstance(value, str):
        return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        return max(-_LARGEST, min(value, _LARGEST - 1))
    if isinstance(value, Mapping):
        return {key: storable(item) for key, item in value.items()}
    return type(value)(*map(storable, value))


def _are_plain(values: Sequence[Any]) -> bool:
    """Whether there is none among them that `storable` would change; False also if only a closer look can tell."""
    if not values:
        return True
    try:
        # What nearly every column is, in one call: a join of anything but texts fails, so does an array of others.
        if values[0].__class__ is str:
            return not _is_odd("".join(values))
        if values[0].__class__ is int:
            return bool(array("q", values))
    except OverflowError:
        return False
    except TypeError:
        pass
    kinds = set(map(type, values)).difference(_ALWAYS_PLAIN)
    return all(_kind_is_plain(kind, [value for value in values if value.__class__ is kind]) for kind in kinds)


def _kind_is_plain(kind: type[Any], values: Sequence[Any]) -> bool:
    if kind is str or kind is int:
        return _are_plain(values)
    if kind is dict:
        return _are_plain([item for value in values for item in value.values()])
    return not issubclass(kind, tuple) or _are_plain([*chain.from_iterable(values)])


def _is_odd(value: Any) -> bool:
    kind = value.__class__
    if kind is str:
        return "\0" in value or (not value.isascii() and _has_half(value))
    if kind is int:
        return not -_LARGEST <= value < _LARGEST
    if kind is dict:
        return any(map(_is_odd, value.values()))
    return isinstance(value, tuple) and any(map(_is_odd, value))


def _has_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _is_long(value: Any) -> bool:
    # A character is four bytes at most: nearly all names are done with the first look.
    return value.__class__ is str and len(value) * 4 > INDEXED_BYTES and len(value.encode()) > INDEXED_BYTES


def _with_short_names(row: Any, places: Iterable[int]) -> Any:
    values = list(row)
    for place in places:
        values[place] = short_name(values[place])
    return type(row)(*values)


def _note(row: Row, place: int) -> QuarantineRow:
    value = str(row[place])
    mark = short_name(value)[-_MARK_DIGITS:]
    what = f"{type(row).__name__}.{type(row)._fields[place]}"
    reason = f"the name is too long for an index of PostgreSQL; it is stored cut, with the end ~{mark}"
    return QuarantineRow(what, 0, reason, value)
