"""What a check knows (names of the DAG and of each splice, the graph, the files that nodes want), and its findings."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple, Protocol

from dag_rewriter.check.dependency_graph import Graph
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.text import text_of
from dag_rewriter.model.part_limits import MAX_FILES

MAX_FINDINGS = 10_000
"""... of a kind that are listed: a file of some MB may be an error in each of a million lines."""


class Severity(Enum):
    """An error makes DAGMan refuse the DAG or a node fail; a warning is what it takes without a word."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong in one line of a file.

    >>> str(Finding("x.dag", 7, Severity.ERROR, "no node B", "define it"))
    'x.dag:7: error: no node B; define it'
    """

    file: str
    line: int
    """0: the file as a whole"""
    severity: Severity
    what: str
    hint: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.severity.value}: {self.what}; {self.hint}"


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int


class Files(Protocol):
    """The door to the disk; paths are relative to where DAGMan runs."""

    def read(self, path: str) -> bytes | None:
        """All bytes; None if there is no such file."""

    def exists(self, path: str) -> bool:
        """Whether a file or directory is there."""

    def identity(self, path: str) -> str:
        """The same for two paths of one file."""


def join(directory: str, path: str) -> str:
    """A path below a directory, as the system would resolve it.

    >>> join("d", "x.sub"), join("", "x.sub"), join("d", "/x.sub")
    ('d/x.sub', 'x.sub', '/x.sub')
    """
    if not directory or path.startswith("/"):
        return path
    return f"{directory}/{path}" if path else directory


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file has come to that was included in a scope."""

    files: int
    """how many were read for it, itself included"""
    parents: array[int]
    """of the edges in it"""
    children: array[int]
    edges: int
    """as `Check.edges` counts"""


@dataclass(slots=True)
class Scope:
    """The DAG itself, or one splice of it; what it includes is a part of it."""

    prefix: bytes
    """S+ in the splice S"""
    directory: str
    """where relative names begin; "" is where DAGMan runs"""
    nodes: dict[bytes, int] = field(default_factory=dict)
    """name -> number in the graph"""
    special: dict[bytes, NodeKind] = field(default_factory=dict)
    """the nodes that are FINAL, SERVICE, PROVISIONER"""
    splices: dict[bytes, Scope] = field(default_factory=dict)
    joins: list[int] = field(default_factory=list)
    pins: dict[tuple[bool, int], list[int]] = field(default_factory=dict)
    """(out, number) -> nodes"""
    initial: dict[int, None] = field(default_factory=dict)
    terminal: dict[int, None] = field(default_factory=dict)
    categories: dict[bytes, Place] = field(default_factory=dict)
    max_jobs: dict[bytes, Place] = field(default_factory=dict)
    incomplete: bool = False
    """a part of it cannot be read, so that any name may be defined there"""
    readings: dict[str, Reading] = field(default_factory=dict)
    """of included files that would come to the same once more, by path"""

    def lift(self) -> None:
        """The nodes of splices become nodes with a `+` in their names: at the end of each file (LiftSplices)."""
        for name, splice in self.splices.items():
            for node, number in splice.nodes.items():
                if splice.special.get(node) is not NodeKind.SERVICE:  # which are lost
                    self.nodes[name + b"+" + node] = number
                    if node in splice.special:
                        self.special[name + b"+" + node] = splice.special[node]
            self.joins += splice.joins
        self.splices = {}

    def members(self) -> list[int]:
        """All nodes that take part in dependencies."""
        lost = {self.nodes[name] for name, kind in self.special.items() if kind is NodeKind.SERVICE}
        return [number for number in (*self.nodes.values(), *self.joins) if number not in lost]


@dataclass(slots=True)
class Check:
    """One run over a DAG and all that it includes and splices."""

    files: Files
    walk: Callable[[Check, Scope, str, Place], bool]
    """reads one more file into a scope; False if that cannot be done"""
    top: str = ""
    """the DAG itself"""
    planned: bool = False
    """whether a planner wrote it, with all files that it names"""
    progress: Callable[[int], None] = lambda _: None
    """is told of bytes that were read"""
    findings: list[Finding] = field(default_factory=list)
    graph: Graph = field(default_factory=Graph)
    described: set[bytes] = field(default_factory=set)
    scripted: set[int] = field(default_factory=set)
    """the nodes with a PRE script"""
    done: set[int] = field(default_factory=set)
    missing: dict[str, list[tuple[int, bytes, Place]]] = field(default_factory=dict)
    """path that is not there -> (node, its file as written, place)"""
    present: set[str] = field(default_factory=set)
    sub_dags: list[tuple[int, str, str, Place]] = field(default_factory=list)
    """(node, directory, DAG file, place)"""
    active: set[str] = field(default_factory=set)
    """the files that are being read, by identity"""
    configs: list[str] = field(default_factory=list)
    files_left: int = MAX_FILES
    edges: int = 0
    """dependencies of many nodes on many, without the nodes that DAGMan puts between"""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(file by identity, where its relative names begin) -> readings in which something was an error"""
    unlike: int = 0
    """readings of included files that would not come to the same once more"""
    noted: dict[Severity, int] = field(default_factory=dict)
    """how many findings there were, listed or not"""

    def error(self, place: Place, what: str, hint: str) -> None:
        """DAGMan would refuse the DAG, or the node would fail."""
        self._note(Finding(*place, Severity.ERROR, what, hint))

    def warn(self, place: Place, what: str, hint: str) -> None:
        """DAGMan takes it, and it hardly is what was meant."""
        self._note(Finding(*place, Severity.WARNING, what, hint))

    def _note(self, finding: Finding) -> None:
        number = self.noted.get(finding.severity, 0)
        self.noted[finding.severity] = number + 1
        if number == MAX_FINDINGS:
            what = f"there are more than {MAX_FINDINGS} {finding.severity.value}s; those from here on are left out"
            finding = replace(finding, what=what, hint="mend these first")
        if number <= MAX_FINDINGS:
            self.findings.append(finding)

    def want(self, node: int, scope: Scope, file: bytes, directory: bytes | None, place: Place) -> None:
        """A node needs a submit file."""
        path = join(join(scope.directory, text_of(directory or b"")), text_of(file))
        if not self.has(path):
            self.missing.setdefault(path, []).append((node, file, place))

    def has(self, path: str) -> bool:
        """Whether a file is there; looks once."""
        if path not in self.present and path not in self.missing and self.files.exists(path):
            self.present.add(path)
        return path in self.present
