"""`bridle rescue` says how the last run ended and why its nodes failed, as `status` does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dag_rewriter.rescue.rescue_dag import RescueDag, render_rescue
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job.cli.common import open_run
from monitord_job.readers.status import read_status
from planner_ext.commands.rescue import rescue
from tests.support.played import START, Played

DAG = "JOB A a.sub\nJOB B a.sub\nJOB C a.sub\nFINAL F a.sub\nPARENT A CHILD B\nPARENT B CHILD C\n"


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    """A is done, B failed with 3 and writes to stderr; the FINAL node hides that: DAGMan's exit code is 0."""
    (tmp_path / "a.sub").write_text("executable = /bin/sh\nerror = $(JOB).err\nqueue\n")
    (tmp_path / "B.err").write_text("the disk is full\n")
    (tmp_path / "x.dag").write_text(DAG)
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true"))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("A")
    played.attempt("B", 3)
    played.attempt("F")
    made = RescueDag(("A",), ("B",), created=START + 11, total=4)
    (tmp_path / "x.dag.rescue001").write_bytes(render_rescue(made, "x.dag"))
    played.say("INTERNAL *** DAGMAN_FINISHED 0 ***")
    played.write()
    return tmp_path / "x.dag"


def said(*words: str) -> str:
    done = CliRunner().invoke(rescue, [*words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_run_that_nobody_keeps_gets_no_database(failed: Path) -> None:
    assert "failed: B\n" in said("show", str(failed))
    assert not open_run(failed).database.exists()


def test_all_of_it_says_why(failed: Path) -> None:
    read_status(open_run(failed))
    assert "failed: B: exit code 3, see B.err\n" in said("show", str(failed))
    assert json.loads(said("show", "--json", str(failed)))["causes"]["B"]["code"] == 3
    assert "the last run failed; the next run goes on from x.dag.rescue001" in said("list", str(failed))
    assert json.loads(said("list", "--json", str(failed)))["last_run"]["ending"] == "failed"
    for words in (("use", str(failed), "1"), ("redo", str(failed), "A", "--dry-run")):
        assert "failed: B: exit code 3, see B.err\n" in said(*words)
    found = json.loads(said("redo", str(failed), "A", "--dry-run", "--json"))["causes"]
    assert {name: cause["phrase"] for name, cause in found.items()} == {"B": "exit code 3"}


def test_an_old_rescue_dag_does_not_know_why(failed: Path) -> None:
    read_status(open_run(failed))
    said("redo", str(failed), "A")
    assert "failed: B\n" in said("show", str(failed), "1")
