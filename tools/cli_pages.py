"""Writes docs/cli.md and the man pages (docs/man/*.1) from the parser: every command explains itself in one place."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from monitord_job.cli.bridle_notify import notify
from planner_ext.cli import ALIASES, Verbosity, cli

CHECKOUT = Path(__file__).resolve().parent.parent
_WIDTH = 100
_HEAD = """\
# Commands

What `-h` says of each command; `bridle help COMMAND` and `man bridle-COMMAND` say the same. Made by `make cli`.
"""
_GROUP = "bridle-notify-rules"
"""The man page of the group `bridle notify`: `bridle-notify` is a program of its own."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a command's help: paragraphs, or lines that are not to be folded."""

    title: str
    text: str
    folded: bool


def contexts(parent: click.Context) -> Iterator[click.Context]:
    """A command and all below it."""
    yield parent
    if isinstance(parent.command, click.Group):
        for name in parent.command.list_commands(parent):
            command = parent.command.get_command(parent, name)
            assert command is not None
            yield from contexts(_context(command, name, parent))


def all_commands() -> list[click.Context]:
    """Those of both programs, in the order of the help."""
    top = [_context(cli, "bridle", None), _context(notify, "bridle-notify", None)]
    return [each for one in top for each in contexts(one)]


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    return click.Context(command, info_name=name, parent=parent, obj=Verbosity(), **settings)


def markdown() -> str:
    """The whole of docs/cli.md."""
    parts = [_HEAD]
    for ctx in all_commands():
        short = [name for name, meant in ALIASES.items() if ctx.command_path == f"bridle {meant}"]
        more = f"\n`bridle {short[0]}` is the same.\n" if short else ""
        parts.append(f"## {ctx.command_path}\n{more}\n```text\n{ctx.get_help().rstrip()}\n```\n")
    return "\n".join(parts)


def man_pages(version: str) -> dict[str, str]:
    """File name -> roff, of each command."""
    return {f"{page_name(ctx)}.1": _man_page(ctx, version) for ctx in all_commands()}


def page_name(ctx: click.Context) -> str:
    """Of its man page."""
    name = ctx.command_path.replace(" ", "-")
    return _GROUP if name == "bridle-notify" and ctx.parent is not None else name


def sections(ctx: click.Context) -> Iterator[Section]:
    """The help text of a command, cut where a paragraph has a title of its own."""
    text = textwrap.dedent(f"{ctx.command.help or ''}\n\n{ctx.command.epilog or ''}".replace("\b", "\n\n\b"))
    title = "DESCRIPTION"
    for part in re.split(r"\n\s*\n", text):
        folded = "\b" not in part
        lines = [line.rstrip() for line in part.replace("\b", "").strip("\n").splitlines() if line.strip()]
        if not lines:
            continue
        head = re.match(r"(Examples?|Exit codes):\s*(.*)", lines[0].strip())
        if head is not None:
            title = "EXIT STATUS" if head[1] == "Exit codes" else "EXAMPLES"
            lines = [*filter(None, [head[2]]), *lines[1:]]
            folded = bool(head[2])
        if lines:
            lines = [line.strip() for line in lines] if folded else lines
            yield Section(title, textwrap.dedent("\n".join(lines)), folded)


def _man_page(ctx: click.Context, version: str) -> str:
    name = page_name(ctx)
    summary = (ctx.command.help or "").partition("\n")[0].strip().rstrip(".")
    synopsis = ctx.command.get_usage(ctx).partition(": ")[2]
    lines = [
        f'.TH {_escaped(name.upper())} 1 "" "pegasus\\-bridle {version}" "Commands of bridle"',
        ".SH NAME",
        f"{_escaped(name)} \\- {_escaped(summary)}",
        ".SH SYNOPSIS",
        _escaped(" ".join(synopsis.split())),
        *_body(sections(ctx)),
        ".SH OPTIONS",
        *_options(ctx),
        *_subcommands(ctx),
        ".SH SEE ALSO",
        _escaped(", ".join(_others(ctx))),
    ]
    return "\n".join(lines) + "\n"


def _body(parts: Iterator[Section]) -> Iterator[str]:
    title = ""
    for part in parts:
        yield f".SH {part.title}" if part.title != title else ".PP"
        title = part.title
        if part.folded:
            yield _escaped(part.text)
        else:
            yield from (".nf", _escaped(part.text), ".fi")


def _options(ctx: click.Context) -> Iterator[str]:
    for option in ctx.command.get_params(ctx):
        record = option.get_help_record(ctx)
        if record is not None and record[1]:
            yield from (".TP", f"\\fB{_escaped(record[0])}\\fR", _escaped(record[1]))


def _subcommands(ctx: click.Context) -> Iterator[str]:
    if not isinstance(ctx.command, click.Group):
        return
    yield ".SH COMMANDS"
    for name in ctx.command.list_commands(ctx):
        command = ctx.command.get_command(ctx, name)
        assert command is not None
        summary = (command.help or "").partition("\n")[0]
        yield from (".TP", f"\\fB{_escaped(name)}\\fR", _escaped(summary))


def _others(ctx: click.Context) -> list[str]:
    near = [page_name(ctx.parent)] if ctx.parent is not None else []
    if isinstance(ctx.command, click.Group):
        near += [page_name(each) for each in contexts(ctx) if each.parent is ctx]
    return [f"{name}(1)" for name in near or ["bridle"]]


def _escaped(text: str) -> str:
    """For roff: a backslash, a hyphen that is one, and a line that looks like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti")
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in text.split("\n"))


def main() -> None:
    """Write all of them; what is of a command that is gone is removed."""
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    (CHECKOUT / "docs" / "cli.md").write_text(markdown())
    folder = CHECKOUT / "docs" / "man"
    folder.mkdir(exist_ok=True)
    pages = man_pages(version)
    for old in set(folder.glob("*.1")) - {folder / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
