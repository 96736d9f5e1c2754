"""Counts, percentages and times of one run are the same in all commands that tell of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.rescue.rescue_dag import RescueDag, render_rescue
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job import schedd
from monitord_job.cli.bridle_notify import notify
from monitord_job.cli.common import open_run
from planner_ext.cli import run_command
from tests.support.played import START, Played

PAUSE = 1000
NODES = [f"n{number}" for number in range(298)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of 300 nodes all but `fit` and `sum`, which waits for it, are done; `fit` failed once more after a pause."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    lines = [f"JOB {name} a.sub\n" for name in (*NODES, "fit", "sum")]
    (tmp_path / "x.dag").write_text("".join(lines) + "PARENT n0 CHILD fit\nPARENT fit CHILD sum\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true", passes=frozenset({"jobstate-log"})))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    for name in NODES:
        played.attempt(name)
    played.attempt("fit", 3)
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    ended = START + 4 * len(NODES) + 5
    made = RescueDag((*NODES,), ("fit",), created=ended, total=300)
    (tmp_path / "x.dag.rescue001").write_bytes(render_rescue(made, "x.dag"))
    played.say_at(ended + PAUSE)
    played.say("INTERNAL *** DAGMAN_STARTED 100.0 ***")
    played.attempt("fit", 3)
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    played.write()
    for name, answer in {"dagman_jobs": [], "node_jobs": [], "machine": ""}.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)
    return tmp_path / "x.dag"


def test_they_agree(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        run_command([*words, str(run)])
        return capsys.readouterr().out

    def told(*words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(said(*words, "--json"))
        return found

    status, counted = told("status"), told("statistics")
    for key in ("wall_time_seconds", "elapsed_seconds"):
        assert status[key] == counted["summary"][key]
    assert status["elapsed_seconds"] - status["wall_time_seconds"] == PAUSE
    jobs = status["jobs"]
    assert (jobs["succeeded"], jobs["failed"], jobs["unready"], jobs["total"]) == (298, 1, 1, 300)
    assert counted["summary"]["jobs"]["succeeded"] == jobs["succeeded"]
    assert counted["summary"]["jobs"]["failed"] == jobs["failed"]
    rescue = told("rescue", "show")["counts"]
    assert (rescue["done"], rescue["failed"]) == (jobs["succeeded"], jobs["failed"])
    assert status["blocked"] == [{"by": "fit", "nodes": ["sum"]}]
    shown = said("status")
    assert "298 of 300 jobs done (99 %)" in shown
    assert "blocked by fit: 1 node: sum" in shown
    assert "0:36:42 h (without pauses 0:20:02 h)" in shown
    run_command(["--run", str(run), "--dry-run"], notify, "bridle-notify")
    assert "99% done (298 of 300 jobs), 1 failed" in capsys.readouterr().out
