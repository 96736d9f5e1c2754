"""Programs that are not there: SCRIPT PRE and POST, and the executables that jobs bring along. Warnings: a program may
come until it is due."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterator
from contextlib import suppress

from dag_rewriter.check.scope import Files, Finding, Severity
from dag_rewriter.directory.submit_file import parse_submit_file
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.text import bytes_of
from dag_rewriter.model.nodes import Node
from dag_rewriter.model.splices import Part, WholeDag

MOST_LINES = 100_000
"""Of a DAG whose programs are looked for: to parse a longer one once more takes too long."""
_MOST_NODES = 10_000
"""To read the submit files of more nodes than that takes too long."""
_ELSEWHERE = ("docker", "vm", "grid")
"""Universes whose executables lie in an image, or at the other end."""
_PRE = "PRE script"
_NO = frozenset({"false", "no", "0", "f"})


def missing_programs(whole: WholeDag, disk: Files) -> Iterator[Finding]:
    """One warning for each program that is not there. `disk` reads from where DAGMan runs."""
    if sum(len(part.dag.nodes) for part in whole.parts) > _MOST_NODES:
        return
    later = {child for _, child in whole.edges()}
    seen: dict[tuple[str, str], list[tuple[Part, Node]]] = {}
    for part in whole.parts:
        for node in part.nodes():
            for what, program in _programs(part, node, disk):
                place = part.path(posixpath.join(node.directory or "", program))
                if not node.done and not disk.exists(place):
                    seen.setdefault((what, program), []).append((part, node))
    for (what, program), wanted in seen.items():
        may_come = all(_may_come(what, node, later) for _, node in wanted)
        yield _finding(what, program, wanted, may_come=may_come)


def _may_come(what: str, node: Node, later: Container[str]) -> bool:
    """Whether something runs before the program is due: a parent, or for the FINAL node all others; a PRE script."""
    return node.name in later or node.kind is NodeKind.FINAL or (what != _PRE and node.pre is not None)


def _finding(what: str, program: str, wanted: list[tuple[Part, Node]], *, may_come: bool) -> Finding:
    part, node = wanted[0]
    more = f" (and of {len(wanted) - 1} more)" if len(wanted) > 1 else ""
    yet = " yet" if may_come else ""
    hint = "if no job before it makes it, the node will fail" if may_come else "the node will fail without it"
    text = f"the {what} {program} of {node.name}{more} is not there{yet}"
    return Finding(part.dag.source, node.line_no, Severity.WARNING, text, hint)


def _programs(part: Part, node: Node, disk: Files) -> Iterator[tuple[str, str]]:
    """What DAGMan or condor_submit is to open, as written; those with macros are left out."""
    for what, script in ((_PRE, node.pre), ("POST script", node.post)):
        if script is not None and "$" not in script.executable:
            yield what, script.executable
    program = None if node.noop else _executable(part, node, disk)
    if program:
        yield "executable", program


def _executable(part: Part, node: Node, disk: Files) -> str | None:
    if node.inline is not None:
        data = bytes_of(node.inline)
    elif node.kind is not NodeKind.SUBDAG:
        path = part.path(posixpath.join(node.directory or "", node.submit_file))
        data = b""
        with suppress(RewriterError):
            data = disk.read(path) or b""
    else:
        return None
    job = parse_submit_file(data)
    brought = (job.text("transfer_executable") or "true").lower()
    program = job.executable or ""
    if brought in _NO or "$" in brought + program or job.universe in _ELSEWHERE or "container_image" in job:
        return None
    return program
