"""Failed jobs that DAGMan tolerates: as it took them in a run of 25.14.1, whichever of its logs is read, and when.

DAGMAN_NODE_JOB_FAILURE_TOLERANCE was 1. Its JOBSTATE_LOG says JOB_FAILURE of five nodes that it took for done, and
JOB_SUCCESS of one that failed (`turns`: 3, 0, 5).
"""

from __future__ import annotations

import re
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rescue.rescue_files import read_workflow
from dag_rewriter.rescue.run_state import NodeState
from monitord_job.cli.common import open_run
from monitord_job.database.url import database_of
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.recording import ingest
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store
from tests.support.database import Rows, query

RECORDED = Path(__file__).with_name("dagman_out") / "tolerance.tar.xz"
DONE = ["again", "below", "half", "last", "one", "posted"]
"""What DAGMan's rescue DAG has."""
FAILED = ["strict", "third", "turns"]

pytestmark = pytest.mark.usefixtures("no_schedd")


@pytest.fixture(params=["js.log", "x.dag.dagman.out"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> SubmitDir:
    """The run, with a JOBSTATE_LOG and without one."""
    with tarfile.open(RECORDED) as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)  # as in tests/conftest.py
        archive.extractall(tmp_path)
    folder = tmp_path / "tolerance"
    if request.param != "js.log":
        (folder / "js.log").unlink()
        dag = folder / "x.dag"
        dag.write_text(re.sub("JOBSTATE_LOG.*\n", "", dag.read_text()))
    return open_run(folder / "x.dag")


def attempts(run: SubmitDir) -> Rows:
    return query(
        run.database,
        "SELECT j.exec_job_id, i.exitcode FROM job_instance i JOIN job j USING (job_id) ORDER BY 1, i.job_submit_seq",
    )


EXPECTED = [
    ("again", 768),
    ("again", 0),
    ("below", 0),
    ("half", 0),
    ("last", 0),
    ("one", 0),
    ("posted", 0),
    ("strict", 768),
    ("third", 768),
    ("turns", 768),
]


def test_a_node_ends_as_dagman_takes_it(run):
    catch_up(run, Limits())
    assert attempts(run) == EXPECTED
    reasons = dict(
        query(
            run.database,
            "SELECT exec_job_id, reason FROM jobstate JOIN job_instance USING (job_instance_id) JOIN job USING (job_id)"
            " WHERE reason IS NOT NULL",
        )
    )
    assert reasons["last"] == "1 of 3 jobs failed, which its tolerance allows"
    assert reasons["turns"] == "2 of 3 jobs failed, more than its tolerance allows"
    assert not {"strict", "third"} & reasons.keys()


def test_a_monitor_that_comes_again_goes_on_with_it(run, monkeypatch):
    monkeypatch.setattr(ingest, "TURN_BYTES", 200)
    lines = 1
    while lines:
        with closing(Store(database_of(run).url)) as store:
            hierarchy = Hierarchy(run, store)
            hierarchy.open()
            lines = hierarchy.step().lines
    assert attempts(run) == EXPECTED


def test_a_log_that_is_read_anew_stores_nothing_twice(run):
    catch_up(run, Limits())
    before = query(run.database, "SELECT count(*) FROM jobstate")
    with closing(Store(database_of(run).url)) as store:
        with store.writing() as bulk:
            bulk.run("DELETE FROM bridle_cursor WHERE file IN (?, ?)", [("js.log", "x.dag.dagman.out")])
        hierarchy = Hierarchy(run, store)
        hierarchy.open()
        while hierarchy.step().lines:
            pass
    assert query(run.database, "SELECT count(*) FROM jobstate") == before
    assert attempts(run) == EXPECTED


def test_a_rescue_dag_that_is_made_from_the_log_keeps_what_is_done(run):
    state = read_workflow(run).run_state
    if run.path.joinpath("js.log").exists():
        assert sorted(state.of(NodeState.DONE)) == DONE
        assert sorted(state.of(NodeState.FAILED)) == FAILED
    else:
        assert state.of(NodeState.FAILED) == (), "nothing is told of it"
