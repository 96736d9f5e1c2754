"""`bridle report` of recorded runs, in both databases."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.support.database import query
from tests.support.recorded import as_it_ran
from tests.support.reported import make

RUNS = ["failing-condorio", "subwf-dax-hooks", "fan100-missinginput"]


def report(*words: object) -> int:
    return run_command(["report", *map(str, words)])


def recorded(folder: Path, url: str | None = None) -> SubmitDir:
    submit_dir = as_it_ran(folder).submit_dir
    catch_up(submit_dir, Limits(), url=url)
    return submit_dir


def data_of(file: Path) -> dict:
    (found,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', file.read_text(), re.DOTALL
    )
    return json.loads(found)


@pytest.fixture
def failing(fresh_corpus) -> SubmitDir:
    return recorded(fresh_corpus("recorded/failing-condorio"))


@pytest.mark.parametrize("run", wherever("recorded", RUNS))
def test_every_attempt_is_there_with_its_times(run, fresh_corpus, tmp_path):
    submit_dir = recorded(fresh_corpus(f"recorded/{run}"))
    assert report(submit_dir.path, "-o", tmp_path / "r.html") == 0
    found = data_of(tmp_path / "r.html")
    columns, segments = found["attempts"], found["segments"]
    names = sorted(
        found["texts"]["job"][one]
        for one, number in zip(columns["job"], columns["number"], strict=True)
        if number
    )
    stored = query(submit_dir.database, "SELECT exec_job_id FROM job JOIN job_instance USING (job_id)")
    assert names == sorted(str(row[0]) for row in stored)
    assert sum(columns["segments"]) == len(segments["begin"])
    running = found["phases"].index("running")
    ran = sum(
        took for phase, took in zip(segments["phase"], segments["seconds"], strict=True) if phase == running
    )
    last = "(SELECT max(timestamp) FROM jobstate t WHERE t.job_instance_id = e.job_instance_id AND t.state = '{}')"
    one_run = last.format("JOB_TERMINATED")
    ((expected,),) = query(
        submit_dir.database,
        f"SELECT sum({one_run} - e.timestamp) FROM jobstate e WHERE e.state = 'EXECUTE' AND {one_run} NOT NULL",
    )
    assert ran == float(expected)


@pytest.mark.own
def test_a_dag_without_pegasus(fresh_corpus, tmp_path):
    dag = min(fresh_corpus("recorded/plain").rglob("*.dag"))
    assert report(dag, "-o", tmp_path / "r.html") == 0
    found = data_of(tmp_path / "r.html")
    assert len(found["attempts"]["job"]) == len(found["texts"]["job"]) > 0
    assert all(found["attempts"]["segments"])


def test_the_state_and_the_cause_are_those_of_status(failing, tmp_path, capfd):
    assert report(failing.path, "-o", tmp_path / "r.html") == 0
    capfd.readouterr()
    assert run_command(["status", "--json", str(failing.path)]) == 0
    status = json.loads(capfd.readouterr().out)
    assert report(failing.path, "--text") == 0
    shown = capfd.readouterr().out
    html = (tmp_path / "r.html").read_text()
    assert status["ending"] in shown.splitlines()
    assert f">{status['ending']}</span>" in html
    for failure in status["failed"]:
        assert failure["cause"]["phrase"] in data_of(tmp_path / "r.html")["texts"]["cause"]


def test_equal_failures_are_one_group(fresh_corpus, capfd):
    submit_dir = recorded(fresh_corpus("recorded/fan100-missinginput"))
    assert report(submit_dir.path, "--text") == 0
    lines = capfd.readouterr().out.splitlines()
    groups = [line for line in lines if re.match(r"\d+ failed: ", line)]
    assert len(groups) <= 2
    assert max(int(line.split()[0]) for line in groups) > 90


def test_the_jobs_of_a_sub_workflow_are_there_and_on_the_path(fresh_corpus, tmp_path):
    submit_dir = recorded(fresh_corpus("recorded/subwf-dax-hooks"))
    assert report(submit_dir.path, "-o", tmp_path / "r.html") == 0
    found = data_of(tmp_path / "r.html")
    columns = found["attempts"]
    assert len(found["texts"]["workflow"]) > 1
    places = zip(columns["workflow"], columns["critical"], strict=True)
    assert {place for place, critical in places if critical} >= {0, 1}


def test_postgresql_says_what_sqlite_says(fresh_corpus, postgresql, tmp_path):
    submit_dir = recorded(fresh_corpus("recorded/failing-condorio"))
    catch_up(submit_dir, Limits(), url=postgresql)
    assert report(submit_dir.path, "-o", tmp_path / "sqlite.html") == 0
    assert report(submit_dir.path, "-o", tmp_path / "postgresql.html", "--url", postgresql) == 0
    assert data_of(tmp_path / "sqlite.html") == data_of(tmp_path / "postgresql.html")


def test_ten_thousand_jobs_make_less_than_five_megabytes(tmp_path):
    run = make(tmp_path / "run", 10_000)
    assert report("-i", run, "-o", tmp_path / "r.html") == 0
    assert 500_000 < (tmp_path / "r.html").stat().st_size < 5_000_000


def test_of_a_huge_run_what_failed_is_kept(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("monitord_job.report.collect.MOST", 100)
    run = make(tmp_path / "run", 1000)
    assert report("-i", run, "-o", tmp_path / "r.html") == 0
    found = data_of(tmp_path / "r.html")
    failed = [one["value"] for one in found["states"]].index("failed")
    counted = "SELECT count(*) FROM job_instance WHERE exitcode <> 0"
    stored = int(str(query(run / "mosaic-0.stampede.db", counted)[0][0]))
    assert found["attempts"]["state"].count(failed) == stored
    assert len(found["attempts"]["state"]) < 100 + stored + 10
    assert found["over"]["done"][-1] + found["over"]["failed"][-1] > 1000
    assert "are neither in this table" in (tmp_path / "r.html").read_text()


def test_a_run_that_is_not_there(tmp_path, capfd):
    assert report(tmp_path, "-o", tmp_path / "r.html") == 2
    assert not (tmp_path / "r.html").exists()


def test_a_file_that_cannot_be_written(failing, tmp_path, capfd):
    assert report(failing.path, "-o", tmp_path / "no" / "r.html") == 2
    assert "r.html" in capfd.readouterr().err


def test_the_database_of_another_monitor_is_read_as_it_stands(fresh_corpus, tmp_path, capfd):
    ran = as_it_ran(fresh_corpus("recorded/failing-condorio"))
    shutil.copyfile(ran.peer_database, ran.submit_dir.database)
    before = ran.submit_dir.database.read_bytes()
    assert report(ran.submit_dir.path, "-o", tmp_path / "r.html") == 0
    assert ran.submit_dir.database.read_bytes() == before
    found = data_of(tmp_path / "r.html")
    stored = query(ran.submit_dir.database, "SELECT count(*) FROM job_instance")
    assert len(found["attempts"]["job"]) >= int(str(stored[0][0])) > 0
    assert report(ran.submit_dir.path, "--text") == 0
    assert capfd.readouterr().out.count("\n") > 20
