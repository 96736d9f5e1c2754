"""Jobs and their files as values: what HTCondor moves between the submit host and each job. Bytes and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class FileKind(Enum):
    """What a file is to a job."""

    DATA = "data"
    """an input or output of the task: a staging site could hold it"""
    SANDBOX = "sandbox"
    """what HTCondor needs beside: executable, standard input, Pegasus's own scripts and metadata"""
    LOG = "log"
    """standard output and error"""


class SizeSource(Enum):
    """Where a size is from, the surest first."""

    RUN = "run"
    """what pegasus-exitcode noted of the run (X.cache.meta)"""
    DISK = "disk"
    """the file itself"""
    CATALOG = "catalog"
    """the replica catalog: its attribute `size`, or the file that it names"""
    WORKFLOW = "workflow"
    """`size` in the abstract workflow"""


class Mode(Enum):
    """How a job's files move."""

    CONDOR = "condor"
    """by HTCondor, through the submit host"""
    IF_NEEDED = "if-needed"
    """the same, unless submit and execute host share a FILESYSTEM_DOMAIN"""
    PEGASUS = "pegasus"
    """pegasus-transfer on the submit host moves them, from and to a storage site"""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MovedFile:
    """A file that jobs send or get. `name` is its path, or its URL."""

    name: str
    kind: FileKind
    lfn: str
    """its logical name, as catalogs have it"""
    size: int | None = None
    """bytes; None: not known"""
    source: SizeSource | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What the event log says of a node's jobs that have left: all attempts, and the last one alone."""

    attempts: int
    sent: int
    returned: int
    last_sent: int
    last_returned: int
    run_seconds: int | None
    terminated: bool
    """whether the last attempt ended by itself: only then its bytes are those of a whole job"""


@dataclass(frozen=True, slots=True)
class Job:
    """A node of the DAG. Inputs and outputs are places in the list of all files."""

    node: str
    transformation: str
    mode: Mode
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    more_outputs: bool = False
    """whether HTCondor brings back whatever the job leaves, so that no file can be named before"""
    by_url: int = 0
    """files that go from or to a URL, and not through the submit host"""
    estimate: float = 0.0
    """seconds that the planner expects it to run; 0: it does not say"""
    universe: str = "vanilla"
    in_graph: bool = True
    """else it runs beside the others, or after them: SERVICE, PROVISIONER, FINAL"""


@dataclass(frozen=True, slots=True)
class Amount:
    """Bytes of the files whose size is known, and how many others there are.

    >>> Amount(5) + Amount(2, 1)
    Amount(size=7, unknown=1)
    """

    size: int = 0
    unknown: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.size + other.size, self.unknown + other.unknown)


def amount_of(places: Sequence[int], files: Sequence[MovedFile], kind: FileKind | None = None) -> Amount:
    """Of these files, or of those of one kind."""
    size = unknown = 0
    for place in places:
        one = files[place]
        if kind is not None and one.kind is not kind:
            continue
        if one.size is None:
            unknown += 1
        else:
            size += one.size
    return Amount(size, unknown)
