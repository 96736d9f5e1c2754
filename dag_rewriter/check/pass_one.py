"""The first reading of a file: nodes, splices, descriptions (DagProcessor::ProcessNode, ProcessSplice)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from dag_rewriter.check.scope import Check, Place, Scope, join
from dag_rewriter.language import regex_lines
from dag_rewriter.language.chunks import Piece
from dag_rewriter.language.command_table import COMMANDS, About, keywords
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.field_words import Fields
from dag_rewriter.language.text import text_of

Handler: TypeAlias = Callable[[Check, Scope, Fields, Place], None]

_SUBMIT = b".condor.sub"
_ONE_ONLY = "a DAG has one at most: take one of them out"


def bulk_jobs(check: Check, scope: Scope, piece: Piece, file: str) -> bool:
    """Takes the JOB lines of a bulk piece; takes none and says so if something about one of them is wrong."""
    key = next(iter(regex_lines.NODES & (piece.bulk or {}).keys()), None)
    if piece.bulk is None or key is None:
        return True
    names, rests = piece.bulk[key]
    files = [] if key in regex_lines.DESCRIBED else rests
    taken = not scope.nodes.keys().isdisjoint(names) or not scope.splices.keys().isdisjoint(names)
    if taken or len(set(names)) != len(names) or b"+" in b"\0".join(names):
        return False
    if any(submit.endswith(_SUBMIT) for submit in set(files)):
        return False
    shown = [scope.prefix + name for name in names] if scope.prefix else names
    first = check.graph.add(shown)
    scope.nodes.update(zip(names, range(first, first + len(names)), strict=True))
    _want_all(check, scope, files, first, piece, file)
    return True


def _want_all(check: Check, scope: Scope, files: list[bytes], first: int, piece: Piece, file: str) -> None:
    distinct = dict.fromkeys(files)  # a million nodes may share a few
    missing = {submit for submit in distinct if not check.has(join(scope.directory, text_of(submit)))}
    if not missing:
        return
    lines = regex_lines.job_lines(piece.framed, piece.line)
    for at, submit in enumerate(files):
        if submit in missing:
            check.want(first + at, scope, submit, None, Place(file, lines[at]))


def node(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    """JOB, FINAL, SERVICE, PROVISIONER, SUBDAG."""
    kind, name, file, directory, noop, done, inline = fields
    if _is_taken(check, scope, name, place) or not _fits(check, scope, kind, name, file, place):
        return
    number = check.graph.add([scope.prefix + name])
    scope.nodes[name] = number
    if kind not in (NodeKind.JOB, NodeKind.SUBDAG):
        scope.special[name] = kind
    if done:
        if name in scope.special:
            check.warn(place, f"DAGMan ignores DONE on a {kind.value} node", "take the word out")
        else:
            check.done.add(number)
    if kind is NodeKind.SUBDAG:
        check.sub_dags.append(
            (number, join(scope.directory, text_of(directory or b"")), text_of(file), place)
        )
    elif inline is None and not noop and not file.endswith(_SUBMIT):
        check.want(number, scope, file, directory, place)


def _is_taken(check: Check, scope: Scope, name: bytes, place: Place) -> bool:
    what = "node" if name in scope.nodes else "splice" if name in scope.splices else ""
    if what:
        check.error(place, f"there is a {what} {text_of(name)} already", "give this one another name")
    return bool(what)


def _fits(check: Check, scope: Scope, kind: NodeKind, name: bytes, file: bytes, place: Place) -> bool:
    """What DAGMan asks of a new node beside its name being free."""
    shown = text_of(name)
    if b"+" in name:
        hint = "take the + out, or set DAGMAN_ALLOW_ANY_NODE_NAME_CHARACTERS"
        check.error(place, f"the name {shown} has a + in it, which DAGMan reserves for splices", hint)
    elif file.endswith(_SUBMIT) and kind not in (NodeKind.FINAL, NodeKind.SUBDAG):
        hint = f"write: SUBDAG EXTERNAL {shown} {text_of(file.removesuffix(_SUBMIT))}"
        check.error(place, f"{kind.value} cannot take the submit file of a DAG (*{text_of(_SUBMIT)})", hint)
    elif kind is NodeKind.FINAL and scope.prefix:
        check.error(place, "a splice cannot have a FINAL node", "define it in the DAG itself")
    elif kind is NodeKind.FINAL and kind in scope.special.values():
        check.error(place, f"there is a FINAL node already, and {shown} is another one", _ONE_ONLY)
    elif kind is NodeKind.PROVISIONER and kind in scope.special.values():
        check.error(place, f"there is a PROVISIONER node already, and {shown} is another one", _ONE_ONLY)
    else:
        if kind is NodeKind.SERVICE and scope.prefix:
            hint = "define it in the DAG itself"
            check.warn(place, f"DAGMan never starts {shown}, a SERVICE node in a splice", hint)
        return True
    return False


def splice(check: Check, scope: Scope, fields: Fields, place: Place) -> None:
    """SPLICE: a scope of its own, with the file read into it at once."""
    name, file, directory = fields
    if _is_taken(check, scope, name, place):
        return
    inner = Scope(scope.prefix + name + b"+", join(scope.directory, text_of(directory or b"")))
    if directory is not None and not check.files.exists(inner.directory):
        check.error(place, f"the directory {inner.directory} is not there", "make it, or mend the line")
        inner.incomplete = True
    else:
        inner.incomplete = not check.walk(check, inner, join(inner.directory, text_of(file)), place)
    scope.splices[name] = inner


def _description(check: Check, _scope: Scope, fields: Fields, _place: Place) -> None:
    check.described.add(fields[0])


def _reject(check: Check, _scope: Scope, _fields: Fields, place: Place) -> None:
    hint = "mend the errors that the file tells of above this line, then take the line out"
    check.error(place, "REJECT: the file is marked as not to be run", hint)


def _nothing(_check: Check, _scope: Scope, _fields: Fields, _place: Place) -> None:
    """The line is well-formed, and that is all that DAGMan asks."""


_OWN: Mapping[bytes, Handler] = {
    **dict.fromkeys(keywords(About.NODE), node),
    b"SPLICE": splice,
    b"SUBMIT_DESCRIPTION": _description,
    b"REJECT": _reject,
}
FIRST: Mapping[bytes, Handler] = {key: _OWN.get(key, _nothing) for key, row in COMMANDS.items() if row.first}
