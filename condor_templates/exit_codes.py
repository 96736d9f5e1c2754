"""What all commands exit with, and what it means: docs/exit-codes.md."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """One meaning for each number, in every command."""

    DONE = 0
    FAILED = 1
    """it was tried and did not succeed"""
    USAGE = 2
    """or what was named cannot be used"""
    NODES_FAILED = 3
    """of the DAG whose JOB the monitor is"""
    REMOVED = 4
    ABORTED = 5
    """by ABORT-DAG-ON"""
    NOT_ENDED = 6
    """and does not go on by itself"""
    SHIM_STOP = 9
    """to a shim: run nothing"""
    SHIM_AGAIN = 10
    """to a shim: ask again afterwards"""
    INTERNAL = 70
    """EX_SOFTWARE of sysexits.h"""
    IO = 74
    """EX_IOERR"""
    TRY_AGAIN = 75
    """EX_TEMPFAIL"""
    INTERRUPTED = 130
    """128 + SIGINT, as shells have it"""
    PIPE = 141
    """128 + SIGPIPE"""
