"""What HTCondor says to a rewritten DAG: its checker to all of the corpus, its DAGMan to a small one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.rewriting.rewrite import Options, rewrite, undo
from planner_ext.pool.pool import Pool
from planner_ext.pool.processes import wait_for
from tests.conftest import PLANNED, Corpus

# Stands in for the monitor: it tells what it was given and leaves when the DAG has ended, or the test, with the folder.
MONITOR = """\
#!/bin/sh
echo "$@"; echo "$BRIDLE_COLOUR"; pwd
until grep -q DAGMAN_FINISHED x-0.bridle.jobstate.log; do [ -e x-0.dag ] || exit 0; sleep 0.1; done
"""
JOB = """\
universe = local
executable = /bin/sleep
arguments = 1
priority = 1000
+pegasus_job_class = {job_class}
queue
"""
NAMES = ["NODE", "DONE", "näme-wf.v1_2-β", "a.b", "c", "d"]


def run(pool: Pool, *command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = pool.environment() | environment
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.htcondor_25
@pytest.mark.parametrize("name", PLANNED)
def test_the_checker_accepts_the_corpus_rewritten(
    pool: Pool, corpus: Corpus, work_dir: Path, name: str
) -> None:
    (braindump,) = sorted(corpus(f"planned/{name}").rglob("braindump.*"))
    submit_dir = open_submit_dir(Path(shutil.copytree(braindump.parent, work_dir / "run0001")))
    rewrite(submit_dir, Options(executable="/opt/bridle"))
    # It takes a name that begins with h for -help, hence "./" (25.14.1).
    found = run(pool, "condor_dag_checker", f"./{submit_dir.dag}", cwd=submit_dir.path)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.fixture
def planned(work_dir: Path) -> SubmitDir:
    """Six cleanup nodes that start at once, a user's configuration in a folder, a planner's DAGMan submit file."""
    folder = work_dir / "run0001"
    (folder / "conf").mkdir(parents=True)
    (folder / "braindump.yml").write_text('dag: "x-0.dag"\nwf_uuid: "u"\ntype: "dag"')
    (folder / "conf" / "user.config").write_text("DAGMAN_USE_STRICT = 1\nDAGMAN_USER_LOG_SCAN_INTERVAL = 1\n")
    (folder / "x-0.dag.condor.sub").write_text(
        'executable = /opt/pegasus-dagman\n+pegasus_wf_uuid = "u"\nqueue'
    )
    dag = ["CONFIG conf/user.config", "MAXJOBS CLEANUP 1"]
    for number, name in enumerate(NAMES, 2_000_000):
        (folder / f"{name}.sub").write_text(JOB.format(job_class=8))
        dag += [f"JOB {name} {name}.sub", f"PRIORITY {name} {number}"]
    (folder / "x-0.dag").write_text("\n".join(dag))
    (work_dir / "bridle").write_text(MONITOR)
    (work_dir / "bridle").chmod(0o755)
    return open_submit_dir(folder)


def jobstates(submit_dir: SubmitDir) -> list[list[str]]:
    if not submit_dir.jobstate_log.exists():
        return []
    return [line.split() for line in submit_dir.jobstate_log.read_text().splitlines()]


def ended(submit_dir: SubmitDir) -> bool:
    return any("DAGMAN_FINISHED" in state for state in jobstates(submit_dir))


def most_at_once(submit_dir: SubmitDir) -> int:
    running, most = 0, 0
    for _, name, event, *_ in jobstates(submit_dir):
        if name in NAMES:
            running += {"SUBMIT": 1, "JOB_SUCCESS": -1}.get(event, 0)
            most = max(most, running)
    return most


def test_plain_condor_submit_dag_starts_the_monitor(pool: Pool, planned: SubmitDir) -> None:
    bridle = str(planned.path.parent / "bridle")
    rewrite(planned, Options(executable=bridle))
    submit = ("condor_submit_dag", "-maxjobs", "5", planned.dag)
    submitted = run(pool, *submit, cwd=planned.path, BRIDLE_COLOUR="dun bay")
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr

    wait_for(
        lambda: any(state[1] == "bridle_monitor" and state[2] == "EXECUTE" for state in jobstates(planned)),
        60,
    )
    query = ("condor_q", "-nobatch", "-constraint", "BridleMonitor", "-af", "JobUniverse", "JobPrio", "Cmd")
    assert run(pool, *query, cwd=planned.path).stdout.split() == ["12", "2000006", bridle]
    others = run(
        pool,
        "condor_q",
        "-constraint",
        "JobUniverse == 12 && BridleMonitor =!= true",
        "-af",
        "JobPrio",
        cwd=planned.path,
    )
    assert set(others.stdout.split()) <= {"1000"}, "as in the submit files"
    wait_for(lambda: ended(planned), 120)
    wait_for(lambda: run(pool, "condor_q", "-af", "ClusterId", cwd=planned.path).stdout == "", 60)

    states = jobstates(planned)
    assert states[-1][2:] == ["***", "DAGMAN_FINISHED", "0", "***"]
    submits = [state[1] for state in states if state[2] == "SUBMIT"]
    assert submits == ["bridle_monitor", "d", "c", "a.b", "näme-wf.v1_2-β", "DONE", "NODE"], "by PRIORITY"
    assert sum(state[2] == "JOB_SUCCESS" for state in states) == len(NAMES)
    assert most_at_once(planned) == 4, "CATEGORY and MAXJOBS hold, also at the end of the file"
    told = (planned.path / "x-0.bridle.out").read_text().splitlines()
    assert told == ["monitord --follow --notify .", "dun bay", str(planned.path)]
    out = planned.dagman_out.read_text()
    assert "DAGMAN_USE_STRICT setting: 0" in out
    assert "DAGMAN_USER_LOG_SCAN_INTERVAL setting: 1" in out, "the user's configuration is included"


def test_a_copy_of_a_rewritten_directory_runs_where_it_is(pool: Pool, planned: SubmitDir) -> None:
    rewrite(planned, Options(executable=str(planned.path.parent / "bridle")))
    copied = open_submit_dir(Path(shutil.copytree(planned.path, planned.path.with_name("copy"))))
    shutil.rmtree(planned.path)
    submitted = run(pool, "condor_submit_dag", copied.dag, cwd=copied.path)
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    wait_for(lambda: ended(copied), 120)
    assert jobstates(copied)[-1][2:] == ["***", "DAGMAN_FINISHED", "0", "***"]


def test_a_running_workflow_is_not_undone(pool: Pool, planned: SubmitDir) -> None:
    rewrite(planned, Options(executable=str(planned.path.parent / "bridle")))
    run(pool, "condor_submit_dag", planned.dag, cwd=planned.path)
    wait_for(planned.dagman_lock.exists, 60)
    before = planned.dag_file.read_bytes()
    with pytest.raises(Exception, match="DAGMan is running this workflow"):
        undo(planned)
    assert planned.dag_file.read_bytes() == before
    wait_for(lambda: ended(planned) and not planned.dagman_lock.exists(), 120)
    undo(planned)
    assert planned.condor_sub.read_text().startswith("executable = /opt/pegasus-dagman")
