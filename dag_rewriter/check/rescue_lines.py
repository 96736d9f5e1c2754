"""The rescue DAG that DAGMan would take: it is read behind the DAG, when splices are in their places."""

from __future__ import annotations

from dag_rewriter.check.pass_two_nodes import SETTINGS, is_everyone
from dag_rewriter.check.scope import Check, Place, Scope
from dag_rewriter.language.command_table import COMMANDS
from dag_rewriter.language.field_words import MalformedError
from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.language.text import text_of
from dag_rewriter.model.splices import MONITOR
from dag_rewriter.rescue.rescue_dag import JOIN_NODE, RescueFile, is_whole_dag

_NOT_THE_USERS = (JOIN_NODE.encode(), MONITOR.encode())
"""Nodes that DAGMan and bridle make: the rewriting takes our lines out where they would harm."""

_OF_SEVERAL_LINES = (b"\\", b"{", b"@=")
"""What makes that a line may belong to one before."""


def _without_done(check: Check, scope: Scope, content: bytes) -> bytes:
    """Takes the lines that mark an ordinary node as done; the others keep their numbers."""
    if any(word in content for word in _OF_SEVERAL_LINES):
        return content
    nodes, special = scope.nodes, scope.special
    left: list[bytes] = []
    for line in content.split(b"\n"):
        name = line[5:]
        if line[:5] == b"DONE " and name in nodes and name not in special and not is_everyone(name):
            check.done.add(nodes[name])
            left.append(b"")
        else:
            left.append(line)
    return b"\n".join(left)


def check_rescue(check: Check, scope: Scope, rescue: RescueFile) -> None:
    """Says which of its lines name no node of the DAG, e.g. one that was renamed since."""
    if is_whole_dag(rescue.text):
        return  # DAGMan takes it instead of the DAG
    for line, _, text, body, _ in statements(_without_done(check, scope, rescue.content)):
        words = text.split(None, 2)
        key = keyword(words[0])
        if key not in SETTINGS or len(words) < 2 or words[1].startswith(_NOT_THE_USERS):
            continue
        place = Place(rescue.name, line)
        try:
            fields = COMMANDS[key].parse(text, body)
        except MalformedError as error:
            check.error(place, error.what, f"DAGMan reads: {error.example}")
            continue
        if key == b"DONE" and not scope.incomplete and fields[0] not in scope.nodes:
            what = f"the rescue DAG names {text_of(fields[0])}, and the DAG has no such node"
            hint = "was it renamed? Take the line out, or remove the rescue DAG to run all nodes again"
            check.error(place, what, hint)
        else:
            SETTINGS[key](check, scope, fields, place)
