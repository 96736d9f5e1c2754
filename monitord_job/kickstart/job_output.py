"""Reads what a job wrote to its stdout: kickstart records, cluster lines, multipart records.

Nothing is searched for inside a record: a record is cut out by its indentation (YAML) or its end tag (XML) and
read field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from monitord_job.kickstart import regex_multipart
from monitord_job.kickstart.records import ClusterLine, Damage, Record
from monitord_job.kickstart.regex_parser import scan
from monitord_job.text.unprintable import excerpt, text_of

__all__ = ["MAX_RECORD", "MAX_RECORDS", "TOO_MANY", "Record", "parse_output", "parse_windows"]

MAX_RECORD = 8 << 20
"""Bytes of one record; kickstart cuts what an application printed at 256 kB."""
MAX_RECORDS = 100_000
"""Records and cluster lines of one output after which the rest of it is left alone."""
TOO_MANY = f"more than {MAX_RECORDS} records: the rest was not looked at"
_EXCERPT = 200

_YAML, _LINE_OF_DASHES, _XML = b"- invocation:", 15 * b"-", b"<invocation"
_MULTIPART = _LINE_OF_DASHES + b"pegasus-multipart"
_START = re.compile(
    rb"\n(?:- invocation:|-{15}pegasus-multipart|<invocation(?=\s)|\[(?:cluster|seqexec)-(?:task|summary) )"
)
# An application's last line may lack its end, and so may a record that was cut off: the next one begins right there.
_NEXT_RECORD = b"- invocation: True\n  version:"
_NEXT_LINE = (
    b"[cluster-task id=",
    b"[seqexec-task id=",
    b"[cluster-summary stat=",
    b"[seqexec-summary stat=",
)
_AFTER_TEXT = (_NEXT_RECORD, b"<invocation xmlns", *_NEXT_LINE)
_LONGEST_START = 64
_LINE = b"\n["
"""What `_Ahead` keeps the next match of `_START` by."""
_LINES_OF_RECORD = re.compile(rb"\n(?![ \n])")
_LINES_OF_MULTIPART = re.compile(rb"\n(?:(?![ \n]|- |location)|(?=- invocation:))")
_XML_END = b"</invocation>"
# The longest that pegasus-mpi-cluster writes has a path and some twenty numbers.
_CLUSTER = re.compile(rb"\[(?:cluster|seqexec)-(task|summary) ([^\]\n]{0,16384})\]")
# Tried at each letter of a long word, and not where it begins alone, it would take the square of its length.
_PAIR = re.compile(rb'(?<![\w-])([\w-]+)=(?:"([^"]*)"|([^,\s]*))')


class _Piece(NamedTuple):
    """A part of a stream that belongs together; `whole` is False if what follows could still belong to it."""

    start: int
    end: int
    records: Iterable[Record]
    whole: bool = True


class _Ahead:
    """Where each token stands next. All pieces ask it, so that no byte is looked at once for each of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self._next: dict[bytes, tuple[int, int]] = {}

    def find(self, token: bytes, position: int) -> int:
        """As bytes.find, but the size of the data if there is none."""
        asked, place = self._next.get(token, (0, -1))
        if not asked <= position <= place:
            place = self.data.find(token, position)
            place = self.size if place < 0 else place
            self._next[token] = position, place
        return place

    def find_line(self, position: int) -> int:
        """The next line that begins as a record or a cluster line does."""
        asked, place = self._next.get(_LINE, (0, -1))
        if not asked <= position <= place:
            line = _START.search(self.data, max(position - 1, 0))
            place = line.start() + 1 if line else self.size
            self._next[_LINE] = position, place
        return place

    def first(self, tokens: Iterable[bytes], start: int, end: int) -> int:
        """Where the first of the tokens between the two begins; `end` if none does."""
        known, first = self._next.get, end
        for token in tokens:
            asked, place = known(token, (0, -1))
            if not asked <= start <= place:  # seldom: a call for each takes as long as all the rest here
                place = self.find(token, start)
            if place < first and place + len(token) <= end:
                first = place
        return first


def parse_output(data: bytes) -> tuple[Record, ...]:
    """All records in a job's stdout, in their order; text that is no record is passed over.

    >>> parse_output(b'[cluster-task id=1, start="x", status=0]')[0].fields["status"]
    '0'
    """
    # Often there is nothing but one record: then its end need not be looked for before it is read. To look for the
    # dashes alone takes a third of the time.
    is_record = data.startswith(_YAML) and not (_LINE_OF_DASHES in data and _MULTIPART in data)
    only = scan(0, text_of(data)) if is_record else None
    return (only,) if only else tuple(record for piece in _pieces(data, 0) for record in piece.records)


def parse_windows(windows: Iterable[tuple[int, bytes]]) -> Iterator[Record]:
    """All records in a stream that comes in windows (offset, bytes); between two of them bytes may be left out.

    A window and a record are in memory at a time.
    """
    held, base, left = b"", 0, MAX_RECORDS
    for offset, window in windows:
        if offset != base + len(held):
            yield from _records(held, base)
            held, base = b"", offset
        held += window
        rest = max(len(held) - _LONGEST_START, 0)
        for piece in _pieces(held, base):
            if not left:  # also of those that say nothing: each costs time
                yield Damage(base + piece.start, TOO_MANY, "")
                return
            if piece.whole:
                left -= 1
                yield from piece.records
                rest = max(rest, piece.end)
            elif piece.end - piece.start <= MAX_RECORD:
                rest = piece.start
                break
            else:
                yield Damage(
                    base + piece.start,
                    f"no end of it within {MAX_RECORD} bytes",
                    _excerpt(held, piece.start, piece.end),
                )
        # With the byte before, which tells whether a line begins there.
        rest = max(rest - 1, 0)
        held, base = held[rest:], base + rest
    yield from _records(held, base)


