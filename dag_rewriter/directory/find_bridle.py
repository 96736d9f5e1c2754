"""Where the `bridle` command is: the monitor's submit file names it by its whole path."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

from dag_rewriter.errors import RewriterError

COMMAND = "bridle"


def script_directories() -> tuple[Path, ...]:
    """Where this interpreter's installers put commands: its own directory, then the user's."""
    own = Path(sysconfig.get_path("scripts"))
    user = Path(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    return own, user


def find_bridle(directories: tuple[Path, ...], search_path: str) -> str:
    """The absolute path of `bridle`: the first of `directories` that has it, then PATH; RewriterError if none
    has.
    """
    for directory in directories:
        candidate = directory / COMMAND
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate.absolute())
    command = shutil.which(COMMAND, path=search_path)
    if command is None:
        hint = "install pegasus-bridle (pip install pegasus-bridle), or put its directory into PATH"
        raise RewriterError(COMMAND, "the command that HTCondor shall start as the monitor is nowhere", hint)
    return str(Path(command).absolute())
