"""Reads what a job wrote to its stdout: kickstart records, cluster lines, multipart records.

Nothing is searched for inside a record: a record is cut out by its indentation (YAML) or its end tag (XML) and
read field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from monitord_job.kickstart.records import ClusterLine, Damage, Record
from monitord_job.kickstart.regex_parser import scan
from monitord_job.text.unprintable import excerpt, text_of

__all__ = ["MAX_RECORD", "Record", "parse_output", "parse_windows"]

MAX_RECORD = 8 << 20
"""Bytes of one record; kickstart cuts what an application printed at 256 kB."""
_EXCERPT = 200

_YAML, _MULTIPART, _XML = b"- invocation:", 15 * b"-" + b"pegasus-multipart", b"<invocation"
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
_LINES_OF_RECORD = re.compile(rb"\n(?![ \n])")
_LINES_OF_MULTIPART = re.compile(rb"\n(?:(?![ \n]|- |location)|(?=- invocation:))")
_XML_END = b"</invocation>"
_CLUSTER = re.compile(rb"\[(?:cluster|seqexec)-(task|summary) ([^\]\n]*)\]")
_PAIR = re.compile(rb'([\w-]+)=(?:"([^"]*)"|([^,\s]*))')


class _Piece(NamedTuple):
    """A part of a stream that belongs together; `whole` is False if what follows could still belong to it."""

    start: int
    end: int
    records: Iterable[Record]
    whole: bool = True


def parse_output(data: bytes) -> tuple[Record, ...]:
    """All records in a job's stdout, in their order; text that is no record is passed over.

    >>> parse_output(b'[cluster-task id=1, start="x", status=0]')[0].fields["status"]
    '0'
    """
    # Nearly always there is nothing but one record: then its end need not be looked for before it is read.
    only = scan(0, text_of(data)) if data.startswith(_YAML) else None
    return (only,) if only else tuple(record for piece in _pieces(data, 0) for record in piece.records)


def parse_windows(windows: Iterable[tuple[int, bytes]]) -> Iterator[Record]:
    """All records in a stream that comes in windows (offset, bytes); between two of them bytes may be left out.

    A window and a record are in memory at a time.
    """
    held, base = b"", 0
    for offset, window in windows:
        if offset != base + len(held):
            yield from _records(held, base)
            held, base = b"", offset
        held += window
        rest = max(len(held) - _LONGEST_START, 0)
        for piece in _pieces(held, base):
            if piece.whole:
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
    start = 0 if base == 0 and _START.match(b"\n" + data[:_LONGEST_START]) else _next_start(data, 0)
    while start is not None:
        piece = _piece(data, start, base + start)
        yield piece
        start = _next_start(data, piece.end)


def _next_start(data: bytes, position: int) -> int | None:
    match = _START.search(data, max(position - 1, 0))
    end = match.end() if match else len(data)
    starts = [start for token in _AFTER_TEXT if (start := data.find(token, position, end)) >= 0]
    if match:
        starts.append(match.start() + 1)
    return min(starts, default=None)


def _piece(data: bytes, start: int, offset: int) -> _Piece:
    if data.startswith(_YAML, start):
        return _lines(data, start, offset, _LINES_OF_RECORD, _yaml)
    if data.startswith(_MULTIPART, start):
        return _lines(data, start, offset, _LINES_OF_MULTIPART, _multipart)
    return _xml(data, start, offset) if data.startswith(_XML, start) else _cluster_line(data, start, offset)


def _lines(
    data: bytes,
    start: int,
    offset: int,
    after: re.Pattern[bytes],
    read: Callable[[int, bytes], Iterator[Record]],
) -> _Piece:
    match = after.search(data, start)
    last = match.start() + 1 if match else len(data)
    end = _cut_at(data, start, last)
    return _Piece(start, end, read(offset, data[start:end]), last + _LONGEST_START < len(data))


def _cut_at(data: bytes, start: int, end: int) -> int:
    """Where a record ends whose last line another one goes on in; what was printed stands too deep to be that."""
    following = data.find(_NEXT_RECORD, start + 1, end)
    end = following if following >= 0 else end
    last_line = data.rfind(b"\n", start, start + len(data[start:end].rstrip(b"\n")))
    cuts = [cut for token in _NEXT_LINE if (cut := data.find(token, max(last_line, start), end)) >= 0]
    return min(cuts, default=end)


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
    from monitord_job.kickstart import yaml_parser

    head, _, parts = record.partition(b"\n")
    return yaml_parser.read_multipart(offset + len(head) + 1, text_of(parts))


def _xml(data: bytes, start: int, offset: int) -> _Piece:
    end, following = data.find(_XML_END, start), data.find(b"<invocation ", start + 1)
    if end >= 0 and not 0 <= following < end:
        end += len(_XML_END)
        return _Piece(start, end, _from_xml(offset, data[start:end]))
    limit = following if following >= 0 else len(data)
    cuts = [cut for token in (_NEXT_RECORD, *_NEXT_LINE) if (cut := data.find(token, start, limit)) >= 0]
    end = min(cuts, default=limit)
    damage = Damage(offset, "the record is cut off", _excerpt(data, start, end))
    return _Piece(start, end, (damage,), following >= 0)


def _from_xml(offset: int, record: bytes) -> Iterator[Record]:
    from monitord_job.kickstart import xml_parser  # lxml is slow to load; only records of Pegasus 4 need it

    yield xml_parser.read_record(offset, record)


def _cluster_line(data: bytes, start: int, offset: int) -> _Piece:
    line = _CLUSTER.match(data, start)
    if line is None:
        newline = data.find(b"\n", start)
        end = len(data) if newline < 0 else newline
        following = data.find(_NEXT_RECORD, start, end + _LONGEST_START)
        whole = 0 <= newline < len(data) - _LONGEST_START
        end = end if following < 0 else min(end, following)
        return _Piece(start, end, (Damage(offset, "the line has no end", _excerpt(data, start, end)),), whole)
    fields = {text_of(m[1]): text_of(m[3] if m[2] is None else m[2]) for m in _PAIR.finditer(line[2])}
    return _Piece(start, line.end(), (ClusterLine(offset, line[1] == b"summary", fields),))


def _excerpt(data: bytes, start: int, end: int) -> str:
    return excerpt(text_of(data[start : min(end, start + _EXCERPT)]))
