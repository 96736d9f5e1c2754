"""`bridle list`: each run once, whoever knows of it, as it was stored last."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dag_rewriter import files
from dag_rewriter.directory.known_runs import note_run, runs_folder
from dag_rewriter.directory.locate import open_target
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.database import brief_reading
from monitord_job.database.properties import Given, given
from monitord_job.database.queries import run_figures
from monitord_job.diagnosis.run_states import Condition, Monitor
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.monitor.unplanned_identity import identified
from monitord_job.runs import records
from monitord_job.runs.listing import Wanted, list_runs
from planner_ext.cli import run_command
from tests.support.played import START


def test_runs_of_the_registry_and_of_the_queue_are_listed_once(make_run, queue) -> None:
    over, live = make_run("over", failing=True), make_run("live", "y.dag", goes_on=True)
    other = make_run("unknown", "z.dag", goes_on=True)
    for entry in runs_folder().glob("*.json"):
        if str(other.dag_file) in entry.read_text():
            entry.unlink()
    for number, run in ((7, live), (8, other)):
        queue.append(QueuedJob(f"{number}.0", JobStatus.RUNNING, dags=(run.dag_file,)))
    queue.append(QueuedJob("9.0", JobStatus.HELD, parent=7, is_monitor=True))
    queue.append(QueuedJob("10.0", JobStatus.RUNNING, dags=(live.path / "below.dag",), parent=7))
    found = {run.record.name: run for run in list_runs(Wanted()).runs}
    assert {name: run.condition for name, run in found.items()} == {
        "x": Condition.FAILED,
        "y": Condition.RUNNING,
        "z": Condition.RUNNING,
    }
    assert {name: run.job for name, run in found.items()} == {"x": "99.0", "y": "7.0", "z": "8.0"}
    assert [found[name].monitor for name in "xyz"] == [None, Monitor.HELD, None], "z was never rewritten"
    assert found["x"].record.counts == {"succeeded": 2, "failed": 1}
    assert found["x"].record.directory == str(over.dag_file)


def test_a_monitor_is_gone_where_there_was_to_be_one(make_run, queue, capsys) -> None:
    run = make_run("live", "y.dag", goes_on=True)
    queue.append(QueuedJob("7.0", JobStatus.RUNNING, dags=(run.dag_file,), started=int(time.time()) - 1000))

    def said() -> str | None:
        assert run_command(["list", "--json"]) == 0
        (listed,) = json.loads(capsys.readouterr().out)["runs"]
        return listed["monitor"]

    assert said() is None
    rewrite(run, Options(executable="/bin/true"))
    assert said() == "gone"
    queue[0] = replace(queue[0], started=int(time.time()))
    assert said() is None, "it has hardly begun"


def test_what_only_the_queue_has_on_hold_is_held_here_too(make_run, queue) -> None:
    live = make_run("live", "y.dag", goes_on=True)
    with live.jobstate_log.open("a") as log:
        log.write(f"{START + 99} B SUBMIT 9.0 - - 2\n")
    catch_up(live, Limits())
    queue.append(QueuedJob("7.0", JobStatus.RUNNING, dags=(live.dag_file,)))
    queue.append(QueuedJob("8.0", JobStatus.RUNNING, dags=(live.path / "below.dag",), parent=7, node="S"))
    queue += [QueuedJob(f"9.{proc}", JobStatus.HELD, parent=7, node="one") for proc in range(2)]
    queue.append(QueuedJob("10.0", JobStatus.HELD, parent=8, node="one"))
    queue.append(QueuedJob("11.0", JobStatus.HELD, parent=99, node="one"))
    (run,) = list_runs(Wanted()).runs
    assert run.record.counts == {"succeeded": 1, "held": 1, "unready": 1}
    assert run.record.held_below == 1


def test_figures_of_what_has_ended_are_read_once_and_again_when_it_changed(
    make_run, queue, monkeypatch
) -> None:
    run = make_run("over")
    (first,) = list_runs(Wanted()).runs
    read, asked = records._read, []

    def counted(*of_a_run):
        asked.append(of_a_run)
        return read(*of_a_run)

    monkeypatch.setattr(records, "_read", counted)
    (run.path / "beside.txt").write_text("another run in this folder")
    assert list_runs(Wanted()).runs == (first,)
    assert asked == []
    with run.jobstate_log.open("a") as log:
        log.write(f"{START + 99} INTERNAL *** DAGMAN_STARTED 100.0 ***\n")
    list_runs(Wanted())
    assert len(asked) == 1
    run.dag_file.with_name("x.dag.rescue001").write_text("DONE A\n")
    list_runs(Wanted())
    assert len(asked) == 2


@pytest.mark.parametrize("mode", ["--catch-up", "--rebuild", "--follow"])
def test_who_stores_the_end_keeps_figures_for_a_first_look(make_run, queue, monkeypatch, mode) -> None:
    runs = [make_run(f"over{number}") for number in range(2)]
    expected = list_runs(Wanted()).runs
    (runs_folder() / "figures.json").unlink()
    for run in runs:
        assert run_command(["monitord", mode, str(run.dag_file)]) == 0
        run.dag_file.with_name("x.dag.metrics").write_text("{}")  # DAGMan leaves after its monitor
    with monkeypatch.context() as patched:
        patched.setattr(records, "_read", None)
        assert list_runs(Wanted()).runs == expected
    runs[0].database.unlink()
    assert sorted(run.record.total for run in list_runs(Wanted()).runs) == [0, 3]


def test_a_run_that_goes_on_leaves_no_figures(make_run, queue) -> None:
    run = make_run("live", "y.dag", goes_on=True)
    assert run_command(["monitord", "--catch-up", str(run.dag_file)]) == 0
    assert list(runs_folder().glob("*.figures")) == []


def test_a_folder_of_many_dags_is_listed_once(make_run, queue, monkeypatch) -> None:
    runs = [make_run("shared", f"{letter}.dag") for letter in "abcdef"]
    list_folder, listed = files.names_in, []

    def counted(place):
        listed.append(place)
        return list_folder(place)

    monkeypatch.setattr(files, "names_in", counted)
    assert [run.record.counts for run in list_runs(Wanted()).runs] == [{"succeeded": 3}] * 6
    assert listed.count(runs[0].path) == 1
    assert not any(runs[0].path.is_relative_to(place) for place in listed if place != runs[0].path)


def test_a_first_look_opens_each_database_once_for_a_handful_of_questions(
    make_run, queue, monkeypatch
) -> None:
    runs = [make_run(f"over{number}") for number in range(6)]
    connected, opened, asked = brief_reading._connected, [], []

    def counted(file):
        opened.append(file)
        connection = connected(file)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(brief_reading, "_connected", counted)
    monkeypatch.setattr(run_figures, "open_database", None)  # SQLAlchemy's engine is not asked for
    assert [run.record.counts for run in list_runs(Wanted()).runs] == [{"succeeded": 3}] * 6
    assert sorted(opened) == sorted(run.database for run in runs)
    assert len(asked) <= 8 * len(runs)


def test_the_properties_of_the_command_line_hold_for_a_first_look(make_run, queue, tmp_path) -> None:
    make_run("over")
    with given(Given({"pegasus.catalog.workflow.url": f"sqlite:///{tmp_path}/none.db"})):
        assert [run.record.counts for run in list_runs(Wanted()).runs] == [{}]
    assert [run.record.counts for run in list_runs(Wanted()).runs] == [{"succeeded": 3}]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"form": 1}', '{"form": 1, "runs": {"%s": {"seen": [], "record": {"no": 1}}}}']
)
def test_kept_figures_that_are_none_cost_time_and_nothing_else(make_run, queue, text) -> None:
    run = make_run("over")
    first = list_runs(Wanted()).runs
    kept = runs_folder() / "figures.json"
    assert str(run.dag_file) in kept.read_text()
    kept.write_text(text.replace("%s", str(run.dag_file)))
    assert list_runs(Wanted()).runs == first


def test_one_that_cannot_be_read_hides_no_other(make_run, queue, capsys) -> None:
    make_run("good")
    bad = make_run("bad", "y.dag")
    bad.database.write_bytes(b"no database " * 100)
    assert run_command(["list"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^x +succeeded +3/3 ", said, re.MULTILINE)
    assert re.search(r"^y +not readable +- .* the database cannot be read", said, re.MULTILINE)


def test_a_silent_queue_is_said_and_nothing_is_guessed(make_run, no_queue, capsys) -> None:
    make_run("over")
    make_run("live", "y.dag", goes_on=True)
    assert run_command(["list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["queue"] == "the queue cannot be asked"
    assert {run["name"]: run["state"] for run in told["runs"]} == {"x": "succeeded", "y": "unknown"}


ENDED = """005 (099.000.000) 2026-11-23 05:40:00 Job terminated.
\t(1) Normal termination (return value 0)
...
"""


def test_of_one_that_ended_after_it_was_stored_nobody_says_how_much_is_done(make_run, queue, capsys) -> None:
    run = make_run("behind", goes_on=True)
    run.dagman_log.write_text(ENDED)
    assert run_command(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["x", "succeeded", "-"]
    assert run_command(["list", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["runs"]
    assert (told["state"], told["jobs"]["total"], told["jobs"]["succeeded"]) == ("succeeded", 3, None)


def test_where_the_logs_are_gone_dagmans_metrics_say_how_it_ended(tmp_path, queue) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/x.dag").write_text("JOB A a.sub\n")
    (tmp_path / "runs/x.dag.metrics").write_text('{"dagman_id": "99", "exitcode": 1}')
    note_run(identified(open_target(tmp_path / "runs/x.dag")))
    (found,) = list_runs(Wanted()).runs
    assert (found.condition, found.job) == (Condition.FAILED, None)


def test_the_table_as_people_see_it(make_run, queue, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        make_run("over", failing=True)
        assert run_command(["list"]) == 0
    finally:
        monkeypatch.undo()
        time.tzset()
    assert capsys.readouterr().out.replace(str(tmp_path), "") == (
        "name  state   done  failed  held  since             monitor  where\n"
        "x     failed   2/3       1     -  2026-11-23 05:27  -        /runs/over/x.dag\n"
    )


def test_filters(make_run, queue, capsys) -> None:
    make_run("over")
    make_run("bad", "y.dag", failing=True)

    def names(*words: str) -> list[str]:
        assert run_command(["list", "--json", *words]) == 0
        return sorted(run["name"] for run in json.loads(capsys.readouterr().out)["runs"])

    assert names("--state", "failed") == ["y"]
    assert names("--state", "ended") == ["x", "y"]
    assert names("--state", "live") == []
    assert names("--newer", "2026-11-01") == ["x", "y"]
    assert names("--newer", "2300-01-01") == []
    assert run_command(["list", "--state", "fialed"]) == 2
    assert run_command(["list", "--newer", "soon"]) == 2


def test_below_a_folder_and_in_a_database(make_run, queue, capsys, tmp_path: Path) -> None:
    run = make_run("a/b/over")
    for entry in runs_folder().iterdir():
        entry.unlink()
    (run.path / "sub").mkdir()
    (run.path / "sub" / "part.dag").write_text("JOB A a.sub\n")
    with run.dag_file.open("a") as dag:
        dag.write("SUBDAG EXTERNAL S below.dag\n")
    (run.path / "below.dag").write_text("JOB A a.sub\n")
    (run.path / "below.dag.dagman.log").touch()
    for words in ([str(tmp_path / "runs")], ["--url", f"sqlite:///{run.database}"]):
        assert run_command(["list", "--json", *words]) == 0
        (told,) = json.loads(capsys.readouterr().out)["runs"]
        assert (told["name"], told["state"], told["directory"]) == ("x", "succeeded", str(run.dag_file))
    assert run_command(["list", "--url", f"sqlite:///{tmp_path}/none.db"]) == 2