def _records(data: bytes, base: int) -> Iterator[Record]:
    for piece in _pieces(data, base):
        yield from piece.records


def _pieces(data: bytes, base: int) -> Iterator[_Piece]:
    """`base` is where the data begin in their stream."""
    ahead = _Ahead(data)
    start = 0 if base == 0 and _START.match(b"\n" + data[:_LONGEST_START]) else _next_start(ahead, 0)
    while start < ahead.size:
        piece = _piece(ahead, start, base + start)
        yield piece
        start = _next_start(ahead, piece.end)


def _next_start(ahead: _Ahead, position: int) -> int:
    return min(ahead.find_line(position), ahead.first(_AFTER_TEXT, position, ahead.size))


def _piece(ahead: _Ahead, start: int, offset: int) -> _Piece:
    if ahead.data.startswith(_YAML, start):
        return _lines(ahead, start, offset, _LINES_OF_RECORD, _yaml)
    if ahead.data.startswith(_MULTIPART, start):
        return _lines(ahead, start, offset, _LINES_OF_MULTIPART, _multipart)
    return (
        _xml(ahead, start, offset)
        if ahead.data.startswith(_XML, start)
        else _cluster_line(ahead, start, offset)
    )


def _lines(
    ahead: _Ahead,
    start: int,
    offset: int,
    after: re.Pattern[bytes],
    read: Callable[[int, bytes], Iterator[Record]],
) -> _Piece:
    following = ahead.find(_NEXT_RECORD, start + 1)
    match = after.search(ahead.data, start, following)
    last = match.start() + 1 if match else following
    end = _cut_at(ahead, start, last)
    return _Piece(start, end, read(offset, ahead.data[start:end]), last + _LONGEST_START < ahead.size)


def _cut_at(ahead: _Ahead, start: int, end: int) -> int:
    """Where a record ends whose last line a cluster line goes on in; what was printed stands too deep to be that."""
    last_line = ahead.data.rfind(b"\n", start, start + len(ahead.data[start:end].rstrip(b"\n")))
    return ahead.first(_NEXT_LINE, max(last_line, start), end)


def _yaml(offset: int, record: bytes) -> Iterator[Record]:
    if not record.endswith(b"\n"):
        yield Damage(offset, "the record is cut off", _excerpt(record, 0, len(record)))
        return
    text = text_of(record)
    yield scan(offset, text) or _slowly(offset, text)


def _slowly(offset: int, text: str) -> Record:
    from monitord_job.kickstart import yaml_parser  # seldom needed, and a YAML library takes long to load

    return yaml_parser.read_record(offset, text)


def _multipart(offset: int, record: bytes) -> Iterator[Record]:
    head, _, parts = record.partition(b"\n")
    offset, text = offset + len(head) + 1, text_of(parts)
    records = regex_multipart.scan(offset, text)
    yield from _multipart_slowly(offset, text) if records is None else records


def _multipart_slowly(offset: int, text: str) -> Iterator[Record]:
    from monitord_job.kickstart import yaml_parser

    return yaml_parser.read_multipart(offset, text)


def _xml(ahead: _Ahead, start: int, offset: int) -> _Piece:
    end, following = ahead.find(_XML_END, start), ahead.find(b"<invocation ", start + 1)
    if end < following:
        end += len(_XML_END)
        return _Piece(start, end, _from_xml(offset, ahead.data[start:end]))
    end = ahead.first((_NEXT_RECORD, *_NEXT_LINE), start, following)
    damage = Damage(offset, "the record is cut off", _excerpt(ahead.data, start, end))
    return _Piece(start, end, (damage,), following < ahead.size)


def _from_xml(offset: int, record: bytes) -> Iterator[Record]:
    from monitord_job.kickstart import xml_parser  # lxml is slow to load; only records of Pegasus 4 need it

    yield xml_parser.read_record(offset, record)


def _cluster_line(ahead: _Ahead, start: int, offset: int) -> _Piece:
    line = _CLUSTER.match(ahead.data, start)
    if line is None:
        newline = ahead.find(b"\n", start)
        end = min(newline, ahead.first((_NEXT_RECORD,), start, newline + _LONGEST_START))
        damage = Damage(offset, "the line has no end", _excerpt(ahead.data, start, end))
        return _Piece(start, end, (damage,), newline < ahead.size - _LONGEST_START)
    fields = {text_of(m[1]): text_of(m[3] if m[2] is None else m[2]) for m in _PAIR.finditer(line[2])}
    return _Piece(start, line.end(), (ClusterLine(offset, line[1] == b"summary", fields),))


def _excerpt(data: bytes, start: int, end: int) -> str:
    return excerpt(text_of(data[start : min(end, start + _EXCERPT)]))
