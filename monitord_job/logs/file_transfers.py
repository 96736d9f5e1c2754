"""What a user log tells of HTCondor's file transfer: the bytes of each job, and when they moved. Pure.

Bytes are in the events that end an execution (004 evicted, 005 terminated, 007 shadow exception): `Run Bytes Sent By
Job` is what came back to the submit host, `Run Bytes Received By Job` what it sent. Times are in the events 040 (file
transfer), which the user logs of jobs have and DAGMan's nodes.log has not. Source: HTCondor's condor_event.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from dag_rewriter.language.text import text_of
from dag_rewriter.logs.user_log import EVENT_END

_HEADER = re.compile(
    rb"(\d{3}) \((-?\d{1,12}\.-?\d{1,12})\.-?\d{1,12}\) (?:(\d{4}-\d\d-\d\d)[ T](\d\d):(\d\d):(\d\d))?[^\n]*"
)
_NODE = re.compile(rb'\n    (?:\[.*?\bDAGNodeName = "((?:[^"\\]|\\.)*)"|DAG Node: ([^\n]+))')
_SENT_BY_JOB = re.compile(rb"\n\t(\d{1,18})  -  Run Bytes Sent By Job")
_RECEIVED_BY_JOB = re.compile(rb"\n\t(\d{1,18})  -  Run Bytes Received By Job")
_ESCAPED = re.compile(rb"\\(.)")
_SUBMIT, _EXECUTE, _TERMINATED, _ABORTED, _TRANSFER = b"000", b"001", b"005", b"009", b"040"
_ENDS_EXECUTION = frozenset({b"004", _TERMINATED, b"007"})
_WANTED = frozenset({_SUBMIT, _EXECUTE, _ABORTED, _TRANSFER, *_ENDS_EXECUTION})
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer of all files of a job in one direction; times in seconds, of the log's own clock."""

    start: int
    end: int
    size: int
    """bytes"""
    to_job: bool
    """else it came back"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One job of a node, as far as its log goes: `cluster.proc`, which may have been executed several times."""

    node: str
    sent: int
    """bytes that the submit host sent to it, in all executions"""
    returned: int
    """bytes that came back"""
    last_sent: int
    """bytes of its last execution"""
    last_returned: int
    run_seconds: int | None
    """of its last execution, without the transfers; None if the log does not say"""
    terminated: bool
    """whether it has ended by itself"""
    has_left: bool
    """else it is in the queue"""
    began: int | None
    """when it was executed last, of the log's own clock"""
    ended: int | None
    transfers: tuple[Transfer, ...]


@dataclass(slots=True)
class _Job:
    """While its events come in."""

    node: str
    sent: int = 0
    returned: int = 0
    last: tuple[int, int] = (0, 0)
    began: int | None = None
    output_began: int | None = None
    open_transfer: tuple[bool, int] | None = None
    spans: list[tuple[bool, int, int]] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    run_seconds: int | None = None
    terminated: bool = False

    def attempt(self, *, has_left: bool, ended: int | None) -> Attempt:
        return Attempt(
            self.node,
            self.sent,
            self.returned,
            *self.last,
            self.run_seconds,
            self.terminated,
            has_left,
            self.began,
            ended,
            tuple(self.transfers),
        )


def attempts_in(pieces: Iterable[bytes]) -> Iterator[Attempt]:
    """The jobs of a log, in pieces of any size, in the order in which they left; then those that are still there.

    >>> log = (b'000 (7.000.000) 2026-11-23 05:27:28 Job submitted\\n    [ DAGNodeName = "A"; X = "y" ]\\n...\\n'
    ...        b'001 (7.000.000) 2026-11-23 05:27:30 Job executing\\n...\\n'
    ...        b'005 (7.000.000) 2026-11-23 05:27:32 Job terminated.\\n\\t(1) Normal termination (return value 0)\\n'
    ...        b'\\t6279  -  Run Bytes Sent By Job\\n\\t30805  -  Run Bytes Received By Job\\n...\\n')
    >>> [(one.node, one.sent, one.returned, one.run_seconds) for one in attempts_in([log[:150], log[150:]])]
    [('A', 30805, 6279, 2)]
    """
    jobs: dict[bytes, _Job] = {}
    days: dict[bytes, int] = {}
    for event in _events(pieces):
        if event[:3] not in _WANTED:
            continue
        header = _HEADER.match(event)
        if header is None:
            continue
        number, job_id = header[1], header[2]
        if number == _SUBMIT:
            name = _NODE.search(event)
            if name is not None:
                jobs[job_id] = _Job(_name(name))
            continue
        job = jobs.get(job_id)
        if job is None:
            continue
        when = _seconds(header, days)
        _take(job, number, when, event)
        if number in (_TERMINATED, _ABORTED):
            yield jobs.pop(job_id).attempt(has_left=True, ended=when)
    for job in jobs.values():
        yield job.attempt(has_left=False, ended=None)


def _events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Whole events, without what closes them; one that is not closed is left out."""
    rest = b""
    for piece in pieces:
        *events, rest = (rest + piece).split(EVENT_END)
        yield from events


def pieces_of(stream: BinaryIO) -> Iterator[bytes]:
    """A stream's bytes, some megabytes at a time."""
    return iter(lambda: stream.read(_BLOCK), b"")


def _name(found: re.Match[bytes]) -> str:
    return text_of(found[2].strip() if found[1] is None else _ESCAPED.sub(rb"\1", found[1]))


def _seconds(header: re.Match[bytes], days: dict[bytes, int]) -> int | None:
    """The log's own clock, which has no zone: only differences mean anything."""
    day = header[3]
    if day is None:
        return None
    if day not in days:
        try:
            days[day] = date.fromisoformat(day.decode()).toordinal() * 86400
        except ValueError:
            return None
    return days[day] + int(header[4]) * 3600 + int(header[5]) * 60 + int(header[6])


def _take(job: _Job, number: bytes, when: int | None, event: bytes) -> None:
    if number == _EXECUTE:
        job.began, job.output_began = when, None
    elif number == _TRANSFER:
        _take_transfer(job, when, event)
    elif number in _ENDS_EXECUTION:
        _take_bytes(job, when, event)
        job.terminated = number == _TERMINATED


def _take_transfer(job: _Job, when: int | None, event: bytes) -> None:
    first = event[: event.find(b"\n") if b"\n" in event else None]
    to_job = b"input" in first
    if when is None:
        return
    if b"Started" in first:
        job.open_transfer = to_job, when
        if not to_job:
            job.output_began = when
    elif b"Finished" in first and job.open_transfer is not None and job.open_transfer[0] == to_job:
        job.spans.append((to_job, job.open_transfer[1], max(when, job.open_transfer[1])))
        job.open_transfer = None


def _take_bytes(job: _Job, when: int | None, event: bytes) -> None:
    returned, sent = _SENT_BY_JOB.search(event), _RECEIVED_BY_JOB.search(event)
    job.last = (int(sent[1]) if sent else 0, int(returned[1]) if returned else 0)
    job.sent += job.last[0]
    job.returned += job.last[1]
    end = job.output_began if job.output_began is not None else when
    job.run_seconds = max(0, end - job.began) if end is not None and job.began is not None else None
    sizes = {True: job.last[0], False: job.last[1]}
    for to_job, start, finish in job.spans:
        # A transfer that was begun anew: HTCondor tells the bytes of all of them together.
        job.transfers.append(Transfer(start, finish, sizes[to_job], to_job))
        sizes[to_job] = 0
    job.spans.clear()
    job.open_transfer = None
