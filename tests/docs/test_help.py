"""Every command explains itself, and what the README shows exists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from condor_templates.exit_codes import ExitCode
from monitord_job.cli.bridle_notify import notify
from planner_ext.cli import ALIASES, COMMANDS, Verbosity, cli, run_command

CHECKOUT = Path(__file__).resolve().parents[2]


def commands(parent: click.Context) -> Iterator[tuple[str, click.Context]]:
    """`parent` and all commands below it: name as it is typed -> context."""
    yield parent.command_path, parent
    if isinstance(parent.command, click.Group):
        for name in parent.command.list_commands(parent):
            command = parent.command.get_command(parent, name)
            assert command is not None
            yield from commands(click.Context(command, info_name=name, parent=parent))


ALL = dict(commands(cli.make_context("bridle", ["pool"], obj=Verbosity()))) | dict(
    commands(click.Context(notify, info_name="bridle-notify"))
)


@pytest.mark.parametrize("name", ALL)
def test_help_has_an_example_and_the_exit_codes(name: str) -> None:
    text = ALL[name].command.get_help(ALL[name])
    assert re.search(r"^  Examples?:\n +.*\bbridle[ -]", text, re.MULTILINE), text
    assert re.search(r"^  Exit codes:", text, re.MULTILINE), text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_group_sums_a_command_up_as_it_does_itself(name: str) -> None:
    help_text = ALL[f"bridle {name}"].command.help or ""
    assert help_text.partition("\n")[0] == COMMANDS[name].summary


def test_the_exit_codes_are_those_of_the_table() -> None:
    table = (CHECKOUT / "docs" / "exit-codes.md").read_text()
    numbers = re.findall(r"^\| (\d+(?:, \d+)*) \|", table, re.MULTILINE)
    assert [int(number) for row in numbers for number in row.split(", ")] == list(ExitCode)


def shell_words(document: Path) -> set[str]:
    """The beginnings of the commands in the document's code: `bridle pool start`, `make test`."""
    code = re.findall(r"```(?:sh|console)?\n(.*?)```|`([^`\n]+)`", document.read_text(), re.DOTALL)
    text = "\n".join(block or span for block, span in code)
    return set(
        re.findall(
            r"(?:^|[(;|$] ?)((?:bridle(?: [a-z][a-z-]*){1,2}|make [a-z]+))(?=\s|$|\))", text, re.MULTILINE
        )
    )


def documents() -> list[Path]:
    return [*sorted(CHECKOUT.glob("*.md")), *sorted((CHECKOUT / "docs").rglob("*.md"))]


def _anchors(document: Path) -> set[str]:
    """The anchors that a forge makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_links_in_the_documents_lead_somewhere() -> None:
    lost, followed = [], 0
    for document in documents():
        for target in re.findall(r"\]\((?!https?://)([^)\s]*)\)", document.read_text()):
            name, _, anchor = target.partition("#")
            page = document.parent / name if name else document
            followed += 1
            if not page.exists() or (anchor and anchor not in _anchors(page)):
                lost.append(f"{document.name}: {target}")
    assert followed > 30
    assert lost == []


def test_the_commands_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    shown = set().union(*(shell_words(document) for document in documents()))
    assert "make test" in shown
    unknown = {
        words for words in shown if words.startswith("make ") and words.removeprefix("make ") not in targets
    } | {words for words in shown if words.startswith("bridle ") and not _exists(words)}
    assert not unknown


def _exists(words: str) -> bool:
    # The second word may be an argument: `bridle status run0001`.
    first, *rest = words.split()[1:]
    words = " ".join(["bridle", ALIASES.get(first, first), *rest])
    first_two = " ".join(words.split()[:2])
    group = ALL.get(first_two)
    return words in ALL or (group is not None and not isinstance(group.command, click.Group))


def test_the_pythons_that_are_promised_are_those_that_are_tested() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    named = [
        word.rpartition(" ")[2] for word in project["classifiers"] if re.search(r"Python :: 3\.\d+$", word)
    ]
    tested = re.search(r"^PYTHONS := (\S+) (\S+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert tested is not None
    assert tested.groups() == (named[0], named[-1])
    assert project["requires-python"] == f">={named[0]},<3.{int(named[-1][2:]) + 1}"
    assert f"python3 ({named[0]} to {named[-1]})" in (CHECKOUT / "README.md").read_text()


def test_every_make_target_of_the_help_exists() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    named = set(re.findall(r'echo "make ([a-z-]+) ', makefile))
    assert {"demo", "test", "check", "clean"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("command", ["run", "status", "rewrite", "monitord"])
def test_a_bad_directory_is_one_line_that_says_what_to_do(command, tmp_path, capfd):
    (tmp_path / "braindump.yml").mkdir()
    code = run_command([command, str(tmp_path)])
    said = capfd.readouterr().err
    assert code == (75 if command == "monitord" else 2)
    assert said.count("\n") == 1
    assert said.startswith(f"bridle: {tmp_path}/braindump.yml: ")
    assert said.count("; ") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["braindump.yml"]
