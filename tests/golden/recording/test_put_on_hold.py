"""DAGMAN_PUT_FAILED_JOBS_ON_HOLD: DAGMan submits a job that failed once more, on hold; why it failed is said, too."""

from __future__ import annotations

from pathlib import Path

from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job.cli.common import open_run
from monitord_job.diagnosis.run_states import StoppedJob
from monitord_job.diagnosis.stopped_jobs import with_failures
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.readers.status import read_status
from tests.support.played import Played

REASON = "submitted on hold at user's request"
NODES_LOG = """000 (102.000.000) 2026-11-23 05:27:28 Job submitted from host: <127.0.0.1:9618?addrs=127.0.0.1-9618>
    DAG Node: fit
...
012 (102.000.000) 2026-11-23 05:27:28 Job was held.
\tsubmitted on hold at user's request
\tCode 15 Subcode 0
...
"""


def test_why_it_had_failed_is_said_with_the_hold(tmp_path: Path) -> None:
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB fit a.sub\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true"))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("fit", 3)
    played.say("fit SUBMIT 102.0 - - 2")
    played.say("fit JOB_HELD 102.0 - - 2")
    submit_dir.nodes_log.write_text(NODES_LOG)
    run = read_status(played.write())
    (job,) = (job for job in run.jobs if job.name == "fit")
    assert (job.status, job.attempts, job.reason) == (NodeStatus.HELD, 2, REASON)
    assert job.cause is not None
    assert job.cause.phrase == f"held: {REASON} (the attempt before: exit code 3)"
    held = (StoppedJob("fit", "102.0", REASON), StoppedJob("b", "103.0", "no space"))
    told = with_failures(held, submit_dir)
    assert [one.reason for one in told] == [f"{REASON} (the attempt before: exit code 3)", "no space"]
