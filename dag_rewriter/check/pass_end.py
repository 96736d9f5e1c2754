"""What can be said when all files of a DAG are read: cycles, submit files, names that differ in case only."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dag_rewriter.check.dependency_graph import JOIN
from dag_rewriter.check.scope import Check, Place, Scope
from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.language.text import text_of
from dag_rewriter.model.part_limits import refuse_many_edges

_SHOWN = 20  # nodes of a cycle


def close(check: Check, scope: Scope) -> None:
    """The findings that need the whole DAG."""
    top = Place(check.top, 0)
    if not check.graph.names and not check.findings:
        check.warn(top, "the DAG has no node", "is it the right file?")
    try:
        refuse_many_edges(check.top, check.edges)
    except DagSyntaxError as error:
        check.error(top, error.what, error.hint)
    _cycle(check, top)
    _missing_files(check, scope)
    _same_but_case(check, scope.nodes, top)
    for limit, place in scope.max_jobs.items():
        close_to = next((c for c in scope.categories if c != limit and c.lower() == limit.lower()), None)
        if close_to is not None and limit not in scope.categories:
            what = (
                f"MAXJOBS {text_of(limit)} does not limit the category {text_of(close_to)}: the case differs"
            )
            check.warn(place, what, "write both in the same way")


def _cycle(check: Check, top: Place) -> None:
    ring = [name for name in check.graph.cycle()[:-1] if name != JOIN]
    if ring:
        top = Place(check.top, _line_of_edge(check, ring[0], ring[1 % len(ring)]))
        shown = [text_of(name) for name in (*ring, ring[0])]
        if len(shown) > _SHOWN:
            shown[_SHOWN // 2 : -_SHOWN // 2] = [f"({len(shown) - _SHOWN} more)"]
        what = f"the nodes wait for each other: {' -> '.join(shown)}"
        check.error(top, what, "take one of these dependencies out; DAGMan would never start them")


def _line_of_edge(check: Check, parent: bytes, child: bytes) -> int:
    """The line of the DAG itself that makes the edge, 0 if another file does."""
    data = check.files.read(check.top) or b""
    for line, _, text, _, _ in statements(data):
        words = text.split()
        at = next((n for n, word in enumerate(words) if keyword(word) == b"CHILD"), 0)
        if at and parent in words[:at] and child in words[at:]:
            return line
    return 0


def _missing_files(check: Check, scope: Scope) -> None:
    """Nodes that have no file and no description fail when DAGMan submits them; a PRE script may write the file.

    So may a job that runs before; but a planner writes the submit files of all its nodes itself.
    """
    final = {scope.nodes[name] for name, kind in scope.special.items() if kind is NodeKind.FINAL}

    def complain(nodes: Sequence[int], place: Place, what: str, hint: str, *, planned: bool = False) -> None:
        if planned or any(check.graph.is_initial(node) and node not in final for node in nodes):
            check.error(place, what, hint)
        else:
            check.warn(place, f"{what} yet", "if no job before it makes it, the node will fail")

    for path, wanted in check.missing.items():
        left = [
            (node, place)
            for node, file, place in wanted
            if file not in check.described and node not in check.scripted and node not in check.done
        ]
        if left:
            node, place = left[0]
            more = f" (and of {len(left) - 1} more)" if len(left) > 1 else ""
            what = f"the submit file {path} of {text_of(check.graph.names[node])}{more} is not there"
            hint = "restore it, or plan the workflow again"
            complain([node for node, _ in left], place, what, hint, planned=check.planned)
    for node, directory, file, place in check.sub_dags:
        path = f"{directory}/{file}" if directory and not file.startswith("/") else file
        if node not in check.scripted and node not in check.done and not check.files.exists(path):
            name = text_of(check.graph.names[node])
            complain([node], place, f"the DAG {path} of {name} is not there", "restore it, or mend the line")


def _same_but_case(check: Check, names: Collection[bytes], top: Place) -> None:
    if len(set(map(bytes.lower, names))) == len(names):
        return
    seen: dict[bytes, bytes] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other is not name:
            what = f"the nodes {text_of(other)} and {text_of(name)} differ in case only"
            check.warn(top, what, "DAGMan keeps them apart; people and some file systems may not")
