"""Rescue DAGs and the monitor's node: a rescue DAG must never name it.

DAGMan refuses a whole DAG for a DONE line of a node that is not there ("ERROR: Node C not found!"), so a rescue
DAG that names the monitor would be worthless after `--undo`; and a monitor that is DONE does not run.
"""

from __future__ import annotations

import re
from collections.abc import Container

from dag_rewriter.language.text import bytes_of
from dag_rewriter.model.dag import Dag
from dag_rewriter.rescue.rescue_dag import RescueFile, done_in, is_whole_dag, rescue_name

_MONITOR = re.compile(r"bridle_monitor(_[0-9]+)?")
_SHOWN = 3


def mended(rescue: RescueFile, nodes: Container[str]) -> tuple[str, bytes] | None:
    """(name, content) of a rescue DAG that does not name the monitor; None if this one does not.

    `nodes` are those of the planner and the user: one of theirs may be called like our monitor.

    >>> mended(RescueFile("x.dag", 1, b"DONE a\\nDONE bridle_monitor\\n"), {"a"})
    ('x.dag.rescue002', b'DONE a\\n')
    """
    ours = [name for name in done_in(rescue.text) if _MONITOR.fullmatch(name) and name not in nodes]
    if not ours:
        return None
    kept = [line for line in rescue.text.split("\n") if not set(done_in(line)).intersection(ours)]
    # A new number, as DAGMan's own; where no number is left, the last one is replaced.
    return rescue_name(rescue.dag, min(rescue.number + 1, rescue.limit)), bytes_of("\n".join(kept))


def complaints(rescue: RescueFile, dag: Dag) -> tuple[str, ...]:
    """What DAGMan would refuse about a rescue DAG that is kept as it is."""
    if is_whole_dag(rescue.text):
        return (
            f"{rescue.name} is a whole DAG (HTCondor 23): DAGMan runs that one, without what is added here",
        )
    if dag.splices or dag.includes:
        return ()
    gone = [n for n in done_in(rescue.text) if n not in dag.nodes and not _MONITOR.fullmatch(n)]
    if not gone:
        return ()
    more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
    named = ", ".join(gone[:_SHOWN]) + more
    return (f"{rescue.name} says DONE {named}, which the DAG does not have: DAGMan will refuse to run it",)
