"""However a command ends, the user reads one line and the shell gets the documented code."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import click
import pytest

from condor_templates.errors import BridleError
from dag_rewriter.cli.common import json_option
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


@pytest.fixture
def json_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """As `command`, and `bridle pool` has --json, and a number."""

    def install(do: Callable[[], object]) -> None:
        def callback(as_json: bool, number: int | None) -> object:
            return do()

        options = json_option(click.option("--number", type=int)(click.command("pool")(callback)))
        module = ModuleType("a_command")
        module.__dict__["pool"] = options
        monkeypatch.setitem(sys.modules, "a_command", module)
        monkeypatch.setitem(cli.COMMANDS, "pool", cli.Subcommand("a_command:pool", "Do it."))

    return install


@pytest.mark.parametrize(
    ("error", "where", "what", "hint", "code"),
    [
        (
            BridleError("x.dag:7", "no such node", "name another"),
            "x.dag:7",
            "no such node",
            "name another",
            2,
        ),
        (OddError("db", "locked", "wait"), "db", "locked", "wait", 75),
        (OSError(errno.ENOENT, "No such file", b"r\xff"), "r\udcff", "No such file", "check the name", 2),
        (KeyboardInterrupt(), "bridle", "interrupted", "", 130),
        (
            KeyError("DONE"),
            "bridle",
            "internal error: KeyError: 'DONE'",
            "run again with `bridle -vv` and report it",
            70,
        ),
    ],
)
def test_under_json_an_error_is_a_document_on_stdout(
    json_command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    where: str,
    what: str,
    hint: str,
    code: int,
) -> None:
    json_command(raising(error))
    assert cli.run_command(["pool", "--json"]) == code
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "version": 1,
        "error": {"where": where, "what": what, "hint": hint},
        "exit_code": code,
    }
    assert told.err.strip() == ""


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["pool", "--json", "--wrong"], "bridle pool"),
        (["pool", "--wrong", "--json"], "bridle pool"),
        (["pool", "--number", "many", "--json"], "bridle pool"),
        (["pol", "--json"], "bridle"),
    ],
)
def test_under_json_wrong_usage_is_a_document_too(
    json_command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    where: str,
) -> None:
    json_command(lambda: None)
    assert cli.run_command(words) == 2
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (document["error"]["where"], document["exit_code"]) == (where, 2)
    assert document["error"]["hint"] == f"`{where} -h` shows how it is used"
    assert told.err == ""


def test_statistics_in_json_tell_errors_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["statistics", "-f", "json", str(tmp_path)]) == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2
    assert cli.run_command(["statistics", "-f", "text", str(tmp_path)]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "meant"), [(["statsu"], "'status'"), (["rescue", "lsit"], "'list'"), (["hlod", "x"], "'hold'")]
)
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str], words: list[str], meant: str
) -> None:
    assert cli.run_command(words) == 2
    assert re.search(rf"[Dd]id you mean.*{meant}", capsys.readouterr().err)


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


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["graph", "--descendants", "Fit_1"], "fit_1"),
        (["graph", "--ancestors", "fti_1"], "fit_1"),
        (["categories", "--set", "Transfers=3"], "transfer"),
        (["help", "troubleshoting"], "troubleshooting"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_one_that_was_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], meant: str
) -> None:
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    dag = tmp_path / "x.dag"
    dag.write_text("JOB fit_1 a.sub\nJOB sum a.sub\nCATEGORY fit_1 transfer\nMAXJOBS transfer 4\n")
    assert cli.run_command(words if words[0] == "help" else [*words, str(dag)]) == 2
    assert f"did you mean {meant}?" in capsys.readouterr().err
