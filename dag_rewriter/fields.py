"""A command's words -> the fields of its value, as bytes, still without an object per line (a DAG has
millions).

One function per command; `PARSERS` is the table of DAGMan's commands whose meaning is known here. Each takes
the text and, for an inline submit description, its body, and raises MalformedError where DAGMan's own parser
refuses the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from dag_rewriter.commands import NodeKind, ScriptType
from dag_rewriter.lexer import keyword, words

Fields: TypeAlias = tuple[Any, ...]
Parser: TypeAlias = Callable[[bytes, "bytes | None"], Fields]

_INTEGER = re.compile(rb"[+-]?[0-9]+")
_RESERVED = (b"PARENT", b"CHILD", b"ALL_NODES")
_MANY = 1 << 60
_WHEN = {t.value.encode(): t for t in ScriptType}
_STREAMS = (b"STDOUT", b"STDERR", b"ALL")


class MalformedError(ValueError):
    """(what is wrong with the line, an example of how it is written)"""

    def __init__(self, what: str, example: str) -> None:
        super().__init__(what, example)
        self.what = what
        self.example = example


def integer(word: bytes, what: str, example: str) -> int:
    """As C's stoi reads it, which DAGMan uses: the digits at the beginning count, what follows does not.

    >>> integer(b"3x", "no number", "")
    3
    """
    if word.isdigit():
        return int(word)
    found = _INTEGER.match(word)
    if found is None:
        raise MalformedError(f"{what} is not a number: {word.decode(errors='replace')!r}", example)
    return int(found[0])


def _cut(text: bytes, least: int, most: int, example: str) -> list[bytes]:
    """All words (the keyword is the first); quotes are kept."""
    kept, _, _, problem = words(text)
    if least <= len(kept) <= most and not problem:
        return kept
    if problem:
        raise MalformedError(problem, example)
    if len(kept) < least:
        raise MalformedError("something is missing at the end of the line", example)
    raise MalformedError(f"unexpected word {kept[most].decode(errors='replace')!r}", example)


def node(kind: NodeKind, skip: int, text: bytes, body: bytes | None) -> Fields:
    """The fields of a NodeCommand; `skip` words stand before the name."""
    file = "file.dag" if kind is NodeKind.SUBDAG else "file.sub"
    example = f"{kind.value} name {file} [DIR directory] [NOOP] [DONE]"
    kept, bare, _, problem = words(text)
    if problem:
        raise MalformedError(problem, example)
    if skip == 2 and keyword(kept[1] if len(kept) > 1 else b"") != b"EXTERNAL":
        raise MalformedError("SUBDAG is not followed by EXTERNAL", example)
    if len(kept) < skip + 2:
        raise MalformedError("the node's name or its file is missing", example)
    name, submit = kept[skip], bare[skip + 1]
    if name.upper() in _RESERVED:
        raise MalformedError(f"{name.decode()} is a reserved word and no name of a node", example)
    if len(kept) == skip + 2:
        return kind, name, submit, None, False, False, body
    directory, noop, done = _options(kept, bare, skip + 2, example)
    return kind, name, submit, directory, noop, done, body


def _options(kept: list[bytes], bare: list[bytes], at: int, example: str) -> tuple[bytes | None, bool, bool]:
    """DIR, NOOP and DONE, in any order."""
    directory, noop, done = None, False, False
    while at < len(kept):
        option = keyword(kept[at])
        if option == b"DIR" and at + 1 < len(kept):
            at += 1
            directory = bare[at]
        elif option == b"NOOP":
            noop = True
        elif option == b"DONE":
            done = True
        else:
            raise MalformedError(f"unexpected word {kept[at].decode(errors='replace')!r}", example)
        at += 1
    return directory, noop, done


def _parent(text: bytes, _body: bytes | None) -> Fields:
    example = "PARENT a b CHILD c d"
    parts = _cut(text, 2, _MANY, example)
    if len(parts) == 4 and parts[2] == b"CHILD":  # one edge a line is how planners write
        return (parts[1],), (parts[3],), False
    weak = keyword(parts[0]) == b"WEAK"
    if weak:
        parts = parts[1:]
        if keyword(parts[0]) != b"PARENT":
            raise MalformedError("WEAK is not followed by PARENT", "WEAK PARENT a CHILD b")
    at = next((n for n, part in enumerate(parts) if n and keyword(part) == b"CHILD"), 0)
    if not at:
        raise MalformedError("the word CHILD is missing", example)
    parents, children = tuple(parts[1:at]), tuple(p for p in parts[at + 1 :] if keyword(p) != b"CHILD")
    if not parents or not children:
        raise MalformedError("no parent or no child is named", example)
    return parents, children, weak


def _script(text: bytes, _body: bytes | None) -> Fields:
    example = (
        "SCRIPT [DEFER status seconds] [DEBUG file STDOUT|STDERR|ALL] PRE|POST|HOLD node executable arguments"
    )
    defer, debug, at = None, None, 1
    while True:
        parts, _, rest, problem = words(text, at + 2)
        option = keyword(parts[at]) if len(parts) > at else b""
        if problem or option in _WHEN:
            break
        parts, _, _, problem = words(text, at + 3)
        if option not in (b"DEFER", b"DEBUG") or len(parts) < at + 3:
            raise MalformedError(problem or "none of PRE, POST, HOLD where one is expected", example)
        if option == b"DEFER":
            status = integer(parts[at + 1], "the status of DEFER", example)
            defer = (status, integer(parts[at + 2], "the time of DEFER", example))
        elif keyword(parts[at + 2]) not in _STREAMS:
            raise MalformedError("DEBUG needs a file and one of STDOUT, STDERR, ALL", example)
        else:
            debug = (parts[at + 1], keyword(parts[at + 2]))
        at += 3
    command = rest.split(None, 1)
    if problem or not command:
        raise MalformedError(problem or "the node or the script is missing", example)
    return _WHEN[option], parts[at + 1], command[0], b"".join(command[1:]), defer, debug


def _retry(text: bytes, _body: bytes | None) -> Fields:
    example = "RETRY node 3 [UNLESS-EXIT 2]"
    parts = _cut(text, 3, 5, example)
    limit = integer(parts[2], "the number of retries", example)
    if limit < 0:
        raise MalformedError("the number of retries is negative", example)
    if len(parts) == 3:
        return parts[1], limit, None
    if len(parts) != 5 or keyword(parts[3]) != b"UNLESS_EXIT":
        raise MalformedError("UNLESS-EXIT and an exit code are expected after the number", example)
    return parts[1], limit, integer(parts[4], "the exit code", example)


def _priority(text: bytes, _body: bytes | None) -> Fields:
    parts = _cut(text, 3, 3, "PRIORITY node 10")
    return parts[1], integer(parts[2], "the priority", "PRIORITY node 10")


def _category(text: bytes, _body: bytes | None) -> Fields:
    parts = _cut(text, 3, 3, "CATEGORY node transfer")
    return parts[1], parts[2]


def _max_jobs(text: bytes, _body: bytes | None) -> Fields:
    example = "MAXJOBS transfer 5"
    parts = _cut(text, 3, 3, example)
    limit = integer(parts[2], "the limit", example)
    if limit < 0:
        raise MalformedError("the limit is negative", example)
    return parts[1], limit


def _vars(text: bytes, _body: bytes | None) -> Fields:
    kept, _, rest, problem = words(text, 2)
    if problem or b"=" not in rest:
        what = problem or "the node or its key=value pairs are missing"
        raise MalformedError(what, 'VARS node key="value"')
    return kept[1], rest


def _abort(text: bytes, _body: bytes | None) -> Fields:
    example = "ABORT-DAG-ON node 3 [RETURN 1]"
    parts = _cut(text, 3, 5, example)
    status = integer(parts[2], "the exit status", example)
    if len(parts) == 3:
        return parts[1], status, None
    if len(parts) != 5 or keyword(parts[3]) != b"RETURN":
        raise MalformedError("RETURN and an exit code are expected after the status", example)
    return parts[1], status, integer(parts[4], "the exit code", example)


def _pre_skip(text: bytes, _body: bytes | None) -> Fields:
    parts = _cut(text, 3, 3, "PRE_SKIP node 1")
    return parts[1], integer(parts[2], "the exit code", "PRE_SKIP node 1")


def _one_file(example: str) -> Parser:
    """CONFIG, JOBSTATE_LOG and INCLUDE take one file name, which may stand in quotes."""

    def parse(text: bytes, _body: bytes | None) -> Fields:
        _cut(text, 2, 2, example)
        return (words(text)[1][1],)

    return parse


def _done(text: bytes, _body: bytes | None) -> Fields:
    return (_cut(text, 2, 2, "DONE node")[1],)


def _splice(text: bytes, _body: bytes | None) -> Fields:
    example = "SPLICE name file.dag [DIR directory]"
    parts = _cut(text, 3, 5, example)
    bare = words(text)[1]
    if len(parts) == 3:
        return parts[1], bare[2], None
    if len(parts) != 5 or keyword(parts[3]) != b"DIR":
        raise MalformedError("DIR and a directory are expected after the file", example)
    return parts[1], bare[2], bare[4]


def _description(text: bytes, body: bytes | None) -> Fields:
    parts = _cut(text, 2, _MANY, "SUBMIT-DESCRIPTION name {")
    if body is None:
        raise MalformedError(
            "the submit description does not begin with { or @=", "SUBMIT-DESCRIPTION name {"
        )
    return parts[1], body


def _node_parser(kind: NodeKind, skip: int) -> Parser:
    return lambda text, body: node(kind, skip, text, body)


PARSERS: dict[bytes, Parser] = {
    b"JOB": _node_parser(NodeKind.JOB, 1),
    b"FINAL": _node_parser(NodeKind.FINAL, 1),
    b"SERVICE": _node_parser(NodeKind.SERVICE, 1),
    b"PROVISIONER": _node_parser(NodeKind.PROVISIONER, 1),
    b"SUBDAG": _node_parser(NodeKind.SUBDAG, 2),
    b"PARENT": _parent,
    b"WEAK": _parent,
    b"SCRIPT": _script,
    b"RETRY": _retry,
    b"PRIORITY": _priority,
    b"CATEGORY": _category,
    b"MAXJOBS": _max_jobs,
    b"VARS": _vars,
    b"ABORT_DAG_ON": _abort,
    b"PRE_SKIP": _pre_skip,
    b"CONFIG": _one_file("CONFIG dagman.config"),
    b"JOBSTATE_LOG": _one_file("JOBSTATE_LOG jobstate.log"),
    b"INCLUDE": _one_file("INCLUDE other.dag"),
    b"DONE": _done,
    b"SPLICE": _splice,
    b"SUBMIT_DESCRIPTION": _description,
}
"""By keyword as `lexer.keyword` gives it."""

KEPT = frozenset(
    b"CONNECT DOT ENV NODE_STATUS_FILE PIN_IN PIN_OUT REJECT SAVE_POINT_FILE SET_JOB_ATTR TOLERANCE".split()
)
"""DAGMan's other commands (25.14): kept as they stand, nothing here depends on them."""
