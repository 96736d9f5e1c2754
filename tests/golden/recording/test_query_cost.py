"""What readers ask stays cheap in a large run: a question looks into indexes and never compares all with all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from monitord_job.database.queries.runs import progress, summary
from monitord_job.database.reading import open_database
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.recording.store import Changes, Store, sqlite_url
from monitord_job.stampede.rows import InstanceRow, JobRow, JobStateRow, Row, WorkflowRow
from monitord_job.stampede.state import NodeState, RunState
from monitord_job.stampede.turn import Turn


def filled(path: Path, jobs: int) -> Path:
    """A database of so many jobs, of which the last has not begun and each other one was tried twice."""
    row = WorkflowRow("wf", "a.dag", None, None, None, None, None, None, None, None, None, None, "wf", None)
    rows: list[Row] = [row]
    turn = Turn(RunState("wf", None, None, {}))
    for number in range(jobs):
        name = f"job{number}"
        rows.append(JobRow(name, "a.sub", "compute", False, 0, "", None, 1))
        if number == jobs - 1:
            continue
        for attempt in (1, 2):
            seq = 2 * number + attempt
            rows.append(InstanceRow(name, seq, {"site": "here", "multiplier_factor": 1}))
            rows += [
                JobStateRow(name, seq, state, 1, at, None) for at, state in enumerate(("SUBMIT", "EXECUTE"))
            ]
        turn.nodes[name] = NodeState(seq=2 * number + 2, state="EXECUTE")
    store = Store(sqlite_url(path))
    store.create()
    store.commit("wf", Changes(rows, {}, turn))
    store.close()
    return path


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
