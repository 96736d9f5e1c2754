"""Requests to a monitor at work to deliver notifications again: one file each, in a folder of their own.

Only the monitor writes the database; whoever asks leaves a file, whole and under a name of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.errors import FileError


def request_resend(folder: Path, keys: Iterable[str]) -> None:
    """Ask for these keys again. Raises FileError if the submit directory cannot be written to."""
    name = f"{time.time_ns()}-{os.getpid()}"
    text = "".join(f"{key}\n" for key in keys).encode()
    try:
        _write(folder, name, text)
    except FileError:
        _write(folder, name, text)  # the monitor, which had done all others, had just removed the folder


def _write(folder: Path, name: str, text: bytes) -> None:
    try:
        files.make_folder(folder)
    except OSError as error:
        raise files.file_error(folder, "make it", error) from error
    files.replace(folder / name, text)


def pending_requests(folder: Path) -> dict[str, list[str]]:
    """The keys by the name of the file that asks for them."""
    names = [name for name in files.names_in(folder) if not name.startswith(".")]
    found = {name: files.read_if_there(folder / name, files.SMALL) or b"" for name in names}
    return {name: data.decode("ascii", "replace").split() for name, data in found.items()}


def drop_requests(folder: Path, names: Iterable[str]) -> None:
    """The database has them."""
    for name in names:
        files.remove(folder / name)
    with suppress(OSError):  # somebody asks for more
        folder.rmdir()
