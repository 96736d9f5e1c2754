"""Regular files, opened for reading: a pipe or a device may have no end."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from dag_rewriter.files.os_errors import file_error

NULL_DEVICE = os.makedev(1, 3)
"""It has an end, and a plain DAG's jobs are often told to write there."""
NOT_REGULAR = "it is no regular file"
_ONLY_OF: ContextVar[int | None] = ContextVar("_ONLY_OF", default=None)
# What opens a pipe without O_NONBLOCK waits for its writer; a terminal must not become this process's.
_HARMLESSLY = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def mode_of(path: Path) -> int | None:
    """The mode (kind and permissions) of what is there, None for nothing; FileError when it cannot be known."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise file_error(path, "look at it", error) from error


def open_regular(path: str | Path, directory: int | None = None) -> int:
    """A regular file or /dev/null, open for reading. Raises OSError, also for what has no end: a pipe, a device."""
    stream = os.open(path, _HARMLESSLY) if directory is None else os.open(path, _HARMLESSLY, dir_fd=directory)
    try:
        refuse_without_end(stream, path)
    except OSError:
        os.close(stream)
        raise
    return stream


@contextmanager
def reading_only_of(uid: int) -> Iterator[None]:
    """Within the block, this process reads no file of anybody else's: in another user's directory, links and names of
    files may lead to what that user could not read.
    """
    token = _ONLY_OF.set(uid)
    try:
        yield
    finally:
        _ONLY_OF.reset(token)


def refuse_without_end(stream: int, path: str | Path) -> None:
    """Raises OSError for what is open and is neither a regular file nor /dev/null, or not of whom alone it may be."""
    status = os.fstat(stream)
    only_of = _ONLY_OF.get()
    if only_of is None and stat.S_ISREG(status.st_mode):
        return  # nearly always
    if only_of not in (None, status.st_uid) and status.st_rdev != NULL_DEVICE:
        raise PermissionError(errno.EACCES, "it is not of whom the directory belongs to", os.fspath(path))
    if not stat.S_ISREG(status.st_mode) and status.st_rdev != NULL_DEVICE:
        number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.ESPIPE
        raise OSError(number, NOT_REGULAR if number == errno.ESPIPE else os.strerror(number), os.fspath(path))


def stream_of(path: Path) -> BinaryIO:
    """The same, to be read piece by piece. Raises OSError."""
    return os.fdopen(open_regular(path), "rb")
