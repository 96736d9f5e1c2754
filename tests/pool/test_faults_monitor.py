"""What happens to the monitor costs the workflow nothing, and the database only time."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.pool import Pool
from tests.support.database import query
from tests.support.faults import (
    check_truth,
    deliver,
    jobs_of,
    kill,
    lines_of_trace,
    module_folder,
    monitor_job,
    new_monitor,
    open_gate,
    planned_run,
    recovery,
    run_states,
    side_by_side,
    succeeded_once,
    tool,
    wait_for_end,
)
from tests.support.runs import BRIDLE, RUN_LIMIT, bridle, ended, monitor_pid, queue, until

RUNS = ("once", "five", "loop", "away", "full", "held", "still", "twice")
BY_HAND = {"loop": 1, "held": 1}
"""Where no monitor is left at the end: how often a test delivers what is left."""
MINUTE = 60
POLICIES = {"loop": "[monitor]\nmax_starts = 3\n"}


@pytest.fixture(scope="module")
def folder(pool: Pool) -> Iterator[Path]:
    with module_folder(pool, "faults-monitor") as path:
        yield path


@pytest.fixture(scope="module")
def runs(pool: Pool, folder: Path) -> Mapping[str, SubmitDir]:
    """All runs of this module, side by side."""
    planned = {name: planned_run(folder / name) for name in RUNS}
    for name, policy in POLICIES.items():
        (planned[name].path / "bridle-policy.toml").write_text(policy)
    side_by_side(pool, planned)
    for name, fault in (("away", take_database_away), ("full", let_no_byte_be_written)):
        fault(planned[name])
        open_gate(planned[name])
    # It gets SIGTERM and waits a minute for DAGMan's end; the others' tests use that time.
    tool(pool, "condor_hold", monitor_job(pool, planned["held"]))
    return planned


@pytest.fixture(scope="module")
def version(pool: Pool) -> str:
    return str(pool.status().version)


def aside(submit_dir: SubmitDir) -> Path:
    """Where a database is that was taken away."""
    return submit_dir.path / "aside"


def take_database_away(submit_dir: SubmitDir) -> None:
    submit_dir.database.rename(aside(submit_dir))
    submit_dir.database.mkdir()


def let_no_byte_be_written(submit_dir: SubmitDir) -> None:
    """A full disk, as far as a database can tell; the monitor's log has room, however long this checkout's path is."""
    assert submit_dir.database.stat().st_size > 4 * 65536
    limit_file_size(monitor_pid(submit_dir), "65536")


def limit_file_size(pid: int | None, size: str) -> None:
    subprocess.run(["prlimit", f"--fsize={size}:unlimited", "--pid", str(pid)], check=True, timeout=60)


def complaining(submit_dir: SubmitDir) -> float:
    """For how many seconds the monitor has tried its database again; of one reason only the first is a warning."""
    lines = [line.split() for line in submit_dir.monitor_log.read_text().splitlines() if "(again in" in line]
    times = [datetime.fromisoformat(f"{line[0]} {line[1].replace(',', '.')}") for line in lines]
    return (times[-1] - times[0]).total_seconds() if times else 0.0


def test_killed_once(pool, runs, version):
    submit_dir = runs["once"]
    first = monitor_pid(submit_dir)
    kill(first)
    with recovery("kill -9 of the monitor", version):
        new_monitor(submit_dir, first)
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)


def test_killed_five_times(pool, runs, version):
    submit_dir = runs["five"]
    with recovery("kill -9 of the monitor, five times", version):
        for _ in range(5):
            pid = monitor_pid(submit_dir)
            kill(pid)
            new_monitor(submit_dir, pid)
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)


def test_killed_until_it_gives_up(pool, runs):
    submit_dir = runs["loop"]

    def job() -> list[dict]:
        return [
            j for j in queue(pool) if j["ClusterId"] in jobs_of(pool, submit_dir) and j.get("BridleMonitor")
        ]

    pid = None
    while job():
        now = monitor_pid(submit_dir)
        if now not in (None, pid):
            kill(now)
            pid = now
    open_gate(submit_dir)
    until(lambda: not jobs_of(pool, submit_dir), "DAGMan has left")
    assert not ended(submit_dir)
    shown = bridle(pool, "status", str(submit_dir.path))
    assert shown.returncode == 0
    assert "succeeded" in shown.stdout
    deliver(pool, submit_dir)
    succeeded_once(pool, submit_dir, by_hand=BY_HAND["loop"])
    assert "DAGMAN_FINISHED 0" in submit_dir.jobstate_log.read_text()


def test_held_by_a_person_to_the_end(pool, runs):
    submit_dir = runs["held"]
    until(lambda: monitor_pid(submit_dir) is None, "it has left")
    open_gate(submit_dir)
    until(lambda: not jobs_of(pool, submit_dir), "DAGMan has left, and the monitor with it")
    shown = bridle(pool, "status", str(submit_dir.path))
    assert "succeeded" in shown.stdout
    deliver(pool, submit_dir)
    succeeded_once(pool, submit_dir, by_hand=BY_HAND["held"])


def test_stopped_past_the_end(pool, runs, version):
    submit_dir = runs["still"]
    pid = monitor_pid(submit_dir)
    kill(pid, signal.SIGSTOP)
    open_gate(submit_dir)
    until(lambda: "DAGMAN_FINISHED" in submit_dir.jobstate_log.read_text(), "DAGMan has ended")
    told = bridle(pool, "status", str(submit_dir.path))
    assert told.returncode == 0
    assert f"process {pid} on " in told.stderr
    assert not ended(submit_dir)
    kill(pid, signal.SIGCONT)
    with recovery("SIGSTOP of the monitor past the end, after SIGCONT", version):
        until(lambda: ended(submit_dir), "it stores the rest")
    succeeded_once(pool, submit_dir)


def test_two_more_started_by_hand(pool, runs):
    submit_dir = runs["twice"]
    pid = monitor_pid(submit_dir)
    words = [str(BRIDLE), "monitord", "--lock-wait", "0.5", str(submit_dir.path)]
    both = [
        subprocess.Popen(words, env=pool.environment(), stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for one in both:
        _, told = one.communicate(timeout=60)
        assert one.returncode == 75
        assert f"process {pid} on " in told
    # All at once where nobody holds the lock: the one that HTCondor starts again is among them.
    words[words.index("0.5")] = str(RUN_LIMIT)
    kill(pid)
    three = [subprocess.Popen(words, env=pool.environment(), stderr=subprocess.DEVNULL) for _ in range(2)]
    open_gate(submit_dir)
    assert [one.wait(RUN_LIMIT) for one in three] == [0, 0]
    succeeded_once(pool, submit_dir)


def test_the_database_cannot_be_opened_for_a_minute(pool, runs, version):
    submit_dir = runs["away"]
    pid = monitor_pid(submit_dir)
    until(lambda: complaining(submit_dir) > MINUTE, "it complains and waits")
    assert "DAGMAN_FINISHED" in submit_dir.jobstate_log.read_text(), "that is no reason for DAGMan to wait"
    assert monitor_pid(submit_dir) == pid
    submit_dir.database.rmdir()
    aside(submit_dir).rename(submit_dir.database)
    with recovery("database away, after it is back", version):
        until(lambda: ended(submit_dir), "it has stored everything")
    succeeded_once(pool, submit_dir)


def test_the_disk_is_full_for_a_minute(pool, runs, version):
    submit_dir = runs["full"]
    pid = monitor_pid(submit_dir)
    until(lambda: complaining(submit_dir) > MINUTE, "it complains and waits")
    assert monitor_pid(submit_dir) == pid
    limit_file_size(pid, "unlimited")
    with recovery("disk full, after there is room", version):
        until(lambda: ended(submit_dir), "it has stored everything")
    succeeded_once(pool, submit_dir)


def test_every_run_started_once_and_ended_well(pool, runs):
    for name, submit_dir in runs.items():
        wait_for_end(pool, submit_dir)
        check_truth(submit_dir, by_hand=BY_HAND.get(name, 0))
        assert [state[0] for state in run_states(submit_dir)] == [
            "WORKFLOW_STARTED",
            "WORKFLOW_TERMINATED",
        ], name
        assert len(lines_of_trace(submit_dir)) == 2 * len(query(submit_dir.database, "SELECT 1 FROM job"))
