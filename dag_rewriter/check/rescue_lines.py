"""The rescue DAG that DAGMan would take: it is read behind the DAG, when splices are in their places."""

from __future__ import annotations

from dag_rewriter.check.pass_two_nodes import SETTINGS
from dag_rewriter.check.scope import Check, Place, Scope
from dag_rewriter.language.command_table import COMMANDS
from dag_rewriter.language.field_words import MalformedError
from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.language.text import text_of
from dag_rewriter.model.splices import MONITOR
from dag_rewriter.rescue.rescue_dag import JOIN_NODE, RescueFile, is_whole_dag

_NOT_THE_USERS = (JOIN_NODE.encode(), MONITOR.encode())
"""Nodes that DAGMan and bridle make: the rewriting takes our lines out where they would harm."""


def check_rescue(check: Check, scope: Scope, rescue: RescueFile) -> None:
    """Says which of its lines name no node of the DAG, e.g. one that was renamed since."""
    if is_whole_dag(rescue.text):
        return  # DAGMan takes it instead of the DAG
    for line, _, text, body, _ in statements(rescue.content):
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
