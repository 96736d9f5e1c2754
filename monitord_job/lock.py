"""One monitor at a time for one submit directory, and who it is."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dag_rewriter import files
from monitord_job.errors import LockedError, StoppedError
from monitord_job.waiting import Wait

_POLL = 0.2


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: its file says so."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"

    @property
    def text(self) -> bytes:
        """What stands in the lock's file."""
        return f"{self}\n".encode()

    def stands_still(self) -> bool:
        """Whether it was stopped (SIGSTOP, a debugger), as far as this host can tell (looks at /proc)."""
        if self.host != socket.gethostname():
            return False
        # The name before the state may hold anything, blanks and brackets too (proc_pid_stat(5)).
        fields = files.read_process(self.pid, "stat").rpartition(b")")[2].split()
        return fields[:1] in ([b"T"], [b"t"])


def parse_holder(text: bytes) -> Holder | None:
    """The inverse of `Holder.text`; None for anything else.

    >>> parse_holder(Holder(7, "ap.example.org", "2026-11-23T12:00:00+00:00").text).pid
    7
    """
    words = text.decode("utf-8", "replace").split()
    if (
        len(words) != 6
        or words[::2] != ["process", "on", "since"]
        or not (words[1].isdecimal() and len(words[1]) < 11)
    ):
        return None
    return Holder(int(words[1]), words[3], words[5])


def this_process() -> Holder:
    """Who we are, from now on."""
    return Holder(
        os.getpid(), socket.gethostname(), datetime.now().astimezone().isoformat(timespec="seconds")
    )


def holder_of(path: Path) -> Holder | None:
    """Who wrote into the lock's file last; None if nobody did."""
    return parse_holder(files.read_if_there(path, files.SMALL) or b"")


@contextmanager
def locked(path: Path, holder: Holder | None = None) -> Iterator[bool]:
    """Hold the lock while the block runs; False if somebody else holds it. The kernel frees it with the process.

    `holder` is written into the file; without one, its content stays as it is.
    """
    handle = files.open_own(path)
    try:
        files.refuse_without_end(handle, path)
        held = _try(handle) and _is_there(handle, path)
        if held and holder is not None:
            os.ftruncate(handle, 0)
            os.pwrite(handle, holder.text, 0)
        yield held
    finally:
        os.close(handle)


@contextmanager
def alone(path: Path, wait: float) -> Iterator[Holder]:
    """Be the one who holds the lock, after at most `wait` seconds; raises LockedError, which says who is.

    Who waited, and finds the other one stopped, goes past it: the fence sees to it that it writes nothing when it
    wakes up. A reader, who does not wait, leaves that to the monitor.
    """
    patience = Wait(wait, _POLL)
    while True:
        ours = this_process()
        _clear_of_others(path)
        with locked(path, ours) as held:
            if held:
                yield ours
                return
        other = holder_of(path)
        stopped = other is not None and other.stands_still()
        if not patience.go_on():
            if not (wait and stopped):
                raise _held(path, other, stopped=stopped)
            path.unlink(missing_ok=True)


def _held(path: Path, other: Holder | None, *, stopped: bool) -> LockedError:
    who = "" if other is None else f": {other}"
    if other is None or not stopped:
        what = f"another monitor is at work on this submit directory{who}"
        return LockedError(str(path.parent), what, "leave it to that one, or try again when it has gone")
    what = f"a monitor that was stopped keeps this submit directory{who}"
    hint = f"let it go on with `kill -CONT {other.pid}`, or end it with `kill -9 {other.pid}`"
    return StoppedError(str(path.parent), what, hint)


def _clear_of_others(path: Path) -> None:
    """What is no file of ours where the lock is to be (a link, another user's) gives way, unless somebody holds it.

    The directory is ours. Raises LockedError for one that is held, OSError if it cannot be taken away.
    """
    try:
        os.close(files.open_own(path))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ELOOP):
            raise
        if _is_held(path):
            raise _held(path, None, stopped=False) from error
        path.unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    """Whether a process has the lock in a file that we cannot write; False also if that cannot be seen."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return not _try(handle)
    finally:
        os.close(handle)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_there(handle: int, path: Path) -> bool:
    """Whether the lock is that of the file's name: it may have been taken away between open and lock."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
