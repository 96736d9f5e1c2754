"""`bridle recover` on real daemons: it says what state a run is in, and brings it to its end."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.diagnosis.diagnose import diagnose
from monitord_job.diagnosis.facts import gather
from monitord_job.diagnosis.run_states import Condition
from planner_ext.pool.environment import as_pool_user
from planner_ext.pool.pool import Pool, PoolState
from planner_ext.pool.release import Release
from tests.support.faults import (
    check_rebuilt,
    dagman_job,
    dagman_pid,
    deliver,
    jobs_of,
    kill,
    kill_master,
    lines_of_trace,
    module_folder,
    new_monitor,
    open_gate,
    planned_run,
    run_states,
    side_by_side,
    succeeded_once,
    tool,
    wait_for_end,
)
from tests.support.runs import bridle, monitor_pid, queue, until
from tests.support.shown import ANOTHER_EACH_TIME, Scene, block_of, wrong

RUNS = {
    "held": None,
    "recovering": None,
    "halted": None,
    "lost": None,
    "monitor": None,
    "stale": None,
    "failed": "w00001",
}
"""What fails in each."""
START, END = "WORKFLOW_STARTED", "WORKFLOW_TERMINATED"


@pytest.fixture(scope="module")
def folder(pool: Pool) -> Iterator[Path]:
    with module_folder(pool, "recover") as path:
        yield path


@pytest.fixture(scope="module")
def runs(pool: Pool, folder: Path) -> Mapping[str, SubmitDir]:
    """All runs of this module, side by side."""
    return side_by_side(
        pool,
        {name: planned_run(folder / name, "--retry", "0", broken=broken) for name, broken in RUNS.items()},
    )


def recover(pool: Pool, submit_dir: SubmitDir, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and object of `bridle recover --json`."""
    done = bridle(pool, "recover", "--json", *words, str(submit_dir.path))
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def condition(pool: Pool, submit_dir: SubmitDir) -> str:
    return str(recover(pool, submit_dir)[1]["condition"])


def troubles(pool: Pool, submit_dir: SubmitDir) -> list[str]:
    return [found["trouble"] for found in recover(pool, submit_dir)[1]["findings"]]


def fixed(pool: Pool, submit_dir: SubmitDir) -> dict[str, Any]:
    code, told = recover(pool, submit_dir, "--fix")
    assert code == 0, told
    return told


def once_each(submit_dir: SubmitDir) -> bool:
    names = [words[0] for words in lines_of_trace(submit_dir) if words[1] == "end"]
    return len(names) == len(set(names)) > 0


def test_a_run_that_was_never_submitted(pool, folder):
    submit_dir = planned_run(folder / "planned")
    code, told = recover(pool, submit_dir)
    assert (code, told["condition"]) == (0, "never submitted")
    assert "bridle run" in told["advice"]


def test_held_then_cooling_down_then_running(pool, runs, release_version):
    submit_dir = runs["held"]
    job = dagman_job(submit_dir)
    assert condition(pool, submit_dir) == "running"
    assert bridle(pool, "hold", str(submit_dir.path)).stdout == f"held {job}\n"
    code, told = recover(pool, submit_dir)
    assert (code, told["condition"]) == (1, "held")
    assert "bridle hold" in told["what"], "it says why"
    shown = json.loads(bridle(pool, "status", "--json", str(submit_dir.path)).stdout)
    assert shown["diagnosis"]["condition"] == "held"
    assert shown["state"] == "running"
    refused = bridle(pool, "run", str(submit_dir.path))
    assert (refused.returncode, job in refused.stderr) == (2, True)
    until(lambda: dagman_pid(submit_dir) is None, "DAGMan has left")
    if not release_version.startswith("23"):
        tool(pool, "condor_release", job)
        until(lambda: condition(pool, submit_dir) == "cooling down", "HTCondor lets it wait")
        check_shown(pool, submit_dir)
    else:
        told = fixed(pool, submit_dir)
        assert told["after"]["condition"] in ("running", "recovering")
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)
    assert recover(pool, submit_dir)[1]["condition"] == "succeeded"
    again = bridle(pool, "run", str(submit_dir.path))
    assert (again.returncode, "succeeded already" in again.stdout) == (0, True)


def check_shown(pool: Pool, submit_dir: SubmitDir) -> None:
    """What docs/recovery.md shows of a DAGMan that HTCondor lets wait."""
    home = submit_dir.path.parent / "home"
    home.mkdir()
    (home / "run0001").symlink_to(submit_dir.path)
    scene = Scene(
        home, pool.environment(), codes={"bridle recover run0001": 1}, another_each_time=ANOTHER_EACH_TIME
    )
    assert wrong(block_of("docs/recovery.md", "bridle recover run0001"), scene) == []


