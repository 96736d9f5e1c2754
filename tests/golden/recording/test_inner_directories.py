"""Every command takes the directory of a sub-workflow: it is in the database of its run, and has none of its own."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_submit_dir
from monitord_job.cli.bridle_notify import notify
from monitord_job.cli.common import open_run
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from planner_ext.cli import run_command
from tests.support.database import query
from tests.support.recorded import dagman_lines, prepare
from tests.support.rules import write_rules

pytestmark = pytest.mark.usefixtures("no_schedd")
SUBMITTED = "000 ({job:03}.000.000) 2026-11-30 00:49:36 Job submitted from host: <127.0.0.1:1?alias=here>\n{note}...\n"
LEFT = "005 ({job:03}.000.000) 2026-11-30 00:49:46 Job terminated.\n\t(1) Normal termination (return value 1)\n...\n"
OF_25 = '    [ DAGNodeName = "below"; JobBatchName = "x.dag+1" ]\n'
OF_23 = "    DAG Node: below\n"


@pytest.fixture
def planned(fresh_corpus) -> tuple[Path, Path]:
    """A run of Pegasus, and the directory that its planner made for a sub-workflow."""
    root = prepare(fresh_corpus("recorded/subwf-dax-hooks")).submit_dir.path
    (inner,) = root.rglob("inner_subwf1.000")
    open_submit_dir(inner).jobstate_log.write_bytes(dagman_lines(inner / "jobstate.log"))
    return root, inner


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Path, Path]:
    """A DAG of nobody's planner, and one that a node of it runs, with what DAGMan 25 left of both."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nlog = a.log\nqueue\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "x.dag").write_text(
        "SUBDAG EXTERNAL below s.dag DIR in\nJOBSTATE_LOG x.bridle.jobstate.log\n"
    )
    (tmp_path / "in/s.dag").write_text("JOB fit ../a.sub\nJOBSTATE_LOG s.bridle.jobstate.log\n")
    (tmp_path / "x.bridle.jobstate.log").write_text(
        "1795410600 INTERNAL *** DAGMAN_STARTED 1.0 ***\n"
        "1795410601 below SUBMIT 2.0 - - 1\n1795410602 below EXECUTE 2.0 - - 1\n"
        "1795410640 below JOB_TERMINATED 2.0 - - 1\n1795410640 below JOB_FAILURE 1 - - 1\n"
        "1795410641 INTERNAL *** DAGMAN_FINISHED 1 ***\n"
    )
    (tmp_path / "in/s.bridle.jobstate.log").write_text(
        "1795410610 INTERNAL *** DAGMAN_STARTED 2.0 ***\n"
        "1795410611 fit SUBMIT 3.0 - - 1\n1795410612 fit EXECUTE 3.0 - - 1\n"
        "1795410620 fit JOB_TERMINATED 3.0 - - 1\n1795410620 fit JOB_FAILURE 1 - - 1\n"
        "1795410630 INTERNAL *** DAGMAN_FINISHED 1 ***\n"
    )
    (tmp_path / "in/s.dag.dagman.log").write_text(SUBMITTED.format(job=2, note=OF_25) + LEFT.format(job=2))
    (tmp_path / "x.dag.dagman.log").write_text(SUBMITTED.format(job=1, note="") + LEFT.format(job=1))
    return tmp_path / "x.dag", tmp_path / "in/s.dag"


def databases(folder: Path) -> set[str]:
    ours = ("*.stampede.db*", "*.bridle.braindump.yml", "*.bridle.lock", "*.bridle-resend")
    return {str(path.relative_to(folder)) for form in ours for path in folder.rglob(form)}


READERS = [
    ["status"],
    ["status", "--json"],
    ["watch"],
    ["statistics", "-s", "all"],
    ["analyzer"],
    ["why", "--json"],
    ["analyzer", "--files"],
    ["jobs"],
    ["jobs", "--json"],
    ["notifications"],
    ["notifications", "--json"],
    ["notifications", "--resend", "failed"],
    ["report", "--text"],
    ["recover"],
    ["recover", "--json"],
    ["rescue", "list"],
    ["rescue", "show"],
    ["list"],
    ["monitord", "--catch-up"],
    ["monitord", "--rebuild"],
    ["metrics"],
]
SILENT = ("list", "metrics", "rescue")
"""Those of files alone, and of all runs."""


