"""Rescue DAGs and the monitor's node: a rescue DAG must never name it.

DAGMan refuses a whole DAG for a DONE line of a node that is not there ("ERROR: Node C not found!"), so a rescue
DAG that names the monitor would be worthless after `--undo`; and a monitor that is DONE does not run.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from dag_rewriter.language.lexer import BLANKS
from dag_rewriter.language.text import text_of
from dag_rewriter.model.dag import Dag

_DONE = re.compile(rb"^[ \t]*[Dd][Oo][Nn][Ee][ \t]+(\S+)[ \t\r]*$", re.MULTILINE)
_FULL = re.compile(rb"^[ \t]*JOB[ \t]", re.MULTILINE | re.IGNORECASE)
_MONITOR = re.compile(r"bridle_monitor(_[0-9]+)?")
_LAST = 100  # DAGMAN_MAX_RESCUE_NUM: DAGMan looks for no higher one
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class RescueFile:
    """The rescue DAG with the highest number, which DAGMan starts from by itself."""

    dag: str
    number: int
    content: bytes

    @property
    def name(self) -> str:
        return rescue_name(self.dag, self.number)


def rescue_name(dag: str, number: int) -> str:
    """How DAGMan calls its rescue DAGs.

    >>> rescue_name("x.dag", 7)
    'x.dag.rescue007'
    """
    return f"{dag}.rescue{number:03}"


def done_in(content: bytes) -> list[str]:
    """The nodes that a (partial) rescue DAG marks as done.

    >>> done_in(b"# comment\\nDONE a\\n  done b.c \\n")
    ['a', 'b.c']
    """
    return [text_of(name) for name in _DONE.findall(content)]


def mended(rescue: RescueFile, nodes: Container[str]) -> tuple[str, bytes] | None:
    """(name, content) of a rescue DAG that does not name the monitor; None if this one does not.

    `nodes` are those of the planner and the user: one of theirs may be called like our monitor.

    >>> mended(RescueFile("x.dag", 1, b"DONE a\\nDONE bridle_monitor\\n"), {"a"})
    ('x.dag.rescue002', b'DONE a\\n')
    """
    ours = [name for name in done_in(rescue.content) if _MONITOR.fullmatch(name) and name not in nodes]
    if not ours:
        return None
    lines = rescue.content.split(b"\n")
    kept = [line for line in lines if not _names(line, ours)]
    # A new number, as DAGMan's own; where no number is left, the last one is replaced.
    return rescue_name(rescue.dag, min(rescue.number + 1, _LAST)), b"\n".join(kept)


def _names(line: bytes, nodes: list[str]) -> bool:
    found = _DONE.match(line.strip(BLANKS))
    return found is not None and text_of(found[1]) in nodes


def complaints(rescue: RescueFile, dag: Dag) -> tuple[str, ...]:
    """What DAGMan would refuse about a rescue DAG that is kept as it is."""
    if _FULL.search(rescue.content):
        return (
            f"{rescue.name} is a whole DAG (HTCondor 23): DAGMan runs that one, without what is added here",
        )
    if dag.splices or dag.includes:
        return ()
    gone = [n for n in done_in(rescue.content) if n not in dag.nodes and not _MONITOR.fullmatch(n)]
    if not gone:
        return ()
    more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
    named = ", ".join(gone[:_SHOWN]) + more
    return (f"{rescue.name} says DONE {named}, which the DAG does not have: DAGMan will refuse to run it",)
