"""What is still to be told when DAGMan is gone or the monitor starts again, in runs that only dagman.out tells of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from condor_templates.policy import MonitorKind
from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rewriting.passes import ALL
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.monitor.unplanned_identity import identified
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store, sqlite_url
from tests.support.database import query

RUNS = Path(__file__).with_name("dagman_out")
M_ENDS = b"Event: ULOG_JOB_TERMINATED for HTCondor Node M"
GONE = b"""\
000 (1.000.000) 2026-11-23 09:58:20 Job submitted from host: <127.0.0.1:1>
...
001 (1.000.000) 2026-11-23 09:58:21 Job executing on host: <127.0.0.1:1>
...
009 (1.000.000) 2026-11-23 09:58:33 Job was aborted.
...
"""


@pytest.fixture
def run(tmp_path: Path) -> SubmitDir:
    """A run of which a second monitor would have only the dagman.out to read."""
    shutil.copy(RUNS / "t.dag", tmp_path)
    shutil.copy(RUNS / "plain.dagman.out", tmp_path / "t.dag.dagman.out")
    return identified(open_target(tmp_path / "t.dag"))


def states(run: SubmitDir, job: str) -> list[tuple]:
    sql = (
        "SELECT state FROM jobstate JOIN job_instance USING (job_instance_id) JOIN job USING (job_id) "
        f"WHERE exec_job_id = '{job}' ORDER BY jobstate_submit_seq"
    )
    return query(run.database, sql)


def test_the_last_event_of_a_dagman_that_was_killed_is_stored(run):
    told = run.dagman_out.read_bytes()
    end = told.index(b"\n", told.index(M_ENDS)) + 1
    run.dagman_out.write_bytes(told[:end])
    catch_up(run, Limits())
    assert states(run, "M")[-1] == ("EXECUTE",), "DAGMan may say more of it"
    ((job,),) = query(run.database, "SELECT dagman_id FROM bridle_run")
    run.dagman_log.write_bytes(GONE.replace(b"(1.", f"({str(job).partition('.')[0]}.".encode()))
    catch_up(run, Limits())
    assert states(run, "M")[-1] == ("JOB_TERMINATED",)
    assert query(run.database, "SELECT state, status FROM workflowstate") == [
        ("WORKFLOW_STARTED", None),
        ("WORKFLOW_TERMINATED", 2),
    ]
    catch_up(run, Limits())
    assert states(run, "M").count(("JOB_TERMINATED",)) == 1


def test_a_monitor_that_is_a_job_knows_after_a_restart_what_it_was_told(run):
    run.dag_file.write_bytes(run.dag_file.read_bytes().replace(b"JOBSTATE_LOG js.log\n", b""))
    for name in ("ok", "held", "missing", "sig"):
        (run.path / f"{name}.sub").write_text("executable = /bin/true\nqueue\n")
    rewrite(run, Options(executable="/bin/true", kind=MonitorKind.JOB, passes=ALL - {"jobstate-log"}))
    heard = []
    for _start in range(2):
        store = Store(sqlite_url(run.database))
        followed = Hierarchy(run, store)
        followed.open()
        while followed.step().lines:
            pass
        store.close()
        assert followed.watch is not None
        heard.append(followed.watch.latest)
    assert heard[1] == heard[0] > 0


def test_a_line_that_cannot_be_read_is_kept_without_its_control_characters_and_passwords(run):
    line = b"11/23/26 09:58:36 Event: ULOG_ postgresql://me:secret@host/runs \x00\x1b\n"
    told = run.dagman_out.read_bytes()
    at = told.index(b"11/23/26 09:58:36 Event:")
    run.dagman_out.write_bytes(told[:at] + line + told[at:])
    catch_up(run, Limits())
    found = query(run.database, "SELECT offset, text FROM bridle_quarantine WHERE file LIKE '%dagman.out'")
    assert found == [(at, "Event: ULOG_ postgresql://me:***@host/runs \\x00\\x1b")]
