"""The main job, end to end: planned, rewritten, run by real daemons, monitored by a job that HTCondor keeps alive."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.rewriting.rewrite import read_dag
from tests.support.database import check_sound, dump, query
from tests.support.places import WORK
from tests.support.runs import bridle, ended, monitor_pid, queue, submitted, succeeded, timeless, until
from tests.support.shown import ANOTHER_EACH_TIME, Scene, block_of, wrong
from tests.support.workflows import plan, plan_mosaic

LOCAL_UNIVERSE = 12


@pytest.fixture(scope="module")
def folder(pool):
    """Where this module's runs live."""
    path = WORK / "tests" / f"main-job-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    yield path
    until(lambda: not queue(pool), "all jobs have left the queue")
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def started(pool, folder) -> dict[str, SubmitDir]:
    """All long runs of this module, side by side: most of a run is waiting."""
    plain = plan(folder / "plain", "--fan", "3")
    assert bridle(pool, "rewrite", str(plain)).returncode == 0
    command = ["condor_submit_dag", "fan-0.dag"]
    subprocess.run(command, cwd=plain, env=pool.environment(), check=True, timeout=60)
    return {
        "plain": open_submit_dir(plain),
        "undisturbed": submitted(pool, plan_mosaic(folder / "undisturbed")),
        "killed": submitted(pool, plan_mosaic(folder / "killed")),
    }


@pytest.fixture(scope="module")
def seen(pool, started) -> list[dict]:
    """The pool's queue in the middle of the undisturbed run."""
    until(lambda: succeeded(started["undisturbed"]) >= 10, "ten jobs done")
    return queue(pool)


@pytest.fixture(scope="module")
def killed(started) -> SubmitDir:
    """The mosaic whose monitor was killed in the middle, and was back within seconds."""
    submit_dir = started["killed"]
    until(lambda: succeeded(submit_dir) >= 10, "ten jobs done")
    first = monitor_pid(submit_dir)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: monitor_pid(submit_dir) not in (None, first), "the monitor is back", limit=60)
    return submit_dir


@pytest.fixture(scope="module")
def mosaic(started, seen, killed) -> SubmitDir:
    """The mosaic's submit directory after the undisturbed run."""
    submit_dir = started["undisturbed"]
    until(lambda: ended(submit_dir), "the run has ended")
    return submit_dir


def test_every_node_is_a_job_with_a_good_instance(mosaic):
    check_sound(mosaic.database)
    dag = read_dag(mosaic)
    nodes = {name for name in dag.nodes if name != dag.monitor}
    assert len(nodes) >= 40
    rows = query(
        mosaic.database,
        "SELECT exec_job_id, exitcode, i.site, hostname, stdout_file, stdout_text FROM job_instance i "
        "JOIN job USING (job_id) JOIN host USING (host_id)",
    )
    instances = query(mosaic.database, "SELECT site FROM job_instance")
    assert {row[0] for row in rows} == nodes == {row[1] for row in dump(mosaic.database)["job"]}
    assert len(rows) == len(instances) == len(nodes)
    for name, exitcode, site, hostname, stdout_file, stdout_text in rows:
        assert exitcode == 0, name
        assert site in ("local", "condorpool"), name
        assert hostname not in (None, "", "unknown"), name
        assert (mosaic.path / str(stdout_file)).is_file(), name
        assert stdout_text is not None, name


def test_every_instance_has_its_invocations(mosaic):
    rows = query(
        mosaic.database,
        "SELECT exec_job_id, group_concat(task_submit_seq), clustered, task_count FROM "
        "(SELECT * FROM invocation JOIN job_instance USING (job_instance_id) JOIN job USING (job_id) "
        "ORDER BY job_id, task_submit_seq) GROUP BY job_id",
    )
    dag = read_dag(mosaic)
    clustered = 0
    for name, numbers, is_clustered, tasks in rows:
        node = dag.nodes[str(name)]
        expected = ([-2] if node.post else []) + ([-1] if node.pre else [])
        expected += list(range(1, (int(str(tasks)) if is_clustered else 1) + 1))
        assert [int(number) for number in str(numbers).split(",")] == expected, name
        clustered += bool(is_clustered)
    assert clustered == 1
    assert any(node.pre for node in dag.nodes.values())


def test_states_stand_in_the_order_in_which_dagman_logged_them(mosaic):
    logged: dict[str, list[str]] = {}
    for line in mosaic.jobstate_log.read_text().splitlines():
        words = line.split()
        if words[1] not in ("INTERNAL", "bridle_monitor"):
            logged.setdefault(words[1], []).append(words[2])
    stored: dict[str, list[str]] = {}
    for _, name, _, _, state, _, _ in sorted(
        dump(mosaic.database)["jobstate"], key=lambda row: (row[1], row[2], row[3])
    ):
        if (
            state != "PRE_SCRIPT_TERMINATED"
        ):  # Stampede's word for the end of a PRE script, which DAGMan lacks
            stored.setdefault(str(name), []).append(str(state))
    assert stored == logged


