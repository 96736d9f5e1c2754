"""After `bridle rescue redo`, and while the run that follows is at work, `status` counts what DAGMan counts as done."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rescue.rescue_dag import RescueDag, render_rescue
from dag_rewriter.rescue.rescue_files import read_workflow
from dag_rewriter.rescue.rescue_plan import Choice, plan_redo
from dag_rewriter.rescue.rescue_steps import carry_out
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job import schedd
from monitord_job.analysis.collect import Scope, analyse
from monitord_job.cli.common import open_run
from monitord_job.database.reading import open_database
from monitord_job.database.url import database_of
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.readers.rerun_nodes import rerun_and_done
from monitord_job.readers.status import progress_as_dagman_counts, read_status
from monitord_job.statistics.queries.questions import asking
from planner_ext.cli import run_command
from tests.support.played import START, Played

DAG = "".join(f"JOB {name} a.sub\n" for name in "ABCDE") + "PARENT A CHILD B C\nPARENT B C CHILD D\n"


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """A run of five nodes that has succeeded."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text(DAG)
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true"))
    played = Played(submit_dir)
    played.all_nodes({})
    return played


def counts(submit_dir: SubmitDir) -> Counter[NodeStatus]:
    """By `status` and by `run --wait`."""
    found = read_status(submit_dir).count()
    engine = open_database(submit_dir.database)
    assert progress_as_dagman_counts(engine, submit_dir).count() == found
    again, done = rerun_and_done(engine, submit_dir)
    engine.dispose()
    with asking(database_of(submit_dir)) as questions:  # as `bridle analyzer` does
        analysis = analyse(questions, submit_dir.wf_uuid or "", Scope(again=again, done=done))
    assert +analysis.run.count() == +found
    assert analysis.failed.count == found[NodeStatus.FAILED]
    return +found


def redo(submit_dir: SubmitDir, nodes: str, at: int) -> None:
    carry_out(plan_redo(read_workflow(submit_dir), nodes, True, Choice(at)).steps)


def test_what_is_to_run_again_is_not_done(played: Played) -> None:
    submit_dir = played.write()
    assert counts(submit_dir) == {NodeStatus.SUCCEEDED: 5}
    redo(submit_dir, "B", START + 100)
    assert counts(submit_dir) == {NodeStatus.SUCCEEDED: 3, NodeStatus.UNREADY: 2}


@pytest.mark.usefixtures("no_schedd")
def test_what_was_done_in_a_run_that_nobody_kept_is_done(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    """condor_submit_dag ran it first; `bridle run` goes on from the rescue DAG of that run."""
    submit_dir = played.write()
    submit_dir.jobstate_log.write_text(f"{START} INTERNAL *** DAGMAN_STARTED 100.0 ***\n")
    rescue = RescueDag(("A", "B"), ("C",), {}, START - 9, 5)
    (submit_dir.path / "x.dag.rescue001").write_bytes(render_rescue(rescue, "x.dag"))
    assert counts(submit_dir) == {NodeStatus.SUCCEEDED: 2, NodeStatus.UNREADY: 3}
    assert run_command(["jobs", "--json", str(submit_dir.dag_file)]) == 0
    states = {job["job"]: job["state"] for job in json.loads(capsys.readouterr().out)["jobs"]}
    assert [states[name] for name in "ABC"] == ["done", "done", "not started"]
    for name in "ABC":
        assert run_command(["jobs", str(submit_dir.dag_file), name]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == states[name]


def test_nobody_says_that_all_is_done_while_nodes_are_to_run_again(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schedd, "dagman_jobs", lambda _: [])
    monkeypatch.setattr(schedd, "node_jobs", lambda *_, **__: [])
    monkeypatch.setattr(schedd, "machine", lambda: "")
    submit_dir = played.write()
    counts(submit_dir)
    assert run_command(["recover", str(submit_dir.dag_file)]) == 0
    assert "all is done" in capsys.readouterr().out
    redo(submit_dir, "B", START + 100)
    assert run_command(["recover", str(submit_dir.dag_file)]) == 1
    told = (
        f"rescue pending: 2 nodes are to run again, says x.dag.rescue001: `bridle run {submit_dir.dag_file}`"
    )
    out = capsys.readouterr().out
    assert "all is done" not in out
    assert told in out
    run_command(["status", str(submit_dir.dag_file)])
    assert told in capsys.readouterr().out
    run_command(["status", "--json", str(submit_dir.dag_file)])
    assert json.loads(capsys.readouterr().out)["diagnosis"]["findings"][0]["trouble"] == "rescue pending"


def test_it_is_done_when_the_next_run_has_done_it(played: Played) -> None:
    redo(played.write(), "B", START + 50)
    played.say_at(START + 200)
    played.say("INTERNAL *** DAGMAN_STARTED 199.0 ***")
    played.attempt("B")
    assert counts(played.write()) == {NodeStatus.SUCCEEDED: 4, NodeStatus.UNREADY: 1}
    played.attempt("D", 1)
    assert counts(played.write()) == {NodeStatus.SUCCEEDED: 4, NodeStatus.FAILED: 1}
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    assert counts(played.write()) == {NodeStatus.SUCCEEDED: 4, NodeStatus.FAILED: 1}


def test_what_failed_in_the_run_before_has_not_failed_in_this_one(tmp_path: Path, played: Played) -> None:
    played = Played(open_run(tmp_path / "x.dag"))
    played.all_nodes({"D": (1,), "E": (1,)})
    submit_dir = played.write()
    (tmp_path / "x.dag.rescue001").write_text("DONE A\nDONE B\nDONE C\n")
    assert counts(submit_dir) == {NodeStatus.SUCCEEDED: 3, NodeStatus.FAILED: 2}
    os.utime(tmp_path / "x.dag.rescue001", (START + 60, START + 60))
    played.say_at(START + 200)
    played.say("INTERNAL *** DAGMAN_STARTED 199.0 ***")
    played.attempt("E")
    assert counts(played.write()) == {NodeStatus.SUCCEEDED: 4, NodeStatus.UNREADY: 1}
