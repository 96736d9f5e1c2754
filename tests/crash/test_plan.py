"""`bridle plan`: pegasus-plan runs with its arguments, and its plan is rewritten, or is as it left it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from condor_templates.errors import BridleError
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.rewriting.rewrite import is_rewritten
from planner_ext.cli import run_command
from planner_ext.shims import pegasus_run
from tests.conftest import Corpus
from tests.crash.test_hook import SUBMIT_DAG, program
from tests.support.hooked import planners_words
from tests.support.runs import BRIDLE

PLANNER = """\
#!/bin/sh
# Does what the planner does last, and says what it says.
printf '%s\\n' "$@" >"{calls}"
[ "$1" != fail ] || exit 7
cd "{directory}" || exit 3
{submit_dag} {words} >/dev/null || exit 4
case "$*" in
*--json*) printf '{{"submit_dir": "{directory}", "message": "planned"}}\\n' ;;
*) printf '\\npegasus-run  %s\\n\\n' "{directory}" ;;
esac
"""


@pytest.fixture
def submit_dir(corpus: Corpus, tmp_path: Path) -> SubmitDir:
    (braindump,) = corpus("planned/diamond-condorio").rglob("braindump.yml")
    planned = open_submit_dir(shutil.copytree(braindump.parent, tmp_path / "run0001"))
    planned.condor_sub.unlink()
    planned.metrics.unlink()
    return planned


@pytest.fixture(params=["apart", "together"])
def places(request, submit_dir, tmp_path, monkeypatch) -> str:
    """pegasus-plan in a directory of its own, or beside condor_submit_dag, where it does not look into PATH."""
    condor, pegasus = tmp_path / "condor", tmp_path / "pegasus"
    if request.param == "together":
        pegasus = condor
    program(condor / "condor_submit_dag", SUBMIT_DAG.format(ending=""))
    words = " ".join(f"'{word}'" for word in planners_words(submit_dir))
    asked = "condor_submit_dag" if request.param == "apart" else str(condor / "condor_submit_dag")
    text = PLANNER.format(calls=tmp_path / "calls", directory=submit_dir.path, submit_dag=asked, words=words)
    program(pegasus / "pegasus-plan", text)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{pegasus}:{condor}:{BRIDLE.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return str(request.param)


def given(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_a_plan_has_its_monitor_and_the_planner_its_arguments(places, submit_dir, tmp_path, capfd):
    assert run_command(["plan", "--conf", "p f", "-v", "--json", "workflow.yml"]) == 0
    assert given(tmp_path) == ["--conf", "p f", "-v", "--json", "workflow.yml"]
    assert json.loads(capfd.readouterr().out)["message"] == "planned"
    assert is_rewritten(submit_dir)
    assert b"\nexecutable=" not in submit_dir.condor_sub.read_bytes()


def test_the_planners_failure_is_its_own(places, submit_dir):
    assert run_command(["plan", "fail"]) == 7
    assert not is_rewritten(submit_dir)


def test_a_failure_of_ours_leaves_the_plan(places, submit_dir, tmp_path, monkeypatch, capfd):
    (tmp_path / "data").write_text("no directory\n")
    before = submit_dir.dag_file.read_bytes()
    monkeypatch.setattr("planner_ext.shims.plan.after_plan", lambda *_: 1 / 0)
    assert run_command(["plan", "workflow.yml"]) == 0
    said = capfd.readouterr().err
    assert "ZeroDivisionError: division by zero (the plan is as pegasus-plan left it)" in said
    assert submit_dir.dag_file.read_bytes() == before


def test_what_is_to_be_submitted_is_rewritten_before(places, submit_dir, tmp_path, monkeypatch):
    """The planner's own pegasus-run is a shim of ours where PATH counts; elsewhere it is not told to start."""
    started = []

    def start(found):
        started.append(is_rewritten(found))
        raise BridleError("here", "not now", "later")

    monkeypatch.setattr(pegasus_run, "start", start)
    code = run_command(["plan", "--submit", "workflow.yml"])
    if places == "together":
        assert (code, given(tmp_path), started) == (1, ["workflow.yml"], [True])
    else:
        assert (code, given(tmp_path), started) == (0, ["--submit", "workflow.yml"], [])
    assert is_rewritten(submit_dir)


def test_without_a_planner_it_says_so(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert run_command(["plan", "workflow.yml"]) == 2
    assert capfd.readouterr().err.splitlines()[-1].startswith("bridle: PATH: pegasus-plan is not in PATH; ")
