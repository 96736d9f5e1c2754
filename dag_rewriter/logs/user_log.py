"""The form of HTCondor's user logs: of a DAGMan (`dagman_log`), of a DAG's nodes (`nodes_log`).

An event is a header, lines that begin with a blank, and a line `...`. Source: HTCondor's condor_event.cpp; 23.x and
25.x differ only in the note of the submit event.
"""

from __future__ import annotations

import re
from enum import Enum

EVENT_END = b"\n...\n"
"""What closes every event: its last line's newline, and a line of its own."""

HEADER = rb"^(?P<number>\d{3}) \((?P<cluster>-?\d{1,12})\.(?P<proc>-?\d{1,12})\.-?\d{1,12}\) "
"""How an event begins: which one it is, and of which job; its time follows."""

_ALIAS = re.compile(rb"[?&]alias=([^&>\n]+)")
_ADDRESS = re.compile(rb"<([^<:>\n]+):")
_EXIT = re.compile(rb"\((return value|signal) (-?\d{1,10})\)")


class Number(Enum):
    """HTCondor's numbers of those events that mean something here."""

    SUBMIT = b"000"
    EXECUTE = b"001"
    TERMINATED = b"005"
    ABORTED = b"009"
    HELD = b"012"
    POST_SCRIPT_TERMINATED = b"016"


def job_of(header: re.Match[bytes]) -> str:
    """The job's id, `cluster.proc`."""
    return f"{int(header['cluster'])}.{int(header['proc'])}"


def exit_in(event: bytes) -> int | None:
    """The exit code that an event tells of, or minus the signal's number; None if it tells of neither.

    >>> exit_in(b"\\t(1) Normal termination (return value 3)"), exit_in(b"\\t(0) Abnormal termination (signal 9)")
    (3, -9)
    """
    match = _EXIT.search(event)
    return None if match is None else int(match[2]) * (-1 if match[1] == b"signal" else 1)


def alias_in(event: bytes) -> bytes | None:
    """The name of the host in an address (`<...&alias=NAME>`), None if it has none."""
    match = _ALIAS.search(event)
    return match[1] if match else None


def host_in(event: bytes) -> bytes | None:
    """The name of the host in an address, or the address if it has none."""
    match = _ADDRESS.search(event)
    return alias_in(event) or (match[1] if match else None)
