"""A command's words -> the fields of its value, as bytes, still without an object per line (a DAG has
millions).

One function per command; `command_table` says which is whose. Each takes the text and, for an inline submit
description, its body, and raises MalformedError where DAGMan's own parser refuses the line.
"""

from __future__ import annotations

from functools import partial

from dag_rewriter.language.commands import NodeKind, ScriptType
from dag_rewriter.language.field_words import (
    MANY,
    Fields,
    MalformedError,
    Parser,
    cut,
    integer,
    shown,
    within,
)
from dag_rewriter.language.lexer import keyword, words
from dag_rewriter.language.text import text_of
from dag_rewriter.language.vars_assignments import problem_of

_RESERVED = (b"PARENT", b"CHILD", b"ALL_NODES")
_WHEN = {t.value.encode(): t for t in ScriptType}
_MODES = (b"FAIL_FAST", b"WAIT")
_STREAMS = (b"STDOUT", b"STDERR", b"ALL")


def node(kind: NodeKind) -> Parser:
    """JOB and its like."""
    return partial(_node, kind, len(kind.value.split()))


def _node(kind: NodeKind, skip: int, text: bytes, body: bytes | None) -> Fields:
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
    if not submit:
        raise MalformedError("the node's file has no name", example)
    if name.upper() in _RESERVED:
        raise MalformedError(f"{name.decode()} is a reserved word and cannot be the name of a node", example)
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
            raise MalformedError(f"unexpected word {shown(kept[at])}", example)
        at += 1
    return directory, noop, done


def parent_child(text: bytes, _body: bytes | None) -> Fields:
    example = "PARENT a b CHILD c d"
    parts = cut(text, 2, MANY, example)
    weak = keyword(parts[0]) == b"WEAK"
    if weak:
        parts = parts[1:]
        if keyword(parts[0]) != b"PARENT":
            raise MalformedError("WEAK is not followed by PARENT", "WEAK PARENT a CHILD b")
    at = next((n for n, part in enumerate(parts) if n and keyword(part) == b"CHILD"), 0)
    if not at:
        raise MalformedError("the word CHILD is missing", example)
    parents, children = tuple(parts[1:at]), tuple(p for p in parts[at + 1 :] if keyword(p) != b"CHILD")
    if not parents or not children or keyword(parts[-1]) == b"CHILD":
        raise MalformedError("no parent or no child is named", example)
    return parents, children, weak


def script(text: bytes, _body: bytes | None) -> Fields:
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


def retry(text: bytes, _body: bytes | None) -> Fields:
    example = "RETRY node 3 [UNLESS-EXIT 2]"
    parts = cut(text, 3, 5, example)
    limit = integer(parts[2], "the number of retries", example)
    if limit < 0:
        raise MalformedError("the number of retries is negative", example)
    if len(parts) == 3:
        return parts[1], limit, None
    if len(parts) != 5 or keyword(parts[3]) != b"UNLESS_EXIT":
        raise MalformedError("UNLESS-EXIT and an exit code are expected after the number", example)
    return parts[1], limit, integer(parts[4], "the exit code", example)


def priority(text: bytes, _body: bytes | None) -> Fields:
    parts = cut(text, 3, 3, "PRIORITY node 10")
    return parts[1], integer(parts[2], "the priority", "PRIORITY node 10")


def category(text: bytes, _body: bytes | None) -> Fields:
    parts = cut(text, 3, 3, "CATEGORY node transfer")
    return parts[1], parts[2]


def vars_(text: bytes, _body: bytes | None) -> Fields:
    example = 'VARS node [PREPEND|APPEND] key="value"'
    kept, _, rest, problem = words(text, 2)
    if problem or len(kept) < 2:
        raise MalformedError(problem or "the node is missing", example)
    problem = problem_of(text_of(rest))
    if problem:
        raise MalformedError(problem, example)
    return kept[1], rest


def abort_dag_on(text: bytes, _body: bytes | None) -> Fields:
    example = "ABORT-DAG-ON node 3 [RETURN 1]"
    parts = cut(text, 3, 5, example)
    status = integer(parts[2], "the exit status", example)
    if len(parts) == 3:
        return parts[1], status, None
    if len(parts) != 5 or keyword(parts[3]) != b"RETURN":
        raise MalformedError("RETURN and an exit code are expected after the status", example)
    code = integer(parts[4], "the exit code", example)
    return parts[1], status, within(code, 0, 255, "the exit code", example)


def pre_skip(text: bytes, _body: bytes | None) -> Fields:
    example = "PRE_SKIP node 1"
    parts = cut(text, 3, 3, example)
    code = integer(parts[2], "the exit code", example)
    return parts[1], within(code, 0, 255, "the exit code", example)


def tolerance(text: bytes, _body: bytes | None) -> Fields:
    example = "TOLERANCE node 3[%] [FAIL-FAST|WAIT]"
    parts = cut(text, 3, 5, example)
    percent = parts[2].endswith(b"%")
    number = parts[2].removesuffix(b"%")
    rest = parts[3:]
    if not percent and rest[:1] == [b"%"]:
        percent, rest = True, rest[1:]
    value = within(integer(number, "the tolerance", example), 0, 2**31 - 1, "the tolerance", example)
    if len(rest) > 1 or (rest and keyword(rest[0]) not in _MODES):
        raise MalformedError(f"unexpected word {shown(rest[-1])}", example)
    return parts[1], value, percent, keyword(rest[0]) if rest else None


def save_point(text: bytes, _body: bytes | None) -> Fields:
    example = "SAVE_POINT_FILE node [file]"
    parts = cut(text, 2, 3, example)
    if keyword(parts[1]) == b"ALL_NODES":
        raise MalformedError("ALL_NODES cannot have one save point file", example)
    return parts[1], words(text)[1][2] if len(parts) == 3 else None


def done(text: bytes, _body: bytes | None) -> Fields:
    return (cut(text, 2, 2, "DONE node")[1],)
