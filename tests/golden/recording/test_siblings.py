"""Sub-workflows side by side, by the hundred: all of it stored, few files open at once, and quiet ones left alone."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from monitord_job.logs import tail
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.recording import hierarchy as hierarchies
from monitord_job.recording import ingest, job_logs, plan_rows
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.log_watch import LogWatch
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


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many times a log was looked at from outside since the last call."""
    monkeypatch.setattr(LogWatch, "_is_local", lambda *_: True)  # whatever the tests run on
    monkeypatch.setattr(hierarchies, "_RESCAN", 600.0)  # however slow the machine is
    count = 0
    looks = ingest.Ingest.looks

    def counting(self: ingest.Ingest) -> ingest.Looks:
        nonlocal count
        count += 1
        return looks(self)

    def taken() -> int:
        nonlocal count
        before, count = count, 0
        return before

    monkeypatch.setattr(ingest.Ingest, "looks", counting)
    return taken


class Waiting(NamedTuple):
    """A monitor's hierarchy that waits for sub-workflows, and what these and the root have yet to write."""

    hierarchy: Hierarchy
    logs: list[Path]
    coming: list[str]
    root_log: Path
    at_the_end: str

    def end(self) -> None:
        """All of them write the rest, and so does the root."""
        for log, rest in zip(self.logs, self.coming, strict=True):
            grow(log, rest)
        grow(self.root_log, self.at_the_end)
        to_the_end(self.hierarchy)
        assert self.hierarchy.ended


@pytest.fixture
def waiting(work_dir, looked_at) -> Iterator[Waiting]:
    submit_dir = make_siblings(work_dir / "run", 40, at_once=40)
    logs = sorted(submit_dir.path.glob("s*/below.bridle.jobstate.log"))
    coming = [cut(log, -1) for log in logs]
    at_the_end = cut(submit_dir.jobstate_log, 1 + 2 * len(logs))
    with closing(Store(sqlite_url(submit_dir.database))) as store:
        hierarchy = Hierarchy(submit_dir, store)
        with hierarchy.listening():
            hierarchy.open()
            to_the_end(hierarchy)
            for _ in range(4):
                assert hierarchy.step().lines == 0
            looked_at()
            yield Waiting(hierarchy, logs, coming, submit_dir.jobstate_log, at_the_end)
    assert query(submit_dir.database, "SELECT count(*) FROM jobstate") == [(40 * 3 * 4,)]
    assert query(submit_dir.database, "SELECT count(*), sum(settled) FROM bridle_subworkflow") == [(40, 40)]


def test_the_system_tells_which_of_many_goes_on(waiting, looked_at):
    for _ in range(3):
        assert waiting.hierarchy.step().lines == 0
        assert looked_at() == 1, "of the root alone"
    first, rest = waiting.coming[7][:10], waiting.coming[7][10:]
    for text, lines in ((first, 0), (rest, 1)):
        grow(waiting.logs[7], text)
        assert waiting.hierarchy.step().lines == lines
        assert looked_at() == 2
    waiting.coming[7] = ""
    waiting.end()


def test_one_that_writes_nothing_more_is_left_when_its_node_is_over(waiting, looked_at):
    grow(waiting.root_log, waiting.at_the_end)
    to_the_end(waiting.hierarchy)
    assert waiting.hierarchy.ended


def test_all_are_looked_at_again_where_the_system_does_not_tell(waiting, looked_at, monkeypatch):
    monkeypatch.setattr(LogWatch, "_read", lambda _: b"")
    for log in waiting.logs[:2]:
        grow(log, waiting.coming[0])
    assert waiting.hierarchy.step().lines == 0
    monkeypatch.setattr(waiting.hierarchy, "_rescan", 0.0)
    lines = sum(waiting.hierarchy.step().lines for _ in range(2))
    assert lines == 2
    looked_at()
    waiting.hierarchy.step()
    assert looked_at() == 41
    waiting.coming[:2] = ["", ""]
    waiting.end()


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
