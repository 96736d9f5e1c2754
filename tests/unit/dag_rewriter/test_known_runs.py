"""The registry of a user's runs: written once, read in any state, never in the way."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from condor_templates.dagman_config import HOME
from dag_rewriter.directory import known_runs as registry
from dag_rewriter.directory.known_runs import known_runs, note_run, runs_folder
from dag_rewriter.directory.locate import dags_in, open_target
from dag_rewriter.rewriting.rewrite import Options, rewrite


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's, for this test alone."""
    place = tmp_path / "höme of me"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.delenv(HOME, raising=False)
    return place


@pytest.fixture
def dag(tmp_path: Path) -> Path:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "a b" / "x.dag").write_text("JOB A a.sub\n")
    return tmp_path / "a b" / "x.dag"


def test_a_rewritten_dag_is_remembered_once(dag: Path) -> None:
    for _ in range(2):
        rewrite(open_target(dag), Options(executable="/bin/true"))
        (found,) = known_runs()
        assert (found.dag_file, found.directory, found.is_planned) == (dag, dag, False)
    assert stat.S_IMODE(runs_folder().stat().st_mode) == 0o700


@pytest.mark.parametrize("options", [Options(monitor=False), Options(dry_run=True)])
def test_a_part_of_a_run_and_what_was_only_tried_are_none(dag: Path, options: Options) -> None:
    rewrite(open_target(dag), options)
    assert known_runs() == []


def test_what_is_gone_is_passed_over_and_forgotten_later(dag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note_run(open_target(dag))
    dag.unlink()
    assert known_runs() == []
    assert len(list(runs_folder().iterdir())) == 1
    monkeypatch.setattr(registry, "_KEPT", -1)
    assert known_runs() == []
    assert list(runs_folder().iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"dag": 1}', "{" * 100_000, '{"dag": "\\u0000", "planned": 1, "noted": 1}']
)
def test_an_entry_that_is_none_is_passed_over(dag: Path, text: str) -> None:
    note_run(open_target(dag))
    (entry,) = runs_folder().iterdir()
    entry.with_name("0" * 40 + ".json").write_text(text)
    assert [run.dag_file for run in known_runs()] == [dag]


def test_what_others_may_write_is_not_believed(dag: Path) -> None:
    note_run(open_target(dag))
    (entry,) = runs_folder().iterdir()
    entry.chmod(0o666)
    assert known_runs() == []


def test_a_home_that_cannot_be_written_is_no_trouble(dag: Path, home: Path) -> None:
    (home / ".local").write_text("a file in the way")
    note_run(open_target(dag))
    assert known_runs() == []


def test_the_monitor_notes_it_in_the_home_of_who_submitted(
    dag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME, str(tmp_path / "another"))
    note_run(open_target(dag))
    (entry,) = (tmp_path / "another" / ".local" / "state" / "bridle" / "runs").iterdir()
    assert json.loads(entry.read_text())["dag"] == str(dag)


def test_parts_of_a_dag_are_no_dags_of_their_own(dag: Path) -> None:
    dag.write_text("SUBDAG EXTERNAL S below.dag\nSPLICE P part.dag\n")
    for name in ("below.dag", "part.dag"):
        dag.with_name(name).write_text("JOB A a.sub\n")
    assert dags_in(dag.parent) == [dag]
    dag.with_name("z.dag").write_text("not a DAG at all\n")
    assert dags_in(dag.parent) == [dag, dag.with_name("z.dag")]
