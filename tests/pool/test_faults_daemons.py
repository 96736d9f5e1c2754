"""What happens to HTCondor's daemons: the monitor comes up as they do, and one of it is at work."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.environment import as_pool_user
from planner_ext.pool.pool import Pool, PoolState
from planner_ext.pool.release import Release
from tests.support.database import check_sound, query
from tests.support.faults import (
    check_rebuilt,
    check_truth,
    daemon_pid,
    dagman_lines,
    dagman_pid,
    end_cool_down,
    jobs_of,
    kill,
    kill_master,
    lines_of_trace,
    new_monitor,
    open_gate,
    planned_run,
    recovery,
    run_states,
    side_by_side,
    succeeded_once,
)
from tests.support.runs import bridle, ended, monitor_pid, until

START, END = "WORKFLOW_STARTED", "WORKFLOW_TERMINATED"


@pytest.fixture
def run(own_pool: Pool, release: Release, work_dir: Path) -> SubmitDir:
    """A run whose jobs wait, on a pool of its own."""
    own_pool.start(release, slots=4)
    return side_by_side(own_pool, {"run": planned_run(work_dir / "run")})["run"]


@pytest.fixture
def guest(own_pool: Pool, run: SubmitDir, work_dir: Path) -> SubmitDir:
    """A second one on that pool, with its monitor in a slot."""
    submit_dir = planned_run(work_dir / "guest")
    assert bridle(own_pool, "rewrite", "--universe", "vanilla", str(submit_dir.path)).returncode == 0
    return side_by_side(own_pool, {"guest": submit_dir})["guest"]


def comes_back(pool: Pool, submit_dir: SubmitDir, monitor: int | None) -> None:
    """A new monitor, and a DAGMan that has recovered."""
    new_monitor(submit_dir, monitor)
    end_cool_down(pool, submit_dir)
    until(lambda: "RECOVERY_FINISHED" in dagman_lines(submit_dir), "DAGMan has recovered")


def ended_well(pool: Pool, submit_dir: SubmitDir) -> None:
    open_gate(submit_dir)
    # Jobs in the local universe die with their schedd and start again under the same id: their ends count.
    succeeded_once(pool, submit_dir)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 0)]


def test_the_schedd_does_not_answer_and_is_killed(own_pool, run):
    monitor, version = monitor_pid(run), str(own_pool.status().version)
    schedd = daemon_pid(own_pool, "condor_schedd")
    kill(schedd, signal.SIGSTOP)
    shown = bridle(own_pool, "status", "--json", str(run.path))
    assert json.loads(shown.stdout)["state"] == "running", "no answer is no end"
    assert monitor_pid(run) == monitor
    kill(schedd)
    with recovery("kill -9 of condor_schedd", version):
        comes_back(own_pool, run, monitor)
    ended_well(own_pool, run)


def test_everything_is_killed_and_started_again(own_pool, release, run, guest):
    monitor, other, version = monitor_pid(run), monitor_pid(guest), str(own_pool.status().version)
    own_pool.crash()
    until(lambda: monitor_pid(run) is monitor_pid(guest) is None, "the monitors are dead")
    crash = "crash of the access point, from the start of HTCondor"
    with recovery(f"{crash}, vanilla universe", version):
        with recovery(crash, version):
            own_pool.start(release)
            comes_back(own_pool, run, monitor)
        comes_back(own_pool, guest, other)
    open_gate(guest)
    ended_well(own_pool, run)
    ended_well(own_pool, guest)


def test_a_graceful_stop_and_start(own_pool, release, run):
    monitor, version = monitor_pid(run), str(own_pool.status().version)
    own_pool.stop()
    until(lambda: monitor_pid(run) is None, "the monitor is dead")
    with recovery("graceful stop, from the start of HTCondor", version):
        own_pool.start(release)
        comes_back(own_pool, run, monitor)
    ended_well(own_pool, run)


def test_only_the_master_is_killed(own_pool, release, run):
    """DAGMan and the monitor live on as orphans that nobody ever signals; then a new schedd starts both once more."""
    monitor, orphan = monitor_pid(run), dagman_pid(run)
    version = str(own_pool.status().version)
    kill_master(own_pool)
    assert (monitor_pid(run), dagman_pid(run)) == (monitor, orphan)
    # Not Pool.start(), which ends orphans first.
    command = [*as_pool_user(os.geteuid()), str(release.sbin / "condor_master")]
    environment = {name: value for name, value in own_pool.environment().items() if name != "CONDOR_IDS"}
    own_pool.processes.spawn_master(command, environment)
    until(lambda: own_pool.status().state is PoolState.RUNNING, "the pool is up")
    until(lambda: run.dagman_out.read_text().count(" STARTING UP") >= 2, "a second DAGMan was started")
    assert monitor_pid(run) == monitor, "the monitor is the one that has the lock"
    open_gate(run)
    until(lambda: "DAGMAN_FINISHED" in dagman_lines(run)[-1], "the DAG has ended")
    if version.startswith("23"):
        # Two DAGMans drove one DAG, and two copies of each job wrote the same outputs; whatever came of it is stored.
        until(lambda: not jobs_of(own_pool, run), "all jobs have left")
        until(lambda: ended(run), "it is stored")
        until(lambda: monitor_pid(run) is None, "the monitor has left")
        # With the first one's last line; what the other one wrote after it, who reads stores.
        assert bridle(own_pool, "status", str(run.path)).returncode == 0
        check_sound(run.database)
        assert [state[:2] for state in run_states(run)] == [(START, 0), (END, 0)]
    else:
        until(lambda: ended(run), "the first run is stored")
        end_cool_down(own_pool, run)
        new_monitor(run, monitor)
        until(lambda: not jobs_of(own_pool, run), "the second run has ended")
        until(lambda: monitor_pid(run) is None, "its monitor has left")
        check_truth(run)
        assert [state[::2] for state in run_states(run)] == [(START, None), (END, 0), (START, None), (END, 0)]
        attempts = query(
            run.database,
            "SELECT count(*) FROM job_instance JOIN job USING (job_id) WHERE exec_job_id LIKE 'work_%' "
            "GROUP BY exec_job_id",
        )
        assert attempts == [(2,)] * 4, "DAGMan has run it twice, and so it is stored"
    assert {words[0] for words in lines_of_trace(run) if words[1] == "end"}
    outputs = ("job_instance", "invocation", "host", "rc_meta")
    check_rebuilt(own_pool, run, but=outputs if version.startswith("23") else ())