def faults(root: Path, inner: Path, capfd, caplog) -> dict[str, object]:
    """By command: the files that it has left there; or that it does not say which run the sub-workflow belongs to."""
    above = root.parent if root.is_file() else root
    found: dict[str, object] = {}
    for words in READERS:
        run_command([*words, str(inner)])
        if words[0] not in SILENT and str(root) not in capfd.readouterr().err + caplog.text:
            found[" ".join(words)] = "silent"
        caplog.clear()
        there = {name for name in databases(above) if "/" in name}
        if there:
            found[" ".join(words)] = there
        for name in there:
            (above / name).unlink()
    return found


def test_no_command_makes_a_database_for_a_planned_sub_workflow(planned, capfd, caplog):
    assert faults(planned[0], planned[1], capfd, caplog) == {}


def test_no_command_makes_a_database_for_a_dag_that_a_node_runs(plain, capfd, caplog):
    assert faults(plain[0], plain[1], capfd, caplog) == {}


def told(capfd, *words: str) -> dict:
    capfd.readouterr()
    run_command([*words, "--json"])
    return json.loads(capfd.readouterr().out)


def test_it_is_told_of_alone(plain, capfd):
    root, inner = plain
    whole, part = told(capfd, "status", str(root)), told(capfd, "status", str(inner))
    assert [job["job"] for job in whole["failed"]] == ["below"]
    assert (part["state"], [job["job"] for job in part["failed"]]) == ("failed", ["fit"])
    assert part["wf_uuid"] != whole["wf_uuid"]
    assert (whole["run_above"], part["run_above"]) == (None, str(root))
    below = "SELECT w.wf_uuid FROM workflow w WHERE w.parent_wf_id IS NOT NULL"
    assert query(root.with_name("x.stampede.db"), below) == [(part["wf_uuid"],)]
    assert part["diagnosis"]["advice"].endswith(f"`bridle run {root}`"), "that runs it again"
    jobs = told(capfd, "jobs", str(inner))
    assert {row["job"] for row in jobs["jobs"]} == {"fit"}
    (run,) = told(capfd, "analyzer", str(inner))["runs"]
    assert run["wf_uuid"] == part["wf_uuid"]


def test_a_report_on_it_is_of_it(planned, capfd):
    root, inner = planned
    run_command(["monitord", "--catch-up", str(root)])
    capfd.readouterr()
    run_command(["--run", str(inner), "--dry-run"], notify, "bridle-notify")
    assert "100% done (8 of 8 jobs)" in capfd.readouterr().out
    assert {name for name in databases(root) if "/" in name} == set()


def test_its_notifications_are_those_of_it_alone(plain, capfd):
    root, inner = plain
    for dag in plain:
        write_rules(dag.with_suffix(".bridle-notify"), "JOB * error /bin/true\n")
    run_command(["monitord", "--catch-up", "--notify", str(root)])
    whole, part = (told(capfd, "notifications", str(dag))["notifications"] for dag in plain)
    assert sorted(one["environment"]["PEGASUS_JOBID"] for one in whole) == ["below", "fit"]
    assert [one["environment"]["PEGASUS_JOBID"] for one in part] == ["fit"]
    assert run_command(["notifications", "--resend", part[0]["key"], str(inner)]) == 0
    assert "were run again" in capfd.readouterr().out
    (below,) = {one["key"] for one in whole} - {one["key"] for one in part}
    assert run_command(["notifications", "--resend", below, str(inner)]) == 2, "that is not one of its own"


@pytest.mark.parametrize("note", [OF_25, OF_23])
def test_whoever_submitted_its_dagman_last_says_what_it_belongs_to(plain, note):
    root, inner = plain
    log = inner.with_name("s.dag.dagman.log")
    log.write_text(SUBMITTED.format(job=2, note=note))
    opened = open_run(inner)
    assert opened.top is not None
    assert opened.top.dag_file == root
    log.write_text(SUBMITTED.format(job=2, note=note) + SUBMITTED.format(job=7, note=""))
    alone = open_run(inner)
    assert alone.top is None, "a person has run it by itself since"
    assert alone.wf_uuid != opened.wf_uuid


