"""What a job's stdout holds, as values, whichever format it was written in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class OutputFile(NamedTuple):
    """A file that the job is to have made; `attributes` in Stampede's words (`size`, `checksum.value`, ...)."""

    lfn: str
    attributes: tuple[tuple[str, str], ...]
    checksum_seconds: float | None


class Invocation(NamedTuple):
    """One kickstart record: one executable run once. Times in seconds, `ram_total` and `maxrss` in kB.

    `offset` is the byte where it begins. `raw` is the wait status as wait(2) gives it, negative if the executable
    could not be started. `integrity_error` is what kickstart said of a file whose checksum it could not make.
    """

    offset: int
    transformation: str | None
    derivation: str | None
    resource: str | None
    hostaddr: str | None
    hostname: str | None
    user: str | None
    start: float | None
    duration: float | None
    utime: float | None
    stime: float | None
    maxrss: int | None
    raw: int | None
    signal: str | None
    executable: str | None
    cwd: str | None
    node_name: str | None
    uname: str | None
    ram_total: int | None
    stdout: str | None
    stderr: str | None
    outputs: tuple[OutputFile, ...]
    integrity_error: str | None = None


class ClusterLine(NamedTuple):
    """`[cluster-task ...]` or `[cluster-summary ...]`: its words."""

    offset: int
    is_summary: bool
    fields: Mapping[str, str]


class ListedTask(NamedTuple):
    """A task as the list that its cluster was given has it: `#@ NUMBER TRANSFORMATION TASK` and its command."""

    number: int
    transformation: str
    task: str
    executable: str | None
    arguments: str | None


class IntegritySummary(NamedTuple):
    """How many input files were checked against their checksums, in how many seconds."""

    offset: int
    succeeded: int
    failed: int
    duration: float


class Damage(NamedTuple):
    """Something that could not be read: where it begins (bytes), why, and how it begins; `file` if not the stdout."""

    offset: int
    reason: str
    text: str
    file: str | None = None


Record = Invocation | ClusterLine | ListedTask | IntegritySummary | Damage


def epoch(stamp: str | None) -> float | None:
    """Seconds since the epoch of an ISO 8601 time with a zone. Raises ValueError.

    >>> epoch("2026-11-23T05:28:54.625+00:00")
    1795411734.625
    """
    if stamp is None:
        return None
    moment = datetime.fromisoformat(stamp)
    if moment.tzinfo is None:
        raise ValueError(f"the time {stamp} has no zone")
    return moment.timestamp()


def uname(system: str | None, release: str | None, machine: str | None) -> str | None:
    """The words of a machine as Stampede has them, None if one is missing.

    >>> uname("linux", "6.18", "x86_64")
    'linux-6.18-x86_64'
    """
    return f"{system}-{release}-{machine}" if system and release and machine else None


def signal_words(name: str | None, number: str | None) -> str | None:
    """By what a job died, in pegasus-monitord's words; None if by no signal.

    >>> signal_words("Killed", "9")
    'Killed with signal 9'
    """
    return None if number is None else f"{name or ''} with signal {number}".strip()


_MOST = 2**63 - 1


def decimal(text: str | None) -> float | None:
    """A number that a database can hold. Raises ValueError."""
    if text is None:
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number")
    return value


def whole(text: str | None) -> int | None:
    """A whole number that a database can hold. Raises ValueError."""
    if text is None:
        return None
    value = int(text)
    if abs(value) > _MOST:
        raise ValueError(f"{text[:20]}... is too large")
    return value
