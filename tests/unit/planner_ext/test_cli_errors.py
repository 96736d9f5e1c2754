"""However a command ends, the user reads one line and the shell gets the documented code."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import click
import pytest

from condor_templates.errors import BridleError
from planner_ext import cli
from tests.support.places import CHECKOUT


class OddError(BridleError):
    exit_code: ClassVar[int] = 75


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """`command(f)`: from now on `bridle pool` does f()."""

    def install(do: Callable[[], object]) -> None:
        module = ModuleType("a_command")
        module.__dict__["pool"] = click.Command("pool", callback=do)
        monkeypatch.setitem(sys.modules, "a_command", module)
        monkeypatch.setitem(cli.COMMANDS, "pool", cli.Subcommand("a_command:pool", "Do it."))

    return install


def raising(error: BaseException) -> Callable[[], object]:
    def do() -> object:
        raise error

    return do


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BridleError("x.dag:7", "no such node", "name another"), 2, "x.dag:7: no such node; name another"),
        (OddError("db", "locked", "wait"), 75, "db: locked; wait"),
        (OSError(errno.ENOENT, "No such file", "run0001"), 2, "run0001: No such file; check the name"),
        (
            OSError(errno.EACCES, "Permission denied", b"run\xff"),
            2,
            "run\\udcff: Permission denied; check who",
        ),
        (OSError(errno.ENOSPC, "No space left", "a.db"), 74, "a.db: No space left; free some space"),
        (OSError("odd"), 74, "input/output: odd; run again with `bridle -vv`"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (KeyError("DONE"), 70, "internal error: KeyError: 'DONE'; run again with `bridle -vv`"),
    ],
)
def test_an_error_is_one_line_and_a_code(
    command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    line: str,
) -> None:
    command(raising(error))
    assert cli.run_command(["pool"]) == code
    told = capsys.readouterr()
    assert told.out == ""
    # After ^C click ends the terminal's line first.
    assert told.err.lstrip("\n").startswith(f"bridle: {line}")
    assert told.err.lstrip("\n").count("\n") == 1


def test_a_traceback_only_with_vv(
    command: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(BridleError("a", "b", "c")))
    assert cli.run_command(["-v", "pool"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert cli.run_command(["-vv", "pool"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (1, 1), ("text", 0), (True, 1)])
def test_what_a_command_returns_is_its_exit_code(
    command: Callable[[Callable[[], object]], None], result: object, code: int
) -> None:
    command(lambda: result)
    assert cli.run_command(["pool"]) == code


@pytest.mark.parametrize(("status", "code"), [(None, 0), (3, 3), ("bad", 1)])
def test_a_command_may_leave_by_itself(
    command: Callable[[Callable[[], object]], None], status: int | str | None, code: int
) -> None:
    command(raising(SystemExit(status)))
    assert cli.run_command(["pool"]) == code


@pytest.mark.parametrize("arguments", [["--wrong"], ["unknown"], ["pool", "--wrong"]])
def test_wrong_usage_is_2(
    command: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    command(lambda: None)
    assert cli.run_command(arguments) == 2
    assert "Usage: bridle" in capsys.readouterr().err


def test_a_missing_command_breaks_neither_the_help_nor_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(cli.COMMANDS, "pool", cli.Subcommand("no_such_module:pool", "Do it."))
    assert cli.run_command(["-h"]) == 0
    assert "Do it." in capsys.readouterr().out
    assert cli.run_command(["pool"]) == 70


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["--version"]) == 0
    assert capsys.readouterr().out.startswith("bridle, version 0.")


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&-"])
def test_a_stream_that_is_closed_is_no_error(tmp_path: Path, closed: str) -> None:
    (tmp_path / "x.dag").write_text("JOB A a.sub NOOP\n")
    words = [sys.executable, "-m", "planner_ext", "check", str(tmp_path / "x.dag")]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *words], capture_output=True, cwd=CHECKOUT, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