def test_a_planned_one_that_was_run_by_itself_is_a_run_of_its_own(planned):
    root, inner = planned
    found = open_submit_dir(inner)
    assert open_run(inner).top is not None
    found.dagman_log.write_text(SUBMITTED.format(job=77, note=""))
    log = found.jobstate_log.read_text()
    assert open_run(inner).top is not None, "DAGMan 77 has not begun, or another one has since"
    found.jobstate_log.write_text(log + "1795410700 INTERNAL *** DAGMAN_STARTED 77.0 ***\n")
    assert open_run(inner).top is None
    catch_up(open_run(inner), Limits())
    assert databases(root) == {f"{inner.relative_to(root)}/{name}" for name in databases(inner)} != set()


def test_a_dag_with_a_monitor_of_its_own_is_a_run_of_its_own(plain):
    _, inner = plain
    monitor = inner.with_name("s.bridle.sub")
    monitor.write_text("queue\n")
    assert open_run(inner).top is not None, "its DAG names none"
    inner.write_text(f"{inner.read_text()}SERVICE bridle_monitor {monitor.name}\n")
    assert open_run(inner).top is None


def moved(root: Path, inner: Path, there: Path) -> None:
    above = root.parent if root.is_file() else root
    shutil.move(above, there / "moved")
    opened = open_run(there / "moved" / inner.relative_to(above))
    assert opened.top is not None
    assert opened.top.path == there / "moved"


def test_where_a_planned_run_was_moved_it_is_found(planned, tmp_path_factory):
    moved(planned[0], planned[1], tmp_path_factory.mktemp("there"))


def test_where_the_dags_were_moved_it_is_found(plain, tmp_path_factory):
    moved(plain[0], plain[1], tmp_path_factory.mktemp("there"))


def test_a_copy_of_the_sub_workflow_alone_is_a_run_of_its_own(planned, tmp_path):
    _, inner = planned
    shutil.copytree(inner, tmp_path / "copy")
    assert open_run(tmp_path / "copy").top is None


def test_a_dag_that_lies_elsewhere_is_found_by_the_runs_that_are_known(fresh_corpus):
    root = prepare(fresh_corpus("recorded/subwf-dag-monitordcrash")).submit_dir
    catch_up(root, Limits())
    (hand,) = root.path.parents[4].rglob("hand.dag")
    assert not hand.is_relative_to(root.path)
    run_command(["rewrite", str(root.path)])  # as the planner hook does: it is remembered
    opened = open_run(hand)
    assert opened.top is not None
    assert opened.top.path == root.path
    stored = "SELECT count(*) FROM workflow WHERE wf_uuid = ?"
    assert query(root.database, stored.replace("?", f"'{opened.wf_uuid}'")) == [(1,)]


def test_one_that_has_not_begun_is_shown_as_planned(plain, capfd):
    root, inner = plain
    root.with_name("x.bridle.jobstate.log").write_text("1795410600 INTERNAL *** DAGMAN_STARTED 1.0 ***\n")
    inner.with_name("s.bridle.jobstate.log").unlink()
    inner.with_name("s.dag.dagman.log").unlink()
    shown = told(capfd, "status", str(inner))
    assert (shown["state"], shown["jobs"]["unready"]) == ("not started", 1)
    assert shown["diagnosis"]["what"] == "its node has not begun"
    assert {name for name in databases(root.parent) if "/" in name} == set()


def test_a_database_that_was_made_there_before_is_not_asked(plain, capfd):
    _, inner = plain
    inner.with_name("s.stampede.db").write_bytes(b"of an earlier bridle")
    assert [job["job"] for job in told(capfd, "status", str(inner))["failed"]] == ["fit"]


@pytest.mark.second_user
def test_of_another_users_run_nothing_is_written(plain, capfd):
    root, inner = plain
    run_command(["status", str(root)])
    for path in (root.parent, *root.parent.rglob("*")):
        os.chown(path, 65534, -1, follow_symlinks=False)
    before = {path: path.lstat().st_mtime_ns for path in (root.parent, *root.parent.rglob("*"))}
    shown = told(capfd, "status", str(inner))
    assert [job["job"] for job in shown["failed"]] == ["fit"]
    assert {path: path.lstat().st_mtime_ns for path in (root.parent, *root.parent.rglob("*"))} == before


@pytest.mark.second_user
def test_a_directory_of_somebody_elses_above_is_none_of_its_runs(plain):
    root, inner = plain
    os.chown(root.parent, 65534, -1)
    assert open_run(inner).top is None
