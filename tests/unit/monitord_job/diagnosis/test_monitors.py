"""Where the monitor of a run is: one answer for every command, and none of a run that never had one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.diagnosis.monitors import MonitorSeen, at_work, monitor_of, seen_in
from monitord_job.diagnosis.run_states import OVER, Condition, Monitor
from monitord_job.lock import locked

NOW = 1_795_900_000
NOWHERE = MonitorSeen(Monitor.GONE, is_wanted=True, dagman_since=NOW - 1000)
C, M = Condition, Monitor


@pytest.mark.parametrize(
    ("condition", "seen", "monitor"),
    [
        (C.RUNNING, NOWHERE, M.GONE),
        (C.HALTED, NOWHERE, M.GONE),
        (C.ORPHAN, NOWHERE, M.GONE),
        # Never rewritten, or begun before that: nothing is lost.
        (C.RUNNING, replace(NOWHERE, is_wanted=False), None),
        (C.ORPHAN, replace(NOWHERE, is_wanted=False), None),
        # DAGMan submits it once it has begun, and HTCondor starts it a little later.
        (C.RUNNING, replace(NOWHERE, dagman_since=NOW - 5), None),
        (C.WAITING, NOWHERE, None),
        (C.COOLING_DOWN, NOWHERE, None),
        (C.NEVER_SUBMITTED, NOWHERE, None),
        (C.LOST, NOWHERE, None),
        (C.RUNNING, replace(NOWHERE, where=M.QUEUED), M.QUEUED),
        (C.HELD, replace(NOWHERE, where=M.HELD), M.HELD),
        # Somebody started it by hand, in a run that was never rewritten.
        (C.RUNNING, replace(NOWHERE, where=M.AT_WORK, is_wanted=False), M.AT_WORK),
        (C.FAILED, replace(NOWHERE, where=M.AT_WORK), M.AT_WORK),
        (C.FAILED, replace(NOWHERE, where=M.STOPPED), M.STOPPED),
        (C.FAILED, replace(NOWHERE, where=M.QUEUED), None),
        *((over, NOWHERE, None) for over in sorted(OVER, key=str)),
    ],
)
def test_where_it_is(condition: Condition, seen: MonitorSeen, monitor: Monitor | None) -> None:
    assert monitor_of(condition, seen, NOW) is monitor


def test_its_lock_goes_before_the_queue(tmp_path: Path) -> None:
    held, idle = (QueuedJob("8.0", status, is_monitor=True) for status in (JobStatus.HELD, JobStatus.IDLE))
    lock = tmp_path / "x.bridle.lock"
    assert at_work(lock) is None
    assert [seen_in(lock, jobs) for jobs in ((held,), (idle,), ())] == [M.HELD, M.QUEUED, M.GONE]
    with locked(lock):
        assert seen_in(lock, (held,)) is M.AT_WORK
