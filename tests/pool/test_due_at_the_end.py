"""Who is told of the end of a DAG, whatever becomes of its monitor then: plain DAGs, on a real pool."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_dag
from planner_ext.pool.pool import Pool
from tests.support.faults import dagman_job, kill, monitor_job, tool
from tests.support.runs import bridle, queue, until

pytestmark = pytest.mark.timeout(900)  # a minute or two each where nothing else is at work

GOOD = "universe = local\nexecutable = /bin/true\nqueue\n"
ODD = "universe = local\nexecutable = /bin/true\nrequest_memory = 2 buckets\nqueue\n"
WAITS = "universe = local\nexecutable = /bin/sleep\narguments = 600\nqueue\n"
TELLS = "{entity} * {on} shell: echo {entity} $PEGASUS_STATUS >>told\n"
BOTH = TELLS.format(entity="JOB", on="error") + TELLS.format(entity="WORKFLOW", on="end")
SLOW = (
    "WORKFLOW * end shell: echo $$ $BRIDLE_TRY >>began; until test -e go; do sleep 0.2; done; echo x >>told\n"
)


def rewritten(pool: Pool, folder: Path, job: str, rules: str, *words: str) -> SubmitDir:
    """A DAG of one job, x.dag, with its monitor."""
    folder.mkdir(exist_ok=True)
    (folder / "job.sub").write_text(job)
    (folder / "x.dag").write_text("JOB job job.sub\n")
    (folder / "x.bridle-notify").write_text(rules)
    done = bridle(pool, "rewrite", *words, str(folder / "x.dag"))
    assert done.returncode == 0, done.stderr
    return open_dag(folder / "x.dag")


def start(pool: Pool, submit_dir: SubmitDir) -> str:
    """As people do who know nothing of bridle; the id of the DAGMan job."""
    tool(pool, "condor_submit_dag", "-f", submit_dir.dag, cwd=submit_dir.path)
    return dagman_job(submit_dir)


def lines(submit_dir: SubmitDir, name: str) -> list[str]:
    file = submit_dir.path / name
    return file.read_text().splitlines() if file.exists() else []


def in_queue(pool: Pool, submit_dir: SubmitDir) -> list[str]:
    """What is in the queue of a run: "monitor" or "other", for each job."""
    here = [job for job in queue(pool) if job["Iwd"] == str(submit_dir.path)]
    return sorted("monitor" if job.get("BridleMonitor") else "other" for job in here)


@pytest.mark.parametrize("number", [1, 2])
def test_a_dag_that_is_over_before_its_monitor_has_started(pool, work_dir, number):
    submit_dir = rewritten(pool, work_dir / f"run{number}", ODD, BOTH)
    start(pool, submit_dir)
    until(
        lambda: not in_queue(pool, submit_dir) and lines(submit_dir, "told"),
        "all have left, and somebody was told",
    )
    # Two scripts run at once: which is done first is open.
    assert sorted(line.split()[0] for line in lines(submit_dir, "told")) == ["JOB", "WORKFLOW"]


def test_a_script_that_takes_longer_than_the_dag_and_a_monitor_that_is_killed_meanwhile(pool, work_dir):
    submit_dir = rewritten(pool, work_dir / "run", GOOD, SLOW)
    start(pool, submit_dir)
    until(lambda: lines(submit_dir, "began"), "the script runs")
    until(lambda: in_queue(pool, submit_dir) == ["monitor"], "DAGMan has left, the monitor has not")
    said = json.loads(bridle(pool, "notifications", "--json", str(submit_dir.dag_file)).stdout)
    assert said["counts"]["running"] == 1
    assert "delivered by the monitor at work, process " in said["delivered_by"]

    kill(int(said["delivered_by"].split(" process ")[1].split()[0]))
    until(lambda: len(lines(submit_dir, "began")) == 2, "HTCondor has started it again")
    (submit_dir.path / "go").touch()
    until(lambda: not in_queue(pool, submit_dir), "it has left")
    assert lines(submit_dir, "told")[0] == "x"
    assert [line.split()[1] for line in lines(submit_dir, "began")] == ["1", "2"]


def test_a_dagman_that_is_removed_takes_the_nodes_with_it_and_the_monitor_tells_of_it(pool, work_dir):
    submit_dir = rewritten(pool, work_dir / "run", WAITS, TELLS.format(entity="WORKFLOW", on="end"))
    dagman = start(pool, submit_dir)
    until(lambda: len(in_queue(pool, submit_dir)) == 3, "the node runs")
    tool(pool, "condor_rm", dagman)
    until(lambda: not in_queue(pool, submit_dir), "all have left")
    assert lines(submit_dir, "told") == ["WORKFLOW 2"]


def test_a_monitor_that_is_removed_while_it_delivers_goes(pool, work_dir):
    submit_dir = rewritten(pool, work_dir / "run", GOOD, SLOW)
    start(pool, submit_dir)
    until(lambda: lines(submit_dir, "began"), "the script runs")
    until(lambda: in_queue(pool, submit_dir) == ["monitor"], "DAGMan has left, the monitor has not")
    # It counts as stored after a minute at most; who removes it then wants it gone.
    until(lambda: "everything is stored" in submit_dir.monitor_log.read_text(), "the run has ended")
    tool(pool, "condor_rm", monitor_job(pool, submit_dir))
    until(lambda: not in_queue(pool, submit_dir), "it has left")
    left = bridle(pool, "notifications", str(submit_dir.dag_file)).stdout
    assert (
        f"no monitor is running; to deliver what is due: bridle monitord --deliver {submit_dir.dag_file}"
        in left
    )
    (submit_dir.path / "go").touch()
    assert bridle(pool, "monitord", "--deliver", str(submit_dir.dag_file)).returncode == 0
    assert lines(submit_dir, "told") == ["x"]


def test_a_monitor_whose_directory_is_gone_for_good_leaves(pool, work_dir):
    submit_dir = rewritten(pool, work_dir / "run", GOOD, SLOW)
    start(pool, submit_dir)
    until(lambda: lines(submit_dir, "began"), "the script runs")
    until(lambda: in_queue(pool, submit_dir) == ["monitor"], "DAGMan has left, the monitor has not")
    job = monitor_job(pool, submit_dir)
    said = json.loads(bridle(pool, "notifications", "--json", str(submit_dir.dag_file)).stdout)
    submit_dir.path.rename(work_dir / "gone")
    submit_dir.path.touch()  # or HTCondor makes the directory anew, for the log of the nodes
    kill(int(said["delivered_by"].split(" process ")[1].split()[0]))
    until(lambda: tool(pool, "condor_q", "-allusers", job, "-af", "JobStatus") == "5\n", "it is on hold")
    tool(pool, "condor_qedit", job, "NumHolds", "201")  # as after a week
    until(lambda: not in_queue(pool, submit_dir), "it has left")
    assert "NumHolds > 200" in tool(pool, "condor_history", job, "-af", "RemoveReason")


def test_a_monitor_that_dagman_waits_for_leaves_the_rest_to_a_job(pool, work_dir):
    """DAGMan waits for a minute; then the DAG is done."""
    submit_dir = rewritten(pool, work_dir / "run", GOOD, SLOW, "--as", "job")
    start(pool, submit_dir)
    until(lambda: lines(submit_dir, "began"), "the script runs")
    until(lambda: in_queue(pool, submit_dir) == ["monitor"], "DAGMan has left")
    until(lambda: len(lines(submit_dir, "began")) == 2, "another job runs it again")
    (submit_dir.path / "go").touch()
    until(lambda: not in_queue(pool, submit_dir), "it has left")
    assert lines(submit_dir, "told")[-1] == "x"
