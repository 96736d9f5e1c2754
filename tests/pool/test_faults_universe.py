"""Where a site forbids local jobs: the monitor in another universe, killed and told to stop."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.pool import Pool
from tests.support.faults import (
    dagman_job,
    deliver,
    jobs_of,
    kill,
    module_folder,
    monitor_job,
    new_monitor,
    note_recovery,
    open_gate,
    planned_run,
    recovery,
    side_by_side,
    succeeded_once,
    tool,
    waiting,
)
from tests.support.runs import bridle, ended, monitor_pid, queue, until

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
        new_monitor(submit_dir, first)
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


def test_one_that_hangs_outlives_the_dag_and_removed_leaves_the_rest_to_the_next_reader(pool, folder):
    """Vanilla: HTCondor kills it after 600 s (`job_max_vacate_time`), shortened here."""
    submit_dir = planned_run(folder / "hangs")
    assert bridle(pool, "rewrite", "--universe", "vanilla", str(submit_dir.path)).returncode == 0
    description = submit_dir.path / f"{submit_dir.dag_file.stem}.bridle.sub"
    description.write_text(description.read_text().replace("\nqueue\n", "\njob_max_vacate_time = 5\nqueue\n"))
    tool(pool, "condor_submit_dag", submit_dir.dag, cwd=submit_dir.path)
    until(lambda: waiting(submit_dir), "its jobs wait")
    job, monitor = monitor_job(pool, submit_dir), monitor_pid(submit_dir)
    kill(monitor, signal.SIGSTOP)
    open_gate(submit_dir)
    until(lambda: not submit_dir.dagman_lock.exists(), "DAGMan has ended")
    assert monitor_pid(submit_dir) == monitor, "DAGMan removes no monitor"
    tool(pool, "condor_rm", job)
    until(lambda: monitor_pid(submit_dir) is None, "the monitor was killed", 120)
    assert not ended(submit_dir), "it had not stored the end"
    deliver(pool, submit_dir)
    succeeded_once(pool, submit_dir)


@pytest.mark.htcondor_25
def test_one_that_cannot_work_waits_in_the_scheduler_universe_after_its_fourth_start(pool, folder):
    """The schedd's cool-down of 300 s; 23 has none, and the starts are used up in a minute."""
    submit_dir = planned_run(folder / "cannot")
    assert bridle(pool, "rewrite", "--universe", "scheduler", str(submit_dir.path)).returncode == 0
    program = submit_dir.path / "cannot"
    program.write_text("#!/bin/sh\nexit 75\n")
    program.chmod(0o755)
    description = submit_dir.path / f"{submit_dir.dag_file.stem}.bridle.sub"
    text = description.read_text()
    description.write_text(re.sub(r"(?m)^executable .*$", f"executable = {program}", text))
    tool(pool, "condor_submit_dag", submit_dir.dag, cwd=submit_dir.path)
    monitor = ("-constraint", f'BridleMonitor && Cmd == "{program}"')
    words = ("condor_q", "-allusers", *monitor, "-af", "NumJobStarts", "JobCoolDownExpiration")

    def waits() -> bool:
        found = tool(pool, *words).split()
        return len(found) == 2 and found[1].isdecimal() and int(found[1]) > time.time() + 60

    until(waits, "it cools down")
    assert tool(pool, *words).split()[0] == "4"
    tool(pool, "condor_rm", dagman_job(submit_dir))
    tool(pool, "condor_rm", *monitor)  # it outlives DAGMan, for it has not stored the end
    until(lambda: not jobs_of(pool, submit_dir), "all of it has left")
