"""`bridle statistics` of recorded runs: in both databases, of several runs, while they go on, in every form."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
from itertools import zip_longest
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.support.database import query
from tests.support.json_documents import check
from tests.support.recorded import as_it_ran

RUNS = ["failing-condorio", "subwf-dax-hooks"]
TEXT = {"summary.txt", "workflow.txt", "jobs.txt", "breakdown.txt", "time.txt", "integrity.txt"}


def statistics(*words: object) -> int:
    return run_command(["statistics", *map(str, words)])


def recorded(folder: Path, url: str | None = None) -> SubmitDir:
    submit_dir = as_it_ran(folder).submit_dir
    catch_up(submit_dir, Limits(), url=url)
    return submit_dir


@pytest.fixture
def failing(fresh_corpus) -> SubmitDir:
    return recorded(fresh_corpus("recorded/failing-condorio"))


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("run", wherever("recorded", RUNS))
@pytest.mark.parametrize("form", ["text", "csv"])
def test_postgresql_says_what_sqlite_says(run, form, fresh_corpus, postgresql, tmp_path):
    submit_dir = recorded(fresh_corpus(f"recorded/{run}"))
    catch_up(submit_dir, Limits(), url=postgresql)
    words = ["-s", "all,use_stats,path_stats", "-f", form, submit_dir.path]
    assert statistics("-o", tmp_path / "sqlite", *words) == 0
    assert statistics("-o", tmp_path / "postgresql", "--url", postgresql, *words) == 0
    ours, theirs = (contents(tmp_path / name) for name in ("postgresql", "sqlite"))
    assert set(ours) == set(theirs)
    for name, text in ours.items():
        pairs = zip_longest(words_of(text), words_of(theirs[name]), fillvalue="")
        assert [pair for pair in pairs if not same(*pair)] == [], name


def words_of(text: str) -> list[str]:
    return text.replace(",", " ").split()


def same(one: str, other: str) -> bool:
    """A mean of decimals is rounded as binary fractions fall: the last digit may differ."""
    numbers = one.replace(".", "", 1).isdecimal() and other.replace(".", "", 1).isdecimal()
    return one == other or (numbers and abs(float(one) - float(other)) < 0.0011)


def test_the_files_go_into_the_directory_and_nothing_there_is_removed(failing):
    kept = failing.path / "statistics" / "mine.txt"
    shutil.rmtree(kept.parent, ignore_errors=True)  # the corpus has that of pegasus-statistics
    kept.parent.mkdir()
    kept.write_text("notes")
    assert statistics("-s", "all", failing.path) == 0
    assert {path.name for path in kept.parent.iterdir()} == TEXT | {"mine.txt"}


def test_the_screen_is_one_and_has_no_explanations(failing, capfd):
    assert statistics(failing.path) == 0
    said = capfd.readouterr().out.splitlines()
    assert len(said) <= 40
    assert not any(line.startswith("#") for line in said)
    assert any(line.split()[:2] == ["Jobs", "14"] for line in said)


def test_json_has_the_numbers_of_the_tables(failing, tmp_path, capfd):
    assert statistics("-s", "all", "-f", "csv", "-o", tmp_path, failing.path) == 0
    capfd.readouterr()
    before = sorted(failing.path.rglob("*"))
    assert statistics("-s", "all", "--json", failing.path) == 0
    text = capfd.readouterr().out
    check("statistics", text)
    found = json.loads(text)
    assert (found["version"], found["incomplete"]) == (1, [])
    summary = rows(tmp_path / "summary.csv")
    assert list(found["summary"]["jobs"].values()) == [int(cell) for cell in summary["Jobs"]]
    times = rows(tmp_path / "summary-time.csv")
    assert found["summary"]["wall_time_seconds"] == float(times["workflow_wall_time"][0])
    with (tmp_path / "jobs.csv").open() as stream:
        jobs = [row for row in csv.reader(stream) if len(row) == 17][1:]
    assert [(one["job"], str(one["try"]), str(one["exitcode"])) for one in found["jobs"]] == [
        (row[2], row[3], row[15]) for row in jobs
    ]
    assert sorted(failing.path.rglob("*")) == before


def rows(path: Path) -> dict[str, list[str]]:
    with path.open() as stream:
        return {row[0]: row[1:] for row in csv.reader(stream) if len(row) > 1}


def test_a_run_that_goes_on_says_so_first(failing, capfd):
    with sqlite3.connect(failing.database) as database:
        database.execute(
            "DELETE FROM workflowstate WHERE state = 'WORKFLOW_TERMINATED' AND restart_count = 1"
        )
    database.close()
    assert statistics("-i", failing.path) == 0
    said = capfd.readouterr().out
    assert said.startswith("incomplete: the run has not ended, last heard of at 20")
    assert "Workflow wall time                                       : 1 min, " in said


def test_an_attempt_that_was_evicted_counts_once(failing, capfd):
    before = total_of_jobs(failing, capfd)
    with sqlite3.connect(failing.database) as database:
        database.execute(
            "INSERT INTO jobstate SELECT job_instance_id, state, timestamp + 1, jobstate_submit_seq + 1000, NULL "
            "FROM jobstate WHERE state = 'EXECUTE'"
        )
    database.close()
    assert total_of_jobs(failing, capfd) == before


def total_of_jobs(submit_dir: SubmitDir, capfd) -> tuple[int, float]:
    assert statistics("-i", "-s", "ti_stats", "--json", submit_dir.path) == 0
    found = json.loads(capfd.readouterr().out)["time"]["jobs"]
    return sum(one["count"] for one in found), sum(one["seconds"] for one in found)


def test_several_runs_of_several_databases_are_counted_together(fresh_corpus, tmp_path, capfd):
    one, other = (recorded(fresh_corpus(f"recorded/{run}")) for run in RUNS)
    assert statistics("-m", "-s", "all", "-o", tmp_path, one.path, other.path) == 0
    assert {path.name for path in tmp_path.iterdir()} == TEXT
    capfd.readouterr()
    singly = []
    for words in ([one.path], [other.path], ["-m", one.path, other.path]):
        assert statistics("--json", *words) == 0
        singly.append(json.loads(capfd.readouterr().out)["summary"])
    for what in ("tasks", "jobs", "subworkflows"):
        for key, count in singly[2][what].items():
            assert count == singly[0][what][key] + singly[1][what][key]
    assert singly[2]["wall_time_seconds"] is None


def test_a_sub_workflow_is_a_run_too(fresh_corpus, capfd):
    submit_dir = recorded(fresh_corpus("recorded/subwf-dax-hooks"))
    ((below,),) = query(submit_dir.database, "SELECT wf_uuid FROM workflow WHERE wf_id <> root_wf_id")
    url = f"sqlite:///{submit_dir.database}"
    assert statistics("-s", "all", "--json", "-u", "--url", url, below) == 0
    found = json.loads(capfd.readouterr().out)
    assert [one["wf_uuid"] for one in found["workflows"]] == [below]
    assert found["summary"]["jobs_by_dagman"]["seconds"] > 0
    assert found["time"]["jobs"]
    assert statistics("-m", "--json", "--url", url) == 0
    assert json.loads(capfd.readouterr().out)["workflows"][0]["root"] is True


def test_the_database_of_another_monitor_is_read_as_it_stands(fresh_corpus, capfd):
    recorded_run = as_it_ran(fresh_corpus("recorded/failing-condorio"))
    shutil.copyfile(recorded_run.peer_database, recorded_run.submit_dir.database)
    before = recorded_run.submit_dir.database.read_bytes()
    assert statistics("-s", "all", recorded_run.submit_dir.path) == 0
    assert "Jobs           14        0       0           14        2         16" in capfd.readouterr().out
    assert recorded_run.submit_dir.database.read_bytes() == before


@pytest.mark.own
def test_a_dag_that_nobody_planned_has_a_folder_of_its_own(fresh_corpus, capfd):
    dag = min(fresh_corpus("recorded/plain").rglob("*.dag"))
    assert statistics("-s", "all", dag) == 0
    assert {path.name for path in dag.with_suffix(".statistics").iterdir()} == TEXT


@pytest.mark.second_user
def test_nothing_is_written_into_a_directory_of_another_user(failing, tmp_path, capfd):
    for path in (failing.path, *failing.path.rglob("*")):
        os.chown(path, 65534, -1, follow_symlinks=False)
    names = sorted(path.name for path in failing.path.rglob("*"))
    assert statistics("-s", "all", failing.path) == 0
    assert sorted(path.name for path in failing.path.rglob("*")) == names
    assert statistics("-s", "all", "-o", tmp_path / "mine", failing.path) == 0
    assert {path.name for path in (tmp_path / "mine").iterdir()} == TEXT


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-s", "summary,nonsense"], "nonsense is none of all"),
        (["one", "two"], "-m"),
        (["-m"], "--url"),
        (["-u", "some-uuid"], "--url"),
    ],
)
def test_wrong_usage_says_what_is_missing(words, says, capfd):
    assert statistics(*words) == 2
    assert says in capfd.readouterr().err


def test_a_uuid_that_is_not_there_is_named(failing, capfd):
    assert statistics("-u", "--url", f"sqlite:///{failing.database}", "nobody") == 2
    assert "workflow nobody is not in it" in capfd.readouterr().err
