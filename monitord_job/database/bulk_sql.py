"""Many rows at once, as tuples, straight to the driver: what SQLite and PostgreSQL want said differently.

SQLAlchemy compiles and checks each row of an executemany; at 24 rows for each job of a workflow that is most of
the monitor's time. The texts are made from the tables of `schema`, once for each shape.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table

from monitord_job.database.engine import SQLITE
from monitord_job.database.schema import METADATA

_AT_ONCE = 50
_MOST_VALUES = 999
"""in one statement of an SQLite as old as 3.31"""


class Clash(Enum):
    """What becomes of a row whose key is taken."""

    ERROR = ""
    KEEP = "ON CONFLICT DO NOTHING"
    REPLACE = "ON CONFLICT ({keys}) DO UPDATE SET {changes}"


class Bulk:
    """Statements within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._dialect = connection.dialect
        self._is_sqlite = connection.dialect.name == SQLITE
        self._last: dict[str, int] = {}

    def insert(self, table: Table, columns: str, rows: list[Any], clash: Clash = Clash.ERROR) -> None:
        """Insert tuples; `columns` names their places, with blanks between."""
        if not rows:
            return
        if self._is_sqlite:
            # A statement for many rows: one for each takes a third more time.
            size = max(1, min(_AT_ONCE, _MOST_VALUES // len(rows[0])))
            whole = len(rows) - len(rows) % size
            if size > 1 and whole:
                many = [tuple(chain.from_iterable(rows[at : at + size])) for at in range(0, whole, size)]
                text = _insert(self._dialect, table.name, columns, clash, size)
                self.connection.exec_driver_sql(text, many)
                rows = rows[whole:]
        if rows:
            self.connection.exec_driver_sql(_insert(self._dialect, table.name, columns, clash), rows)

    def update(self, table: Table, columns: str, rows: list[Any]) -> None:
        """Change rows: tuples of the columns' values and, at the end, the primary key."""
        if rows:
            self.connection.exec_driver_sql(_update(self._dialect, table.name, columns), rows)

    def run(self, text: str, rows: list[Any]) -> None:
        """Any statement, with ? for a value, for each of the tuples."""
        if rows:
            self.connection.exec_driver_sql(self._text(text), rows)

    def select(self, text: str, *values: object) -> list[Any]:
        """All rows of a question. In its text ? is a value, ?* stands for a list's elements: `x IN (?*)`."""
        given = tuple(self._list(value) if isinstance(value, list) else value for value in values)
        return list(self.connection.exec_driver_sql(self._text(text), given).fetchall())

    def select_for_update(self, text: str, *values: object) -> list[Any]:
        """As `select`, and nobody changes these rows before the transaction ends (SQLite has one writer anyway)."""
        return self.select(text if self._is_sqlite else f"{text} FOR UPDATE", *values)

    def new_keys(self, table: Table, count: int) -> range | list[int]:
        """As many keys that no row of the table has, nor will any other writer's have."""
        (column,) = table.primary_key.columns
        if self._is_sqlite:
            # Nobody else writes until this transaction ends: counting on from the highest is enough.
            if table.name not in self._last:
                found = self.select(f"SELECT max({column.name}) FROM {table.name}")
                self._last[table.name] = found[0][0] or 0
            first = self._last[table.name] + 1
            self._last[table.name] += count
            return range(first, first + count)
        sequence = f"{table.name}_{column.name}_seq"
        return [
            row[0] for row in self.select("SELECT nextval(?) FROM generate_series(1, ?)", sequence, count)
        ]

    def _text(self, text: str) -> str:
        if self._is_sqlite:
            return text.replace("(?*)", "(SELECT value FROM json_each(?))")
        return text.replace("IN (?*)", "= ANY(?)").replace("?", "%s")

    def _list(self, value: list[Any]) -> object:
        return json.dumps(value) if self._is_sqlite else value


def _mark(dialect: Dialect) -> str:
    return "?" if dialect.name == SQLITE else "%s"


def _quoted(dialect: Dialect, names: Iterable[str]) -> list[str]:
    return [dialect.identifier_preparer.quote(name) for name in names]


@lru_cache(maxsize=200)
def _insert(dialect: Dialect, table_name: str, columns: str, clash: Clash, count: int = 1) -> str:
    keys = [column.name for column in METADATA.tables[table_name].primary_key.columns]
    names = columns.split()
    changes = [f"{name} = excluded.{name}" for name in _quoted(dialect, (n for n in names if n not in keys))]
    after = clash.value.format(keys=", ".join(_quoted(dialect, keys)), changes=", ".join(changes))
    row = f"({', '.join([_mark(dialect)] * len(names))})"
    listed = ", ".join(_quoted(dialect, names))
    return f"INSERT INTO {table_name} ({listed}) VALUES {', '.join([row] * count)} {after}"


@lru_cache(maxsize=200)
def _update(dialect: Dialect, table_name: str, columns: str) -> str:
    mark = _mark(dialect)
    keys = _quoted(dialect, (column.name for column in METADATA.tables[table_name].primary_key.columns))
    changes = ", ".join(f"{name} = {mark}" for name in _quoted(dialect, columns.split()))
    where = " AND ".join(f"{name} = {mark}" for name in keys)
    return f"UPDATE {table_name} SET {changes} WHERE {where}"
