"""A Stampede database of any size: what a fan of jobs leaves that has run, without anything else of a submit directory.

    python benchmarks/generated_database.py build/bench/database-100000 100000        # prints the database

One job in twenty fails, in both of its attempts; all have a POST script, and each its task, record and host.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine

from monitord_job.database.bridle_tables import BRIDLE_VERSION
from monitord_job.database.schema import METADATA, STAMPEDE_VERSION

FAILING_EACH = 20
HOSTS = 50
WIDTH = 100
"""Nodes of a level, each of which waits for one of the level before."""
STARTED = 1_790_000_000
WF_UUID = "0b7d9a52-3f7e-4a8b-9d2c-5e6f70819203"
NAME = "fan-0"
_AT_ONCE = 20_000
_TAKES = 70
"""Seconds for an attempt."""
_STATES = (
    *(
        ("SUBMIT", 0),
        ("EXECUTE", 5),
        ("JOB_TERMINATED", 65),
        ("JOB_SUCCESS", 65),
        ("POST_SCRIPT_STARTED", 65),
    ),
    *(("POST_SCRIPT_TERMINATED", 66), ("POST_SCRIPT_SUCCESS", 66)),
)
_FAILED = {"JOB_SUCCESS": "JOB_FAILURE", "POST_SCRIPT_SUCCESS": "POST_SCRIPT_FAILED"}
_STDERR = "Traceback: no such file or directory\n" * 8

Rows = Iterator[tuple[Any, ...]]


def attempts(jobs: int) -> Iterator[tuple[int, int, bool, int]]:
    """(number, job, whether it failed, when it began), in the order of their submits."""
    number = 0
    for job in range(1, jobs + 1):
        failed = job % FAILING_EACH == 0
        for again in range(1 + failed):
            number += 1
            yield number, job, failed, _begin(job) + again * _TAKES


def _begin(job: int) -> int:
    return STARTED + 10 + (job - 1) // WIDTH * 2 * _TAKES


def _job_rows(jobs: int) -> Rows:
    for job in range(1, jobs + 1):
        yield (
            job,
            1,
            f"work_ID{job:07d}",
            f"work_ID{job:07d}.sub",
            "compute",
            0,
            1,
            "/usr/bin/kickstart",
            "-n work",
            1,
        )


def _task_rows(jobs: int) -> Rows:
    for job in range(1, jobs + 1):
        yield job, job, 1, f"ID{job:07d}", f"work{job % 10}", "--n 1", "compute"


def _edge_rows(jobs: int) -> Rows:
    for job in range(WIDTH + 1, jobs + 1):
        yield 1, f"work_ID{job - WIDTH:07d}", f"work_ID{job:07d}"


def _instance_rows(jobs: int) -> Rows:
    for number, job, failed, _ in attempts(jobs):
        name = f"work_ID{job:07d}"
        error = _STDERR if failed else ""
        yield (
            *(
                number,
                job,
                number % HOSTS + 1,
                number,
                f"{1000 + number}.0",
                "condorpool",
                "ada",
                "/scratch/work",
            ),
            *(
                60,
                f"{name}.out.000",
                "#@ 1 stdout\ndone\n",
                f"{name}.err.000",
                error,
                1,
                256 if failed else 0,
            ),
        )


def _state_rows(jobs: int) -> Rows:
    for number, _, failed, begin in attempts(jobs):
        for at, (state, after) in enumerate(_STATES):
            yield (
                number,
                _FAILED.get(state, state) if failed else state,
                begin + after,
                number * 8 + at,
            )


def _invocation_rows(jobs: int) -> Rows:
    for number, job, failed, begin in attempts(jobs):
        took, code = 50 + number % 997 / 100, 256 if failed else 0
        yield (
            *(
                2 * number,
                1,
                number,
                1,
                begin + 6.25,
                took,
                took * 0.75,
                code,
                f"work{job % 10}",
                "/usr/bin/work",
            ),
            *("--n 1 --in f.in --out f.out", f"ID{job:07d}", 3000 + number % 500, 0.75),
        )
        yield (
            2 * number + 1,
            1,
            number,
            -2,
            begin + 65,
            1,
            None,
            code,
            "dagman::post",
            "/usr/bin/exitcode",
            "x",
            None,
            None,
            None,
        )


def _node_rows(jobs: int) -> Rows:
    """The newest attempt of each job, as the monitor keeps it."""
    newest = {}
    for number, job, failed, begin in attempts(jobs):
        newest[job] = (number, failed, begin)
    for job, (number, failed, begin) in newest.items():
        state = "POST_SCRIPT_FAILED" if failed else "POST_SCRIPT_SUCCESS"
        yield 1, f"work_ID{job:07d}", number, job, 1 + failed, state, begin + 66, ""


_TABLES = {
    "bridle_node": ('wf_id name seq "order" submits state last_time last_words', _node_rows),
    "job": (
        "job_id wf_id exec_job_id submit_file type_desc clustered max_retries executable argv task_count",
        _job_rows,
    ),
    "task": ("task_id job_id wf_id abs_task_id transformation argv type_desc", _task_rows),
    "job_edge": ("wf_id parent_exec_job_id child_exec_job_id", _edge_rows),
    "job_instance": (
        (
            'job_instance_id job_id host_id job_submit_seq sched_id site "user" work_dir local_duration stdout_file '
            "stdout_text stderr_file stderr_text multiplier_factor exitcode"
        ),
        _instance_rows,
    ),
    "jobstate": ("job_instance_id state timestamp jobstate_submit_seq", _state_rows),
    "invocation": (
        (
            "invocation_id wf_id job_instance_id task_submit_seq start_time remote_duration remote_cpu_time exitcode "
            "transformation executable argv abs_task_id maxrss avg_cpu"
        ),
        _invocation_rows,
    ),
}


def make(folder: Path, jobs: int) -> Path:
    """The database, made if it is not there yet, in a folder with a braindump that names it."""
    database = folder / f"{NAME}.stampede.db"
    if database.exists():
        return database
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.dag").write_text("")
    words = {"wf_uuid": WF_UUID, "root_wf_uuid": WF_UUID, "dax_label": "fan", "submit_dir": str(folder)}
    words |= {"dag": f"{NAME}.dag", "user": "ada", "submit_hostname": "here", "basedir": str(folder)}
    words |= {"properties": "p.properties", "planner_version": "5.1.3"}
    (folder / "braindump.yml").write_text("".join(f'{key}: "{value}"\n' for key, value in words.items()))
    unfinished = database.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    engine = create_engine(f"sqlite:///{unfinished}")
    METADATA.create_all(engine)
    engine.dispose()
    connection = sqlite3.connect(unfinished)
    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")
    _fill(connection, jobs)
    connection.close()
    return unfinished.replace(database)


def copy_to_postgresql(database: Path, url: str) -> None:
    """The same rows in an empty PostgreSQL database, as a monitor and autovacuum leave them."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    METADATA.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(database)) as source, psycopg.connect(url, autocommit=True) as target:
        for table in METADATA.sorted_tables:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            with target.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in source.execute(f"SELECT {names} FROM {table.name}"):
                    copy.write_row(row)
        target.execute("VACUUM ANALYZE")


