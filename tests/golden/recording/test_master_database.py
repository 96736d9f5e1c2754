"""The user's master database, which Pegasus's dashboard and ensemble manager read: filled beside the run, for free."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up, follow_run
from tests.support.database import dump
from tests.support.recorded import as_it_ran

RUN = "recorded/failing-condorio"
AT_ONCE = Limits(poll=0.05, metrics=0.0, last_jobs=0.0, master=60.0)


@pytest.fixture
def submit_dir(fresh_corpus) -> SubmitDir:
    return as_it_ran(fresh_corpus(RUN)).submit_dir


@pytest.fixture
def master(work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the planner has touched in a home of its own."""
    monkeypatch.setenv("BRIDLE_HOME", str(work_dir))
    file = work_dir / ".pegasus" / "workflow.db"
    file.parent.mkdir()
    file.touch(0o600)
    return file


def rows(file: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


def states(file: Path) -> list[tuple]:
    return rows(
        file,
        "SELECT wf_uuid, state, status FROM master_workflow JOIN master_workflowstate USING (wf_id) "
        "ORDER BY master_workflowstate.timestamp",
    )


def test_a_run_and_its_rescue_run_are_told_once(submit_dir, master):
    follow_run(submit_dir, AT_ONCE, 0.0)
    catch_up(submit_dir, AT_ONCE)
    uuid = submit_dir.wf_uuid
    assert states(master) == [
        (uuid, "WORKFLOW_STARTED", None),
        (uuid, "WORKFLOW_TERMINATED", 1),
        (uuid, "WORKFLOW_STARTED", None),
        (uuid, "WORKFLOW_TERMINATED", 0),
    ]
    ((label, directory, url, archived),) = rows(
        master, "SELECT dax_label, submit_dir, db_url, archived FROM master_workflow"
    )
    (workflow,) = rows(submit_dir.database, "SELECT dax_label, submit_dir FROM workflow")
    assert (label, directory, url, archived) == (*workflow, f"sqlite:///{submit_dir.database}", 0)


def test_others_rows_stay_and_nothing_comes_twice(submit_dir, master):
    follow_run(submit_dir, AT_ONCE, 0.0)
    before = states(master)
    with closing(sqlite3.connect(master)) as connection:
        connection.execute("INSERT INTO master_workflow (wf_uuid, archived) VALUES ('other', 1)")
        connection.execute(
            "INSERT INTO master_workflowstate VALUES (2, 'WORKFLOW_STARTED', 1.5, 0, NULL, NULL)"
        )
        connection.commit()
    submit_dir.database.unlink()
    follow_run(submit_dir, AT_ONCE, 0.0)
    assert states(master) == [("other", "WORKFLOW_STARTED", None), *before]


@pytest.mark.parametrize("trouble", ["locked", "no database", "read-only", "a bad URL"])
def test_its_trouble_is_told_and_costs_nothing_else(submit_dir, master, trouble, caplog, fresh_corpus):
    limits = Limits(poll=0.05, metrics=0.0, last_jobs=0.0, master=0.5)
    holder = sqlite3.connect(master)
    if trouble == "locked":
        holder.execute("BEGIN EXCLUSIVE")
    elif trouble == "no database":
        master.write_bytes(b"no database at all" * 100)
    elif trouble == "read-only":
        master.unlink()
        master.symlink_to("/proc/version")
    else:
        (properties,) = submit_dir.path.glob("pegasus.*.properties")
        with properties.open("a") as text:
            text.write("pegasus.catalog.master.url = mysql://u@h/d\n")
    assert follow_run(submit_dir, limits, 0.0)
    holder.close()
    told = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert any("master" in one for one in told), told
    assert [row[0] for row in rows(submit_dir.database, "SELECT status FROM workflowstate")][-1] == 0
    assert os.access(submit_dir.database, os.R_OK)


def test_without_one_nothing_is_made(submit_dir, work_dir, monkeypatch):
    monkeypatch.setenv("BRIDLE_HOME", str(work_dir))
    catch_up(submit_dir, AT_ONCE)
    assert not (work_dir / ".pegasus").exists()


def test_a_database_that_pegasus_made_is_taken_as_it_is(submit_dir, work_dir):
    """As pegasus-db-admin leaves it: all tables, and perhaps another workflow's rows."""
    catch_up(submit_dir, AT_ONCE)
    expected = dump(submit_dir.database)
    with closing(sqlite3.connect(submit_dir.database)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for name in tables:
            if name.startswith("bridle_"):
                connection.execute(f"DROP TABLE {name}")
            elif name != "dbversion":
                connection.execute(f"DELETE FROM {name}")
        connection.execute("INSERT INTO workflow (wf_id, wf_uuid, root_wf_id) VALUES (1, 'other', 1)")
        connection.execute("INSERT INTO workflowstate VALUES (1, 'WORKFLOW_STARTED', 1.5, 0, NULL, NULL)")
        connection.commit()
    catch_up(submit_dir, AT_ONCE)
    assert rows(submit_dir.database, "SELECT count(*) FROM dbversion") == [(1,)]
    assert rows(submit_dir.database, "SELECT count(*) FROM workflowstate WHERE wf_id = 1") == [(1,)]
    with closing(sqlite3.connect(submit_dir.database)) as connection:
        connection.execute("DELETE FROM workflowstate WHERE wf_id = 1")
        connection.execute("DELETE FROM workflow WHERE wf_id = 1")
        connection.commit()
    found = dump(submit_dir.database)
    for table in ("job", "job_instance", "jobstate", "invocation", "workflowstate"):
        assert len(found[table]) == len(expected[table]) > 0
