"""A sub-workflow whose DAGMan refused its DAG: the node says why, in that DAGMan's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job import schedd
from monitord_job.cli.common import open_run
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up, rebuild
from monitord_job.readers.status import read_status
from planner_ext.cli import run_command
from tests.support.database import dump, query
from tests.support.played import START, Played

REFUSED = (
    "ERROR: below.dag (line 2): Unknown command, not recognized",
    "Failed to parse below.dag",
    "**** condor_scheduniv_exec (condor_DAGMAN) pid 77 EXITING WITH STATUS 1",
)
RAN = ("Bootstrapping...", "**** condor_scheduniv_exec (condor_DAGMAN) pid 77 EXITING WITH STATUS 1")
CAUSE = "sub-workflow: DAGMan refused the DAG: ERROR: below.dag (line 2): Unknown command, not recognized"


def debug_log(*messages: str) -> str:
    first = ("** condor_scheduniv_exec (CONDOR_DAGMAN) STARTING UP", "** PID = 77")
    return "".join(f"11/23/26 05:28:03 {message}\n" for message in (*first, *messages))


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """S runs below.dag, and fails."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("SUBDAG EXTERNAL S below.dag\n")
    (tmp_path / "below.dag").write_text("JOB inner a.sub\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true"))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("S", 1)
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    return played


def cause(played: Played) -> str:
    run = read_status(played.write())
    (job,) = (job for job in run.jobs if job.name == "S")
    assert job.cause is not None
    assert run.quarantined == 0
    return job.cause.phrase


def test_its_own_words_are_the_cause(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "below.dag.dagman.out").write_text(debug_log(*REFUSED))
    assert cause(played) == CAUSE
    for name, answer in {"dagman_jobs": [], "node_jobs": [], "machine": ""}.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)
    run_command(["recover", str(tmp_path / "x.dag")])
    assert f"failed: nodes failed: S: {CAUSE}; mend them" in capsys.readouterr().out
    submit_dir = open_run(tmp_path / "x.dag")
    ran = query(submit_dir.database, "SELECT state, timestamp, status FROM workflowstate WHERE wf_id = 2")
    assert ran == [("WORKFLOW_STARTED", START + 2, None), ("WORKFLOW_TERMINATED", START + 3, 1)]
    before = dump(submit_dir.database)
    catch_up(submit_dir, Limits())
    assert dump(submit_dir.database) == before
    rebuild(submit_dir, Limits())
    assert dump(submit_dir.database)["workflowstate"] == before["workflowstate"]


def test_a_failure_of_the_run_before_is_not_the_cause(played: Played, tmp_path: Path) -> None:
    """Of the first run the JOBSTATE_LOG tells, of the second only the debug log."""
    first = "INTERNAL *** DAGMAN_STARTED 50.0 ***\ninner SUBMIT 51.0 - - 1\ninner JOB_TERMINATED 51.0 - - 1\n"
    first += "inner JOB_FAILURE 3 - - 1\nINTERNAL *** DAGMAN_FINISHED 1 ***\n"
    log = tmp_path / "below.bridle.jobstate.log"
    log.write_text("".join(f"{START - 100} {line}\n" for line in first.splitlines()))
    (tmp_path / "below.dag.dagman.out").write_text(debug_log(*RAN) + debug_log(*REFUSED))
    assert cause(played) == CAUSE


def test_what_condor_submit_dag_refused_says_why_in_its_words(tmp_path: Path) -> None:
    """Lines of HTCondor 25.14.1."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("SUBDAG EXTERNAL S wrong.dag\n")
    (tmp_path / "wrong.dag").write_text("JOB inner a.sub\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true"))
    words = "ERROR: wrong.dag:2 'NONSENSE' is not a valid DAG command"
    (tmp_path / "x.dag.lib.err").write_text(f"ERROR: other.dag:1 no\n{words}\n")
    failed = "Event: ULOG_SUBMIT_FAILURE for HTCondor Node S (-1.-1.-1) {11/30/26 07:46:59} Failed to submit Sub-DAG"
    submit_dir.dagman_out.write_text(debug_log(failed))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.say("S SUBMIT_FAILURE - - - 1")
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    assert cause(played) == f"HTCondor did not take it: Failed to submit Sub-DAG: {words}"


def test_a_log_that_leaves_out_what_nodes_did_is_named_with_what_helps(
    played: Played, tmp_path: Path
) -> None:
    log = debug_log("DAGMAN_VERBOSITY setting: 1", RAN[1])
    (tmp_path / "below.dag.dagman.out").write_text(log)
    assert read_status(played.write()).quarantined == 1
    database = open_run(tmp_path / "x.dag").database
    ((file, reason),) = query(database, "SELECT file, reason FROM bridle_quarantine")
    assert file == "below.dag.dagman.out"
    assert "DAGMAN_VERBOSITY was 1, and it takes 3" in str(reason)
