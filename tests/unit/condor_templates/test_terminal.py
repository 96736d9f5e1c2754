"""Nothing of a job's, a script's or a file's name reaches a terminal raw."""

from __future__ import annotations

import ast
import logging
import sys
from pathlib import Path

import pytest

from condor_templates.terminal import PrintableFormatter, printable
from monitord_job.notifications.delivery import log_entry
from monitord_job.notifications.outbox_values import Ended, Task
from planner_ext.cli import run_command

CHECKOUT = Path(__file__).resolve().parents[3]
PACKAGES = ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext")
EVIL = "\x1b]0;title\x07\x1b[2J\u202e\x9b31m"
RAW = set("\x1b\x07\u202e\x9b")


def test_line_breaks_and_tabs_stay_and_nothing_else_that_is_not_seen():
    assert printable(f"a{EVIL}b\n\tc") == "a31mb\n\tc"
    assert printable("größe, 日本, e\u0301") == "größe, 日本, e\u0301"


def test_there_is_one_way_out():
    """click.echo, print and the streams are used by that module alone."""
    found = {
        f"{path.relative_to(CHECKOUT)}:{node.lineno}"
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in WAYS
    }
    assert {where for where in found if not where.startswith("condor_templates/terminal.py")} == set()


WAYS = {
    *("click.echo", "click.secho", "click.prompt", "print", "sys.stdout.write", "sys.stderr.write"),
    *("traceback.print_exc", "Console", "sys.stdout.buffer.write", "sys.stderr.buffer.write"),
}


@pytest.mark.parametrize("command", ["check", "graph", "metrics", "rescue list", "rewrite", "status"])
def test_a_file_name_with_escapes_is_shown_without_them(tmp_path, capfd, command):
    name = f"x{EVIL}.dag"
    (tmp_path / name).write_text(f"JOB a missing{EVIL}.sub\nRETRY nobody 3\n")
    run_command([*command.split(), str(tmp_path / name)])
    shown = "".join(capfd.readouterr())
    assert shown
    assert not set(shown) & RAW


@pytest.fixture
def evil_run(tmp_path, request):
    """A run in which every name and every text of a job is out for the terminal."""
    held, failed, more = f"h{EVIL}", f"f{EVIL}", getattr(request, "param", "")
    (tmp_path / "a.sub").write_text(f"executable = /bin/x{EVIL}\noutput = o{EVIL}\nerror = e{EVIL}\nqueue\n")
    (tmp_path / f"o{EVIL}").write_text(f"out{EVIL}\n")
    (tmp_path / f"e{EVIL}").write_text(f"err{EVIL}\n")
    dag = tmp_path / f"w{EVIL}.dag"
    dag.write_text(
        f"JOB {held} a.sub\nJOB {failed} a.sub\nCATEGORY {held} c{EVIL}\nMAXJOBS c{EVIL} 2\nVARS {held} v{EVIL}=1\n"
        f"SCRIPT PRE {failed} /bin/pre{EVIL}\n{more}"
    )
    lines = [
        "1795410615 INTERNAL *** DAGMAN_STARTED 1.0 ***",
        *(f"1795410616 {node} SUBMIT {number}.0 - - {number}" for number, node in ((2, held), (3, failed))),
        f"1795410617 {held} JOB_HELD 2.0 - - 2",
        *(
            f"1795410618 {failed} {state} - - 3"
            for state in ("EXECUTE 3.0", "JOB_TERMINATED 3.0", "JOB_FAILURE 7")
        ),
        f"junk{EVIL}",
    ]
    base = dag.name.removesuffix(".dag")
    (tmp_path / f"{base}.bridle.jobstate.log").write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / f"{dag.name}.nodes.log").write_text(
        f"012 (002.000.000) 2026-11-23 05:28:37 Job was held.\n\twhy{EVIL}\n\tCode 1 Subcode 0\n...\n"
        f"001 (003.000.000) 2026-11-23 05:28:38 Job executing on host: <1.2.3.4:5?alias=host{EVIL}>\n...\n"
    )
    rules = f"JOB {failed} error /bin/x{EVIL}\nJOB * bad{EVIL} x\nJOB * error shell: echo {EVIL}\n"
    (tmp_path / f"{base}.bridle-notify").write_text(rules)
    return dag


SHOWN = [
    *(
        "status",
        "recover",
        "check",
        "graph",
        "metrics",
        "condorio",
        "categories",
        "notifications",
        "notify list",
        "rescue list",
    ),
    *("rewrite --dry-run", "rewrite", "monitord --catch-up", "throttle", "hold", "notify confirm"),
]


@pytest.mark.parametrize(
    "evil_run", ["", f"JUNK{EVIL}\nPARENT A CHILD n{EVIL}\n"], ids=["sound", "broken"], indirect=True
)
@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("command", SHOWN)
def test_nothing_of_a_run_reaches_the_terminal_raw(evil_run, capfd, command, json):
    run_command(["status", str(evil_run)])
    capfd.readouterr()
    run_command(["-vv", *command.split(), *(["--json"] if json else []), str(evil_run)])
    shown = "".join(capfd.readouterr())
    assert shown or command == "monitord --catch-up"
    assert not set(shown) & RAW


@pytest.mark.parametrize(
    "words",
    [
        [f"no{EVIL}"],
        ["status", f"--no{EVIL}", "x"],
        ["rewrite", "--universe", EVIL, "x"],
        ["status", EVIL, EVIL],
    ],
)
def test_a_wrong_word_is_shown_without_escapes(capfd, words):
    """The shell may have taken it from the name of a file."""
    assert run_command(words) == 2
    shown = "".join(capfd.readouterr())
    assert shown
    assert not set(shown) & RAW


def test_a_line_of_our_log_holds_none():
    try:
        raise ValueError(EVIL)
    except ValueError:
        record = logging.LogRecord("bridle", logging.ERROR, "x.py", 1, f"of {EVIL}", (), sys.exc_info())
    line = PrintableFormatter("%(message)s").format(record)
    assert "ValueError" in line
    assert not set(line) & RAW


def test_an_entry_of_the_log_of_notifications():
    task = Task("k", (f"/bin/x{EVIL}",), "/", {"PEGASUS_JOBID": f"j{EVIL}"}, 1)
    entry = log_entry(task, Ended("k", 1, 0.1, f"o{EVIL}", f"e{EVIL}", f"c{EVIL}", 1), 0.0)
    assert "bin/x" in entry
    assert not set(entry) & RAW
