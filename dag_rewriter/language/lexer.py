"""How DAGMan cuts a file into commands and a command into words (its dag_parser.cpp). Bytes in, bytes out, no
I/O.

A DAG is bytes: a name may hold any of them but a blank. Nothing here raises: what has no end says so in
`problem`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TypeAlias

BLANKS = b" \t\r\n\v\f"  # what DAGMan trims from the ends of a line (C's isspace)
_DELIMITERS = b" \t\r"  # what it cuts words at
_QUOTES = b"\"'"
_LARGE = 1 << 17
_MAY_BE_INLINE = (b"JOB", b"FINAL", b"PROVISIONER", b"SERVICE", b"SUBMIT_DESCRIPTION")


Statement: TypeAlias = tuple[int, int, bytes, "bytes | None", str]
"""One command: (first line, last line, its text on one line, body of an inline submit description, problem).

Lines count from 1; `problem` is empty unless the command has no end. A plain tuple, because a DAG has
millions.
"""

Words: TypeAlias = tuple[list[bytes], list[bytes], bytes, str]
"""(words with their quotes: names; words without: files; what follows the last word asked for; problem)"""


def keyword(word: bytes) -> bytes:
    """The keyword as DAGMan compares it: any case, `-` as `_`.

    >>> keyword(b"Abort-Dag-On")
    b'ABORT_DAG_ON'
    """
    return word.upper().replace(b"-", b"_")


def statements(data: bytes, first: int = 1) -> Iterator[Statement]:
    r"""All commands of a DAG in file order; comments and blank lines are left out. `first` is the number of the
    first line.

    >>> [s[2] for s in statements(b"# a\n\nJOB A a.sub \\\n  # between\n  NOOP\r\n")]
    [b'JOB A a.sub  NOOP']
    """
    lines = enumerate(_lines(data), first)
    for number, line in lines:
        text = line.strip(BLANKS)
        if not text or text[0] == 35 or text[:2] == b"//":  # 35: '#'
            continue
        last, problem = number, ""
        if text[-1] == 92:  # a backslash
            text, last, problem = _continued(text, number, lines)
        if b"{" in text or b"@=" in text:
            end = _inline_end(text)
            if end is not None:
                yield _with_body(text, number, end, lines)
                continue
        yield number, last, text, None, problem


def _lines(data: bytes) -> Iterable[bytes]:
    """The lines, which their reader strips. Of one command with millions of lines, not all at once: each costs more
    than it has.
    """
    return data.split(b"\n") if len(data) < _LARGE else BytesIO(data)


def _continued(text: bytes, number: int, lines: Iterator[tuple[int, bytes]]) -> tuple[bytes, int, str]:
    """Joins the lines that end with a backslash; comments and blank lines between them are skipped, as DAGMan
    does.
    """
    joined = bytearray(text[:-1])
    for number, line in lines:
        more = line.strip(BLANKS)
        if not more or more[0] == 35 or more[:2] == b"//":
            continue
        joined += b" "
        if more[-1] != 92:
            joined += more
            return bytes(joined), number, ""
        joined += more[:-1]
    # DAGMan drops such a command without a word: getnextline() gives nothing at the end of the file.
    return bytes(joined), number, "the line ends with a backslash, and nothing follows it"


def _inline_end(text: bytes) -> bytes | None:
    """The word that ends the inline submit description which this command opens; None if it opens none."""
    _, parts, _, _ = words(text, 3)
    if len(parts) < 3 or keyword(parts[0]) not in _MAY_BE_INLINE:
        return None
    if parts[2][:1] == b"{":
        return b"}"
    if parts[2][:2] == b"@=":
        return b"@" + parts[2][2:]
    return None


def _with_body(text: bytes, first: int, end: bytes, lines: Iterator[tuple[int, bytes]]) -> Statement:
    """Reads an inline submit description; what stands behind its end (DIR, NOOP, DONE) counts as this
    command's.
    """
    head = b" ".join(words(text, 3)[0])
    body = bytearray()
    number = first
    if end == b"@":
        return first, first, head, b"", "@= needs a word that ends the submit description"
    for number, line in lines:
        more = line.strip(BLANKS)
        if more == end or more.startswith(end + b" "):
            text = head + b" " + more[len(end) :] if len(more) > len(end) else head
            return first, number, text, bytes(body), ""
        if more and more[0] != 35 and more[:2] != b"//":
            body += more
            body += b"\n"
    missing = end.decode("utf-8", "replace")
    return first, number, head, bytes(body), f"the submit description has no end: {missing} is missing"


def words(text: bytes, limit: int = -1) -> Words:
    """Cuts a command into at most `limit` words (-1: all) as DagLexer::next does.

    >>> words(b'CONFIG "my file.cfg"')[1]
    [b'CONFIG', b'my file.cfg']
    >>> words(b"SCRIPT PRE A  run.sh 'x  y'", 3)[2]
    b"run.sh 'x  y'"
    """
    parts = text.split(None, limit)
    rest = b""
    lead = text
    if limit >= 0 and len(parts) > limit:
        rest = parts.pop()
        lead = text[: len(text) - len(rest)]
    if b'"' in lead or b"'" in lead or b"\v" in lead or b"\f" in lead or b"\0" in lead:
        return _lex(text, limit)
    return parts, parts, rest, ""


def _lex(text: bytes, limit: int) -> Words:
    """The exact way, byte by byte, for the few commands with quotes or control characters."""
    text = text.split(b"\0", 1)[0]  # C strings end there
    kept: list[bytes] = []
    bare: list[bytes] = []
    position = 0
    while limit < 0 or len(kept) < limit:
        with_quotes, without, position, closed = _word(text, position)
        if not closed:
            return kept, bare, b"", "a quote has no end"
        if not with_quotes:
            break
        kept.append(with_quotes)
        bare.append(without)
    return kept, bare, text[position:].strip(BLANKS), ""


def first_word(text: bytes) -> bytes:
    """The first word with its quotes, its escapes resolved.

    >>> first_word(b'"a \\\\" b" c')
    b'"a " b"'
    """
    return _word(text, 0)[0]


def _word(text: bytes, position: int) -> tuple[bytes, bytes, int, bool]:
    """The next word from `position`: with quotes, without, where it ends, whether its quotes are closed."""
    kept, bare = bytearray(), bytearray()
    quote = -1
    escaped = False
    while position < len(text):
        char = text[position]
        if escaped:
            kept.append(char)
            bare.append(char)
            escaped = False
        elif quote >= 0:
            if char == 92:
                escaped = True
            elif char == quote:
                kept.append(char)
                quote = -1
            else:
                kept.append(char)
                bare.append(char)
        elif char in _DELIMITERS:
            if kept:
                break
        else:
            kept.append(char)
            if char in _QUOTES:
                quote = char
            else:
                bare.append(char)
        position += 1
    return bytes(kept), bytes(bare), position, quote < 0
