"""Changes to be made to a replica catalog, by name: on disk as far as they are many (SQLite's own temporary file)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import NamedTuple

from planner_ext.catalogs.model.document import Document, Plain, Value
from planner_ext.catalogs.model.replica import Place, Replica

_CACHE_KB = 64 << 10
_SCHEMA = f"""
PRAGMA cache_size = -{_CACHE_KB}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE edit (number INTEGER PRIMARY KEY, lfn TEXT NOT NULL, pfn TEXT, site TEXT, said TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0);
"""
_INDEX = "CREATE INDEX edit_lfn ON edit (lfn)"
_ADD = "INSERT INTO edit (lfn, pfn, site, said) VALUES (?, ?, ?, ?)"
_ALL = "SELECT number, lfn, pfn, site, said FROM edit"


class Edit(NamedTuple):
    """One change: a place that comes, or that goes (pfn None: all of that name, site None: on any)."""

    number: int
    lfn: str
    pfn: str | None
    site: str | None
    said: str

    def replica(self) -> Replica:
        """What comes."""
        regex, checksum, metadata = json.loads(self.said)
        return Replica(
            self.lfn, (Place(self.pfn or "", self.site),), regex, _plain(checksum), _plain(metadata)
        )


def _plain(values: dict[str, list[str]]) -> Document:
    return {key: Plain(text) if kind == "plain" else text for key, (kind, text) in values.items()}


def _packed(values: Document) -> dict[str, list[str | Value]]:
    return {key: ["plain" if isinstance(value, Plain) else "text", value] for key, value in values.items()}


class EditIndex:
    """The changes that are still to be made. A context manager: closed, they are gone."""

    def __init__(self) -> None:
        # Names may hold bytes that are no UTF-8.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        self._connection.executescript(_SCHEMA)
        self.count = 0

    def __enter__(self) -> EditIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def fill(self, replicas: Iterable[Replica]) -> None:
        """Take in all that comes, or goes. Raises what reading them raises."""
        self._connection.execute("BEGIN")
        self._connection.executemany(_ADD, self._rows(replicas))
        self._connection.execute("COMMIT")
        self._connection.execute(_INDEX)

    def _rows(
        self, replicas: Iterable[Replica]
    ) -> Iterator[tuple[bytes | str, bytes | str | None, str | None, str]]:
        for one in replicas:
            said = json.dumps([one.regex, _packed(one.checksum), _packed(one.metadata)])
            for place in one.places or (Place(""),):
                self.count += 1
                yield _stored(one.lfn), _stored(place.pfn) if place.pfn else None, place.site, said

    def of(self, lfn: str) -> list[Edit]:
        """What is to be done about a name."""
        return list(map(Edit._make, self._connection.execute(f"{_ALL} WHERE lfn = ?", (_stored(lfn),))))

    def done(self, edit: Edit) -> None:
        """It has been made."""
        self._connection.execute("UPDATE edit SET done = 1 WHERE number = ?", (edit.number,))

    def reset(self) -> None:
        """None has been made: what was written is dropped."""
        self._connection.execute("UPDATE edit SET done = 0")

    def rest(self) -> Iterator[Edit]:
        """What is left, in the order in which it came."""
        return map(Edit._make, self._connection.execute(f"{_ALL} WHERE NOT done ORDER BY number"))


def _stored(text: str) -> bytes | str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape")
