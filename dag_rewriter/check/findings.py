"""What a check found: where, how bad, what, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
