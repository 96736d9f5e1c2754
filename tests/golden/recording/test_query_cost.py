"""What readers ask stays cheap in a large run: a question looks into indexes and never compares all with all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, event

from monitord_job.analysis.queries.newest_attempts import unsuccessful
from monitord_job.database.queries.jobs import jobs_of
from monitord_job.database.queries.runs import progress, summary
from monitord_job.database.reading import open_database
from monitord_job.database.url import Database, parse_url
from monitord_job.jobs.queries.rows import attempt_rows
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.recording.store import Changes, Store, sqlite_url
from monitord_job.stampede.rows import InstanceRow, JobEdgeRow, JobRow, JobStateRow, Row, WorkflowRow
from monitord_job.stampede.state import NodeState, RunState
from monitord_job.stampede.turn import Turn
from monitord_job.statistics.model.figures import Workflow
from monitord_job.statistics.queries.critical_paths import EDGES
from monitord_job.statistics.queries.questions import Questions
from tests.support.places import WORK
from tests.support.postgresql import server_of_tests


def filled(database: Path | URL, jobs: int) -> Any:
    """A database of so many jobs, each below one of ten; the last has not begun, each other one was tried twice."""
    row = WorkflowRow("wf", "a.dag", None, None, None, None, None, None, None, None, None, None, "wf", None)
    rows: list[Row] = [row]
    turn = Turn(RunState("wf", None, None, {}))
    for number in range(jobs):
        name = f"job{number}"
        rows.append(JobRow(name, "a.sub", "compute", False, 0, "", None, 1))
        rows.append(JobEdgeRow(f"job{number % 10}", name))
        if number == jobs - 1:
            continue
        for attempt in (1, 2):
            seq = 2 * number + attempt
            rows.append(InstanceRow(name, seq, {"site": "here", "multiplier_factor": 1}))
            rows += [
                JobStateRow(name, seq, state, 1, at, None) for at, state in enumerate(("SUBMIT", "EXECUTE"))
            ]
        turn.nodes[name] = NodeState(seq=2 * number + 2, state="EXECUTE")
    store = Store(sqlite_url(database) if isinstance(database, Path) else database)
    store.create()
    store.commit("wf", Changes(rows, {}, turn))
    store.close()
    return database


def steps(path: Path, question: Callable[..., Any]) -> tuple[int, Any]:
    """How many thousand steps SQLite's machine takes for an answer, and the answer."""
    engine, count = open_database(path), 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    event.listen(engine, "connect", lambda connection, _: connection.set_progress_handler(tick, 1000))
    answer = question(engine, "wf")
    engine.dispose()
    return count, answer


@pytest.mark.parametrize("question", [summary, progress])
def test_four_times_the_jobs_cost_four_times_as_much(tmp_path, question):
    few, _ = steps(filled(tmp_path / "few.db", 500), question)
    many, answer = steps(filled(tmp_path / "many.db", 2000), question)
    assert answer.count() == {NodeStatus.RUNNING: 1999, NodeStatus.UNREADY: 1}
    assert answer.total == 2000
    assert many <= 6 * max(few, 1)


WORKFLOW = Workflow(1, "wf", "a", is_root=True, submit_dir="/run")
ASKED: dict[str, Callable[[Connection], Any]] = {
    "status --json": lambda connection: jobs_of(connection, 1, end=RunEnd.GOES_ON),
    "status": lambda connection: jobs_of(connection, 1, end=RunEnd.GOES_ON, most=1),
    "jobs": lambda connection: list(attempt_rows(Questions(connection, ""), [WORKFLOW], 0.0, {})),
    "analyzer": lambda connection: list(unsuccessful(Questions(connection, ""), {1: RunEnd.GOES_ON})),
}


@pytest.fixture(scope="module")
def unseen() -> Iterator[tuple[Database, Database]]:
    """Few jobs, and four times as many, in a PostgreSQL that never looks at its tables: it has no statistics."""
    with server_of_tests(WORK / "postgresql-data" / f"{os.getpid()}-unseen", {"autovacuum": "off"}) as server:

        def database(jobs: int) -> Database:
            return Database(filled(parse_url("--url", server.new_database(), Path()), jobs))

        yield database(250), database(1000)


@pytest.mark.parametrize("command", ASKED)
def test_so_it_is_in_postgresql_right_after_a_rebuild(unseen: tuple[Database, Database], command):
    few, many = (rows_read(each, ASKED[command]) for each in unseen)
    assert 0 < many <= 6 * few


def test_the_critical_path_leaves_no_join_to_be_guessed_at(unseen: tuple[Database, Database]):
    """At 10,000 jobs the guess was to compare each of them with each edge."""
    explain = f"EXPLAIN {EDGES.replace('?', '1')}"
    plan = asked(unseen[0], lambda connection: connection.exec_driver_sql(explain).scalars().all())
    assert [step for step in plan if "UNIQUE_JOB" in step]
    assert not [step for step in plan if "Join" in step or "Loop" in step]


def rows_read(database: Database, question: Callable[[Connection], Any]) -> int:
    """How many rows of tables the server looks at for an answer."""
    text = "SELECT sum(seq_tup_read + COALESCE(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
    return asked(
        database, lambda connection: (question(connection), connection.exec_driver_sql(text).scalar())[1]
    )


def asked(database: Database, question: Callable[[Connection], Any]) -> Any:
    engine = open_database(database)
    with engine.connect() as connection:
        answer = question(connection)
    engine.dispose()
    return answer