def test_the_workflow_started_once_and_ended_well(mosaic):
    states = [(row[1], row[3], row[4]) for row in dump(mosaic.database)["workflowstate"]]
    assert sorted(states, key=repr) == [("WORKFLOW_STARTED", 0, None), ("WORKFLOW_TERMINATED", 0, 0)]


def test_tasks_are_tied_to_jobs_and_invocations(mosaic):
    untied = query(
        mosaic.database,
        "SELECT abs_task_id FROM task t WHERE job_id IS NULL OR NOT EXISTS (SELECT 1 FROM invocation n "
        "JOIN job_instance i USING (job_instance_id) WHERE n.abs_task_id = t.abs_task_id AND i.job_id = t.job_id)",
    )
    assert untied == []
    assert query(mosaic.database, "SELECT count(*) FROM task") == [(39,)]


def test_the_monitor_was_a_local_job_above_all_nodes_and_nothing_is_left(pool, mosaic, seen):
    ((dagman_id,),) = query(mosaic.database, "SELECT dagman_id FROM bridle_run")
    dagman = int(str(dagman_id).partition(".")[0])
    ours = [job for job in seen if job.get("DAGManJobId") == dagman]
    (monitor,) = [job for job in ours if job.get("BridleMonitor")]
    assert monitor["JobUniverse"] == LOCAL_UNIVERSE
    assert monitor["DAGNodeName"] == "bridle_monitor"
    nodes = [job for job in ours if job is not monitor]
    planned = [node.priority or 0 for node in read_dag(mosaic).nodes.values()]
    assert monitor["JobPrio"] > max([*planned, *(job["JobPrio"] for job in nodes)])
    until(
        lambda: all(job.get("DAGManJobId") != dagman and job["ClusterId"] != dagman for job in queue(pool)),
        "queue",
    )


def test_a_killed_monitor_is_back_within_seconds_and_the_rows_are_the_same(folder, killed, mosaic):
    until(lambda: ended(killed), "the run has ended")
    check_sound(killed.database)
    assert killed.monitor_log.read_text().count("following") == 2
    after_kill = timeless(killed.database, folder / "killed")
    undisturbed = timeless(mosaic.database, folder / "undisturbed")
    for table in undisturbed:
        assert after_kill[table] == undisturbed[table], table


def test_a_copy_elsewhere_gives_the_same_status_and_the_same_rows(pool, folder, mosaic):
    copy = Path(shutil.copytree(mosaic.path, folder / "elsewhere" / "copy"))
    here, there = (
        json.loads(bridle(pool, "status", "--json", str(path)).stdout) for path in (mosaic.path, copy)
    )
    assert there == here
    assert there["state"] == "succeeded"
    assert bridle(pool, "monitord", "--rebuild", str(copy)).returncode == 0
    assert dump(open_submit_dir(copy).database) == dump(mosaic.database)


def test_plain_condor_submit_dag_gives_the_same_monitoring(pool, started):
    submit_dir = started["plain"]
    until(lambda: ended(submit_dir), "the run has ended")
    status = json.loads(bridle(pool, "status", "--json", str(submit_dir.path)).stdout)
    assert status["state"] == "succeeded"
    assert status["jobs"]["succeeded"] == status["jobs"]["total"] == len(read_dag(submit_dir).nodes) - 1


def test_waiting_ends_with_the_workflow_s_own_failure_and_a_finished_run_is_left_alone(pool, folder, mosaic):
    path = plan(folder / "failing", "--fan", "2", "--failing", "1", "--retry", "0")
    waited = bridle(pool, "run", "--wait", str(path))
    assert waited.returncode == 1
    assert "submitted as DAGMan job" in waited.stdout
    assert "failed" in waited.stdout
    again = bridle(pool, "run", str(mosaic.path))
    assert again.returncode == 0
    assert "has succeeded already" in again.stdout


SESSION = "export PATH=$PWD/build/venv/bin:$PATH BRIDLE_HTCONDOR=$PWD/build/htcondor"
STANDS = ("export", "bridle pool", "eval", "run=")
"""Lines of README's session: this pool is up, and the mosaic planned and run."""


@pytest.mark.htcondor_25
def test_the_session_of_readme(pool, folder, mosaic):
    home = folder / "home"
    home.mkdir()
    environment = pool.environment() | {"run": str(mosaic.path), "HOME": str(home)}
    session = Scene(home, environment, left_out=STANDS)
    assert wrong(block_of("README.md", SESSION), session) == []
    shown = Scene(home, environment, another_each_time=ANOTHER_EACH_TIME)
    assert wrong(block_of("README.md", 'bridle status "$run"'), shown) == []


def test_a_second_run_beside_a_live_one_is_refused_with_its_job_id(pool, folder):
    path = plan(folder / "twice", "--fan", "2", "--seconds", "5")
    submit_dir = submitted(pool, path)
    second = bridle(pool, "run", str(path))
    assert second.returncode == 2
    assert "runs this workflow already" in second.stderr
    until(lambda: ended(submit_dir), "the run has ended")
