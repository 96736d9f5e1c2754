"""Writes docs/database.md: the tables from SQLAlchemy's models, what they mean from database_columns.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column, Table
from sqlalchemy.dialects import sqlite

from monitord_job.database.bridle_tables import BRIDLE_VERSION
from monitord_job.database.schema import METADATA, STAMPEDE_VERSION

CHECKOUT = Path(__file__).resolve().parent.parent
COMMON = "*"
_HEAD = f"""\
# Database

The tables of a workflow's database: those of Stampede, version {STAMPEDE_VERSION}, as Pegasus 5.1 creates them,
and beside them bridle's own (`bridle_*`, version {BRIDLE_VERSION}). By default it is `X.stampede.db` beside the DAG,
an SQLite file; [monitoring](monitoring.md) says how it is written, and how to have it in PostgreSQL. Read it as you
like; nobody but the monitor should write it. Times are seconds since the epoch, in UTC. Made by `make cli`.

Three questions that people ask of it:

```sql
-- the slowest transformations
SELECT transformation, count(*), avg(remote_duration) FROM invocation
WHERE task_submit_seq > 0 GROUP BY transformation ORDER BY 3 DESC;

-- attempts that failed, with their node
SELECT exec_job_id, job_submit_seq, exitcode FROM job_instance JOIN job USING (job_id) WHERE exitcode != 0;

-- how long jobs waited for a machine, in seconds
SELECT exec_job_id, min(e.timestamp) - min(s.timestamp)
FROM job JOIN job_instance USING (job_id)
JOIN jobstate s USING (job_instance_id) JOIN jobstate e USING (job_instance_id)
WHERE s.state = 'SUBMIT' AND e.state = 'EXECUTE' GROUP BY job_instance_id;
```
"""


def meanings() -> dict[str, dict[str, str]]:
    """table -> column -> what it is; the table itself is the column ""."""
    said: dict[str, dict[str, str]] = tomllib.loads(
        Path(__file__).with_name("database_columns.toml").read_text("utf-8")
    )
    return said


def page() -> str:
    """The whole of docs/database.md."""
    said = meanings()
    tables = sorted(METADATA.tables.values(), key=lambda each: _order(each.name))
    return "\n".join([_HEAD, *(line for each in tables for line in _table(each, said))])


def _order(name: str) -> tuple[int, str]:
    others = ("master_", "ensemble", "trigger", "rc_", "dbversion")
    return (2 if name.startswith("bridle_") else 1 if name.startswith(others) else 0), name


def _table(table: Table, said: dict[str, dict[str, str]]) -> Iterator[str]:
    own = said[table.name]
    yield from (f"## {table.name}", "", own[""], "", "| column | type | meaning |", "|---|---|---|")
    for column in table.columns:
        meaning = own.get(column.name) or said[COMMON][column.name]
        yield f"| `{column.name}` | {_type(column)} | {meaning} |"
    yield ""


def _type(column: Column[object]) -> str:
    name = column.type.compile(dialect=sqlite.dialect()).lower()
    return f"{name}, key" if column.primary_key else name if column.nullable else f"{name}, not null"


if __name__ == "__main__":
    (CHECKOUT / "docs" / "database.md").write_text(page())