def _fill(connection: sqlite3.Connection, jobs: int) -> None:
    connection.execute("INSERT INTO dbversion VALUES (1, ?, '14', 0)", [STAMPEDE_VERSION])
    connection.execute("INSERT INTO bridle_schema VALUES (?, 0, 'bench')", [BRIDLE_VERSION])
    connection.execute(
        "INSERT INTO workflow (wf_id, wf_uuid, dax_label, submit_dir, root_wf_id) VALUES (1, ?, 'fan', '/', 1)",
        [WF_UUID],
    )
    end = _begin(jobs) + 2 * _TAKES
    states = [("WORKFLOW_STARTED", STARTED, 0, None), ("WORKFLOW_TERMINATED", end, 0, 1)]
    connection.executemany(
        "INSERT INTO workflowstate (wf_id, state, timestamp, restart_count, status) VALUES (1, ?, ?, ?, ?)",
        states,
    )
    hosts = ((host, f"node{host}.pool.local", f"10.0.0.{host}") for host in range(1, HOSTS + 1))
    connection.executemany(
        "INSERT INTO host (host_id, wf_id, site, hostname, ip) VALUES (?, 1, 'condorpool', ?, ?)", hosts
    )
    for table, (columns, rows) in _TABLES.items():
        _insert(connection, table, columns.split(), rows(jobs))
    connection.commit()


def _insert(
    connection: sqlite3.Connection, table: str, columns: list[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    text = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    remaining = iter(rows)
    while some := list(islice(remaining, _AT_ONCE)):
        connection.executemany(text, some)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("jobs", type=int)
    given = parser.parse_args()
    sys.stdout.write(f"{make(given.folder.resolve(), given.jobs)}\n")


if __name__ == "__main__":
    main()
