"""Logs that are read from their beginning once more (emptied, replaced, damaged): nothing is stored twice."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.url import database_of
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.notifications.row_tap import NotificationTap, Notify
from monitord_job.recording import ingest
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store
from tests.support.database import Rows, dump, query
from tests.support.recorded import as_it_ran, prepare, with_dagmans_own_log
from tests.support.rules import write_rules

RUN = "recorded/failing-condorio"
"""A run in which a job fails, and its rescue run."""
PREPARED = {"jobstate-log": prepare, "dagmans-own": with_dagmans_own_log, "dagman-out": as_it_ran}
RULES = "JOB * all /bin/true\nWORKFLOW * all /bin/true\nJOB * retry /bin/true\nWORKFLOW * progress=50% /bin/true\n"
Change = Callable[[Path, bytes, bytes], None]
"""What happens to a log: its path, what was read of it, and all that it is to hold in the end."""


@pytest.fixture(params=PREPARED)
def run(request: pytest.FixtureRequest, fresh_corpus) -> SubmitDir:
    submit_dir = PREPARED[request.param](fresh_corpus(RUN)).submit_dir
    write_rules(submit_dir.notify, "")
    write_rules(submit_dir.bridle_notify, RULES)
    return submit_dir


class Follower:
    """A monitor that takes its steps when it is told to, and delivers nothing."""

    def __init__(self, submit_dir: SubmitDir, url: str | None = None) -> None:
        self._dir, self._url = submit_dir, url
        self._start()

    def _start(self) -> None:
        tap = NotificationTap(self._dir.wf_uuid or "", Notify.BEGIN)
        self._store = Store(database_of(self._dir, self._url).url, notifications=tap)
        self._hierarchy = Hierarchy(self._dir, self._store)
        self._hierarchy.open()

    def to_the_end(self, steps: int = -1) -> None:
        while steps:
            steps -= 1
            progress = self._hierarchy.step()
            if progress.at_end and not progress.lines:
                return

    def again(self) -> None:
        """Killed, and started again."""
        self._store.close()
        self._start()

    def close(self) -> None:
        self._store.close()


def log_of(run: SubmitDir) -> Path:
    return run.jobstate_log if run.jobstate_log.exists() else run.dagman_out


def outbox(database: Path | str) -> Rows:
    return sorted(query(database, "SELECT key, occasion, entity, rule FROM bridle_notification"), key=repr)


@pytest.fixture
def undisturbed(run: SubmitDir, work_dir: Path) -> tuple[dict[str, Rows], Rows]:
    place = work_dir / "undisturbed.db"
    with closing(Follower(run, f"sqlite:///{place}")) as follower:
        follower.to_the_end()
    assert outbox(place)
    return dump(place), outbox(place)


def emptied(log: Path, _read: bytes, whole: bytes) -> None:
    log.write_bytes(b"")
    log.write_bytes(whole)


def emptied_for_a_while(log: Path, read: bytes, _whole: bytes) -> None:
    log.write_bytes(read[: read.index(b"\n") + 1])


def nothing_in_it_for_a_while(log: Path, _read: bytes, _whole: bytes) -> None:
    log.write_bytes(b"")


def replaced_by_an_older_copy(log: Path, read: bytes, _whole: bytes) -> None:
    other = log.with_name("other")
    other.write_bytes(read[: read.index(b"\n", len(read) // 2) + 1])
    other.replace(log)


def first_byte_changed(log: Path, read: bytes, _whole: bytes) -> None:
    log.write_bytes(b"X" + read[1:])


def last_line_changed(log: Path, read: bytes, _whole: bytes) -> None:
    """Its end is not what it was, so that all of it counts as another file; no event is another one."""
    log.write_bytes(read[:-2] + b"~\n")


CHANGES: list[Change] = [
    emptied,
    emptied_for_a_while,
    nothing_in_it_for_a_while,
    replaced_by_an_older_copy,
    first_byte_changed,
    last_line_changed,
]


@pytest.mark.own
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize(("part", "killed"), [(0.01, False), (0.6, True), (1.0, False)])
def test_nothing_is_stored_twice(run, undisturbed, monkeypatch, change: Change, part, killed):
    monkeypatch.setattr(ingest, "TURN_BYTES", log_of(run).stat().st_size // 6)
    check(run, None, undisturbed, change, part, killed=killed)


@pytest.mark.own
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_nor_is_it_in_postgresql(run, postgresql, undisturbed, monkeypatch, change: Change):
    monkeypatch.setattr(ingest, "TURN_BYTES", log_of(run).stat().st_size // 6)
    check(run, postgresql, undisturbed, change, 0.6, killed=True)


def check(
    run: SubmitDir,
    url: str | None,
    undisturbed: tuple[dict[str, Rows], Rows],
    change: Change,
    part: float,
    *,
    killed: bool,
) -> None:
    """A log of which a part is read is changed, and later is there as a whole; in between the monitor is killed."""
    log = log_of(run)
    whole = log.read_bytes()
    read = whole[: whole.index(b"\n", int(len(whole) * part) - 1) + 1]
    log.write_bytes(read)
    with closing(Follower(run, url)) as follower:
        follower.to_the_end()
        change(log, read, whole)
        follower.to_the_end(steps=2 if killed else -1)
        if killed:
            follower.again()
            follower.to_the_end()
        log.write_bytes(whole)
        os.utime(log)
        follower.to_the_end()
        if killed:
            follower.again()
            follower.to_the_end()
    database = url or run.database
    rows, due = undisturbed
    now = dump(database)
    for table in rows:
        assert now[table] == rows[table], table
    assert outbox(database) == due


@pytest.mark.own
def test_a_log_that_begins_anew_tells_what_is_new(fresh_corpus):
    """DAGMan's log is gone, and it goes on with an empty one."""
    run = with_dagmans_own_log(fresh_corpus(RUN)).submit_dir
    whole = run.jobstate_log.read_bytes()
    second = whole.rindex(b"\n", 0, whole.rindex(b"DAGMAN_STARTED")) + 1
    session.catch_up(run, Limits(), url=f"sqlite:///{run.path}/whole.db")
    run.jobstate_log.write_bytes(whole[:second])
    session.catch_up(run, Limits())
    run.jobstate_log.write_bytes(whole[second:])
    session.catch_up(run, Limits())
    assert dump(run.database) == dump(run.path / "whole.db")


def test_a_lost_cursor_costs_nothing(fresh_corpus):
    run = prepare(fresh_corpus(RUN)).submit_dir
    session.catch_up(run, Limits())
    before = dump(run.database)
    with closing(sqlite3.connect(run.database)) as file, file:
        file.execute("DELETE FROM bridle_cursor WHERE file = ?", (run.jobstate_log.name,))
    session.catch_up(run, Limits())
    assert dump(run.database) == before


@pytest.mark.own
def test_a_log_that_is_gone_hands_over_to_dagman_out(fresh_corpus):
    run = with_dagmans_own_log(fresh_corpus(RUN)).submit_dir
    session.catch_up(run, Limits())
    before = dump(run.database)
    run.jobstate_log.write_bytes(b"")
    session.catch_up(run, Limits())
    run.jobstate_log.unlink()
    session.catch_up(run, Limits())
    assert dump(run.database) == before
