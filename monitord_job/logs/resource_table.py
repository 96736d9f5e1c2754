"""What HTCondor's log says at a job's end: what it used of a machine, asked for and was given (condor_event.cpp)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dag_rewriter.logs.user_log import HEADER, Number, job_of

_HEAD = "Partitionable Resources :"
_ENDED = re.compile(
    HEADER.replace(rb"\d{3}", Number.TERMINATED.value)
    + rb"[^\n]*\n(?:[ \t][^\n]*\n)*?(?P<table>[ \t]+Partitionable Resources :[^\n]*\n(?:[ \t][^\n]*\n)*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """What was used of something, asked for and given, in the log's words."""

    name: str
    used: str
    requested: str
    allocated: str


def tables_in(events: bytes) -> Iterator[tuple[str, tuple[Resource, ...]]]:
    """(`cluster.proc`, its table) of each job that ended and has one.

    >>> lines = [b"005 (21.000.000) 2026-11-29 01:04:04 Job terminated.", b"\\t(1) Normal termination (return value 0)"]
    >>> lines += [b"\\tPartitionable Resources :    Usage  Request Allocated "]
    >>> lines += [b"\\t   Cpus                 :        1        2         2 ", b"...", b""]
    >>> [(job, table[0].requested) for job, table in tables_in(b"\\n".join(lines))]
    [('21.0', '2')]
    """
    for event in _ENDED.finditer(events):
        lines = event["table"].decode("utf-8", "replace").split("\n")
        yield job_of(event), tuple(table_in(lines))


def table_in(lines: Iterable[str]) -> Iterator[Resource]:
    """The rows of the table in the lines of an event: cells stand below the words of its head, flush right.

    >>> head = "\\tPartitionable Resources :    Usage  Request Allocated \\n"
    >>> list(table_in([head, "\\t   Memory (MB)          :       17       64       128 \\n"]))
    [Resource(name='Memory (MB)', used='17', requested='64', allocated='128')]
    >>> list(table_in([head, "\\t   Cpus                 :                 1         1 \\n"]))[0].used
    ''
    """
    columns: list[int] = []
    for line in lines:
        if _HEAD in line:
            columns = [line.index(word) + len(word) for word in ("Usage", "Request", "Allocated")]
            continue
        name, colon, _ = line.partition(":")
        if not columns or not colon:
            columns = []
            continue
        start = len(name) + 1
        used, requested, allocated = (
            line[begin:end].strip() for begin, end in zip((start, *columns), columns, strict=False)
        )
        yield Resource(name.strip(), used, requested, allocated)
