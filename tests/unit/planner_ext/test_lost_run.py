"""Going on with a run that the queue has lost: when its jobs can be adopted, and what is kept when they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.directory.locate import open_target
from dag_rewriter.rescue.rescue_files import read_workflow
from monitord_job.condor_job import QueuedJob
from monitord_job.schedd import _queued_job
from planner_ext.operations.lost_run import can_recover, put_in_order

DAG = "JOB A a.sub\nJOB B a.sub\nJOB C a.sub\nSUBDAG EXTERNAL S sub.dag\nPARENT A CHILD B C S\nJOBSTATE_LOG x.log\n"
LOG = """\
100 INTERNAL *** DAGMAN_STARTED 5.0 ***
101 A SUBMIT 6.0 - - 1
102 A EXECUTE 6.0 - - 1
103 A JOB_TERMINATED 6.0 - - 1
103 A JOB_SUCCESS 0 - - 1
104 B SUBMIT 7.0 - - 2
104 S SUBMIT 8.0 - - 3
105 B EXECUTE 7.0 - - 2
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "x.dag").write_text(DAG)
    (tmp_path / "sub.dag").write_text("JOB s1 a.sub\nJOB s2 a.sub\nJOBSTATE_LOG sub.log\n")
    (tmp_path / "a.sub").write_text("queue\n")
    (tmp_path / "x.log").write_text(LOG)
    (tmp_path / "sub.log").write_text(LOG.replace(" A ", " s1 ").replace(" B ", " s2 "))
    for name in ("x.dag.lock", "sub.dag.lock"):
        (tmp_path / name).touch()
    return tmp_path / "x.dag"


def in_queue(*nodes: str, status: int = 2) -> list[QueuedJob]:
    return [QueuedJob(f"{number}.0", status, None, node=node) for number, node in enumerate(nodes, 7)]


def test_recovery_needs_every_job_that_its_log_waits_for(target):
    workflow = read_workflow(open_target(target))
    assert can_recover(workflow, in_queue("B", "S"))
    assert not can_recover(workflow, in_queue("B"))
    assert not can_recover(workflow, in_queue("B", "S", status=3)), "they are being removed"
    assert not can_recover(workflow, [])


def test_a_rescue_dag_keeps_what_is_done_and_the_locks_are_out_of_the_way(target):
    put_in_order(open_target(target))
    folder = target.parent
    assert "DONE A\n" in (folder / "x.dag.rescue001").read_text()
    assert "DONE B" not in (folder / "x.dag.rescue001").read_text()
    assert "DONE s1\n" in (folder / "sub.dag.rescue001").read_text()
    assert {path.name for path in folder.glob("*.lock*")} == {"x.dag.lock.old", "sub.dag.lock.old"}


def test_what_is_in_order_is_left_alone(target):
    put_in_order(open_target(target))
    before = {path.name: path.read_bytes() for path in target.parent.iterdir()}
    put_in_order(open_target(target))
    assert {path.name: path.read_bytes() for path in target.parent.iterdir()} == before


def test_a_rescue_dag_of_the_last_run_is_not_made_again(target):
    (target.parent / "x.dag.rescue001").write_text(
        "# Rescue DAG file, created after running\n#   the x.dag DAG file\n# Created 11/29/2026 01:03:40 UTC\n"
        "# Rescue DAG version: 2.1.0\n#\n# Total number of Nodes: 4\n# Nodes premarked DONE: 1\n"
        "# Nodes that failed: 0\n#   <ENDLIST>\n\nDONE A\n"
    )
    put_in_order(open_target(target))
    assert not (target.parent / "x.dag.rescue002").exists()
    assert not (target.parent / "x.dag.lock").exists()


AD = {"ClusterId": 7, "ProcId": 0, "JobStatus": 2, "Iwd": "/run", "Cmd": "/usr/bin/condor_dagman"}


@pytest.mark.parametrize(
    ("arguments", "dag"),
    [
        ("-f -l . -Lockfile x.dag.lock -Dag x.dag -AutoRescue 1", Path("/run/x.dag")),
        ('"-p 0 -Dag sub/y.dag -f"', Path("/run/sub/y.dag")),
        ("-f -Lockfile x.dag.lock", None),
    ],
)
def test_which_dag_a_job_runs(arguments, dag):
    job = _queued_job({**AD, "Arguments": arguments})
    assert (job.dag_file, job.is_dagman) == (dag, dag is not None)
    assert not _queued_job({**AD, "Cmd": "/bin/sh", "Arguments": arguments}).is_dagman
