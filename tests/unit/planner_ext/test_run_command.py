"""`bridle run`: what it says when somebody interrupts it, and of a run that is live."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_templates.exit_codes import ExitCode
from planner_ext.cli import run_command
from planner_ext.commands import run
from planner_ext.errors import AlreadyRunningError
from planner_ext.operations import run as operation
from planner_ext.operations.run import Submitted


@pytest.fixture
def dag(tmp_path: Path) -> Path:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "x.dag").write_text("JOB A a.sub\n")
    return tmp_path / "a b" / "x.dag"


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_who_interrupts_a_wait_is_told_that_the_workflow_goes_on(dag, monkeypatch, capsys) -> None:
    monkeypatch.setattr(operation, "start", lambda *_, **__: Submitted("7.0", rewritten=False))
    monkeypatch.setattr(run, "_wait", interrupt)
    assert run_command(["run", "--wait", str(dag)]) == ExitCode.INTERRUPTED
    said = capsys.readouterr().err
    assert said == (
        f"the workflow goes on; `bridle run --wait '{dag}'` waits for it again, "
        f"`bridle status '{dag}'` shows how far it is\n"
    )


@pytest.mark.parametrize(
    ("words", "job", "waits"), [(["--wait"], "7.0", True), (["--wait"], None, False), ([], "7.0", False)]
)
def test_a_run_that_is_live_is_waited_for(dag, monkeypatch, capsys, words, job, waits) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AlreadyRunningError(str(dag.parent), "DAGMan runs it", "see `bridle status`", job)

    waited: list[str] = []
    monkeypatch.setattr(operation, "start", refuse)
    monkeypatch.setattr(run, "_wait", lambda _opened, begun, **_: waited.append(begun.job))
    monkeypatch.setattr(run, "_report", lambda *_: 5)
    assert run_command(["run", *words, str(dag)]) == (5 if waits else 2)
    assert waited == ([job] if waits else [])
    told = capsys.readouterr()
    if waits:
        assert "runs already as DAGMan job 7.0" in told.out
    else:
        assert told.err == f"bridle: {dag.parent}: DAGMan runs it; see `bridle status '{dag}'`\n"
