"""`bridle jobs`: the table of attempts of recorded runs, and one job in full."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.cli.common import open_run
from monitord_job.jobs.follow import follow
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.support.json_documents import check
from tests.support.played import Played
from tests.support.recorded import as_it_ran


def jobs(*words: object) -> int:
    return run_command(["jobs", *map(str, words)])


def rows(capfd, *words: object) -> list[dict[str, Any]]:
    capfd.readouterr()
    assert jobs("--json", *words) == 0
    text = capfd.readouterr().out
    check("jobs", text)
    told = json.loads(text)
    assert told["version"] == 1
    return told["jobs"]


@pytest.fixture(params=wherever("recorded", ["failing-condorio"]))
def failing(request, fresh_corpus) -> SubmitDir:
    submit_dir = as_it_ran(fresh_corpus(f"recorded/{request.param}")).submit_dir
    catch_up(submit_dir, Limits())
    return submit_dir


def test_the_table_has_each_attempt_in_each_form(failing, capfd):
    found = rows(capfd, failing.path)
    with closing(sqlite3.connect(failing.database)) as database:
        ((attempts, jobs_in_all),) = database.execute(
            "SELECT (SELECT count(*) FROM job_instance), (SELECT count(*) FROM job)"
        )
    assert len(found) == attempts
    assert sum(row["newest"] for row in found) == jobs_in_all
    assert jobs("--csv", failing.path) == 0
    as_csv = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [row["job"] for row in as_csv] == [row["job"] for row in found]
    assert jobs(failing.path) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["job", "try", "state"]
    assert [line.split()[0] for line in lines[1:]] == [row["job"] for row in found]


def test_filters_and_the_job_s_own_exit_code(failing, capfd):
    failed = rows(capfd, "--state", "failed", failing.path)
    assert {(row["job"], row["exitcode"]) for row in failed} == {("flag_needflag", 7)}
    assert rows(capfd, "--exit-code", "7", failing.path) == failed
    assert rows(capfd, "--exit-code", "1", failing.path) == []
    assert {row["job"] for row in rows(capfd, "--transformation", "fl?g", failing.path)} == {"flag_needflag"}
    assert all(row["newest"] for row in rows(capfd, "--newest", failing.path))
    slow = rows(capfd, "--longer-than", "2s", "--sort", "runtime", "--reverse", failing.path)
    times = [row["run_seconds"] for row in slow]
    assert times == sorted(times, reverse=True)
    assert times
    assert min(times) > 2


def test_postgresql_says_the_same(failing, capfd, postgresql):
    catch_up(failing, Limits(), url=postgresql)
    for words in ((), ("--sort", "host"), ("--sort", "queue", "--reverse")):
        here = rows(capfd, *words, failing.path)
        assert rows(capfd, *words, "--url", postgresql, failing.path) == here


def test_one_job_in_full(failing, capfd):
    assert jobs(failing.path, "flag_needflag") == 0
    told = capfd.readouterr().out
    for part in (
        "needflag.sh",
        "attempt 1: failed: exit code 7",
        "JOB_TERMINATED",
        "POST script  exit code 1",
    ):
        assert part in told
    capfd.readouterr()
    assert jobs("--json", failing.path, "flag_needflag") == 0
    found = json.loads(capfd.readouterr().out)
    assert [one["status"] for one in found["attempts"]][-1] == "succeeded"
    assert {"queue", "run", "POST", "kickstart"} <= set(found["attempts"][0]["phases"])


@pytest.mark.own
def test_what_a_job_used_of_what_it_asked_for(fresh_corpus, capfd):
    submit_dir = as_it_ran(fresh_corpus("recorded/held")).submit_dir
    assert jobs("--json", submit_dir.path, "preprocess_ID0000001") == 0
    resources = {one["name"]: one for one in json.loads(capfd.readouterr().out)["attempts"][-1]["resources"]}
    assert resources["Memory (MB)"] == {
        "name": "Memory (MB)",
        "used": "17",
        "requested": "64",
        "allocated": "128",
    }
    assert jobs(submit_dir.path, "preprocess_ID0000001") == 0
    assert "Memory (MB)  used 17, asked for 64, given 128\n" in capfd.readouterr().out


def test_a_job_of_a_sub_workflow_has_a_path(fresh_corpus, capfd):
    submit_dir = as_it_ran(fresh_corpus("recorded/subwf-dax-hooks")).submit_dir
    catch_up(submit_dir, Limits())
    assert jobs(submit_dir.path, "pegasus-plan_subwf1/findrange_ID0000002") == 0
    assert "of inner" in capfd.readouterr().out
    assert jobs(submit_dir.path, "findrange_ID000002") == 2
    assert "did you mean findrange_ID0000002" in capfd.readouterr().err
    inner = rows(capfd, "--sub-workflow", "inner", submit_dir.path)
    assert {row["workflow"] for row in inner} == {"inner"}


def test_a_table_of_a_run_that_goes_on(tmp_path, capfd):
    (tmp_path / "a.sub").write_text("executable = fit\noutput = $(JOB).$(Cluster).out\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB A a.sub\nJOB B a.sub\nCATEGORY B heavy\nMAXJOBS heavy 1\n")
    played = Played(open_run(tmp_path / "x.dag"))
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.say("A SUBMIT 7.0 - - 1")
    played.say("A EXECUTE 7.0 - - 1")
    played.write()
    found = {row["job"]: row for row in rows(capfd, tmp_path / "x.dag")}
    assert (found["A"]["state"], found["B"]["state"]) == ("running", "not started")
    assert found["A"]["run_seconds"] > 0
    assert [row["job"] for row in rows(capfd, "--category", "heavy", tmp_path / "x.dag")] == ["B"]
    assert jobs("--follow", tmp_path / "x.dag", "B") == 2
    assert "where it writes to is not known" in capfd.readouterr().err


def test_what_a_job_writes_is_followed_to_its_end(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("monitord_job.jobs.follow._PAUSE", 0.01)
    out, ended = tmp_path / "out", threading.Event()
    out.write_bytes(b"one\n")
    seen = b""
    for name, data in follow({"stdout": out, "stderr": tmp_path / "err"}, lambda: not ended.is_set()):
        assert name == "stdout"
        seen += data
        if seen == b"one\n":
            with out.open("ab") as stream:
                stream.write(b"two\n")
        elif seen.endswith(b"two\n"):
            ended.set()
    assert seen == b"one\ntwo\n"


def test_a_job_that_was_removed_has_no_exit_code(tmp_path, capfd):
    """Nothing of it ended by itself: DAGMan's -1002 is no code of the job's."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB fit a.sub\nJOBSTATE_LOG x.bridle.jobstate.log\n")
    played = Played(open_run(tmp_path / "x.dag"))
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    for state in ("SUBMIT 7.0", "EXECUTE 7.0", "JOB_ABORTED 7.0", "JOB_FAILURE -1002"):
        played.say(f"fit {state} - - 1")
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    dag = played.write().dag_file
    (row,) = rows(capfd, dag)
    assert (row["state"], row["exitcode"]) == ("failed", None)
    assert jobs("--json", dag, "fit") == 0
    assert '"code": -128' not in capfd.readouterr().out
