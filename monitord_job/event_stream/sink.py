"""Where `--events` writes to: whole lines at the end of a file, or to standard output."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

from dag_rewriter import files
from monitord_job.errors import CannotWorkError, TryAgainError
from monitord_job.event_stream.netlogger import BpEvent, BpFormat, render

_WINDOW = 1 << 16
_MAY_PASS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EAGAIN)
_STDOUT = "-"


class EventFile:
    """Appends events to a file that is opened at once. Raises CannotWorkError if that cannot be.

    A line that a kill or a full disk has cut is taken away before its whole successor is written.
    """

    def __init__(self, name: str, style: BpFormat) -> None:
        self._name = name
        self._style = style
        try:
            self._file = sys.stdout.fileno() if name == _STDOUT else files.open_named(Path(name))
        except OSError as error:
            raise CannotWorkError(
                name, f"events cannot be written there: {error.strerror}", _ELSEWHERE
            ) from error
        self._is_regular = name != _STDOUT and stat.S_ISREG(os.fstat(self._file).st_mode)
        self._may_be_torn = True

    def write(self, events: list[BpEvent]) -> None:
        """Return when all are written. TryAgainError: it may succeed later; BrokenPipeError: nobody reads."""
        lines = [render(event, self._style).encode("utf-8", "backslashreplace") for event in events]
        try:
            if self._may_be_torn and self._is_regular:
                self._mend(lines)
            self._may_be_torn = True
            self._write_all(b"".join(lines))
            self._may_be_torn = False
        except BrokenPipeError:
            raise
        except OSError as error:
            kind = TryAgainError if error.errno in _MAY_PASS else CannotWorkError
            what = f"the events cannot be written: {error.strerror}"
            raise kind(self._name, what, "make room there, or name another file") from error

    def close(self) -> None:
        """Give up the file."""
        if self._name != _STDOUT:
            os.close(self._file)

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        if self._is_regular:
            os.fsync(self._file)

    def _mend(self, lines: list[bytes]) -> None:
        size = os.fstat(self._file).st_size
        tail = self._after_last_newline(size)
        if not tail:
            return
        if any(line.startswith(tail) for line in lines):
            os.ftruncate(self._file, size - len(tail))
        else:
            self._write_all(b"\n")  # not ours to take away

    def _after_last_newline(self, size: int) -> bytes:
        tail, start = b"", size
        while start and b"\n" not in tail:
            end, start = start, max(0, start - _WINDOW)
            tail = os.pread(self._file, end - start, start) + tail
        return tail[tail.rfind(b"\n") + 1 :]


_ELSEWHERE = "name a file that you may write to, or - for standard output"
