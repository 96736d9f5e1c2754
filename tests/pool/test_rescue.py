"""Rescue DAGs on real daemons: what `bridle rescue` promises is what DAGMan runs, no more and no less."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from planner_ext.pool.pool import Pool
from tests.support.database import check_sound, query
from tests.support.runs import bridle, queue, until
from tests.support.workflows import plan

FAILING = "work_w00001"
BELOW = ["merge_merge", "stage_out_local_condorpool_2_0", "register_condorpool_2_0"]
SUBMIT = (
    "universe = local\nexecutable = /bin/sh\narguments = \"-c 'test ! -e broken'\"\nlog = {}.log\nqueue\n"
)


def rescue(pool: Pool, *words: str) -> dict:
    """What a `bridle rescue` command says with --json."""
    done = bridle(pool, "rescue", *words, "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert isinstance(shown, dict)
    return shown


def ran(submit_dir: SubmitDir, run: int) -> list[str]:
    """The nodes that DAGMan submitted in its n-th run, from 1, by its own log."""
    runs = submit_dir.jobstate_log.read_text().split("DAGMAN_STARTED")
    words = [line.split() for line in runs[run].splitlines()]
    return sorted(w[1] for w in words if len(w) > 2 and w[2] == "SUBMIT" and w[1] != "bridle_monitor")


def run(pool: Pool, submit_dir: SubmitDir, code: int = 0) -> None:
    done = bridle(pool, "run", "--wait", str(submit_dir.path))
    assert done.returncode == code, (done.stdout, done.stderr)


def mend(submit_dir: SubmitDir) -> None:
    """The failing worker succeeds from now on."""
    file = submit_dir.path / "00" / "00" / f"{FAILING}.sub"
    text = file.read_text()
    assert ' -x 3"' in text
    file.write_text(text.replace(' -x 3"', '"'))


@pytest.fixture
def failed(pool, work_dir) -> SubmitDir:
    """A run of which one worker failed; nothing is cleaned up, so everything can run again."""
    words = ("--fan", "3", "--failing", "1", "--retry", "0", "--no-cleanup", "--universe", "local")
    submit_dir = open_submit_dir(plan(work_dir, *words))
    run(pool, submit_dir, code=1)
    return submit_dir


def test_a_run_goes_on_is_redone_in_part_and_from_scratch(pool, failed):
    path = str(failed.path)
    everything = ran(failed, 1) + BELOW
    shown = rescue(pool, "show", path)
    assert shown["source"] == f"{failed.dag}.rescue001"
    assert (shown["failed"], sorted(shown["never_started"])) == ([FAILING], sorted(BELOW))
    mend(failed)
    run(pool, failed)
    assert ran(failed, 2) == sorted([FAILING, *BELOW])
    assert rescue(pool, "show", path)["counts"]["done"] == len(everything)

    made = rescue(pool, "redo", path, "merge_merge", "--with-descendants")
    assert sorted(made["runs"]) == sorted(BELOW)
    run(pool, failed)
    assert ran(failed, 3) == sorted(BELOW)

    made = rescue(pool, "redo", path, "work_w00000")
    assert made["runs"] == ["work_w00000"]
    run(pool, failed)
    assert ran(failed, 4) == ["work_w00000"]

    made = rescue(pool, "use", path, "1")
    run(pool, failed)
    assert ran(failed, 5) == sorted(made["runs"]) == sorted([FAILING, *BELOW])

    rescue(pool, "scratch", path)
    assert len(list(failed.path.glob("*.rescue*.old"))) == 4
    run(pool, failed)
    assert ran(failed, 6) == sorted(everything)
    check_rows(failed, runs=6)
    left_alone = bridle(pool, "run", path)
    assert "has succeeded already" in left_alone.stdout


def check_rows(submit_dir: SubmitDir, runs: int) -> None:
    """The database has every attempt of every run, counted on, and each run as a restart."""
    check_sound(submit_dir.database)
    attempts = [name for number in range(1, runs + 1) for name in ran(submit_dir, number)]
    rows = query(
        submit_dir.database,
        "SELECT exec_job_id, job_submit_seq FROM job_instance JOIN job USING (job_id) ORDER BY job_submit_seq",
    )
    assert sorted(str(name) for name, _ in rows) == sorted(attempts)
    assert [number for _, number in rows] == list(range(1, len(attempts) + 1))
    states = query(
        submit_dir.database,
        "SELECT restart_count, status FROM workflowstate WHERE state = 'WORKFLOW_TERMINATED' ORDER BY restart_count",
    )
    assert states == [(number, 1 if number == 0 else 0) for number in range(runs)]


def test_nothing_is_changed_beside_a_live_dagman(pool, work_dir):
    path = plan(work_dir, "--fan", "2", "--seconds", "20", "--universe", "local")
    assert bridle(pool, "run", str(path)).returncode == 0
    refused = bridle(pool, "rescue", "scratch", str(path))
    assert refused.returncode == 2
    assert "of this workflow" in refused.stderr or "running this workflow" in refused.stderr
    assert list(path.glob("*.rescue*")) == []
    log = open_submit_dir(path).jobstate_log
    # A DAGMan that is removed before it runs a node leaves no rescue DAG.
    until(lambda: log.exists() and " EXECUTE " in log.read_text(), "a node runs")
    job = queue(pool)
    dagman = open_submit_dir(path).dagman_log.read_text().split("(")[1].split(".")[0]
    subprocess.run(["condor_rm", dagman], env=pool.environment(), check=True, timeout=60, capture_output=True)
    assert job
    until(lambda: not any(job["ClusterId"] == int(dagman) for job in queue(pool)), "DAGMan has gone")
    until(lambda: bridle(pool, "rescue", "show", str(path)).returncode == 0, "its rescue DAG can be read")
    assert rescue(pool, "list", str(path))["rescues"][0]["by"] == "DAGMan"


@pytest.fixture
def nested(work_dir) -> Path:
    """A -> S (a sub-DAG: X -> Y) -> B, with a join node (PARENT a b CHILD c d); Y fails while a file `broken` is
    there."""
    for name in ("any", "y"):
        (work_dir / f"{name}.sub").write_text(SUBMIT.format(name))
    (work_dir / "any.sub").write_text(SUBMIT.format("any").replace("test ! -e broken", "true"))
    (work_dir / "s.dag").write_text("JOB X any.sub\nJOB Y y.sub\nPARENT X CHILD Y\nJOBSTATE_LOG s.js\n")
    (work_dir / "top.dag").write_text(
        "JOB A any.sub\nJOB A2 any.sub\nSUBDAG EXTERNAL S s.dag\nJOB B any.sub\nJOB C any.sub\n"
        "PARENT A A2 CHILD S C\nPARENT S CHILD B\nJOBSTATE_LOG top.bridle.jobstate.log\n"
    )
    return work_dir / "top.dag"


def submit(pool: Pool, dag: Path) -> None:
    """condor_submit_dag, until DAGMan has left the queue."""
    command = ["condor_submit_dag", "-update_submit", dag.name]
    subprocess.run(
        command, cwd=dag.parent, env=pool.environment(), check=True, timeout=60, capture_output=True
    )
    log = dag.with_name(f"{dag.name}.dagman.log")
    until(lambda: log.exists() and log.read_text().count("\n000 ") + 1 == _left(log), "DAGMan has gone")


def _left(log: Path) -> int:
    return sum(line.startswith(("005 ", "009 ")) for line in log.read_text().splitlines())


def submitted(log: Path, run: int) -> list[str]:
    words = [line.split() for line in log.read_text().split("DAGMAN_STARTED")[run].splitlines()]
    return sorted(w[1] for w in words if len(w) > 2 and w[2] == "SUBMIT" and "join_node" not in w[1])


def test_sub_dags_follow_their_parent_and_join_nodes_wait(pool, nested):
    top, below = nested.with_name("top.bridle.jobstate.log"), nested.with_name("s.js")
    (nested.parent / "broken").touch()
    submit(pool, nested)
    assert rescue(pool, "show", str(nested))["failed"] == ["S"]
    listed = rescue(pool, "list", str(nested))
    assert [each["number"] for each in listed["sub_workflows"]["S"]["rescues"]] == [1]
    (nested.parent / "broken").unlink()
    submit(pool, nested)
    assert (submitted(top, 2), submitted(below, 2)) == (["B", "S"], ["Y"])

    made = rescue(pool, "redo", str(nested), "A", "--with-descendants")
    assert sorted(made["runs"]) == ["A", "B", "C", "S"]
    submit(pool, nested)
    assert (submitted(top, 3), submitted(below, 3)) == (["A", "B", "C", "S"], ["X", "Y"])
    order = [line.split()[1:3] for line in top.read_text().split("DAGMAN_STARTED")[3].splitlines()]
    assert order.index(["A", "JOB_SUCCESS"]) < order.index(["S", "SUBMIT"])
    assert order.index(["A", "JOB_SUCCESS"]) < order.index(["C", "SUBMIT"])

    rescue(pool, "use", str(nested), "1")
    submit(pool, nested)
    assert submitted(top, 4) == ["B", "S"]
    rescue(pool, "scratch", str(nested))
    submit(pool, nested)
    assert (submitted(top, 5), submitted(below, 5)) == (["A", "A2", "B", "C", "S"], ["X", "Y"])


def test_redo_inside_a_finished_sub_workflow_reaches_the_database_of_the_run(pool, nested):
    assert bridle(pool, "run", "--wait", str(nested)).returncode == 0
    assert rescue(pool, "redo", str(nested.with_name("s.dag")), "X")["runs"] == ["S", "S/X"]
    assert "rescue pending: 1 node is to run again" in bridle(pool, "status", str(nested)).stdout
    assert bridle(pool, "run", "--wait", str(nested)).returncode == 0
    attempts = query(
        open_target(nested).database,
        "SELECT exec_job_id, count(*) FROM job_instance JOIN job USING (job_id) GROUP BY exec_job_id",
    )
    found = {name: count for name, count in attempts if name != "bridle_monitor"}
    assert found == {"A": 1, "A2": 1, "B": 1, "C": 1, "S": 2, "X": 2, "Y": 1}
