"""Exit codes as DAGMan says them and wait statuses as Stampede keeps them."""

from __future__ import annotations

from dag_rewriter.logs.events import REMOVED

_LAST_SIGNAL = 64


def raw_status(code: int) -> int:
    """The wait status of an exit code, or of a signal that DAGMan gives as a negative number.

    >>> raw_status(1), raw_status(-9), raw_status(-1001)
    (256, 9, -256256)
    """
    if -_LAST_SIGNAL <= code < 0:
        return -code
    return code << 8


def exit_code(raw: int) -> int:
    """The inverse for people: an exit code, or minus the signal's number; -128 if nothing could be run.

    >>> exit_code(256), exit_code(9), exit_code(-1)
    (1, -9, -128)
    """
    if raw < 0:
        return -128
    return -(raw & 127) if raw & 127 else raw >> 8


def was_removed(raw: int) -> bool:
    """Whether a wait status is that of a job which was removed: nothing of it ended by itself.

    >>> was_removed(raw_status(-1002))
    True
    """
    return raw == REMOVED << 8
