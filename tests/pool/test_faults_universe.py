"""Where a site forbids local jobs: the monitor in another universe, killed and told to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dag_rewriter.submit_dir import SubmitDir
from planner_ext.pool import Pool
from tests.faults import (
    kill,
    module_folder,
    new_monitor,
    note_recovery,
    open_gate,
    planned_run,
    recovery,
    side_by_side,
    succeeded_once,
)
from tests.runs import bridle, monitor_pid, queue

NUMBERS = {"scheduler": 7, "vanilla": 5}


@pytest.fixture(scope="module")
def folder(pool: Pool) -> Iterator[Path]:
    with module_folder(pool, "faults-universe") as path:
        yield path


@pytest.fixture(scope="module")
def runs(pool: Pool, folder: Path) -> Mapping[str, SubmitDir]:
    """A run for each universe; in `told`, the monitor is told to stop while DAGMan goes on."""
    planned = {name: planned_run(folder / name) for name in (*NUMBERS, "told")}
    for name, submit_dir in planned.items():
        universe = name if name in NUMBERS else "scheduler"
        assert bridle(pool, "rewrite", "--universe", universe, str(submit_dir.path)).returncode == 0
    return side_by_side(pool, planned)


@pytest.fixture(scope="module")
def told(runs: Mapping[str, SubmitDir]) -> tuple[int | None, float]:
    """The process of the monitor that was told to stop, and when: it waits a minute for DAGMan, then leaves with 75."""
    pid = monitor_pid(runs["told"])
    kill(pid, signal.SIGTERM)
    return pid, time.monotonic()


@pytest.mark.parametrize("universe", NUMBERS)
def test_killed(pool, runs, told, universe):
    submit_dir = runs[universe]
    assert NUMBERS[universe] in {job["JobUniverse"] for job in queue(pool) if job.get("BridleMonitor")}
    first = monitor_pid(submit_dir)
    kill(first)
    with recovery(f"kill -9 of the monitor, {universe} universe", str(pool.status().version)):
        new_monitor(submit_dir, first, 60)
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)


def test_to_leave_with_75_is_no_reason_to_wait_for_300_seconds(pool, runs, told):
    submit_dir = runs["told"]
    pid, began = told
    new_monitor(submit_dir, pid, 150)
    note_recovery("the monitor leaves with 75, scheduler universe", str(pool.status().version), began)
    assert "told to stop while DAGMan goes on" in submit_dir.monitor_log.read_text()
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)
