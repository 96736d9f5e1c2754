"""pegasus-wms 5.1.3 reads what we wrote, and counts what we count."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_submit_dir
from dag_rewriter.rewriting.rewrite import undo
from tests.support.database import dump, query


def counted(text: str, label: str) -> int:
    """The number that pegasus-analyzer prints beside a label."""
    found = re.search(rf"{label}\s*:\s*(\d+)", text)
    assert found, f"{label!r} is not in\n{text}"
    return int(found[1])


def test_the_analyzer_counts_the_same_jobs(peer, finished):
    done = peer("pegasus-analyzer", str(finished.path))
    assert done.returncode == 0, done.stderr
    assert "Workflow Status    : success" in done.stdout
    ((jobs,),) = query(finished.database, "SELECT count(*) FROM job")
    assert counted(done.stdout, "Total jobs") == jobs
    assert counted(done.stdout, "# jobs succeeded") == jobs
    assert counted(done.stdout, "# jobs failed") == 0
    assert counted(done.stdout, "# jobs unsubmitted") == 0


def test_the_statistics_count_the_same_tasks_jobs_and_seconds(peer, finished, tmp_path):
    done = peer(
        "pegasus-statistics", "-s", "all", "-f", "csv", "-o", str(tmp_path / "out"), str(finished.path)
    )
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr
    rows = table(tmp_path / "out" / "summary.csv")
    ((tasks,),) = query(finished.database, "SELECT count(*) FROM task")
    ((jobs,),) = query(finished.database, "SELECT count(*) FROM job")
    # Succeeded, Failed, Incomplete, Total, Retries, Total+Retries
    assert rows["Tasks"] == [str(n) for n in (tasks, 0, 0, tasks, 0, tasks)]
    assert rows["Jobs"] == [str(n) for n in (jobs, 0, 0, jobs, 0, jobs)]
    ((wall,),) = query(finished.database, "SELECT max(timestamp) - min(timestamp) FROM workflowstate")
    assert float(table(tmp_path / "out" / "summary-time.csv")["workflow_wall_time"][0]) == wall


def table(path: Path) -> dict[str, list[str]]:
    """The rows of a CSV file, by their first column."""
    with path.open() as stream:
        return {row[0]: row[1:] for row in csv.reader(stream) if len(row) > 1}


def test_its_own_monitor_stores_the_same_rows(peer, finished, tmp_path):
    copy = open_submit_dir(Path(shutil.copytree(finished.path, tmp_path / "copy", symlinks=True)))
    undo(copy)  # pegasus-monitord crashes on a SERVICE node
    for path in copy.path.glob(f"{copy.database.name}*"):
        path.unlink()
    braindump = copy.path / "braindump.yml"
    braindump.write_text(braindump.read_text().replace(str(finished.path), str(copy.path)))
    dagman_out = copy.dagman_out
    dagman_out.write_text(without_monitor(dagman_out.read_text(), dump_monitor_id(finished.jobstate_log)))
    done = peer("pegasus-monitord", "-r", str(dagman_out))
    assert done.returncode == 0, done.stderr
    theirs, ours = dump(copy.database), dump(finished.database)
    for table in ("task", "task_edge", "job", "job_edge", "rc_lfn", "rc_meta", "rc_pfn", "integrity"):
        assert [row[-4:] for row in ours[table]] == [row[-4:] for row in theirs[table]], table
    states = [[(row[1], row[2], row[4]) for row in tables["jobstate"]] for tables in (ours, theirs)]
    assert sorted(states[0], key=repr) == sorted(states[1], key=repr)
    runs = [
        [(row[1], row[3], row[7], row[8], row[11]) for row in tables["invocation"]]
        for tables in (ours, theirs)
    ]
    assert sorted(runs[0], key=repr) == sorted(runs[1], key=repr)


def test_the_events_of_a_live_run_make_its_database(ran, load):
    ours, loaded = dump(ran.fan.database), load(ran.events)
    assert {row[15] for row in ours["job_instance"]} == {0}
    for table, rows in ours.items():
        assert loaded[table] == rows, table


@pytest.fixture
def view(ran, tmp_path) -> Path:
    """What Pegasus's tools look for of a DAG that Pegasus did not plan, as docs/monitoring.md says to make it."""
    folder = tmp_path / "view"
    folder.mkdir()
    said = ran.plain.with_name("x.bridle.braindump.yml").read_text()
    (folder / "braindump.yml").write_text(f'{said}dag: "x.dag"\nproperties: "x.bridle.properties"\n')
    for mark in ("monitord.started", "monitord.done"):
        (folder / mark).touch()
    return folder


def test_the_analyzer_reads_a_dag_that_pegasus_did_not_plan(peer, view):
    done = peer("pegasus-analyzer", "-r", str(view))
    assert done.returncode == 0, done.stderr
    assert "Workflow Status    : success" in done.stdout
    assert (counted(done.stdout, "Total jobs"), counted(done.stdout, "# jobs succeeded")) == (4, 4)


def test_the_statistics_read_it_too(peer, view, tmp_path):
    done = peer("pegasus-statistics", "-s", "all", "-f", "csv", "-o", str(tmp_path / "out"), str(view))
    assert done.returncode == 0, done.stderr
    rows = table(tmp_path / "out" / "summary.csv")
    # Succeeded, Failed, Incomplete, Total, Retries, Total+Retries; c and d failed once.
    assert rows["Jobs"] == [str(n) for n in (4, 0, 0, 4, 2, 6)]
    assert rows["Sub-Workflows"] == [str(n) for n in (1, 0, 0, 1, 0, 1)]


def dump_monitor_id(jobstate_log: Path) -> str:
    """The job id of the monitor, `cluster.proc`."""
    (submitted,) = [
        line for line in jobstate_log.read_text().splitlines() if " bridle_monitor SUBMIT " in line
    ]
    return submitted.split()[3]


def without_monitor(dagman_out: str, job: str) -> str:
    """DAGMan's log without the lines that name the monitor, as if the DAG had none."""
    cluster = job.partition(".")[0]
    strange = ("bridle_monitor", f"({job}.0)")
    return "".join(
        line
        for line in dagman_out.splitlines(keepends=True)
        if not any(word in line for word in strange) and f"({cluster}." not in line
    )
