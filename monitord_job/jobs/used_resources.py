"""What a job used of machines against what it asked for: only HTCondor's own log has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dag_rewriter.files import stream_of
from dag_rewriter.logs.user_log import HEADER, Number, job_of
from monitord_job.jobs.model.one_job import Resource

_HEADER = re.compile(HEADER)
_TABLE = "Partitionable Resources :"
_END = b"...\n"


def resources_of(log: Path, job: str) -> tuple[Resource, ...]:
    """The table of the last event that has one, of a job `cluster.proc`; nothing where the log is not there."""
    try:
        with stream_of(log) as stream:
            return _last_table(stream, job)
    except OSError:
        return ()


def _last_table(lines: Iterable[bytes], job: str) -> tuple[Resource, ...]:
    table: tuple[Resource, ...] = ()
    event: list[str] | None = None
    for line in lines:
        header = _HEADER.match(line)
        if header is not None:
            ours = header["number"] == Number.TERMINATED.value and job_of(header) == job
            event = [] if ours else None
        elif event is not None and line == _END:
            table = tuple(table_in(event)) or table
            event = None
        elif event is not None:
            event.append(line.decode("utf-8", "replace"))
    return table


def table_in(event: list[str]) -> Iterator[Resource]:
    """The rows of the table in an event's lines: cells stand below the words of its head, flush right.

    >>> head = "\\tPartitionable Resources :    Usage  Request Allocated \\n"
    >>> list(table_in([head, "\\t   Memory (MB)          :       17       64       128 \\n"]))
    [Resource(name='Memory (MB)', used='17', requested='64', allocated='128')]
    >>> list(table_in([head, "\\t   Cpus                 :                 1         1 \\n"]))[0].used
    ''
    """
    columns: list[int] = []
    for line in event:
        if _TABLE in line:
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
