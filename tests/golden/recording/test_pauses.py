"""How long the monitor pauses between two looks: briefly while things happen, longer and longer while nothing does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.errors import TryAgainError
from monitord_job.monitor import daemon
from monitord_job.monitor.daemon import Monitor
from monitord_job.monitor.limits import Limits
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store, sqlite_url
from tests.support.siblings import make_siblings


class Pauses(threading.Event):
    """Lets the pauses take no time, and keeps how long they would have been; something may happen in each."""

    def __init__(self, number: int, happens: Callable[[int], object]) -> None:
        super().__init__()
        self._number = number
        self._happens = happens
        self.taken: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """A pause is over; the last one ends the monitor."""
        self.taken.append(timeout or 0.0)
        self._happens(len(self.taken))
        return len(self.taken) == self._number


def pauses_of(submit_dir: SubmitDir, limits: Limits, pauses: Pauses) -> list[float]:
    with closing(Store(sqlite_url(submit_dir.database))) as store:
        monitor = Monitor(submit_dir, Hierarchy(submit_dir, store), limits, pauses)
        with pytest.raises(TryAgainError, match="told to stop while DAGMan goes on"):
            monitor.follow()
    return pauses.taken


@pytest.fixture(autouse=True)
def _looks_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine, too, where pauses are longer for that."""
    for name in ("_IDLE", "_AT_WORK"):
        monkeypatch.setattr(daemon, name, 0)


@pytest.fixture
def at_work(work_dir) -> tuple[SubmitDir, list[bytes]]:
    """A run in its middle, and the lines that a sub-workflow of it has yet to write."""
    submit_dir = make_siblings(work_dir / "run", 3, at_once=3)
    root = submit_dir.jobstate_log
    root.write_bytes(b"".join(root.read_bytes().splitlines(keepends=True)[:7]))
    log = submit_dir.path / "s0001/below.bridle.jobstate.log"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:4]))
    return submit_dir, lines[4:-1]


def test_the_first_looks_after_news_come_soon(at_work):
    submit_dir, coming = at_work

    def happens(number: int) -> None:
        if number in (7, 8):
            with (submit_dir.path / "s0001/below.bridle.jobstate.log").open("ab") as log:
                log.write(coming.pop(0))

    taken = pauses_of(submit_dir, Limits(poll=0.5, drain=0.0), Pauses(12, happens))
    assert taken == [0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.2, 0.4, 0.5]


def test_no_pause_is_longer_than_asked_for(at_work):
    taken = pauses_of(at_work[0], Limits(poll=0.05, drain=0.0), Pauses(4, lambda _: None))
    assert taken == [0.05] * 4
