"""The lines that planners write, millions of them, found with one regular expression per command: no Python
object per line until somebody asks for it.

A pattern takes only what `lexer` and `fields` would read in the same way: keyword in capitals, no quotes in words,
no continuation, no ALL_NODES. A piece of a DAG in which every line is of one of these kinds (or blank, or a
comment) is bulk; every other piece is read word by word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

Pairs: TypeAlias = "list[tuple[bytes, ...]]"
"""(name of a node, the rest of its line) in file order"""
Columns: TypeAlias = "tuple[list[bytes], list[bytes]]"
"""(names of nodes, the rest of each one's line) in file order: to make a pair of each takes half as long again"""

_BLANK = rb" \t\n\r\f\v"  # \s, which `re` looks up slower
_WORD = rb"[^%s\0\"'\\]+" % _BLANK
_END = rb"(?=\n)"  # the newline is the next line's first byte
_NO_KEY = rb"(?![Qq][Uu][Ee][Uu][Ee]|\+=|My\.=)"  # DAGMan refuses these: ParseVars

PATTERNS = {
    b"JOB": rb"\nJOB (%s) ((?!\{|@=)%s)%s" % (_WORD, _WORD, _END),
    b"VARS": rb"\nVARS (%s)((?: %s[^%s\0\"'\\=]+=\"[^\"\\\n\0]*\")+)%s" % (_WORD, _NO_KEY, _BLANK, _END),
    b"CATEGORY": rb"\nCATEGORY (%s) (%s)%s" % (_WORD, _WORD, _END),
    b"RETRY": rb"\nRETRY (%s) ([0-9]{1,9})%s" % (_WORD, _END),
    b"PRIORITY": rb"\nPRIORITY (%s) (-?[0-9]{1,9})%s" % (_WORD, _END),
    b"POST": rb"\nSCRIPT POST (%s) ([^\s\0\\\"'](?:[^\n\0]*[^\s\0\\])?)%s" % (_WORD, _END),
    b"PRE": rb"\nSCRIPT PRE (%s) ([^\s\0\\\"'](?:[^\n\0]*[^\s\0\\])?)%s" % (_WORD, _END),
    b"PARENT": rb"\nPARENT  ?(%s) CHILD (%s)%s" % (_WORD, _WORD, _END),
}
_NO_KEYWORD = rb"(?!(?:JOB|VARS|CATEGORY|RETRY|PRIORITY|SCRIPT|PARENT) )"
_VALUE = rb"[^\n]*+(?<![ \t\r\v\f])"
_ASSIGNMENT = rb"[a-z+]%s|%s[A-Z]%s" % (_VALUE, _NO_KEYWORD, _VALUE)
_NOTE = rb"#[^\n]*+|(?=\n)|//[^\n]*+"
# `(?>...)+` and not `(...)++`, which Python 3.11.2 gets wrong where there are several ways (gh-106052).
_DESCRIPTION = rb"((?>(?:\n[ \t]*+(?>%s|%s))+))\n[ \t]*+" % (_ASSIGNMENT, _NOTE)
DESCRIBED = {
    b"JOB @=": rb"\nJOB (%s) (@=([A-Za-z0-9_]+))%s@\3%s" % (_WORD, _DESCRIPTION, _END),
    b"JOB {": rb"\nJOB (%s) (\{())%s\}%s" % (_WORD, _DESCRIPTION, _END),
}
"""Nodes whose submit descriptions stand in the DAG: (name, what opens the description, what ends it, the description as
it stands). Not for a piece with a NUL in it."""
NODES = frozenset((b"JOB", *DESCRIBED))
_COMPILED = {key: re.compile(pattern) for key, pattern in (PATTERNS | DESCRIBED).items()}
_GROUPS = 5
"""What `split` gives for each of DESCRIBED: its four groups, and what is behind it."""
_LARGE = 1 << 17
_NOTHING = re.compile(rb"\n(?=\n)")
_COMMENT = re.compile(rb"\n#[^\n]*(?=\n)")
_JOB_LINES = re.compile(rb"|".join((PATTERNS[b"JOB"], rb"\nJOB %s (?:\{|@=[A-Za-z0-9_]+)%s" % (_WORD, _END))))
_LAST_JOB = b"\nJOB "
# Not found by a pattern, though a name may hold them: words that mean something else.
_RESERVED = (b"ALL_NODES", b" PARENT ", b"JOB CHILD ", b" CHILD CHILD")


def framed(data: bytes, start: int, stop: int) -> bytes:
    """A piece with the newline before it and at its end, as the patterns want it.

    >>> framed(b"JOB A a\\nJOB B b", 8, 15)
    b'\\nJOB B b\\n'
    """
    if data[start - 1 : start] == data[stop - 1 : stop] == b"\n":  # one copy, where to add it makes two
        return data[start - 1 : stop]
    piece = data[start:stop]
    return b"\n%b" % piece if piece.endswith(b"\n") else b"\n%b\n" % piece


def read(piece: bytes, likely: Iterable[bytes] = ()) -> dict[bytes, Columns] | None:
    """All lines of a framed piece by command; None if one of them is of no kind known here. Looks for those of
    `likely` commands first, which saves time if there are no others.

    >>> read(framed(b"# note\\nJOB A a.sub\\n\\nRETRY A 3\\n", 0, 30))
    {b'JOB': ([b'A'], [b'a.sub']), b'RETRY': ([b'A'], [b'3'])}
    >>> read(framed(b"job A a.sub\\n", 0, 12)) is None
    True
    """
    if len(piece) > _LARGE:  # for each round of a group, `re` keeps more than it has read
        return None
    bulk: dict[bytes, Columns] = {}
    text, found, lines = piece, 0, -1
    for key in dict.fromkeys((*likely, *_COMPILED)):
        is_described = key in DESCRIBED
        if is_described and b"\0" in text:
            continue
        others, *words = _COMPILED[key].split(text)
        if not words:
            continue
        if is_described:
            bulk[key] = words[::_GROUPS], words[1::_GROUPS]
            text, lines = b"".join((others, *words[_GROUPS - 1 :: _GROUPS])), -1
        else:
            bulk[key] = words[::3], words[1::3]
            found += len(bulk[key][0])
        lines = _count(text) if lines < 0 else lines
        if found == lines:
            break
    rest = (_count(text) if lines < 0 else lines) - found
    if rest and b"\n#" in text:
        rest -= len(_COMMENT.findall(text))
    # Nodes of two kinds would not stay in their order.
    if rest or sum(key in bulk for key in NODES) > 1 or _has_reserved(text, bulk):
        return None
    return bulk


def _has_reserved(text: bytes, bulk: Mapping[bytes, Columns]) -> bool:
    """Whether a reserved word is in the lines of a piece; `text` is without its nodes that have descriptions."""
    for key in DESCRIBED.keys() & bulk.keys():
        text = b"%b\nJOB %b " % (text, b" \nJOB ".join(bulk[key][0]))
    capitals = text.upper()
    return any(word in capitals for word in _RESERVED)


def _count(piece: bytes) -> int:
    """How many lines of a framed piece are not empty."""
    return piece.count(b"\n") - 1 - (len(_NOTHING.findall(piece)) if b"\n\n" in piece else 0)


def last_node(piece: bytes) -> int:
    """Where in a framed piece that has descriptions in it the last node begins, 0 if nothing is before it."""
    at = piece.rfind(_LAST_JOB)
    if at <= 0:
        return 0
    line = piece[at + 1 : piece.index(b"\n", at + 1)]
    return at if line.endswith(b"{") or b" @=" in line or b" @=" in piece or b" {" in piece else 0


def described(piece: bytes, key: bytes) -> list[tuple[bytes, bytes]]:
    """Of the DESCRIBED nodes of a framed piece what opens the description, and this as `lexer` gives it: no line is
    indented.

    >>> described(b"\\nJOB A {\\n  executable = a\\n  priority = 1\\n}\\n", b"JOB {")
    [(b'{', b'executable = a\\npriority = 1\\n')]
    """
    return [(opens, _lines_of(body)) for _, opens, _, body in _COMPILED[key].findall(piece)]


def _lines_of(body: bytes) -> bytes:
    lines = [line.strip() for line in body.split(b"\n")]
    return b"".join(
        [b"%b\n" % line for line in lines if line and line[0] != 35 and line[:2] != b"//"]
    )  # 35: '#'


def select(piece: bytes, key: bytes) -> Pairs:
    """The lines of one command in a framed piece that `read` could read."""
    pairs: Pairs = _COMPILED[key].findall(piece)
    return pairs


def job_lines(piece: bytes, first: int) -> list[int]:
    """The line numbers of the JOB lines of a framed piece whose first line has the number `first`.

    >>> job_lines(b"\\n\\nJOB A a\\nRETRY A 1\\nJOB B b\\n", 10)
    [11, 13]
    """
    lines: list[int] = []
    at = 0
    line = first - 1
    for match in _JOB_LINES.finditer(piece):
        begin = match.start() + 1
        line += piece.count(b"\n", at, begin)
        at = begin
        lines.append(line)
    return lines
