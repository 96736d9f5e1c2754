"""What messages say to type next is a bridle command that exists, with the run in it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from condor_templates.next_command import completed
from planner_ext.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext")
COMMAND = re.compile(r"`(bridle [^`]+)`")
NO_ADVICE = {"bridle COMMAND -h", "bridle notify generate"}
"""The epilogue of the help, and who made a file."""
PLACEHOLDERS = {"N": "1", "{}": "word"}


def texts(path: Path) -> Iterator[str]:
    """All strings of a module but its docstrings; what an f-string puts in is {}."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and id(node) not in docstrings | inner:
            yield str(node.value)


FOUND = sorted(
    {
        command
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "next_command.py"
        for text in texts(path)
        for command in COMMAND.findall(completed(text, Path("run0001")))
        if command not in NO_ADVICE
    }
)


def test_there_are_such_commands() -> None:
    assert "bridle run run0001" in FOUND
    assert "bridle recover --fix run0001" in FOUND


@pytest.mark.parametrize("command", FOUND)
def test_a_command_in_a_message_can_be_typed_as_it_stands(command: str) -> None:
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(command)]
    chosen: click.Command = cli
    context = click.Context(cli)
    while isinstance(chosen, click.Group):
        words = words[1:]
        below = chosen.get_command(context, words[0]) if words else None
        if below is None:
            assert not words, f"{words[0]} is no command"
            return  # a group: its help says how to go on
        chosen = below
    if words[1:] != ["-h"]:
        chosen.make_context(words[0], words[1:])
