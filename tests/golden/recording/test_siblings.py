"""Sub-workflows side by side, by the hundred: all of it stored, few files open at once, and quiet ones left alone."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitord_job.logs import tail
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.recording import ingest, job_logs, plan_rows
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store, sqlite_url
from tests.support.database import check_sound, query
from tests.support.runs import BRIDLE
from tests.support.siblings import make_siblings

FILES = 32
"""That may be open at once: a process of Python's needs some ten."""


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many times a log was opened since the last call."""
    count = 0
    read = tail.read_new_lines

    def counting(*args: Any) -> Any:
        nonlocal count
        count += 1
        return read(*args)

    def taken() -> int:
        nonlocal count
        before, count = count, 0
        return before

    for reader in (ingest, job_logs, plan_rows):
        monkeypatch.setattr(reader, "read_new_lines", counting)
    return taken


@pytest.mark.parametrize("at_once", [300, 20])
def test_all_of_them_are_stored_with_few_files_open(work_dir, at_once):
    submit_dir = make_siblings(work_dir / "run", 300, at_once=at_once)
    command = shlex.join([str(BRIDLE), "monitord", "--catch-up", str(submit_dir.dag_file)])
    limited = ["/bin/sh", "-c", f"ulimit -n {FILES}; exec {command}"]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    check_sound(submit_dir.database)
    assert query(submit_dir.database, "SELECT count(*), count(parent_wf_id) FROM workflow") == [(301, 300)]
    for column, text in [("exitcode != 0", "jobs"), ("subwf_id IS NOT NULL", "sub-workflows")]:
        found = query(submit_dir.database, f"SELECT count(*), sum({column}) FROM job_instance")
        # Every hundredth sub-workflow fails: its second job, and the node above it.
        assert found == [(900, 300 if text == "sub-workflows" else 6)], text
    assert query(submit_dir.database, "SELECT count(*) FROM jobstate") == [(900 * 4,)]
    ends = "SELECT status, count(*) FROM workflowstate WHERE state = 'WORKFLOW_TERMINATED' GROUP BY 1"
    assert query(submit_dir.database, ends) == [(0, 297), (1, 4)]
    assert query(submit_dir.database, "SELECT count(*), sum(settled) FROM bridle_subworkflow") == [(300, 300)]
    assert query(submit_dir.database, "SELECT * FROM bridle_quarantine") == []


def test_twice_as_many_cost_twice_as_much(work_dir, reads):
    opened = []
    for number in (50, 100):
        catch_up(make_siblings(work_dir / str(number), number, at_once=number), Limits())
        opened.append(reads())
    assert opened[0] < opened[1] < opened[0] * 2.1


def test_quiet_ones_are_not_opened_and_one_that_goes_on_is_heard(work_dir, reads):
    submit_dir = make_siblings(work_dir / "run", 40, at_once=40)
    logs = sorted(submit_dir.path.glob("s*/below.bridle.jobstate.log"))
    held_back = [cut(log, -1) for log in logs]
    root_rest = cut(submit_dir.jobstate_log, 1 + 2 * len(logs))
    with closing(Store(sqlite_url(submit_dir.database))) as store:
        hierarchy = Hierarchy(submit_dir, store)
        hierarchy.open()
        to_the_end(hierarchy)
        reads()
        for _ in range(3):
            assert hierarchy.step().lines == 0
        assert reads() == 0, "nothing is opened as long as nothing is written"
        grow(logs[7], held_back[7])
        assert hierarchy.step().lines == 1
        assert 0 < reads() < 5
        for number, log in enumerate(logs):
            if number != 7:
                grow(log, held_back[number])
        grow(submit_dir.jobstate_log, root_rest)
        to_the_end(hierarchy)
        assert hierarchy.ended
    assert query(submit_dir.database, "SELECT count(*) FROM jobstate") == [(40 * 3 * 4,)]


def cut(log: Path, lines: int) -> str:
    """Take away what follows the first `lines` lines (negative: but the last ones); that text."""
    found = log.read_text().splitlines(keepends=True)
    log.write_text("".join(found[:lines]))
    return "".join(found[lines:])


def grow(log: Path, text: str) -> None:
    with log.open("a") as stream:
        stream.write(text)


def to_the_end(hierarchy: Hierarchy) -> None:
    while (progress := hierarchy.step()).lines or not progress.at_end:
        pass
