"""The lines that planners write, millions of them, found with one regular expression per command: no Python
object per line until somebody asks for it.

A pattern takes only what `lexer` and `fields` would read in the same way: keyword in capitals, no quotes in words,
no continuation, no ALL_NODES. A piece of a DAG in which every line is of one of these kinds (or blank, or a
comment) is bulk; every other piece is read word by word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

Pairs: TypeAlias = "list[tuple[bytes, ...]]"
"""(name of a node, the rest of its line) in file order"""

_WORD = rb"[^\s\0\"'\\]+"
_END = rb"(?=\n)"  # the newline is the next line's first byte
_NO_KEY = rb"(?![Qq][Uu][Ee][Uu][Ee]|\+=|My\.=)"  # DAGMan refuses these: ParseVars

PATTERNS = {
    b"JOB": rb"\nJOB (%s) ((?!\{|@=)%s)%s" % (_WORD, _WORD, _END),
    b"VARS": rb"\nVARS (%s)((?: %s[^\s\0\"'\\=]+=\"[^\"\\\n\0]*\")+)%s" % (_WORD, _NO_KEY, _END),
    b"CATEGORY": rb"\nCATEGORY (%s) (%s)%s" % (_WORD, _WORD, _END),
    b"RETRY": rb"\nRETRY (%s) ([0-9]{1,9})%s" % (_WORD, _END),
    b"PRIORITY": rb"\nPRIORITY (%s) (-?[0-9]{1,9})%s" % (_WORD, _END),
    b"POST": rb"\nSCRIPT POST (%s) ([^\s\0\\\"'](?:[^\n\0]*[^\s\0\\])?)%s" % (_WORD, _END),
    b"PRE": rb"\nSCRIPT PRE (%s) ([^\s\0\\\"'](?:[^\n\0]*[^\s\0\\])?)%s" % (_WORD, _END),
    b"PARENT": rb"\nPARENT  ?(%s) CHILD (%s)%s" % (_WORD, _WORD, _END),
}
_NO_KEYWORD = rb"(?!(?:JOB|VARS|CATEGORY|RETRY|PRIORITY|SCRIPT|PARENT) )"
_ASSIGNMENT = _NO_KEYWORD + rb"[A-Za-z+][^\n\0]*+(?<![ \t\r\v\f])"
_NOTE = rb"(?:(?:#|//)[^\n\0]*+)?(?=\n)"
_DESCRIPTION = rb"((?>(?:\n[ \t]*+(?:%s|%s))+))\n[ \t]*+" % (_ASSIGNMENT, _NOTE)
DESCRIBED = {
    b"JOB @=": rb"\nJOB (%s) (@=([A-Za-z0-9_]+))%s@\3%s" % (_WORD, _DESCRIPTION, _END),
    b"JOB {": rb"\nJOB (%s) (\{())%s\}%s" % (_WORD, _DESCRIPTION, _END),
}
"""Nodes whose submit descriptions stand in the DAG: (name, what opens the description, what ends it, the description as
it stands)."""
_OPENED = {
    b"JOB @=": re.compile(rb"\nJOB (%s) (@=[A-Za-z0-9_]+)%s" % (_WORD, _END)),
    b"JOB {": re.compile(rb"\nJOB (%s) (\{)%s" % (_WORD, _END)),
}
"""Their first lines: a description has no line that looks like one."""
NODES = frozenset((b"JOB", *DESCRIBED))
_COMPILED = {key: re.compile(pattern) for key, pattern in (PATTERNS | DESCRIBED).items()}
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
    piece = data[start:stop]
    return b"\n%b" % piece if piece.endswith(b"\n") else b"\n%b\n" % piece


def read(piece: bytes, likely: Iterable[bytes] = ()) -> dict[bytes, Pairs] | None:
    """All lines of a framed piece by command; None if one of them is of no kind known here. Looks for those of
    `likely` commands first, which saves time if there are no others.

    >>> read(framed(b"# note\\nJOB A a.sub\\n\\nRETRY A 3\\n", 0, 30))
    {b'JOB': [(b'A', b'a.sub')], b'RETRY': [(b'A', b'3')]}
    >>> read(framed(b"job A a.sub\\n", 0, 12)) is None
    True
    """
    if len(piece) > _LARGE:  # for each round of a group, `re` keeps more than it has read
        return None
    text, rest = piece, _count(piece)
    bulk: dict[bytes, Pairs] = {}
    for key in dict.fromkeys((*likely, *_COMPILED)):
        if key in DESCRIBED:
            pairs, others = _described_nodes(text, key)
            lines = _count(text) - _count(others) if pairs else 0
            text = others
        else:
            pairs = _COMPILED[key].findall(text)
            lines = len(pairs)
        if pairs:
            bulk[key] = pairs
            rest -= lines
            if not rest:
                break
    if rest and b"\n#" in text:
        rest -= len(_COMMENT.findall(text))
    if rest:
        return None
    capitals = piece.upper()
    if any(word in capitals for word in _RESERVED):
        return None
    # Nodes of two kinds would not stay in their order.
    return bulk if sum(key in bulk for key in NODES) <= 1 else None


def _count(piece: bytes) -> int:
    """How many lines of a framed piece are not empty."""
    return piece.count(b"\n") - 1 - (len(_NOTHING.findall(piece)) if b"\n\n" in piece else 0)


def _described_nodes(piece: bytes, key: bytes) -> tuple[Pairs, bytes]:
    """(name, what opens the description) of the nodes that have one, and the piece without these. To make a million
    descriptions takes as long as to read the file: `described` does it for who asks.
    """
    others, number = _COMPILED[key].subn(b"", piece)
    nodes: Pairs = _OPENED[key].findall(piece) if number else []
    return (nodes, others) if len(nodes) == number else ([], piece)


def last_node(piece: bytes) -> int:
    """Where in a framed piece that has descriptions in it the last node begins, 0 if nothing is before it."""
    at = piece.rfind(_LAST_JOB) if b" @=" in piece or b" {" in piece else 0
    return max(at, 0)


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
