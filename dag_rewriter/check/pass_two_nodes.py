"""The second reading of a file: what it says about nodes (DagProcessor::ProcessRetry and its like)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches

from dag_rewriter.check.pass_one import Handler
from dag_rewriter.check.scope import Check, Place, Scope
from dag_rewriter.language.command_table import COMMANDS, About, CommandRow
from dag_rewriter.language.commands import NodeKind, ScriptType
from dag_rewriter.language.field_words import Fields
from dag_rewriter.language.regex_lines import NODES, Columns
from dag_rewriter.language.text import text_of

_EVERYONE = b"ALL_NODES"
_MANY = 10_000  # names: to look for similar ones among more takes too long
_FINDINGS = 100  # as many lines are shown with a proposal
_NOBODY = "DAGMan 25.14 refuses the DAG, or dies of a segmentation fault"


def bulk_settings(scope: Scope, bulk: Mapping[bytes, Columns], check: Check) -> bool:
    """Takes the settings of a bulk piece; takes none and says so if one of them may be wrong."""
    nodes = scope.nodes
    for key, (names, _) in bulk.items():
        if key == b"PARENT" or key in NODES:
            continue
        if not all(map(nodes.__contains__, names)):
            return False
        if scope.special and not scope.special.keys().isdisjoint(names):
            return False
    if b"PRE" in bulk:
        check.scripted.update(map(nodes.__getitem__, bulk[b"PRE"][0]))
    for category in set(bulk[b"CATEGORY"][1]) if b"CATEGORY" in bulk else ():
        scope.categories.setdefault(category, Place("", 0))
    return True


def bulk_edges(check: Check, scope: Scope, bulk: Mapping[bytes, Columns]) -> bool:
    """Takes the PARENT lines of a bulk piece; takes none and says so if one of them may be wrong."""
    if b"PARENT" not in bulk:
        return True
    parents, children = bulk[b"PARENT"]
    if scope.special and not scope.special.keys().isdisjoint((*parents, *children)):
        return False
    if scope.splices and not scope.splices.keys().isdisjoint((*parents, *children)):
        return False
    place = scope.nodes.__getitem__
    try:
        parent_numbers, child_numbers = list(map(place, parents)), list(map(place, children))
    except KeyError:
        return False
    check.graph.extend(parent_numbers, child_numbers)
    return True


def is_everyone(name: bytes) -> bool:
    """ALL_NODES in any case."""
    return len(name) == 9 and name.upper() == _EVERYONE


def unknown(check: Check, scope: Scope, name: bytes, place: Place) -> None:
    """A name that stands for nothing, with what the user may have meant."""
    if scope.incomplete:
        return
    what = f"there is no node {text_of(name)}"
    if name in scope.splices:
        check.error(
            place,
            f"{text_of(name)} is a splice, not a node",
            "name its nodes instead, in the splice's own file",
        )
        return
    if b"+" in name and name.partition(b"+")[0] in scope.splices:
        check.error(
            place,
            f"{what} yet: a splice's nodes join the DAG at the end of the file",
            "put the line into the splice's own file",
        )
        return
    close = _similar(text_of(name), scope) if len(check.findings) < _FINDINGS else None
    check.error(place, what, f"define it before; {_NOBODY}" if close is None else f"did you mean {close}?")


def _similar(name: str, scope: Scope) -> str | None:
    if len(scope.nodes) > _MANY:
        return None
    known = [text_of(node) for node in scope.nodes]
    other_case = (node for node in known if node.lower() == name.lower())
    return next(other_case, next(iter(get_close_matches(name, known, 1)), None))


def _meant(check: Check, scope: Scope, name: bytes, place: Place) -> Iterator[int]:
    """The nodes that a name stands for; a finding if it stands for none."""
    if is_everyone(name):
        ordinary = [number for node, number in scope.nodes.items() if node not in scope.special]
        if not ordinary and not scope.incomplete:
            check.error(
                place, "ALL_NODES is used, but there are no ordinary nodes", f"define some; {_NOBODY}"
            )
        yield from ordinary
    elif name in scope.nodes:
        yield scope.nodes[name]
    else:
        unknown(check, scope, name, place)


def _any_kind(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    """VARS and its like."""
    list(_meant(check, scope, fields[0], place))


def _script(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    meant = _meant(check, scope, fields[1], place)
    if fields[0] is ScriptType.PRE:
        check.scripted.update(meant)
    else:
        list(meant)


def _ordinary_only(what: str) -> Handler:
    """RETRY and its like: DAGMan refuses them for FINAL, SERVICE and PROVISIONER nodes."""

    def handle(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
        name = fields[0]
        if name in scope.special:
            kind = scope.special[name].value
            check.error(
                place, f"{text_of(name)} is a {kind} node and cannot have {what}", "take the line out"
            )
        else:
            list(_meant(check, scope, name, place))

    return handle


def _category(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    _ordinary_only(COMMANDS[b"CATEGORY"].noun)(check, scope, fields, place)
    scope.categories.setdefault(fields[1], place)


def _abort(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    name, status, returned = fields
    if scope.special.get(name) is NodeKind.FINAL:
        check.error(place, f"{text_of(name)} is the FINAL node and cannot abort the DAG", "take the line out")
        return
    list(_meant(check, scope, name, place))
    code = status if returned is None else returned
    if not 0 <= code <= _LAST_END:
        what = f"DAGMan then exits with {code}, and HTCondor starts it again for ever, as for any code but 0, 1 and 2"
        check.warn(place, what, f"ABORT-DAG-ON {text_of(name)} {status} RETURN 1")


_LAST_END = 2
"""The last exit code after which DAGMan leaves the queue (on_exit_remove, as condor_submit_dag writes it)."""


def _done(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    name = fields[0]
    if is_everyone(name):
        check.error(place, "DONE cannot be used with ALL_NODES", "name the nodes one by one")
    elif name in scope.special:
        kind = scope.special[name].value
        what = f"{text_of(name)} is a {kind} node and cannot be marked DONE"
        check.error(place, what, "take the line out (with DAGMAN_USE_STRICT = 0 DAGMan ignores it)")
    else:
        check.done.update(_meant(check, scope, name, place))


def _edges(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    parents, children, _weak = fields
    above = _ends(check, scope, parents, place, above=True)
    below = _ends(check, scope, children, place, above=False)
    if above is not None and below is not None:
        check.edges += len(above) * len(below)
        made = check.graph.connect(above, below)
        if made is not None:
            scope.joins.append(made)


def _ends(
    check: Check, scope: Scope, names: tuple[bytes, ...], place: Place, *, above: bool
) -> list[int] | None:
    """The nodes that a list of parents (above) or children stands for, each once; None after a finding."""
    ends: dict[int, None] = {}
    good = True
    for name in names:
        if name in scope.special:
            kind = scope.special[name].value
            check.error(
                place, f"{text_of(name)} is a {kind} node and has no parents or children", "take it out"
            )
            good = False
        elif name in scope.splices:
            splice = scope.splices[name]
            ends.update(splice.terminal if above else splice.initial)
            good = good and not splice.incomplete
        elif name in scope.nodes:
            ends[scope.nodes[name]] = None
        else:
            unknown(check, scope, name, place)
            good = False
    if good and not ends:
        side = "parents" if above else "children"
        check.error(place, f"the {side} are splices without a node", "put a node in, or take the line out")
    return list(ends) if good and ends else None


_OWN: Mapping[bytes, Handler] = {b"SCRIPT": _script, b"CATEGORY": _category, b"ABORT_DAG_ON": _abort}
"""What DAGMan asks of these beside what their rows say."""
_HANDLERS: Mapping[About, Callable[[CommandRow], Handler]] = {
    About.EDGES: lambda _: _edges,
    About.ANY_NODE: lambda _: _any_kind,
    About.ORDINARY_NODE: lambda row: _ordinary_only(row.noun),
    About.DONE: lambda _: _done,
}
SETTINGS: Mapping[bytes, Handler] = {
    key: _OWN.get(key) or _HANDLERS[row.about](row) for key, row in COMMANDS.items() if row.about in _HANDLERS
}
