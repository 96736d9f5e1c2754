"""One table says what a DAGMan command is: everything that reads, writes or checks DAGs follows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dag_rewriter.check.check_dag import check_dag
from dag_rewriter.check.scope import Severity
from dag_rewriter.language import regex_lines
from dag_rewriter.language.command_table import COMMANDS, SETTINGS, About
from dag_rewriter.language.commands import Other
from dag_rewriter.language.field_words import MalformedError
from dag_rewriter.language.syntax import parse_command, render_command
from dag_rewriter.model.dag import parse_dag

ROOT = Path(__file__).resolve()
while not (ROOT / "pyproject.toml").is_file():
    ROOT = ROOT.parent

LINES = {
    b"SUBDAG": "SUBDAG EXTERNAL S s.dag",
    b"SUBMIT_DESCRIPTION": "SUBMIT-DESCRIPTION d {\nexecutable = /bin/true\n}",
    b"WEAK": "WEAK PARENT A CHILD B",
}
"""Where the example in the parser's error is not a whole command."""


def example(keyword: bytes) -> str:
    """The command as its own error shows how it is written, without what is optional or a choice."""
    if keyword in LINES:
        return LINES[keyword]
    try:
        COMMANDS[keyword].parse(keyword, None)
    except MalformedError as error:
        text = error.example
        while "[" in text:
            head, _, rest = text.partition("[")
            text = head.strip() + " " + rest.partition("]")[2].strip()
        return " ".join(word.split("|")[0] for word in text.split()).replace("PIN_IN", keyword.decode())
    return keyword.decode()  # REJECT


class OneFile:
    """A DAG without any other file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, path: str) -> bytes | None:
        return self.data if path == "x.dag" else None

    def exists(self, path: str) -> bool:
        return bool(path)

    def identity(self, path: str) -> str:
        return path


@pytest.mark.parametrize("keyword", COMMANDS)
def test_each_row_is_read_and_written_back(keyword: bytes) -> None:
    row = COMMANDS[keyword]
    command = parse_command(example(keyword))
    assert type(command) is row.value, example(keyword)
    assert not isinstance(command, Other)
    assert parse_command(render_command(command)) == command


@pytest.mark.parametrize("keyword", [key for key, row in COMMANDS.items() if row.about in SETTINGS])
def test_what_a_row_says_of_its_nodes_is_checked(keyword: bytes) -> None:
    line = example(keyword).replace("node", "F")
    found = check_dag("x.dag", OneFile(f"JOB A a\nFINAL F f\n{line}\n".encode())).findings
    refused = any("FINAL node and cannot" in finding.what for finding in found)
    assert refused is (COMMANDS[keyword].about is About.ORDINARY_NODE or keyword == b"ABORT_DAG_ON"), found
    unknown = check_dag("x.dag", OneFile(f"JOB A a\n{line}\n".encode())).findings
    errors = [finding.what for finding in unknown if finding.severity is Severity.ERROR]
    assert errors == ["there is no node F"]


def test_the_fast_patterns_are_of_commands_that_the_table_knows() -> None:
    # How SCRIPT is kept apart by the time when it runs: model.tables.table_key.
    scripts = {b"PRE", b"POST"}
    assert set(regex_lines.PATTERNS) - scripts <= set(COMMANDS)


def test_the_docs_name_each_command() -> None:
    text = (ROOT / "docs/checking.md").read_text()
    assert [key for key in COMMANDS if key.decode() not in text.replace("-", "_")] == []


NEW = """
from dag_rewriter.language import command_table, node_fields
from dag_rewriter.language.commands import Priority
row = command_table.CommandRow(
    b"NICENESS", type("Niceness", (Priority,), {"__slots__": ()}), node_fields.priority,
    lambda c: f"NICENESS {c.node} {c.value}", command_table.About.ORDINARY_NODE, "niceness",
)
command_table.COMMANDS[b"NICENESS"] = row
from dag_rewriter.check.check_dag import check_dag
from dag_rewriter.check.scope import Severity
from dag_rewriter.language.syntax import parse_command, render_command
from dag_rewriter.model.dag import parse_dag
from tests.unit.dag_rewriter.test_command_table import OneFile
assert render_command(parse_command("niceness A 07")) == "NICENESS A 7"
DAG = b"JOB A a\\nFINAL F f\\nNICENESS F 3\\nNICENESS A 3\\nNICENESS B 3\\n"
print(*(finding.what for finding in check_dag("x.dag", OneFile(DAG)).findings), sep="\\n")
index = parse_dag(DAG.replace(b"NICENESS B", b"NICENESS A"), "x.dag").index
print(index.table(b"NICENESS").own(0), index.other)
"""


def test_a_command_of_a_new_dagman_needs_one_row() -> None:
    """In a process of its own, where nothing has looked at the table before the row is in it."""
    done = subprocess.run([sys.executable, "-c", NEW], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "F is a FINAL node and cannot have niceness",
        "there is no node B",
        "(3,) []",
    ]


def test_what_is_in_no_row_is_kept_and_named() -> None:
    dag = parse_dag(b"JOB A a\nNICENESS A 3\n", "x.dag")
    assert dag.unknown == ((2, "NICENESS"),)
