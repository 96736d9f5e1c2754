"""Runs whose directories and DAGs have names as people give them, and a DAGMan that only its DAG tells apart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner_ext.pool.pool import Pool
from tests.support.faults import module_folder, tool
from tests.support.runs import bridle, queue, until

NAMES = {
    # directory, DAG
    "accent": ("größe", "x.dag"),
    "combining": ("e\u0301te\u0301", "été.dag"),
    "hash": ("run#1", "x.dag"),
    "percent": ("run%231", "x%41.dag"),
    "question": ("what?", "x.dag"),
    "blank": ("my runs", "größe 1.dag"),
}
_WAIT = "while test ! -e gate; do sleep 0.1; done\n"
_JOB = "universe = local\nexecutable = /bin/sh\narguments = wait.sh\nqueue\n"


def small_run(place: Path, dag: str) -> Path:
    """A DAG of one job that waits for the file `gate`."""
    place.mkdir(parents=True)
    (place / "wait.sh").write_text(_WAIT)
    (place / "wait.sub").write_text(_JOB)
    (place / dag).write_text("JOB fit wait.sub\n")
    return place / dag


@pytest.fixture(scope="module")
def runs(pool: Pool) -> Iterator[dict[str, Path]]:
    with module_folder(pool, "places") as folder:
        found = {name: small_run(folder / place, dag) for name, (place, dag) in NAMES.items()}
        for dag in found.values():
            done = bridle(pool, "run", str(dag))
            assert done.returncode == 0, done.stderr
        until(lambda: len(waiting(pool)) == len(found), "all jobs run")
        yield found


def waiting(pool: Pool) -> set[str]:
    return {job["Iwd"] for job in queue(pool) if job.get("DAGNodeName") == "fit" and job["JobStatus"] == 2}


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_found_whatever_its_directory_and_dag_are_called(pool, runs, name):
    dag = runs[name]
    found = json.loads(bridle(pool, "recover", "--json", str(dag)).stdout)
    assert found["condition"] == "running"
    for command in ("hold", "release"):
        done = bridle(pool, command, str(dag))
        assert done.returncode == 0, done.stderr
    (dag.parent / "gate").touch()
    until(lambda: str(dag.parent) not in {job["Iwd"] for job in queue(pool)}, "it has left the queue")
    status = json.loads(bridle(pool, "status", "--json", str(dag)).stdout)
    assert status["state"] == "succeeded"


def test_a_dagman_is_found_by_its_dag_where_its_log_is_that_of_the_workflow_above(pool, runs):
    """As Pegasus (5.1.3) plans a sub-workflow: `log` is the outer workflow's, the directory is named by a link."""
    folder = next(iter(runs.values())).parents[1] / "outer"
    dag = small_run(folder / "inner.000", "inner-0.dag")
    (folder / "inner").symlink_to("inner.000")
    dagman = shutil.which("condor_dagman", path=pool.environment()["PATH"])
    (folder / "inner.sub").write_text(
        f"universe = scheduler\nexecutable = {dagman}\ngetenv = True\nlog = outer-0.log\n"
        f"initialdir = {folder}/./inner\n"
        f"arguments = -p 0 -f -l . -Lockfile inner-0.dag.lock -Dag inner-0.dag -AutoRescue 1 -DoRescueFrom 0\n"
        f'environment = "_CONDOR_DAGMAN_LOG={folder}/./inner/inner-0.dag.dagman.out _CONDOR_MAX_DAGMAN_LOG=0"\n'
        "remove_kill_sig = SIGUSR1\n"
        '+OtherJobRemoveRequirements = "DAGManJobId =?= $(cluster)"\nqueue\n'
    )
    tool(pool, "condor_submit", "inner.sub", cwd=folder)
    until(lambda: any("outer" in place for place in waiting(pool)), "its job runs")
    found = json.loads(bridle(pool, "recover", "--json", str(dag)).stdout)
    assert found["condition"] == "running"
    for command in ("hold", "release", "halt", "resume"):
        done = bridle(pool, command, str(dag))
        assert done.returncode == 0, done.stderr
    (dag.parent / "gate").touch()
    until(lambda: not any("outer" in job["Iwd"] for job in queue(pool)), "it has left the queue")


def quick_run(place: Path) -> None:
    """Two DAGs below `flows`, whose names begin in `place`; the job of the first succeeds, that of the second fails."""
    (place / "flows").mkdir(parents=True)
    for name, program in (("one", "true"), ("two", "false")):
        (place / f"{name}.sub").write_text(f"universe = local\nexecutable = /bin/{program}\nqueue\n")
        (place / f"flows/{name}.dag").write_text(f"JOB fit {name}.sub\n")


def test_a_dag_is_run_from_where_its_names_begin(pool):
    with module_folder(pool, "root") as folder:
        quick_run(folder)
        assert bridle(pool, "check", "flows/one.dag", cwd=folder).returncode == 0
        done = bridle(pool, "run", "--wait", "flows/one.dag", cwd=folder)
        assert done.returncode == 0, done.stderr
        status = json.loads(bridle(pool, "status", "--json", str(folder / "flows/one.dag")).stdout)
        assert (status["state"], status["jobs"]["succeeded"]) == ("succeeded", 1)
        assert (folder / "flows/one.bridle.log").exists()


def test_several_dags_and_a_dagman_out_elsewhere(pool):
    with module_folder(pool, "several") as folder:
        quick_run(folder)
        (folder / "logs").mkdir()
        (folder / "more").mkdir()
        (folder / "flows/two.dag").rename(folder / "more/two.dag")
        tool(pool, "condor_submit_dag", "-outfile_dir", "logs", "flows/one.dag", "more/two.dag", cwd=folder)
        rescue = folder / "flows/one.dag_multi.rescue001"
        until(lambda: rescue.exists() and not queue(pool), "it has left the queue")
        dag = str(folder / "flows/one.dag")
        status = json.loads(bridle(pool, "status", "--json", dag).stdout)
        assert status["state"] == "failed"
        assert [job["job"] for job in status["failed"]] == ["1.fit"]
        assert status["jobs"]["succeeded"] == 1
        told = bridle(pool, "status", "--json", str(folder / "more/two.dag"))
        assert json.loads(told.stdout) == status, told.stderr
        found = bridle(pool, "recover", dag).stdout
        assert "one.dag_multi.rescue001" in found
        assert "then `condor_submit_dag -outfile_dir logs flows/one.dag more/two.dag`" in found
        again = bridle(pool, "run", dag)
        assert again.returncode != 0
        assert "condor_submit_dag -outfile_dir logs flows/one.dag more/two.dag" in again.stderr
