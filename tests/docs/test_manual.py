"""What is made of the parser is fresh; `bridle help` has it, and every page that a message names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from planner_ext.cli import run_command
from planner_ext.pages import page_names
from tests.docs.test_help import ALL
from tests.docs.test_next_commands import PACKAGES, texts
from tests.support.places import CHECKOUT

MAN = CHECKOUT / "docs" / "man"
VERSION = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]


_MAKE = f"""
import json
from tools import cli_pages
print(json.dumps([cli_pages.markdown(), cli_pages.man_pages({VERSION!r})]))
"""


@pytest.fixture(scope="module")
def made() -> tuple[str, dict[str, str]]:
    """The reference and the man pages, made in a process of its own: click keeps how each was asked for help first."""
    done = subprocess.run(
        [sys.executable, "-c", _MAKE], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    reference, pages = json.loads(done.stdout)
    return reference, pages


def test_the_reference_of_commands_is_fresh(made: tuple[str, dict[str, str]]) -> None:
    assert (CHECKOUT / "docs" / "cli.md").read_text() == made[0], "run `make cli`"


def test_the_man_pages_are_fresh_and_there_is_one_for_each_command(made: tuple[str, dict[str, str]]) -> None:
    _, pages = made
    assert len(pages) == len(ALL)
    assert {path.name: path.read_text() for path in MAN.glob("*.1")} == pages, "run `make cli`"


def test_a_man_page_has_all_parts_of_the_help() -> None:
    page = (MAN / "bridle-rescue-redo.1").read_text()
    for part in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "EXIT STATUS", "OPTIONS", "SEE ALSO"):
        assert f".SH {part}\n" in page
    assert "\\-\\-with\\-descendants" in page


@pytest.mark.parametrize("name", ["bridle.1", "bridle-analyzer.1", "bridle-notify.1"])
def test_groff_has_nothing_to_say(name: str) -> None:
    groff = shutil.which("groff")
    if groff is None:  # what it would say of plain requests is known: each line begins with one of these
        requests = {line.split()[0] for line in (MAN / name).read_text().splitlines() if line.startswith(".")}
        assert requests <= {".TH", ".SH", ".PP", ".TP", ".nf", ".fi"}
        return
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", str(MAN / name)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "EXIT STATUS" in re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)


def test_help_shows_commands_and_pages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["help", "rescue", "redo"]) == 0
    assert "Usage: bridle rescue redo" in capsys.readouterr().out
    assert run_command(["help", "glossary"]) == 0
    assert capsys.readouterr().out.startswith("# Glossary")
    assert run_command(["help", "rescue"]) == 0
    both = capsys.readouterr().out
    assert both.index("Usage: bridle rescue") < both.index("\n# ")
    assert run_command(["help"]) == 0
    assert "exit-codes" in capsys.readouterr().out.rpartition("Topics:")[2]
    assert run_command(["help", "glosary"]) == 2
    assert "did you mean glossary?" in capsys.readouterr().err


def test_pages_that_messages_name_are_there_for_who_has_installed_it() -> None:
    said = [
        text for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py") for text in texts(path)
    ]
    said += [ctx.command.get_help(ctx) for ctx in ALL.values()]
    assert [text for text in said if re.search(r"\bdocs/[a-z-]+\.md", text)] == []
    named = {name for text in said for name in re.findall(r"bridle help ([a-z-]+)", text)}
    assert {"json", "notifications", "hook"} <= named
    assert named <= {*page_names(), *(name.removeprefix("bridle ") for name in ALL)}
