"""What bash completes, asked of a bash: commands, runs by name, nodes and categories of a run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dag_rewriter.directory.known_runs import note_run
from dag_rewriter.directory.locate import open_target
from planner_ext.cli import run_command
from planner_ext.commands.completion import _SHELLS

_ASK = """
compopt() {{ :; }}  # bash has it inside of a completion alone
eval "$(bridle completion bash)"
COMP_WORDS=({words})
COMP_CWORD={last}
_bridle_completion bridle
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAG that was noted as a run."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    dag = tmp_path / "diamond.dag"
    dag.write_text(
        "JOB fit a.sub\nJOB fill a.sub\nJOB sum a.sub\nCATEGORY fit transfer\nMAXJOBS transfer 4\n"
    )
    note_run(open_target(dag))
    return dag


def completed(words: list[str], folder: Path) -> list[str]:
    """What bash would put there for the last word."""
    script = _ASK.format(words=shlex.join(words), last=len(words) - 1)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return sorted(filter(None, done.stdout.splitlines()))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bridle", "stat"], ["statistics", "status"]),
        (["bridle", "rescue", "re"], ["redo"]),
        (["bridle", "status", "--js"], ["--json"]),
        (["bridle", "jobs", "diamond.dag", "fi"], ["fill", "fit"]),
        (["bridle", "rescue", "redo", "diamond.dag", "su"], ["sum"]),
        (["bridle", "hold", "diamond.dag", "--node", "fil"], ["fill"]),
        (["bridle", "categories", "diamond.dag", "--set", "tr"], ["transfer="]),
        (["bridle", "jobs", "nothing.dag", "fi"], []),
        (["bridle", "status", "dia"], ["diamond"]),
    ],
)
def test_bash_completes(dag: Path, words: list[str], expected: list[str]) -> None:
    assert completed(words, dag.parent) == expected


@pytest.mark.parametrize("shell", _SHELLS)
def test_each_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["completion", shell]) == 0
    assert "_BRIDLE_COMPLETE" in capsys.readouterr().out
