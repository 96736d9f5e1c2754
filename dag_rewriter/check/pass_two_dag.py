"""The second reading of a file: what is about no node (includes, pins, limits, condor_submit_dag's own lines)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from dag_rewriter.check.pass_one import Handler
from dag_rewriter.check.pass_two_nodes import unknown
from dag_rewriter.check.repeated_files import remember, repeat, seen
from dag_rewriter.check.scope import Check, Place, Scope, join
from dag_rewriter.language.command_table import About, keywords
from dag_rewriter.language.env_assignments import problem_of
from dag_rewriter.language.field_words import Fields
from dag_rewriter.language.text import text_of
from dag_rewriter.model.part_limits import MAX_EDGES


def _include(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    path = join(scope.directory, text_of(fields[0]))
    if repeat(check, scope, path):
        return
    before = seen(check, scope)
    if check.walk(check, scope, path, place):
        remember(check, scope, path, before)
    else:
        scope.incomplete = True


def _max_jobs(_check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    scope.max_jobs.setdefault(fields[0], place)


def _pin(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    out, name, number = fields
    if name in scope.nodes:
        scope.pins.setdefault((out, number), []).append(scope.nodes[name])
    else:
        unknown(check, scope, name, place)


def _connect(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    for name in fields:
        if name not in scope.splices:
            if not scope.incomplete:
                check.error(
                    place, f"there is no splice {text_of(name)}", "CONNECT joins the pins of two splices"
                )
            return
    above, below = (scope.splices[name] for name in fields)
    if above.incomplete or below.incomplete:
        return
    outs = {number: nodes for (out, number), nodes in above.pins.items() if out}
    ins = {number: nodes for (out, number), nodes in below.pins.items() if not out}
    expected = range(1, len(outs) + 1)
    if not outs or sorted(outs) != sorted(ins) or any(number not in outs for number in expected):
        what = f"the pins out of {text_of(fields[0])} are {sorted(outs)}, and into {text_of(fields[1])} {sorted(ins)}"
        check.error(place, what, "both need the same numbers from 1 on, without a gap")
        return
    for number in expected:
        check.edges += len(outs[number]) * len(ins[number])
        if check.edges > MAX_EDGES:
            return
        for parent, child in product(outs[number], ins[number]):
            check.graph.connect([parent], [child])
    orphans = [node for node in below.members() if check.graph.is_initial(node)]
    if orphans:
        name = text_of(check.graph.names[orphans[0]])
        check.error(place, f"{name} has no parents after CONNECT", "give it a PIN_IN or a parent")


def _config(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    """condor_submit_dag reads it in the DAG itself, and compares names, not files."""
    if _is_lost(check, scope, place, "CONFIG"):
        return
    file = text_of(fields[0])
    check.configs.append(file)
    if file not in check.configs[:1] and len(set(check.configs)) == 2:
        hint = "put both into one file: a configuration may say include : file"
        check.error(place, f"DAGMan takes one CONFIG, and there is {check.configs[0]} already", hint)
    elif not check.files.exists(join(scope.directory, file)):
        check.error(place, f"the configuration {file} is not there", "make it, or take the line out")


def _environment(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    """condor_submit_dag puts the variables of ENV SET into DAGMan's environment, and refuses the DAG if it cannot."""
    is_set, variables = fields
    problem = problem_of(text_of(variables)) if is_set else ""
    if not _is_lost(check, scope, place, "ENV") and problem:
        check.error(place, f"ENV SET: {problem}", "write e.g. ENV SET name=value;other=value")


def _submit_only(word: str) -> Handler:
    def handle(check: Check, scope: Scope, _fields: Fields, place: Place) -> None:
        _is_lost(check, scope, place, word)

    return handle


def _is_lost(check: Check, scope: Scope, place: Place, word: str) -> bool:
    """condor_submit_dag reads these lines in the DAG itself and nowhere else; DAGMan ignores them."""
    lost = bool(scope.prefix) or place.file != check.top
    if lost:
        check.warn(place, f"{word} counts in the DAG itself only", "move the line there")
    return lost


WHOLE: Mapping[bytes, Handler] = {
    b"INCLUDE": _include,
    b"MAXJOBS": _max_jobs,
    b"CONNECT": _connect,
    b"PIN_IN": _pin,
    b"PIN_OUT": _pin,
    **{key: _submit_only(key.decode()) for key in keywords(About.SUBMISSION)},
    b"CONFIG": _config,
    b"ENV": _environment,
}
