"""What happens to DAGMan: the database has one consistent history, and the run the result that DAGMan gives it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.pool import Pool
from tests.support.database import query
from tests.support.faults import (
    check_rebuilt,
    check_truth,
    cluster_of,
    dagman_job,
    dagman_lines,
    dagman_pid,
    deliver,
    end_cool_down,
    jobs_of,
    kill,
    lines_of_trace,
    mend,
    module_folder,
    monitor_job,
    new_monitor,
    open_gate,
    planned_run,
    recovery,
    run_states,
    side_by_side,
    stored,
    succeeded_once,
    tool,
    wait_for_end,
)
from tests.support.runs import bridle, monitor_pid, queue, until

ABORTS = {
    # A node's value is that of its POST script, which says 1 of any failure.
    "abort": "ABORT-DAG-ON work_w00001 1\n",
    "abort-good": "ABORT-DAG-ON work_w00001 1 RETURN 0\n",
    "abort-again": "ABORT-DAG-ON work_w00001 1 RETURN 3\n",
}
RUNS = ("dagman", "both", "hold", "refused", "remove", "halt", "rescue", *ABORTS)
BROKEN = "w00001"
START, END = "WORKFLOW_STARTED", "WORKFLOW_TERMINATED"


@pytest.fixture(scope="module")
def folder(pool: Pool) -> Iterator[Path]:
    with module_folder(pool, "faults-dagman") as path:
        yield path


@pytest.fixture(scope="module")
def runs(pool: Pool, folder: Path) -> Mapping[str, SubmitDir]:
    """All runs of this module, side by side."""
    failing = ("rescue", *ABORTS)
    planned = {
        name: planned_run(folder / name, "--retry", "0", broken=BROKEN if name in failing else None)
        for name in RUNS
    }
    for name, line in ABORTS.items():
        with planned[name].dag_file.open("a") as dag:
            dag.write(line)
    side_by_side(pool, planned)
    # It gets SIGTERM and waits a minute for DAGMan's end; the others' tests use that time.
    tool(pool, "condor_hold", monitor_job(pool, planned["rescue"]))
    return planned


@pytest.fixture(scope="module")
def version(pool: Pool) -> str:
    return str(pool.status().version)


def new_dagman(submit_dir: SubmitDir, before: int | None) -> int:
    found = until(lambda: (now := dagman_pid(submit_dir)) != before and now, "there is a new DAGMan", 60)
    assert isinstance(found, int)
    return found


def run_again(pool: Pool, submit_dir: SubmitDir) -> None:
    """To its good end; the database then has both runs."""
    again = bridle(pool, "run", "--wait", str(submit_dir.path))
    assert again.returncode == 0, again.stdout + again.stderr
    wait_for_end(pool, submit_dir)
    check_truth(submit_dir)


def test_killed(pool, runs, version):
    submit_dir = runs["dagman"]
    before, monitor = dagman_pid(submit_dir), monitor_pid(submit_dir)
    kill(before)
    with recovery("kill -9 of condor_dagman", version):
        new_dagman(submit_dir, before)
        until(lambda: "RECOVERY_FINISHED" in dagman_lines(submit_dir), "it has recovered")
    assert monitor_pid(submit_dir) == monitor
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)
    assert dagman_lines(submit_dir).count("DAGMAN_STARTED") == 2
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 0)]


def test_killed_together_with_the_monitor(pool, runs, version):
    submit_dir = runs["both"]
    before, monitor = dagman_pid(submit_dir), monitor_pid(submit_dir)
    kill(before)
    kill(monitor)
    with recovery("kill -9 of condor_dagman and the monitor", version):
        new_dagman(submit_dir, before)
        new_monitor(submit_dir, monitor)
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 0)]


def test_held_and_released(pool, runs, version):
    submit_dir = runs["hold"]
    monitor = monitor_pid(submit_dir)
    tool(pool, "condor_hold", dagman_job(submit_dir))
    until(lambda: dagman_pid(submit_dir) is None, "DAGMan has left")
    shown = json.loads(bridle(pool, "status", "--json", str(submit_dir.path)).stdout)
    assert shown["state"] == "running", "held is no end"
    with recovery("condor_hold and condor_release of DAGMan, after the release", version):
        tool(pool, "condor_release", dagman_job(submit_dir))
        end_cool_down(pool, submit_dir)
        until(lambda: "RECOVERY_FINISHED" in dagman_lines(submit_dir), "it has recovered")
    assert monitor_pid(submit_dir) == monitor
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 0)]


def test_a_second_one_is_refused_and_changes_nothing(pool, runs, version):
    submit_dir = runs["refused"]
    first = dagman_job(submit_dir)
    refused = bridle(pool, "run", str(submit_dir.path))
    assert refused.returncode == 2
    assert f"DAGMan job {first} runs this workflow already" in refused.stderr
    if not version.startswith("23"):  # which would run a second one beside the first
        tool(pool, "condor_submit", submit_dir.condor_sub.name, cwd=submit_dir.path)
        second = dagman_job(submit_dir)
        assert second != first
        until(lambda: "EXITING WITH STATUS" in submit_dir.dagman_out.read_text(), "the lock refused it")
        until(lambda: float(second) not in jobs_of(pool, submit_dir), "it has left")
    shown = json.loads(bridle(pool, "status", "--json", str(submit_dir.path)).stdout)
    assert shown["state"] == "running"
    open_gate(submit_dir)
    succeeded_once(pool, submit_dir)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 0)]


def test_removed_and_run_again(pool, runs):
    submit_dir = runs["remove"]
    tool(pool, "condor_rm", dagman_job(submit_dir))
    wait_for_end(pool, submit_dir)
    check_truth(submit_dir)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 2)]
    check_rebuilt(pool, submit_dir)
    open_gate(submit_dir)
    run_again(pool, submit_dir)
    assert [state[::2] for state in run_states(submit_dir)] == [
        (START, None),
        (END, 2),
        (START, None),
        (END, 0),
    ]
    attempts = query(
        submit_dir.database,
        "SELECT count(*) FROM job_instance JOIN job USING (job_id) WHERE exec_job_id LIKE 'work_%' "
        "GROUP BY exec_job_id",
    )
    assert attempts == [(2,)] * 4
    check_rebuilt(pool, submit_dir)


def test_halted_and_resumed(pool, runs):
    submit_dir = runs["halt"]
    halt = submit_dir.path / f"{submit_dir.dag}.halt"
    halt.touch()
    until(lambda: "halt" in submit_dir.dagman_out.read_text().lower(), "DAGMan has seen it")
    open_gate(submit_dir)
    wait_for_end(pool, submit_dir)
    check_truth(submit_dir)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 1)]
    halt.unlink(missing_ok=True)
    run_again(pool, submit_dir)
    names = [words[0] for words in lines_of_trace(submit_dir) if words[1] == "end"]
    assert len(names) == len(set(names)), "no node ran twice"
    assert [state[::2] for state in run_states(submit_dir)] == [
        (START, None),
        (END, 1),
        (START, None),
        (END, 0),
    ]
    check_rebuilt(pool, submit_dir)


def test_failed_and_run_again_from_its_rescue_dag(pool, runs, folder):
    """Also: `bridle run` stores what the first run left before DAGMan empties its nodes.log for the second one."""
    submit_dir = runs["rescue"]
    until(lambda: monitor_pid(submit_dir) is None, "the monitor has left")
    held = cluster_of(submit_dir, "work_w00003")
    tool(pool, "condor_hold", "-reason", "seen in nodes.log only", held)
    until(lambda: "work_w00003 JOB_HELD" in submit_dir.jobstate_log.read_text(), "the job is held")
    tool(pool, "condor_release", held)
    until(lambda: "work_w00003 JOB_RELEASED" in submit_dir.jobstate_log.read_text(), "the job is released")
    open_gate(submit_dir)
    until(lambda: not jobs_of(pool, submit_dir), "DAGMan has left")
    assert not stored(submit_dir, "JOB_RELEASED", 1), "nobody has stored it"
    assert b"seen in nodes.log only" in submit_dir.nodes_log.read_bytes()

    mend(folder / "rescue", BROKEN)
    run_again(pool, submit_dir)
    assert b"seen in nodes.log only" not in submit_dir.nodes_log.read_bytes(), "DAGMan has emptied it"
    ((reason,),) = query(submit_dir.database, "SELECT reason FROM jobstate WHERE state = 'JOB_HELD'")
    assert "seen in nodes.log only" in str(reason)
    counted = Counter(words[0] for words in lines_of_trace(submit_dir) if words[1] == "end")
    assert counted == Counter(dict.fromkeys(counted, 1) | {f"work_{BROKEN}": 2}), "only what failed ran again"
    assert [state[::2] for state in run_states(submit_dir)] == [
        (START, None),
        (END, 1),
        (START, None),
        (END, 0),
    ]


def test_aborted_with_a_good_return_value(pool, runs):
    submit_dir = runs["abort-good"]
    open_gate(submit_dir)
    wait_for_end(pool, submit_dir)
    check_truth(submit_dir, aborted=True)
    assert run_states(submit_dir)[-1][::2] == (END, 0)
    shown = json.loads(bridle(pool, "status", "--json", str(submit_dir.path)).stdout)
    assert shown["state"] == "failed", "a node failed, whatever DAGMan returns"
    check_rebuilt(pool, submit_dir)


def test_aborted_without_one(pool, runs):
    submit_dir = runs["abort"]
    open_gate(submit_dir)
    wait_for_end(pool, submit_dir)
    check_truth(submit_dir, aborted=True)
    assert run_states(submit_dir) == [(START, 0, None), (END, 0, 1)]
    check_rebuilt(pool, submit_dir)


def test_aborted_with_three(pool, runs):
    """DAGMan's own policy takes 3 for "run me again": it does, from its rescue DAG, until it is removed."""
    submit_dir = runs["abort-again"]
    open_gate(submit_dir)
    until(lambda: "DAGMAN_FINISHED" in dagman_lines(submit_dir), "it has aborted")
    tool(pool, "condor_rm", dagman_job(submit_dir))
    until(lambda: not jobs_of(pool, submit_dir), "it has left the queue")
    until(lambda: monitor_pid(submit_dir) is None, "the monitor has left")
    shown = json.loads(bridle(pool, "status", "--json", str(submit_dir.path)).stdout)
    assert shown["state"] == "failed"
    # The monitor leaves with each DAGMan; the one that is removed while it waits for its next start has none.
    deliver(pool, submit_dir)
    check_truth(submit_dir, aborted=True, by_hand=1)
    assert run_states(submit_dir)[0] == (START, 0, None)
    assert run_states(submit_dir)[-1][0] == END
    check_rebuilt(pool, submit_dir)


def test_nothing_is_left(pool, runs):
    until(lambda: not queue(pool), "the queue is empty")
    assert [name for name, run in runs.items() if dagman_pid(run) or monitor_pid(run)] == []
