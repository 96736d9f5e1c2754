"""Files that a DAG includes several times: what a further reading would come to is known, and takes no time.

So it is of files without an error that define no node and say nothing that depends on what came before.
"""

from __future__ import annotations

from typing import NamedTuple

from dag_rewriter.check.scope import Check, Reading, Scope, Severity

_DEPENDS = (b"all_nodes", b"splice", b"connect", b"pin_", b"pin-")
"""Words of lines that may mean something else in another place."""


class Before(NamedTuple):
    """How far a check is when it begins to read a file."""

    unchanged: tuple[int, ...]
    """what stays as it is where a further reading comes to the same"""
    files_left: int
    edges: int
    counted_edges: int


def seen(check: Check, scope: Scope) -> Before:
    """How far it is now."""
    errors, nodes = check.noted.get(Severity.ERROR, 0), len(scope.nodes)
    unchanged = (errors, check.unlike, nodes, len(check.graph.names), len(check.configs))
    return Before(unchanged, check.files_left, len(check.graph.parents), check.edges)


def remember(check: Check, scope: Scope, path: str, before: Before) -> None:
    """Keeps what a file has come to, if it would come to the same once more."""
    now, graph = seen(check, scope), check.graph
    data = check.files.read(path) if now.unchanged == before.unchanged and not scope.incomplete else None
    if data is None or any(word in data.lower() for word in _DEPENDS):
        check.unlike += 1
        return
    scope.readings[path] = Reading(
        files=before.files_left - now.files_left,
        parents=graph.parents[before.edges :],
        children=graph.children[before.edges :],
        edges=now.counted_edges - before.counted_edges,
    )


def repeat(check: Check, scope: Scope, path: str) -> bool:
    """Does again what a file has come to; False if that is not known, or there are too many files."""
    known = scope.readings.get(path)
    if known is None or known.files > check.files_left:
        return False
    check.files_left -= known.files
    check.graph.extend(known.parents, known.children)
    check.edges += known.edges
    return True