def stop_while(pid: int, condition: Callable[[], bool]) -> None:
    """Stop the process where the condition holds: it goes a tenth of a second at a time, and stands while we look."""
    for _ in range(200):
        kill(pid, signal.SIGSTOP)
        if condition():
            return
        used = cpu_seconds(pid)
        kill(pid, signal.SIGCONT)
        until(partial(has_used_more, pid, used), "the process goes on")
    raise AssertionError("it never came to that")


def has_used_more(pid: int, seconds: int) -> bool:
    return cpu_seconds(pid) > seconds


def cpu_seconds(pid: int) -> int:
    """What the process has used, in clock ticks (proc(5): fields 14 and 15 of stat)."""
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


@pytest.mark.htcondor_25  # 23 recovers faster than it can be stopped
def test_recovering(pool, runs):
    """With a long log of its nodes, and stopped in the middle of it."""
    submit_dir = runs["recovering"]
    assert bridle(pool, "hold", str(submit_dir.path)).returncode == 0
    until(lambda: dagman_pid(submit_dir) is None, "DAGMan has left")
    job = re.findall(rb"^001 (\S+ \S+ \S+) ", submit_dir.nodes_log.read_bytes(), re.MULTILINE)[-1].decode()
    with submit_dir.nodes_log.open("a") as log:
        log.write(f"033 {job} Changing job attribute Rounds from 1 to 2\n...\n" * 200_000)
    assert bridle(pool, "release", str(submit_dir.path)).returncode == 0
    pid = until(lambda: dagman_pid(submit_dir), "DAGMan is there")
    with pool.in_use():
        stop_while(pid, lambda: diagnose(gather(submit_dir)).condition is Condition.RECOVERING)
    code, told = recover(pool, submit_dir)
    assert (code, told["condition"]) == (0, "recovering")
    kill(dagman_pid(submit_dir), signal.SIGCONT)
    until(lambda: condition(pool, submit_dir) == "running", "it has recovered")
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)


def test_a_halted_run_goes_on_with_bridle_run(pool, runs):
    submit_dir = runs["halted"]
    assert bridle(pool, "halt", str(submit_dir.path)).returncode == 0
    assert recover(pool, submit_dir)[1]["condition"] == "halted"
    again = bridle(pool, "run", str(submit_dir.path))
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"resumed as DAGMan job {dagman_job(submit_dir)}")
    assert condition(pool, submit_dir) == "running"
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 0)], "it was one run"


def test_lost_with_its_jobs_still_there_adopts_them(pool, runs, folder):
    submit_dir = runs["lost"]
    job = dagman_job(submit_dir)
    tool(pool, "condor_hold", job)
    until(lambda: dagman_pid(submit_dir) is None, "DAGMan has left")
    # So that it leaves the queue without a word, and its jobs stay.
    tool(pool, "condor_qedit", job, "OtherJobRemoveRequirements", "False")
    tool(pool, "condor_qedit", job, "UserLog", f'"{folder / "elsewhere.log"}"')
    tool(pool, "condor_rm", job)
    until(lambda: float(job) not in jobs_of(pool, submit_dir), "it has left the queue")
    code, told = recover(pool, submit_dir)
    assert (code, told["condition"]) == (1, "lost from the queue")
    told = fixed(pool, submit_dir)
    assert dagman_job(submit_dir) != job
    open_gate(submit_dir)
    wait_for_end(pool, submit_dir)
    assert once_each(submit_dir), "what ran was adopted"
    assert run_states(submit_dir)[-1][::2] == (END, 0)
    check_rebuilt(pool, submit_dir)


def test_a_monitor_that_is_held_and_a_database_that_is_behind(pool, runs):
    submit_dir = runs["monitor"]
    before = monitor_pid(submit_dir)
    hold_monitor(pool, submit_dir)
    assert troubles(pool, submit_dir) == ["monitor held"]
    fixed(pool, submit_dir)
    new_monitor(submit_dir, before)
    hold_monitor(pool, submit_dir)
    open_gate(submit_dir)
    until(lambda: dagman_pid(submit_dir) is None, "the DAG has ended")
    until(lambda: not jobs_of(pool, submit_dir), "all jobs have left")
    assert run_states(submit_dir) == [(START, 0, None)], "nobody stored its end"
    code, told = recover(pool, submit_dir)
    assert (code, told["condition"]) == (1, "succeeded")
    assert troubles(pool, submit_dir) == ["database behind"]
    fixed(pool, submit_dir)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 0)]
    deliver(pool, submit_dir)
    succeeded_once(pool, submit_dir, by_hand=1)


def hold_monitor(pool: Pool, submit_dir: SubmitDir) -> None:
    """And not wait until it has drained."""
    mine = f"BridleMonitor && DAGManJobId == {int(float(dagman_job(submit_dir)))}"
    tool(pool, "condor_hold", "-constraint", mine)
    kill(monitor_pid(submit_dir))
    until(lambda: monitor_pid(submit_dir) is None, "the monitor is gone")


