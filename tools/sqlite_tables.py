"""Writes what SQLite is told of our tables: `python tools/sqlite_tables.py > monitord_job/database/sqlite_tables.py`.

SQLAlchemy takes 20 ms to find these words, a twentieth of what it takes to store a run of some jobs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from textwrap import fill

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from monitord_job.database.bridle_tables import BRIDLE_EVENT

_HEAD = '''"""What SQLite is told of our tables, as SQLAlchemy would tell it: made by tools/sqlite_tables.py."""

from __future__ import annotations

STATEMENTS = (
'''


def statements() -> Iterator[str]:
    """Each table and then its indexes, in the order of their references."""
    dialect = sqlite.dialect()
    for table in BRIDLE_EVENT.metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made: list[CreateTable | CreateIndex] = [CreateTable(table), *map(CreateIndex, indexes)]
        for one in made:
            text = str(one.compile(dialect=dialect)).strip()
            yield "\n".join(fill(line.strip(), 100, break_on_hyphens=False) for line in text.split("\n"))


if __name__ == "__main__":
    sys.stdout.write(_HEAD)
    for statement in statements():
        sys.stdout.write(f'    """{statement}""",\n')
    sys.stdout.write(")\n")
