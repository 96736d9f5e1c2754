"""Why a command ended: the three parts of an error and an exit code, as a line for people or as JSON. Pure."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import click

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from condor_templates.next_command import completed

# What the user can do about an OSError: errno -> advice, and whether it is what was named that is wrong.
_ADVICE = {
    errno.ENOENT: ("check the name", ExitCode.USAGE),
    errno.ENOTDIR: ("name a directory", ExitCode.USAGE),
    errno.EISDIR: ("name a file", ExitCode.USAGE),
    errno.EACCES: ("check who may read and write it", ExitCode.USAGE),
    errno.EPERM: ("check whose it is", ExitCode.USAGE),
    errno.ESPIPE: ("put a file there: pipes and devices have no end", ExitCode.USAGE),
    errno.ELOOP: ("no link is followed there: put a file there, or nothing", ExitCode.USAGE),
    errno.EROFS: ("the file system is read-only: use another place", ExitCode.IO),
    errno.ENOSPC: ("free some space, then try again", ExitCode.IO),
    errno.EDQUOT: ("free some of your quota, then try again", ExitCode.IO),
}


class Failure(NamedTuple):
    """Why a command ended."""

    where: str
    """empty if it is about nothing but the command"""
    what: str
    hint: str
    code: int
    usage: str = ""
    """what people read instead of the line, after wrong usage"""

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}; {self.hint}" if self.hint else line

    def document(self, name: str) -> dict[str, Any]:
        """For --json (docs/json.md); `name` is the program's."""
        error = {"where": self.where or name, "what": self.what, "hint": self.hint}
        return {"error": error, "exit_code": int(self.code)}


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether the words of a command that could not be understood ask for JSON.

    >>> asks_for_json(["statsu", "--json"]), asks_for_json(["hook", "ask", "--", "--json"])
    (True, False)
    """
    return "--json" in takewhile(lambda word: word != "--", words)


def usage_failure(error: click.ClickException) -> Failure:
    """Wrong usage, as click tells it."""
    text = StringIO()
    error.show(file=text)
    ctx = getattr(error, "ctx", None)
    where = ctx.command_path if isinstance(ctx, click.Context) else ""
    hint = f"`{where} -h` shows how it is used" if where else ""
    return Failure(where, error.format_message(), hint, error.exit_code, text.getvalue())


def bridle_failure(error: BridleError, run: Path | None) -> Failure:
    """An error of ours; the commands that it names get the run that it is about."""
    return Failure(error.where, completed(error.what, run), completed(error.hint, run), error.exit_code)


def os_failure(error: OSError, name: str) -> Failure:
    """What the machine refused."""
    see = f"run again with `{name} -vv` to see where"
    advice, code = _ADVICE.get(error.errno or 0, (see, ExitCode.IO))
    where = error.filename if error.filename is not None else "input/output"
    return Failure(os.fsdecode(where), str(error.strerror or error), advice, code)


def internal_failure(error: Exception, name: str) -> Failure:
    """A mistake of ours."""
    what = f"internal error: {type(error).__name__}: {error}"
    return Failure("", what, f"run again with `{name} -vv` and report it", ExitCode.INTERNAL)
