"""Nothing of a job's, a script's or a file's name reaches a terminal raw."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from condor_templates.terminal import printable
from planner_ext.cli import run_command

CHECKOUT = Path(__file__).resolve().parents[3]
PACKAGES = ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext")
EVIL = "\x1b]0;title\x07\x1b[2J\u202e\x9b31m"


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


WAYS = {"click.echo", "click.secho", "print", "sys.stdout.write", "sys.stderr.write"}


@pytest.mark.parametrize("command", ["check", "graph", "metrics", "rescue list", "rewrite", "status"])
def test_a_file_name_with_escapes_is_shown_without_them(tmp_path, capfd, command):
    name = f"x{EVIL}.dag"
    (tmp_path / name).write_text(f"JOB a missing{EVIL}.sub\nRETRY nobody 3\n")
    run_command([*command.split(), str(tmp_path / name)])
    shown = "".join(capfd.readouterr())
    assert shown
    assert not set(shown) & set("\x1b\x07\u202e\x9b")
