"""Files read whole, or piece by piece, under a bound, with errors that say where, what and what to do."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dag_rewriter.errors import FileError
from dag_rewriter.files.os_errors import file_error
from dag_rewriter.files.regular import NOT_REGULAR, mode_of, open_regular, stream_of

_READ = 1 << 30
_STEP = 1 << 16
_CHUNK = 1 << 14  # most submit files fit; a larger buffer costs more than a second read


class Limit(NamedTuple):
    """How much of a file is read whole, in bytes: all of it, and its longest line."""

    size: int
    line: int = 16 << 20
    """a PARENT line of a million nodes has less; DAGMan itself has no limit"""


MOST = Limit(2 << 30)
"""DAGs and logs of a million nodes have less."""
SMALL = Limit(4 << 20)
"""... settings: a braindump, a policy, properties, metrics, the configuration of a DAGMan."""
MANY = Limit(64 << 20)
"""... a submit file, a file with rules."""
OUR_OWN = Limit(1 << 30, 1 << 30)
"""... what nobody but we have written, on one line."""


def read(path: Path, limit: Limit = MOST, check: Callable[[os.stat_result], None] | None = None) -> bytes:
    """All bytes that a file has now; FileError when it cannot be read, is no regular one or has more than the limit.

    `check` sees first whose it is: of the very file that is read.
    """
    try:
        stream = open_regular(path)
        try:
            if check is not None:
                check(os.fstat(stream))
            return _whole(stream, limit)
        finally:
            os.close(stream)
    except OSError as error:
        raise file_error(path, "read it", error) from error


def read_regular(path: Path) -> bytes:
    """The same, and /dev/null is refused, too: what a DAG splices in is a file. FileError."""
    mode = mode_of(path)
    if mode is not None and stat.S_ISCHR(mode):
        raise file_error(path, "read it", OSError(errno.ESPIPE, NOT_REGULAR))
    return read(path)


def read_begin(path: Path, most: int) -> bytes:
    """The first bytes of a file, `most` of them; FileError when it cannot be read."""
    try:
        with stream_of(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if not size:
                _refuse_what_the_kernel_makes(stream.fileno())
            return stream.read(min(most, size))
    except OSError as error:
        raise file_error(path, "read it", error) from error


def read_if_there(
    path: Path, limit: Limit = MOST, check: Callable[[os.stat_result], None] | None = None
) -> bytes | None:
    """All bytes that a file has now, None when it does not exist. FileError as `read`."""
    try:
        return read(path, limit, check)
    except FileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def search(path: Path, pattern: re.Pattern[bytes], longest: int, start: int = 0) -> tuple[bool, int]:
    """Whether a file has, from the byte `start` on, something of at most `longest` bytes, and where to look from next
    time. One that is not there has nothing; FileError when it cannot be read.
    """
    before = b""
    try:
        with stream_of(path) as stream:
            stream.seek(start)
            while more := stream.read(_STEP << 4):
                if pattern.search(before + more):
                    return True, start
                before = (before + more)[-longest:]
            return False, max(start, stream.tell() - longest)
    except FileNotFoundError:
        return False, start
    except OSError as error:
        raise file_error(path, "read it", error) from error


def _whole(stream: int, limit: Limit) -> bytes:
    """Up to where the file ends now: one that grows, or that the kernel makes as it is read, has no other end."""
    left = os.fstat(stream).st_size
    if left > limit.size:
        raise OSError(errno.EFBIG, f"it has {left} bytes, and {limit.size} are the most that is read")
    if left > limit.line:
        _refuse_long_line(stream, left, limit.line)
    if not left:
        _refuse_what_the_kernel_makes(stream)
    pieces = []
    while left and (piece := os.read(stream, min(left, _READ))):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _refuse_long_line(stream: int, size: int, most: int) -> None:
    """Raises OSError for a line of more bytes than that, before all of it is in memory. Skips from line to line, near
    the most that each may have: a few looks at a file of any size.
    """
    begin = 0
    while size - begin > most:
        end = _last_line_end(stream, begin, begin + most + 1)
        if end < 0:
            what = f"its line at byte {begin} has more than {most} bytes, the most that is read"
            raise OSError(errno.EFBIG, what)
        begin = end + 1


def _last_line_end(stream: int, first: int, stop: int) -> int:
    """Where the last newline of these bytes of a file is; -1 if there is none."""
    while stop > first:
        start = max(first, stop - _STEP)
        at = os.pread(stream, stop - start, start).rfind(b"\n")
        if at >= 0:
            return start + at
        stop = start
    return -1


def _refuse_what_the_kernel_makes(stream: int) -> None:
    """Raises OSError for a file below /proc, say: regular by its mode, empty by its size, and full of data."""
    status = os.fstat(stream)
    if stat.S_ISREG(status.st_mode) and os.pread(stream, 1, 0) and not os.fstat(stream).st_size:
        raise OSError(
            errno.ESPIPE, "the kernel makes it while it is read (proc(5)), and its size is not known"
        )


def read_process(pid: int, name: str) -> bytes:
    """What the kernel says of a process (proc(5)), nothing if it is no more, or another user's."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def written_at(path: Path) -> int:
    """When what it holds was last written, in nanoseconds since the epoch. Who wrote it can say another time."""
    return _times(path).st_mtime_ns


def changed_at(path: Path) -> int:
    """When it was last written, or came to this place: the kernel's own time, which nobody can say otherwise."""
    return _times(path).st_ctime_ns


def _times(path: Path) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as error:
        raise file_error(path, "look at it", error) from error


def names_in(directory: Path) -> list[str]:
    """The names of all that is in a directory; FileError when it cannot be read."""
    try:
        return os.listdir(directory)  # noqa: PTH208 - a path for each of a thousand names takes four times as long
    except OSError as error:
        raise file_error(directory, "list it", error) from error


def read_many(directory: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """(name, bytes) of many small files below a directory, in the given order; None for one that is not
    there.
    """
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise file_error(directory, "open it", error) from error
    try:
        for name in names:
            yield name, _read_at(directory, name, fd)
    finally:
        os.close(fd)


def _read_at(directory: Path, name: str, directory_fd: int) -> bytes | None:
    try:
        fd = open_regular(name, directory_fd)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise file_error(directory / name, "read it", error) from error
    try:
        data = os.read(fd, _CHUNK)
        return data if len(data) < _CHUNK else data + _whole(fd, MANY)
    except OSError as error:
        raise file_error(directory / name, "read it", error) from error
    finally:
        os.close(fd)
