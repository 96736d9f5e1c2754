"""`bridle rewrite --as job`: DAGMan waits for the monitor, and the monitor sees by itself when the rest is over."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from tests.support.database import check_sound, dump, query
from tests.support.runs import bridle, until
from tests.support.workflows import plan

LOCAL = ("--universe", "local", "--seconds", "0")


def as_job(pool, path: Path) -> SubmitDir:
    told = bridle(pool, "rewrite", "--as", "job", str(path))
    assert told.returncode == 0, told.stderr
    return open_submit_dir(path)


def events(submit_dir: SubmitDir, node: str = "bridle_monitor") -> list[list[str]]:
    if not submit_dir.jobstate_log.exists():
        return []
    return [e for e in map(str.split, submit_dir.jobstate_log.read_text().splitlines()) if e[1] == node]


def workflow_states(submit_dir: SubmitDir) -> list[tuple]:
    return [
        row[1:5]
        for row in sorted(
            dump(submit_dir.database)["workflowstate"], key=lambda row: (int(str(row[3])), row[4] is not None)
        )
    ]


def wait_for_end(submit_dir: SubmitDir, count: int = 1) -> None:
    until(
        lambda: sum("DAGMAN_FINISHED" in e for e in events(submit_dir, "INTERNAL")) >= count,
        "DAGMan has left",
    )


def test_done_means_that_the_database_is_complete(pool, work_dir):
    path = plan(work_dir, "--fan", "3", *LOCAL)
    (path / "user.config").write_text("DAGMAN_MAX_JOBS_SUBMITTED = 1\n")
    with (path / "fan-0.dag").open("a") as dag:
        # What is about all nodes, and a limit that leaves room for one.
        dag.write("CONFIG user.config\nRETRY ALL_NODES 2\nCATEGORY ALL_NODES one\nMAXJOBS one 1\n")
    submit_dir = as_job(pool, path)
    # Not `bridle run --wait`, which would catch up: the monitor alone has done it.
    assert bridle(pool, "run", str(path)).returncode == 0
    wait_for_end(submit_dir)
    assert [e[2] for e in events(submit_dir)] == ["SUBMIT", "EXECUTE", "JOB_TERMINATED", "JOB_SUCCESS"]
    assert events(submit_dir)[0] == next(
        e for e in map(str.split, submit_dir.jobstate_log.read_text().splitlines()) if e[2] == "SUBMIT"
    ), "submitted before all others"
    assert events(submit_dir, "INTERNAL")[-1][3:] == ["DAGMAN_FINISHED", "0", "***"]
    check_sound(submit_dir.database)
    live = dump(submit_dir.database)
    assert [(row[1], row[4]) for row in live["workflowstate"]] == [
        ("WORKFLOW_STARTED", None),
        ("WORKFLOW_TERMINATED", 0),
    ]
    good = query(submit_dir.database, "SELECT count(*) FROM job_instance WHERE exitcode = 0")
    assert good == query(submit_dir.database, "SELECT count(*) FROM job") != [(0,)]
    assert query(submit_dir.database, "SELECT count(*) FROM job WHERE exec_job_id LIKE 'bridle%'") == [(0,)]
    assert bridle(pool, "monitord", "--rebuild", str(path)).returncode == 0
    assert dump(submit_dir.database) == live


def test_a_failure_is_no_better_and_no_worse_and_a_rescue_run_has_its_monitor(pool, work_dir):
    path = plan(work_dir, "--fan", "3", "--failing", "1", "--retry", "1", *LOCAL)
    submit_dir = as_job(pool, path)
    waited = bridle(pool, "run", "--wait", str(path))
    assert waited.returncode == 1
    assert events(submit_dir, "INTERNAL")[-1][3:] == ["DAGMAN_FINISHED", "1", "***"]
    assert [e[2:4] for e in events(submit_dir)][-1] == ["JOB_FAILURE", "3"]
    assert len(events(submit_dir)) == 4, "it is not tried again"
    assert len([e for e in events(submit_dir, "work_w00001") if e[2] == "SUBMIT"]) == 2, "the node was"
    rescue = (path / "fan-0.dag.rescue001").read_text()
    assert "DONE work_w00000\n" in rescue
    assert "DONE bridle_monitor" not in rescue
    assert [state[3] for state in workflow_states(submit_dir)] == [None, 1]

    submit_file = path / "00/00/work_w00001.sub"
    submit_file.write_text(submit_file.read_text().replace(" -x 3", ""))
    again = bridle(pool, "run", "--wait", str(path))
    assert again.returncode == 0, again.stdout + again.stderr
    assert events(submit_dir, "INTERNAL")[-1][3:] == ["DAGMAN_FINISHED", "0", "***"]
    assert [e[2:4] for e in events(submit_dir)][-1] == ["JOB_SUCCESS", "0"]
    assert len([e for e in events(submit_dir, "work_w00000") if e[2] == "SUBMIT"]) == 1, "done is done"
    assert [state[3] for state in workflow_states(submit_dir)] == [None, 1, None, 0]
    check_sound(submit_dir.database)
    assert not (path / "fan-0.dag.rescue002").exists()


def test_a_final_node_runs_after_the_monitor_and_decides(pool, work_dir):
    path = plan(work_dir, "--fan", "2", *LOCAL)
    (path / "last.sub").write_text("universe = local\nexecutable = /bin/false\nqueue\n")
    with (path / "fan-0.dag").open("a") as dag:
        dag.write("FINAL last last.sub\n")
    submit_dir = as_job(pool, path)
    waited = bridle(pool, "run", "--wait", str(path))
    assert waited.returncode == 1
    assert [e[2:4] for e in events(submit_dir)][-1] == ["JOB_SUCCESS", "0"]
    assert events(submit_dir, "last")[-1][2] == "JOB_FAILURE"
    assert workflow_states(submit_dir)[-1][3] == 1
    # DAGMan takes the monitor for done: the next rewrite, which `bridle run` begins with, sees to it.
    assert "DONE bridle_monitor\n" in (path / "fan-0.dag.rescue001").read_text()
    told = bridle(pool, "rewrite", str(path))
    assert "wrote fan-0.dag.rescue002" in told.stdout
    assert "bridle_monitor" not in (path / "fan-0.dag.rescue002").read_text()
    assert bridle(pool, "rewrite", "--undo", str(path)).returncode == 0
    out = submit_dir.dagman_out
    before = out.read_text()
    submit = ["condor_submit_dag", "fan-0.dag"]
    subprocess.run(submit, cwd=path, env=pool.environment(), check=True, timeout=60, capture_output=True)
    until(
        lambda: out.read_text().count(" EXITING WITH STATUS 1") > before.count(" EXITING"), "DAGMan has left"
    )
    seen = out.read_text()[len(before) :]
    assert "fan-0.dag.rescue002" in seen
    assert "ULOG_SUBMIT for HTCondor Node last" in seen, "DAGMan takes it, and the planner's last node fails"


def test_a_monitor_that_would_keep_all_others_from_running_says_so(pool, work_dir):
    path = plan(work_dir, "--fan", "2", *LOCAL)
    submit_dir = as_job(pool, path)
    submit = ["condor_submit_dag", "-maxjobs", "1", submit_dir.dag]
    subprocess.run(submit, cwd=path, env=pool.environment(), check=True, timeout=60, capture_output=True)
    wait_for_end(submit_dir)
    assert [e[2:4] for e in events(submit_dir)][-1] == ["JOB_FAILURE", "1"]
    assert "with -maxjobs 1 the monitor keeps all other nodes" in (path / "fan-0.bridle.err").read_text()
    assert "POST_SCRIPT_SUCCESS" in [e[2] for e in events(submit_dir, "merge_merge")], "the others ran"