def test_removed_while_held_leaves_a_stale_lock_and_what_is_done_stays_done(pool, runs):
    submit_dir = runs["stale"]
    assert bridle(pool, "hold", str(submit_dir.path)).returncode == 0
    until(lambda: dagman_pid(submit_dir) is None, "DAGMan has left")
    removed = bridle(pool, "remove", str(submit_dir.path))
    assert removed.returncode == 0, removed.stderr
    code, told = recover(pool, submit_dir)
    assert (code, told["condition"]) == (1, "removed")
    assert troubles(pool, submit_dir) == ["stale lock"]
    fixed(pool, submit_dir)
    assert not submit_dir.dagman_lock.exists()
    assert troubles(pool, submit_dir) == []
    open_gate(submit_dir)
    again = bridle(pool, "run", "--wait", str(submit_dir.path))
    assert again.returncode == 0, again.stdout + again.stderr
    wait_for_end(pool, submit_dir)
    assert once_each(submit_dir)
    assert "RECOVERY" not in submit_dir.jobstate_log.read_text(), "it went on from a rescue DAG"


def test_failed_runs_again_from_its_rescue_dag(pool, runs):
    submit_dir = runs["failed"]
    first = dagman_job(submit_dir)
    open_gate(submit_dir)
    wait_for_end(pool, submit_dir)
    code, told = recover(pool, submit_dir)
    assert (code, told["condition"]) == (1, "failed")
    assert "rescue001" in told["what"]
    recover(pool, submit_dir, "--fix")
    assert dagman_job(submit_dir) != first
    until(lambda: condition(pool, submit_dir) == "failed", "the same node has failed again")
    wait_for_end(pool, submit_dir)
    done = [words[0] for words in lines_of_trace(submit_dir) if words[1:2] == ["start"]]
    assert done.count("work_w00000") == 1, "what was done was left alone"


@pytest.fixture(scope="module")
def release_version(pool: Pool) -> str:
    return str(pool.status().version)


@pytest.fixture
def run(own_pool: Pool, release: Release, work_dir: Path) -> SubmitDir:
    """A run whose jobs wait, on a pool of its own."""
    own_pool.start(release, slots=4)
    submit_dir = planned_run(work_dir / "run")
    side_by_side(own_pool, {"run": submit_dir})
    return submit_dir


def start_anew(pool: Pool, release: Release) -> None:
    """Not Pool.start(), which ends orphans first."""
    command = [*as_pool_user(os.geteuid()), str(release.sbin / "condor_master")]
    environment = {name: value for name, value in pool.environment().items() if name != "CONDOR_IDS"}
    pool.processes.spawn_master(command, environment)
    until(lambda: pool.status().state is PoolState.RUNNING, "the pool is up")


def test_an_orphan_and_a_dagman_that_was_started_beside_it(own_pool, release, run):
    orphan = dagman_pid(run)
    kill_master(own_pool)
    code, told = recover(own_pool, run)
    assert (code, told["condition"]) == (1, "running"), "a schedd that does not answer is no end"
    assert [found["trouble"] for found in told["findings"]] == ["schedd does not answer"]
    start_anew(own_pool, release)
    until(lambda: run.dagman_out.read_text().count(" STARTING UP") >= 2, "a second DAGMan was started")
    until(lambda: condition(own_pool, run) == "two DAGMans", "it is seen")
    told = fixed(own_pool, run)
    assert told["after"]["condition"] in ("running", "recovering")
    now = dagman_pid(run)
    assert now not in (None, orphan)
    open_gate(run)
    wait_for_end(own_pool, run)
    assert run_states(run) == [(START, 0, None), (END, 0, 0)], "one run, and none a second time"


def test_an_orphan_that_no_queue_knows_then_a_run_whose_jobs_are_lost(own_pool, release, run):
    orphan = dagman_pid(run)
    kill_master(own_pool)
    for file in (own_pool.directory / "spool").glob("job_queue.log*"):
        file.unlink()
    start_anew(own_pool, release)
    code, told = recover(own_pool, run)
    assert (code, told["condition"]) == (1, "orphan DAGMan")
    assert recover(own_pool, run, "--fix")[1]["done"] == [], "it starts no second one"
    refused = bridle(own_pool, "run", str(run.path))
    assert refused.returncode == 2
    assert dagman_pid(run) == orphan
    kill(orphan, signal.SIGKILL)
    until(lambda: condition(own_pool, run) == "lost from the queue", "it is lost")
    kill(monitor_pid(run))
    told = fixed(own_pool, run)
    open_gate(run)
    wait_for_end(own_pool, run)
    assert run_states(run)[-1][::2] == (END, 0)
    assert "RECOVERY" not in run.jobstate_log.read_text(), "it would have waited for jobs that are gone"
    starts = [words[0] for words in lines_of_trace(run) if words[1] == "start"]
    assert starts.count("create_dir_fan_0_condorpool") == 1, "what was done was left alone"
    assert not queue(own_pool)
