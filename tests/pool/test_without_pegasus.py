"""A DAG that nobody planned, on real daemons: the same tables from the DAG, its submit files and the logs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from tests.support.database import check_sound, dump, query
from tests.support.runs import bridle, until

# HTCondor 23 loses the quotes around arguments, and knows a named description only in the file that names it.
DESCRIPTION = """{
  universe = local
  executable = /bin/sh
  arguments = {folder}/say.sh $(JOB) has $(word)
  output = $(JOB).$(Cluster).$(Process).out
  error = $(JOB).$(RETRY).err
}
"""
DAG = f"""\
JOB first ok.sub
RETRY flaky 2
JOB flaky flaky.sub
SCRIPT POST flaky /bin/sh post.sh $RETURN
SPLICE inner inner.dag
SUBDAG EXTERNAL below below.dag
RETRY below 1
SUBMIT-DESCRIPTION named {DESCRIPTION}JOB away named DIR away
VARS away word="VARS"
JOB inline {{
  universe = local
  executable = /bin/echo
  arguments = "inline $(JOB)"
  output = $(JOB).out
}}
JOB last last.sub
PARENT first CHILD flaky inner below inline away
PARENT flaky inner below inline away CHILD last
"""
FILES = {
    "x.dag": DAG,
    "inner.dag": f"JOB a ok.sub\nJOB b {DESCRIPTION}PARENT a CHILD b\n",
    # Fails once, too, and with it the node above: its DAGMan goes on from a rescue DAG.
    "below.dag": "JOB c once.sub\nJOB d ok.sub\nPARENT c CHILD d\n",
    "once.sub": "universe = local\nexecutable = /bin/sh\narguments = once.sh\nqueue\n",
    "once.sh": "test -e seen.below || { touch seen.below; exit 5; }",
    "ok.sub": "universe = local\nexecutable = /bin/sleep\narguments = 1\nqueue\n",
    # Fails once: the second attempt finds what the first one left.
    "flaky.sub": "universe = local\nexecutable = /bin/sh\narguments = flaky.sh\nqueue\n",
    "flaky.sh": "test -e seen || { touch seen; exit 7; }",
    "say.sh": "echo $*; echo oops >&2\n",
    "post.sh": "exit $1\n",
    "last.sub": "universe = local\nexecutable = /bin/sh\narguments = \"-c 'test ! -e broken'\"\nqueue\n",
}
JOBS = {"first", "flaky", "inner+a", "inner+b", "below", "inline", "away", "last"}


@pytest.fixture
def target(work_dir: Path) -> Path:
    for name, text in FILES.items():
        (work_dir / name).write_text(text.replace("{folder}", str(work_dir)))
    (work_dir / "away").mkdir()
    return work_dir / "x.dag"


def attempts(submit_dir: SubmitDir) -> set[tuple]:
    return set(
        query(
            submit_dir.database,
            "SELECT exec_job_id, job_submit_seq > 0, i.exitcode FROM job_instance i JOIN job USING (job_id) "
            "JOIN workflow USING (wf_id) WHERE dag_file_name = 'x.dag'",
        )
    )


def state(pool, target: Path) -> str:
    told = json.loads(bridle(pool, "status", "--json", str(target)).stdout)
    return str(told["state"])


def test_it_runs_is_recorded_and_goes_on_from_its_rescue_dag(pool, target):
    (target.parent / "broken").touch()
    failed = bridle(pool, "run", "--wait", str(target))
    assert failed.returncode == 1, failed.stdout + failed.stderr
    submit_dir = open_target(target)
    check_sound(submit_dir.database)
    ours = query(
        submit_dir.database,
        "SELECT exec_job_id FROM job JOIN workflow USING (wf_id) WHERE dag_file_name = 'x.dag'",
    )
    assert {name for (name,) in ours} == JOBS
    edges = query(submit_dir.database, "SELECT parent_exec_job_id, child_exec_job_id FROM job_edge")
    assert {
        ("first", "flaky"),
        ("first", "inner+a"),
        ("inner+a", "inner+b"),
        ("inner+b", "last"),
        ("c", "d"),
    } <= set(edges)
    assert ("last", 1, 1 << 8) in attempts(submit_dir)
    assert {("flaky", 1, 7 << 8), ("flaky", 1, 0)} <= attempts(submit_dir)
    ((retries, executable),) = query(
        submit_dir.database, "SELECT max_retries, executable FROM job WHERE exec_job_id = 'flaky'"
    )
    assert (retries, executable) == (2, "/bin/sh")
    check_descriptions_in_the_dag(submit_dir)
    check_a_sub_workflow_that_ran_twice(submit_dir)
    below = query(submit_dir.database, "SELECT dag_file_name, parent_wf_id FROM workflow ORDER BY wf_id")
    assert below == [("x.dag", None), ("below.dag", 1)]

    (target.parent / "broken").unlink()
    again = bridle(pool, "run", "--wait", str(target))
    assert again.returncode == 0, again.stdout + again.stderr
    assert ("last", 1, 0) in attempts(submit_dir)
    status = json.loads(bridle(pool, "status", "--json", str(target)).stdout)
    assert status["state"] == "succeeded"


def check_a_sub_workflow_that_ran_twice(submit_dir: SubmitDir) -> None:
    """Both attempts at the node ran the same sub-workflow, whose second run is a restart."""
    (below,) = query(submit_dir.database, "SELECT wf_id FROM workflow WHERE dag_file_name = 'below.dag'")
    attempts = (
        "SELECT subwf_id, exitcode FROM job_instance JOIN job USING (job_id) WHERE exec_job_id = 'below' "
        "ORDER BY job_submit_seq"
    )
    assert query(submit_dir.database, attempts) == [(*below, 1 << 8), (*below, 0)]
    states = (
        f"SELECT state, restart_count, status FROM workflowstate WHERE wf_id = {below[0]} "
        "ORDER BY restart_count, timestamp, state"
    )
    assert query(submit_dir.database, states) == [
        ("WORKFLOW_STARTED", 0, None),
        ("WORKFLOW_TERMINATED", 0, 1),
        ("WORKFLOW_STARTED", 1, None),
        ("WORKFLOW_TERMINATED", 1, 0),
    ]
    codes = "SELECT exitcode FROM job_instance JOIN job USING (job_id) WHERE exec_job_id = 'c' ORDER BY job_submit_seq"
    assert query(submit_dir.database, codes) == [(5 << 8,), (0,)]


def check_descriptions_in_the_dag(submit_dir: SubmitDir) -> None:
    """Jobs, words and outputs of nodes whose submit description stands in the DAG, one in a directory of its own."""
    rows = query(
        submit_dir.database,
        "SELECT exec_job_id, submit_file, executable, argv, sched_id, stdout_file, stdout_text, stderr_file, "
        "stderr_text FROM job_instance JOIN job USING (job_id) WHERE exec_job_id IN ('inline', 'away', 'inner+b')",
    )
    found = {str(row[0]): row[1:] for row in rows}
    assert found["inline"][:3] == ("x.dag", "/bin/echo", "inline inline")
    assert found["inline"][4:] == ("inline.out", "#@ 1 stdout%0Ainline inline%0A", None, None)
    for name, dag, folder, said in [
        ("away", "x.dag", "away/", "away has VARS"),
        ("inner+b", "inner.dag", "", "inner+b has"),
    ]:
        sched_id = found[name][3]
        assert found[name][:2] == (dag, "/bin/sh")
        assert found[name][4:] == (
            f"{folder}{name}.{sched_id}.out",
            f"#@ 1 stdout%0A{said}%0A",
            f"{folder}{name}.0.err",
            "oops%0A",
        )


def test_a_run_that_was_never_rewritten_is_read_from_dagman_s_own_log(pool, condor, target):
    condor("condor_submit_dag", "x.dag", cwd=target.parent)
    until(lambda: not condor("condor_q", "-af", "ClusterId").strip(), "the queue is empty")
    assert bridle(pool, "monitord", "--catch-up", str(target)).returncode == 0
    submit_dir = open_target(target)
    check_sound(submit_dir.database)
    assert {name for name, _, code in attempts(submit_dir) if code == 0} == JOBS
    assert not (target.parent / "x.dag.planned").exists()


def test_two_dags_in_one_directory_do_not_meet_and_a_killed_monitor_comes_back(pool, target):
    other = target.with_name("y.dag")
    other.write_text(
        "JOB only ok.sub\nJOB then ok.sub\nJOB end ok.sub\nPARENT only CHILD then\nPARENT then CHILD end\n"
    )
    for dag in (target, other):
        assert bridle(pool, "run", str(dag)).returncode == 0
    lock = target.with_name("y.bridle.log")

    def pid() -> int | None:
        if not lock.exists():
            return None
        found = [line.split()[2] for line in lock.read_text().splitlines() if "following" in line]
        return int(found[-1]) if found else None

    first = until(pid, "a monitor follows y.dag")
    os.kill(first, signal.SIGKILL)
    until(lambda: pid() != first, "it is back", limit=60)
    # `status` catches up as soon as no monitor is alive.
    until(lambda: state(pool, target) == state(pool, other) == "succeeded", "both runs have ended")
    live = dump(open_target(other).database)
    assert {row[1] for row in live["job"]} == {"only", "then", "end"}
    copy = Path(shutil.copytree(target.parent, target.parent.with_name(f"{target.parent.name}-copy")))
    try:
        assert bridle(pool, "monitord", "--rebuild", str(copy / "y.dag")).returncode == 0
        assert dump(open_target(copy / "y.dag").database) == live
    finally:
        shutil.rmtree(copy)
    jobs = query(
        open_target(target).database,
        "SELECT exec_job_id FROM job JOIN workflow USING (wf_id) WHERE dag_file_name = 'x.dag'",
    )
    assert {name for (name,) in jobs} == JOBS


TRANSFERRING = {
    "t.dag": "JOB make make.sub\nJOB take take.sub\nPARENT make CHILD take\n",
    "make.sub": """\
