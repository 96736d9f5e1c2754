"""Which run is meant: a path first, else what `bridle list` shows of it; what may be several is asked back."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.runs.naming import AmbiguousRunError, resolved
from planner_ext.cli import run_command


def test_by_name_job_and_uuid(make_run, queue) -> None:
    run, other = make_run("one", "mosaic.dag"), make_run("two", "y.dag", goes_on=True)
    queue.append(QueuedJob("4711.0", JobStatus.RUNNING, dags=(other.dag_file,)))
    for typed in ("mosaic", run.wf_uuid[:8], run.wf_uuid.upper()):
        assert resolved(Path(typed)) == run.dag_file
    for typed in ("4711", "4711.0", "y"):
        assert resolved(Path(typed)) == other.dag_file


def test_what_is_not_found_stays_as_it_was_typed(make_run, queue) -> None:
    make_run("one")
    for typed in ("none", "x.dag", "12", "a/b/c", "/nowhere/x.dag", "../x", "ffff-0000"):
        assert resolved(Path(typed)) == Path(typed)


def test_a_path_goes_before_a_name(make_run, queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run("one", "mosaic.dag")
    (tmp_path / "mosaic").write_text("JOB A a.sub\n")
    monkeypatch.chdir(tmp_path)
    assert resolved(Path("mosaic")) == Path("mosaic")


def test_what_may_be_several_is_answered_with_the_candidates(make_run, queue, capsys) -> None:
    runs = [make_run("one"), make_run("two", failing=True)]
    with pytest.raises(AmbiguousRunError):
        resolved(Path("x"))
    assert run_command(["status", "x"]) == 2
    said = capsys.readouterr().err
    assert f"{runs[0].dag_file} (succeeded)" in said
    assert f"{runs[1].dag_file} (failed)" in said


def test_the_directory_that_holds_one_run(make_run, queue, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("one")
    assert resolved(run.path) == run.dag_file
    monkeypatch.chdir(run.path)
    for words in (["metrics"], ["status", "."], ["check"], ["rescue", "list", "."]):
        assert run_command(words) == 0, capsys.readouterr().err
    capsys.readouterr()
    run.dag_file.with_name("y.dag").write_text("JOB A a.sub\n")
    assert run_command(["status"]) == 2
    assert capsys.readouterr().err == "bridle: .: it holds x.dag, y.dag; name one of them\n"


def test_a_folder_of_one_planned_run(tmp_path: Path) -> None:
    (tmp_path / "runs" / "run0001").mkdir(parents=True)
    (tmp_path / "runs" / "run0001" / "braindump.yml").write_text('dag: "x.dag"\n')
    assert resolved(tmp_path / "runs") == tmp_path / "runs" / "run0001"
