"""The form of HTCondor's user logs: of a DAGMan (`dagman_log`), of a DAG's nodes (`nodes_log`).

An event is a header, lines that begin with a blank, and a line `...`. Source: HTCondor's condor_event.cpp; 23.x and
25.x differ only in the note of the submit event.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from enum import Enum

EVENT_END = b"\n...\n"
"""What closes every event: its last line's newline, and a line of its own."""

HEADER = rb"^(?P<number>\d{3}) \((?P<cluster>-?\d{1,12})\.(?P<proc>-?\d{1,12})\.-?\d{1,12}\) "
"""How an event begins: which one it is, and of which job; its time follows."""

WHEN = rb"(?:\d{4}-\d\d-\d\d|\d\d/\d\d) \d\d:\d\d:\d\d(?:\.\d{1,6})?Z?"
"""The time in a header, as DEFAULT_USERLOG_FORMAT_OPTIONS of a site has it (ULogEvent::formatHeader): ISO_DATE, else
without a year; with SUB_SECOND; in UTC, which a Z says, else local.
"""

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


def seconds_of(when: str, zone: tzinfo | None, near: float) -> int:
    """Seconds since the epoch of the time in a header; local to `zone` unless it says UTC.

    Where no year is said, it is the one that brings it nearest to `near`. Raises ValueError, OverflowError, OSError.

    >>> seconds_of("2026-11-23 05:29:34.123Z", None, 0.0), seconds_of("12/31 23:59:59Z", None, 1_798_761_600.0)
    (1795411774, 1798761599)
    """
    zone = UTC if when.endswith("Z") else zone
    text = when.removesuffix("Z").partition(".")[0]
    if "/" not in text:
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())
    this_year, found = datetime.fromtimestamp(near, zone).year, []
    for year in (this_year - 1, this_year, this_year + 1):
        with suppress(ValueError):  # 29 February
            moment = datetime.fromisoformat(f"{year}-{text.replace('/', '-')}").replace(tzinfo=zone)
            found.append(int(moment.timestamp()))
    if not found:
        raise ValueError(f"{when!r} is no time")
    return min(found, key=lambda seconds: abs(seconds - near))


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
