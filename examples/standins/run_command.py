"""Run one command and keep what wait4(2) tells of it; signals sent to us go on to it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from typing import NamedTuple

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Ended(NamedTuple):
    """A command that ran: seconds since the epoch, the raw wait status, its resource usage."""

    pid: int
    raw: int
    start: float
    finish: float
    usage: resource.struct_rusage


def executable_of(command: str, path: str | None) -> tuple[str, int]:
    """(file to execute, 0) or (command as given, errno): absolute, in the working directory, or on PATH."""
    if command.startswith("/") or os.path.isfile(command):
        executable: str | None = command if os.path.isfile(command) else None
    else:
        executable = shutil.which(command, path=path or "")
    if not executable:
        return command, 2
    return (executable, 0) if os.access(executable, os.R_OK | os.X_OK) else (command, 13)


def run(
    executable: str, argv: list[str], streams: tuple[int, int, int], environment: dict[str, str]
) -> Ended:
    """Execute argv with the three descriptors as its stdin, stdout, stderr, and wait for its end."""
    start = time.time()
    # between fork and the handlers a signal must wait, or the command would be left alone
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    pid = os.fork()
    if pid == 0:
        _become(executable, argv, streams, environment, before)
    for number in FORWARDED:
        signal.signal(number, lambda got, _frame: _pass_on(pid, got))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _, raw, usage = os.wait4(pid, 0)
    for number in FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    return Ended(pid, raw, start, time.time(), usage)


def exit_code(raw: int) -> int:
    """The code that kickstart leaves with for a raw wait status.

    >>> exit_code(1792), exit_code(9), exit_code(-127)
    (7, 137, 127)
    """
    if raw < 0:
        return 127
    if os.WIFSIGNALED(raw):
        return 128 + os.WTERMSIG(raw)
    return os.WEXITSTATUS(raw)


def _pass_on(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _become(
    executable: str,
    argv: list[str],
    streams: tuple[int, int, int],
    environment: dict[str, str],
    mask: set[int],
) -> None:
    try:
        for target, source in enumerate(streams):
            os.dup2(source, target, inheritable=True)
        for number in (*FORWARDED, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execve(executable, argv, environment)
    except OSError as reason:
        os.write(2, f"{executable}: {reason}\n".encode("utf-8", "replace"))
    finally:
        os._exit(127)