executable = make.sh
should_transfer_files = YES
transfer_input_files = table
transfer_output_files = made
output = make.out
error = make.err
queue
""",
    "take.sub": """\
executable = /bin/cat
transfer_executable = false
arguments = made table
should_transfer_files = YES
transfer_input_files = made, table
transfer_output_files = ""
output = take.out
queue
""",
    "make.sh": "#!/bin/sh\ncat table table > made\necho it is made\n",
    "table": "7 bytes" * 1000,
}


def test_what_htcondor_transfers_is_known_before_and_told_after(pool, condor, work_dir):
    """Event 005 of HTCondor against the sizes of the files that the submit files name."""
    for name, text in TRANSFERRING.items():
        (work_dir / name).write_text(text)
    (work_dir / "make.sh").chmod(0o755)
    before = json.loads(bridle(pool, "condorio", "--json", str(work_dir / "t.dag")).stdout)
    assert before["to_jobs"] == {"bytes": 2 * 7000 + len(TRANSFERRING["make.sh"]), "unknown_files": 1}
    condor("condor_submit_dag", "t.dag", cwd=work_dir)
    until(lambda: not condor("condor_q", "-af", "ClusterId").strip(), "the queue is empty")
    after = json.loads(bridle(pool, "condorio", "--json", str(work_dir / "t.dag")).stdout)
    assert after["jobs"]["measured"] == 2
    log = (work_dir / "t.dag.nodes.log").read_text()
    sent, returned = (
        [int(number) for number in re.findall(rf"(\d+)  -  Run Bytes {what} By Job", log)]
        for what in ("Received", "Sent")
    )
    assert (after["to_jobs"]["bytes"], after["from_jobs"]["bytes"]) == (sum(sent), sum(returned))
    assert sent == [7000 + len(TRANSFERRING["make.sh"]), 14000 + 7000]
    assert returned == [14000 + len("it is made\n"), 14000 + 7000]
    assert after["data"] == {"bytes": 7000 + 14000 + 21000, "unknown_files": 0}
    assert [one["lfn"] for one in after["shared_inputs"]] == ["table"]
    assert after["simulation"]["run_times"]["measured"] == 2
