"""Every table of Stampede has its rows; what workflows share is stored once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.recording.store import Changes, Store, sqlite_url
from monitord_job.recording.subworkflows import find
from monitord_job.stampede.rows import FileMetaRow, FilePlaceRow
from monitord_job.stampede.state import JobPlan
from tests.golden.recording.test_postgresql import workflow
from tests.support.database import QUERIES, dump, query
from tests.support.made_records import Made
from tests.support.played import Played

CHECKED = (
    b"---------------pegasus-multipart\n- integrity_verification_attempts:\n  - lfn: in\n    success: False\n"
    b"- integrity_summary:\n    succeeded: 2\n    failed: 1\n    duration: 0.05\n"
)
JOB = "plain_parent-child_DONE"


@pytest.fixture
def played(fresh_corpus) -> SubmitDir:
    """A plan that has metadata and files of tasks, run in the log; one job says that an input was not what it was."""
    folder = min(
        fresh_corpus("planned/names").rglob("braindump.yml"), key=lambda path: len(path.parts)
    ).parent
    submit_dir = open_submit_dir(folder)
    run = Played(submit_dir)
    run.all_nodes({JOB: [1, 0]})
    run.write()
    (folder / "00" / "00" / f"{JOB}.out.000").write_bytes(
        bytes(Made(derivation="parent-child DONE")) + CHECKED
    )
    return submit_dir


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_every_table_has_its_rows(server, played, request):
    url = request.getfixturevalue("postgresql") if server == "postgresql" else None
    catch_up(played, Limits(), url=url)
    tables = dump(url or played.database)
    assert set(tables) == set(QUERIES)
    assert {table for table, rows in tables.items() if not rows} == set()
    assert tables["tag"] == [(JOB, 1, "int.error", 1)]
    assert tables["task_meta"] == [("ID.1-a_β", "k", "v w; x")]
    assert ("ID.1-a_β", None) in {(row[0], row[2]) for row in tables["workflow_files"]}
    assert (JOB, 1, "check", "input", 3, 0.05) in tables["integrity"]


def test_what_two_sub_workflows_register_is_one_file_in_two_places(tmp_path: Path):
    with closing(Store(sqlite_url(tmp_path / "s.db"))) as store:
        store.create()
        for uuid in ("one", "two"):
            parent = None if uuid == "one" else "one"
            row = workflow(uuid)._replace(root_wf_uuid="one", parent_wf_uuid=parent)
            place = FilePlaceRow("f", "/out/f", "local"), FilePlaceRow("f", f"/out/{uuid}/f", "local")
            store.commit(uuid, Changes([row, *place, FileMetaRow("f", "size", uuid)]))
    tables = dump(tmp_path / "s.db")
    assert tables["rc_lfn"] == [("f",)]
    assert [row[1] for row in tables["rc_pfn"]] == ["/out/f", "/out/one/f", "/out/two/f"]
    assert tables["rc_meta"] == [("f", "size", "two")], "the last one's word counts"
    assert query(tmp_path / "s.db", "SELECT count(*) FROM workflow") == [(2,)]


@pytest.mark.parametrize(
    ("planned", "attempt", "expected"),
    [
        (["x.000", "x.001"], 0, "x.000"),
        (["x.000", "x.001"], 1, "x.001"),
        # The planner failed the first time, before it had made a directory.
        (["x.000"], 1, "x.000"),
        # A rescue run goes on where the second attempt was.
        (["x.000", "x.001"], 4, "x.001"),
        (["x"], 2, "x"),
    ],
)
def test_each_attempt_at_a_sub_workflow_has_its_directory(planned, attempt, expected, tmp_path):
    (tmp_path / "w.dag").write_text("JOB plan plan.sub\n")
    (tmp_path / "braindump.yml").write_text(f'wf_uuid: "u"\nsubmit_dir: "{tmp_path}"\ndag: "w.dag"\n')
    (tmp_path / "plan.sub").write_text(
        f'initialdir = {tmp_path}/x\narguments = " -f -l . -Dag inner.dag -AutoRescue 1 "\n'
        "+pegasus_job_class = 10\nqueue\n"
    )
    for name in planned:
        (tmp_path / name).mkdir()
        (tmp_path / name / "inner.dag").write_text("")
    found = find(open_submit_dir(tmp_path), JobPlan("plan", "plan.sub"), 7, attempt)
    assert found == ("plan", 7, expected, "inner.dag")
