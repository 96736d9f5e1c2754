"""Many rows at once, as tuples, straight to the driver.

SQLAlchemy compiles and checks each row of an executemany; at 24 rows for each job of a workflow that is most of
the monitor's time. The texts are made from the tables of `schema`, once for each shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table

from monitord_job.database.dialect import dialect_of
from monitord_job.database.schema import METADATA


class Clash(Enum):
    """What becomes of a row whose key is taken."""

    ERROR = ""
    KEEP = "ON CONFLICT DO NOTHING"
    REPLACE = "ON CONFLICT ({keys}) DO UPDATE SET {changes}"


class Bulk:
    """Statements within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.last_keys: dict[str, int] = {}
        """the highest key of a table, where the dialect counts on from it"""
        self.dialect = dialect_of(connection.engine.url)
        self._quoting = connection.dialect

    def insert(self, table: Table, columns: str, rows: list[Any], clash: Clash = Clash.ERROR) -> None:
        """Insert tuples; `columns` names their places, with blanks between."""
        if not rows:
            return
        size = self.dialect.rows_in_a_statement(len(rows[0]))
        whole = len(rows) - len(rows) % size if size > 1 else 0
        if whole:
            many = [tuple(chain.from_iterable(rows[at : at + size])) for at in range(0, whole, size)]
            text = _insert(self._quoting, self.dialect.mark, table.name, columns, clash, size)
            self.connection.exec_driver_sql(text, many)
            rows = rows[whole:]
        if rows:
            text = _insert(self._quoting, self.dialect.mark, table.name, columns, clash)
            self.connection.exec_driver_sql(text, rows)

    def update(self, table: Table, columns: str, rows: list[Any]) -> None:
        """Change rows: tuples of the columns' values and, at the end, the primary key."""
        if rows:
            text = _update(self._quoting, self.dialect.mark, table.name, columns)
            self.connection.exec_driver_sql(text, rows)

    def run(self, text: str, rows: list[Any]) -> None:
        """Any statement, with ? for a value, for each of the tuples."""
        if rows:
            self.connection.exec_driver_sql(self.dialect.text(text), rows)

    def change(self, text: str, *values: object) -> int:
        """A statement that changes rows, written as a question is; how many it did."""
        return int(self.connection.exec_driver_sql(self.dialect.text(text), self._given(values)).rowcount)

    def select(self, text: str, *values: object) -> list[Any]:
        """All rows of a question. In its text ? is a value, ?* stands for a list's elements: `x IN (?*)`."""
        return list(self.connection.exec_driver_sql(self.dialect.text(text), self._given(values)).fetchall())

    def _given(self, values: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(self.dialect.list_value(value) if isinstance(value, list) else value for value in values)

    def select_for_update(self, text: str, *values: object) -> list[Any]:
        """As `select`, and nobody changes these rows before the transaction ends."""
        return self.select(text + self.dialect.for_update, *values)

    def new_keys(self, table: Table, count: int) -> Sequence[int]:
        """As many keys that no row of the table has, nor will any other writer's have."""
        return self.dialect.new_keys(self, table, count)


def _quoted(dialect: Dialect, names: Iterable[str]) -> list[str]:
    return [dialect.identifier_preparer.quote(name) for name in names]


@lru_cache(maxsize=200)
def _insert(dialect: Dialect, mark: str, table_name: str, columns: str, clash: Clash, count: int = 1) -> str:
    keys = [column.name for column in METADATA.tables[table_name].primary_key.columns]
    names = columns.split()
    changes = [f"{name} = excluded.{name}" for name in _quoted(dialect, (n for n in names if n not in keys))]
    after = clash.value.format(keys=", ".join(_quoted(dialect, keys)), changes=", ".join(changes))
    row = f"({', '.join([mark] * len(names))})"
    listed = ", ".join(_quoted(dialect, names))
    return f"INSERT INTO {table_name} ({listed}) VALUES {', '.join([row] * count)} {after}"


@lru_cache(maxsize=200)
def _update(dialect: Dialect, mark: str, table_name: str, columns: str) -> str:
    keys = _quoted(dialect, (column.name for column in METADATA.tables[table_name].primary_key.columns))
    changes = ", ".join(f"{name} = {mark}" for name in _quoted(dialect, columns.split()))
    where = " AND ".join(f"{name} = {mark}" for name in keys)
    return f"UPDATE {table_name} SET {changes} WHERE {where}"
