"""The directory of shims: made, looked at, taken away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from condor_templates.errors import BridleError
from dag_rewriter import files
from dag_rewriter.directory.trusted_files import read_trusted, require_trusted_folder
from dag_rewriter.errors import UntrustedFileError
from planner_ext.shims.scripts import PROGRAMS, is_shim, shim

_HEAD_BYTES = 400
"""More than the two lines by which a shim is known."""


class InstallError(BridleError):
    """A directory that cannot hold the shims."""


@dataclass(frozen=True, slots=True)
class ShimState:
    """What becomes of a call of a program, with this PATH."""

    program: str
    shim: str | None
    """the path of the shim, if it is there"""
    first: str | None
    """what PATH finds"""
    real: str | None
    """what the shim goes on with; None: nothing"""

    @property
    def works(self) -> bool:
        return self.shim is not None and self.first == self.shim and self.real is not None


def install(directory: Path, bridle: str) -> list[Path]:
    """Write the shims; those that were written, none if all is as it was. `bridle` is the command's absolute path.

    InstallError where another program has a shim's name; UntrustedFileError where others could put a program into
    the directory, which stands first in PATH; FileError.
    """
    require_trusted_folder(directory.resolve())
    wanted = {directory / name: shim(name, bridle).encode() for name in PROGRAMS}
    for path in wanted:
        if files.mode_of(path) is not None and not is_shim(_head(path)):
            hint = "name a directory that holds nothing but the shims"
            raise InstallError(str(path), "there is another program of this name", hint)
    try:
        files.make_folder(directory)
    except OSError as error:
        raise files.file_error(directory, "be made", error) from error
    return [path for path, data in wanted.items() if files.replace(path, data, mode=0o755)]


def uninstall(directory: Path) -> list[Path]:
    """Remove the shims, and the directory if nothing else is in it; what was removed."""
    shims = [directory / name for name in PROGRAMS if is_shim(_head(directory / name))]
    for path in shims:
        files.remove(path)
    with suppress(OSError):  # something else is in it, or it was never there
        directory.rmdir()
    return shims


def states(directory: Path, search_path: str) -> list[ShimState]:
    """What becomes of each program's calls."""
    return [_state(name, directory / name, search_path) for name in PROGRAMS]


def unsafe(directory: Path) -> str:
    """Why programs of that directory may be others'; empty if they cannot be."""
    try:
        require_trusted_folder(directory.resolve())
        for name in PROGRAMS:
            read_trusted(directory / name)
    except UntrustedFileError as error:
        return str(error)
    return ""


def _state(name: str, path: Path, search_path: str) -> ShimState:
    there = str(path) if is_shim(_head(path)) else None
    first = next(_programs(name, search_path), None)
    return ShimState(name, there, None if first is None else str(first), real_program(name, search_path))


def real_program(name: str, search_path: str) -> str | None:
    """The first program of this name in a search path that is no shim, as the shims look for it."""
    return next((str(path) for path in _programs(name, search_path) if not is_shim(_head(path))), None)


def _programs(name: str, search_path: str) -> Iterator[Path]:
    for place in search_path.split(os.pathsep):
        path = Path(place or ".", name)
        if path.is_file() and os.access(path, os.X_OK):
            yield path


def _head(path: Path) -> bytes:
    """The beginning of a file; empty for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""
