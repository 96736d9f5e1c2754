"""A summary of a run, from its Stampede database with nothing but sqlite3: python summary.py SUBMIT_DIR"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

TABLES = ("task", "job", "job_instance", "jobstate", "invocation", "host", "rc_lfn", "rc_pfn")

BY_TYPE = """
SELECT type_desc, count(DISTINCT job_id), count(job_instance_id), coalesce(sum(job_instance.exitcode = 0), 0)
FROM job LEFT JOIN job_instance USING (job_id) GROUP BY type_desc ORDER BY 2 DESC, 1
"""
SLOWEST = """
SELECT transformation, count(*), sum(remote_duration), max(remote_duration)
FROM invocation WHERE task_submit_seq > 0 GROUP BY transformation ORDER BY 3 DESC LIMIT 5
"""
SPAN = "SELECT max(timestamp) - min(timestamp), max(status) FROM workflowstate"
SCRIPTS = "SELECT transformation, count(*) FROM invocation WHERE task_submit_seq < 0 GROUP BY 1 ORDER BY 1"


def database_of(submit_dir: Path) -> Path:
    """The one database in a submit directory."""
    databases = sorted(submit_dir.glob("*.stampede.db"))
    if len(databases) != 1:
        raise SystemExit(f"summary: {submit_dir} has {len(databases)} databases (*.stampede.db), not one")
    return databases[0]


def summary_lines(submit_dir: Path) -> Iterator[str]:
    """Rows of each table, jobs by type, the wall time, the transformations that took longest."""
    connection = sqlite3.connect(f"file:{database_of(submit_dir)}?mode=ro", uri=True)
    try:
        yield from _lines(connection)
    finally:
        connection.close()


def _lines(database: sqlite3.Connection) -> Iterator[str]:
    counts = {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
    yield "  rows: " + ", ".join(f"{name} {count}" for name, count in counts.items())
    seconds, status = database.execute(SPAN).fetchone()
    yield f"  workflow: {seconds or 0:.0f} s, status {'unknown' if status is None else status}"
    yield f"  {'type':<16}{'jobs':>6}{'tries':>7}{'good':>6}"
    for kind, jobs, instances, succeeded in database.execute(BY_TYPE):
        yield f"  {kind:<16}{jobs:>6}{instances:>7}{succeeded:>6}"
    yield f"  {'transformation':<24}{'runs':>6}{'sum s':>9}{'longest s':>11}"
    for transformation, runs, total, longest in database.execute(SLOWEST):
        yield f"  {transformation:<24}{runs:>6}{float(total):>9.2f}{float(longest):>11.2f}"
    scripts = ", ".join(f"{name} {count}" for name, count in database.execute(SCRIPTS))
    yield f"  scripts: {scripts or 'none'}"


if __name__ == "__main__":
    print("\n".join(summary_lines(Path(sys.argv[1]))))
