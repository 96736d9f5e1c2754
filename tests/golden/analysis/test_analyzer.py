"""`bridle analyzer`: equal failures once, the true cause before what follows from it, in any database."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.cli.common import open_run
from monitord_job.messages.event_context import EventContext
from monitord_job.messages.report_queries import read_report
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.support.played import Played
from tests.support.recorded import Recorded, as_it_ran


def analyzer(*words: object) -> int:
    return run_command(["analyzer", *map(str, words)])


def found(capfd, *words: object) -> dict[str, Any]:
    """The document of one run."""
    capfd.readouterr()
    analyzer("--json", *words)
    told = json.loads(capfd.readouterr().out)
    assert told["version"] == 1
    (run,) = told["runs"]
    return run


@pytest.fixture(params=wherever("recorded", ["fan100-missinginput"]))
def fan(request, fresh_corpus) -> Recorded:
    recorded = as_it_ran(fresh_corpus(f"recorded/{request.param}"))
    catch_up(recorded.submit_dir, Limits())
    return recorded


def test_a_hundred_equal_failures_are_one_group(fan, capfd):
    assert analyzer(fan.submit_dir.path) == 2
    told = capfd.readouterr().out
    assert len(told.splitlines()) < 20
    assert "97 jobs failed: exit code" in told
    assert "and 92 more\n  not started because of it: 26: " in told
    assert f"next: mend them, then `bridle run {fan.submit_dir.path}`" in told


def test_the_database_of_pegasus_monitord_says_the_same(fan, capfd):
    ours = found(capfd, fan.submit_dir.path)
    shutil.copy(fan.peer_database, fan.submit_dir.database)
    theirs = found(capfd, fan.submit_dir.path)
    assert ours["failed"]["count"] == theirs["failed"]["count"] == 97
    assert len(ours["failed"]["groups"]) == len(theirs["failed"]["groups"]) == 1
    for key in ("names", "not_started", "program", "type"):
        assert ours["failed"]["groups"][0][key] == theirs["failed"]["groups"][0][key]
    assert (ours["jobs"], ours["ending"]) == (theirs["jobs"], theirs["ending"])


def test_postgresql_says_the_same(fan, capfd, postgresql):
    catch_up(fan.submit_dir, Limits(), url=postgresql)
    here, there = found(capfd, fan.submit_dir.path), found(capfd, "--url", postgresql, fan.submit_dir.path)
    assert here == there
    alone = found(capfd, "--url", postgresql, "-u", fan.submit_dir.wf_uuid)
    assert alone["failed"]["groups"][0]["cause"] == here["failed"]["groups"][0]["cause"]


def test_the_logs_alone_say_the_same(fan, capfd):
    here = found(capfd, fan.submit_dir.path)
    fan.submit_dir.database.write_bytes(b"damaged")
    assert analyzer(fan.submit_dir.path) == 1
    assert found(capfd, "--files", fan.submit_dir.path)["failed"] == here["failed"]


def test_what_failed_in_a_sub_workflow_is_the_cause_and_its_node_is_not(fresh_corpus, capfd):
    submit_dir = as_it_ran(fresh_corpus("recorded/subwf-dax-hooks")).submit_dir
    catch_up(submit_dir, Limits())
    with closing(sqlite3.connect(submit_dir.database)) as database, database:
        database.execute(
            "UPDATE job_instance SET exitcode = 256 WHERE job_id IN (SELECT job_id FROM job "
            "WHERE exec_job_id LIKE 'findrange%' OR exec_job_id = 'pegasus-plan_subwf1')"
        )
        database.execute(
            "UPDATE bridle_node SET state = 'POST_SCRIPT_FAILED' WHERE name LIKE 'findrange%' AND wf_id > 1"
        )
    run = found(capfd, submit_dir.path)
    (group,) = run["failed"]["groups"]
    assert group["names"] == ["findrange_ID0000002 in inner", "findrange_ID0000003 in inner"]
    assert (run["failed"]["count"], run["failed_through_sub_workflows"]) == (2, 1)
    assert found(capfd, "--no-recurse", submit_dir.path)["failed"]["groups"][0]["names"] == [
        "pegasus-plan_subwf1"
    ]


DAG = """\
JOB A a.sub
JOB B a.sub
JOB C a.sub
JOB D a.sub
JOB H a.sub
JOB R a.sub
RETRY R 2
PARENT A CHILD C
PARENT C CHILD D
"""


@pytest.fixture
def plain(tmp_path: Path) -> SubmitDir:
    """A and B fail with 3 and write the same; C and D wait for A; H is held, R has failed and runs again."""
    (tmp_path / "a.sub").write_text("executable = fit\nerror = $(JOB).err\nqueue\n")
    (tmp_path / "x.dag").write_text(DAG)
    for name in "AB":
        (tmp_path / f"{name}.err").write_text(f"{name}: the disk is full\n")
    played = Played(open_run(tmp_path / "x.dag"))
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("A", 3)
    played.attempt("B", 3)
    played.attempt("R", 1)
    played.say("R SUBMIT 201.0 - - 90")
    played.say("R EXECUTE 201.0 - - 90")
    played.say("H SUBMIT 202.0 - - 91")
    played.say("H JOB_HELD 202.0 - - 91")
    return played.write()


def test_a_run_that_goes_on_tells_failed_held_and_tried_again(plain, capfd):
    assert analyzer(plain.path / "x.dag") == 2
    told = capfd.readouterr().out.splitlines()
    assert told[0].startswith("incomplete: the run has not ended, last heard of at ")
    headlines = [line for line in told if " job" in line and not line.startswith((" ", "next"))]
    assert [line.partition(":")[0] for line in headlines[-3:]] == [
        "2 jobs failed",
        "1 job held",
        "1 job failed and tried again",
    ]
    assert "  not started because of it: 2: C, D" in told
    assert "    | A: the disk is full" in told
    assert [line for line in told if "release" in line] == [
        f"next: mend what holds them, then `bridle release --jobs {plain.path}/x.dag`"
    ]


def test_status_and_messages_say_the_same_cause(plain, capfd):
    run = found(capfd, plain.path / "x.dag")
    analyzed = {
        group["names"][0]: group["cause"]["phrase"]
        for kind in ("failed", "held")
        for group in run[kind]["groups"]
    }
    assert run_command(["status", "--json", str(plain.path / "x.dag")]) == 0
    status = json.loads(capfd.readouterr().out)
    told = {job["job"]: job["cause"]["phrase"] for kind in ("failed", "held") for job in status[kind]}
    assert {name: told[name] for name in analyzed} == analyzed
    report = read_report(
        EventContext("", "", "", "", str(plain.path), str(plain.path)), plain.path / "x.dag", 0
    )
    groups = [*report.run.failed.groups, *report.run.held.groups]
    assert {group.names[0]: group.cause for group in groups} == analyzed


def test_nodes_that_are_done_from_the_beginning_are_done(tmp_path, capfd):
    (tmp_path / "a.sub").write_text("executable = fit\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB A a.sub DONE\nJOB B a.sub\n")
    played = Played(open_run(tmp_path / "x.dag"))
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("B")
    played.say("INTERNAL *** DAGMAN_FINISHED 0 ***")
    played.write()
    assert analyzer(tmp_path / "x.dag") == 0
    assert "succeeded: 2 of 2 jobs done" in capfd.readouterr().out


def test_a_short_form_names_files_and_shows_nothing_of_them(plain, capfd):
    analyzer("-q", plain.path / "x.dag")
    told = capfd.readouterr().out
    assert "A.err" in told
    assert "the disk is full" not in told
    analyzer("-S", plain.path / "x.dag")
    told = capfd.readouterr().out
    assert "2 jobs failed: exit code 3" in told
    assert "A.err" not in told


def test_a_run_without_failures(tmp_path, capfd):
    (tmp_path / "a.sub").write_text("executable = fit\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB A a.sub\n")
    played = Played(open_run(tmp_path / "x.dag"))
    assert analyzer(tmp_path / "x.dag") == 0
    assert "not started" in capfd.readouterr().out
    played.all_nodes({})
    played.write()
    assert run_command(["why", str(tmp_path / "x.dag")]) == 0
    assert "succeeded: 1 of 1 jobs done" in capfd.readouterr().out


@pytest.mark.second_user
def test_nothing_is_written_into_a_directory_of_another_user(fan, capfd):
    analyzer(fan.submit_dir.path)
    told = capfd.readouterr().out
    for path in (fan.submit_dir.path, *fan.submit_dir.path.rglob("*")):
        os.chown(path, 65534, -1, follow_symlinks=False)
    names = sorted(path.name for path in fan.submit_dir.path.rglob("*"))
    assert analyzer(fan.submit_dir.path) == 2
    assert told.partition("next:")[0] in capfd.readouterr().out
    assert run_command(["jobs", str(fan.submit_dir.path), "split_split"]) == 0
    assert sorted(path.name for path in fan.submit_dir.path.rglob("*")) == names


@pytest.mark.parametrize("words", [["/nowhere"], ["--no-such-option"], ["-u", "x"], ["-p", "posts"]])
def test_what_cannot_be_done_is_1_as_with_the_peer(words, capfd):
    assert analyzer(*words) == 1
    assert capfd.readouterr().err
