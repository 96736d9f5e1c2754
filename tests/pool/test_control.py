"""Whole runs held, halted and removed, and the exit codes by which a program knows how a run ended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.pool import Pool
from tests.support.database import check_sound, dump, query
from tests.support.faults import (
    check_rebuilt,
    module_folder,
    open_gate,
    planned_run,
    side_by_side,
    wait_for_end,
)
from tests.support.runs import bridle, queue, until

_FILES = {
    "wait.sub": "universe = local\nexecutable = /bin/sh\narguments = wait.sh\nqueue\n",
    "wait.sh": "while test ! -e gate; do sleep 0.1; done\n",
    "ok.sub": "universe = local\nexecutable = /bin/true\nqueue\n",
    "bad.sub": "universe = local\nexecutable = /bin/false\nqueue\n",
    "x.dag": "JOB a wait.sub\nSUBDAG EXTERNAL below sub.dag\nJOB c ok.sub\nPARENT below CHILD c\n",
    "sub.dag": "JOB s1 wait.sub\nJOB s2 wait.sub\n",
    # Ends of many kinds: DAGMan's own exit code tells few of them.
    "good.dag": "JOB a ok.sub\n",
    "failed.dag": "JOB a bad.sub\n",
    "final.dag": "JOB a bad.sub\nFINAL f ok.sub\n",
    "abort0.dag": "JOB a bad.sub\nJOB b wait.sub\nABORT-DAG-ON a 1 RETURN 0\n",
    "abort7.dag": "JOB a bad.sub\nJOB b wait.sub\nABORT-DAG-ON a 1 RETURN 1\n",
    "enough.dag": "JOB a ok.sub\nJOB b wait.sub\nABORT-DAG-ON a 0 RETURN 0\n",
    "removed.dag": "JOB a wait.sub\nFINAL f ok.sub\n",
}
ENDS = {
    # DAG -> (exit code of run --wait, state, ending)
    "good": (0, "succeeded", "succeeded"),
    "failed": (1, "failed", "failed"),
    "final": (1, "failed", "failed"),
    "abort0": (5, "failed", "aborted"),
    "abort7": (5, "failed", "aborted"),
    "enough": (5, "failed", "aborted"),
    "removed": (4, "failed", "removed"),
}


@pytest.fixture(scope="module")
def folder(pool: Pool) -> Iterator[Path]:
    with module_folder(pool, "control") as path:
        for name, text in _FILES.items():
            (path / name).write_text(text)
        yield path


@pytest.fixture(scope="module")
def begun(pool: Pool, folder: Path) -> Mapping[str, SubmitDir]:
    """All runs of this module, side by side."""
    for name in ENDS:
        done = bridle(pool, "run", str(folder / f"{name}.dag"))
        assert done.returncode == 0, done.stderr
    assert bridle(pool, "run", str(folder / "x.dag")).returncode == 0
    runs = side_by_side(pool, {"planned": planned_run(folder / "planned")})
    until(lambda: len(below(pool)) == 2, "the jobs of the sub-workflow are there")
    return runs


def below(pool: Pool) -> list[dict]:
    return [job for job in queue(pool) if job.get("DAGNodeName") in ("s1", "s2") and job["JobStatus"] == 2]


def states(pool: Pool) -> dict[str, int]:
    """The DAGMans of x.dag and sub.dag in the queue, and their status."""
    found = {}
    for job in queue(pool):
        if job.get("DAGNodeName") == "below":
            found = {"sub.dag": job["JobStatus"], "parent": job["DAGManJobId"]}
    top = {job["ClusterId"]: job["JobStatus"] for job in queue(pool)}
    return {"x.dag": top.get(found.get("parent"), 0), "sub.dag": found.get("sub.dag", 0)}


def told(pool: Pool, target: Path) -> dict:
    done = bridle(pool, "status", "--json", str(target))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_hold_and_release_reach_every_dagman(pool, folder, begun):
    target = str(folder / "x.dag")
    held = bridle(pool, "hold", "--json", target)
    assert held.returncode == 0, held.stderr
    assert len(json.loads(held.stdout)["to"]) == 2
    assert states(pool) == {"x.dag": 5, "sub.dag": 5}
    assert len(below(pool)) == 2, "what runs goes on"
    released = bridle(pool, "release", target)
    assert released.returncode == 0, released.stderr
    until(lambda: states(pool) == {"x.dag": 2, "sub.dag": 2}, "both run again, at once", 60)


def test_halt_and_resume_reach_every_dagman(pool, folder, begun):
    target = str(folder / "x.dag")
    assert bridle(pool, "halt", target).returncode == 0
    assert {path.name for path in folder.glob("*.halt")} == {"x.dag.halt", "sub.dag.halt"}
    assert bridle(pool, "resume", target).returncode == 0
    assert not list(folder.glob("*.halt"))


def test_remove_stores_how_every_job_ended(pool, folder, begun):
    target = folder / "x.dag"
    done = bridle(pool, "remove", str(target))
    assert done.returncode == 0, done.stderr
    assert "all jobs have left" in done.stderr
    submit_dir = open_target(target)
    check_sound(submit_dir.database)
    assert last_states(submit_dir) == dict.fromkeys(("a", "below", "s1", "s2"), "JOB_ABORTED")
    ends = query(submit_dir.database, "SELECT status FROM workflowstate WHERE state = 'WORKFLOW_TERMINATED'")
    assert ends == [(2,), (2,)]
    live = dump(submit_dir.database)
    assert bridle(pool, "monitord", "--rebuild", str(target)).returncode == 0
    assert dump(submit_dir.database) == live
    again = bridle(pool, "remove", str(target))
    assert (again.returncode, "no job of it is in the queue" in again.stderr) == (2, True)


def test_remove_of_a_planned_run(pool, begun):
    submit_dir = begun["planned"]
    assert bridle(pool, "remove", "--no-wait", str(submit_dir.path)).returncode == 0
    wait_for_end(pool, submit_dir)
    states = last_states(submit_dir)
    assert {name: states[name] for name in states if name.startswith("work_")} == {
        f"work_w0000{number}": "JOB_ABORTED" for number in range(4)
    }
    assert told(pool, submit_dir.path)["ending"] == "removed"
    check_rebuilt(pool, submit_dir)
    open_gate(submit_dir)
    again = bridle(pool, "run", "--wait", str(submit_dir.path))
    assert again.returncode == 0, again.stdout + again.stderr
    wait_for_end(pool, submit_dir)
    check_rebuilt(pool, submit_dir)


def last_states(submit_dir: SubmitDir) -> dict[str, str]:
    """Each job that ran, and the last word on it."""
    rows = query(
        submit_dir.database,
        "SELECT exec_job_id, state FROM jobstate JOIN job_instance USING (job_instance_id) JOIN job USING (job_id) "
        "ORDER BY job_instance_id, jobstate_submit_seq",
    )
    return {str(name): str(state) for name, state in rows}


@pytest.mark.parametrize("name", ENDS)
def test_how_it_ended(pool, folder, begun, name):
    target = folder / f"{name}.dag"
    if name == "removed":
        assert told(pool, target)["exit_code"] is None
        assert bridle(pool, "remove", str(target)).returncode == 0
    until(lambda: told(pool, target)["exit_code"] is not None, "it has ended")
    shown = told(pool, target)
    assert (shown["exit_code"], shown["state"], shown["ending"]) == ENDS[name]
    condition = shown["diagnosis"]["condition"]
    assert condition == ENDS[name][2]


def test_run_wait_says_the_same(pool, folder, begun):
    for name in ("good", "failed", "final", "abort0"):
        again = bridle(pool, "run", "--wait", str(folder / f"{name}.dag"))
        assert again.returncode == ENDS[name][0], again.stdout + again.stderr


def test_nothing_to_be_held(pool, folder, begun):
    for verb in ("hold", "release", "halt"):
        done = bridle(pool, verb, str(folder / "good.dag"))
        assert (done.returncode, "no DAGMan of it is in the queue" in done.stderr) == (2, True)
