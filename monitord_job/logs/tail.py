"""Follows growing files: from a cursor to the whole lines after it, and never the same line twice.

A cursor carries a fingerprint of the bytes before it, because DAGMan truncates its nodes.log in place when a
rescue run starts: inode and size alone would let a reader go on in the middle of another run's events. It is of the
last bytes only: a file whose beginning was damaged or edited is still the one that was read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dag_rewriter.files import stream_of
from dag_rewriter.logs.user_log import EVENT_END

_SAMPLE = 512
_OF_THE_END = "end:"
CHUNK = 1 << 20
"""Bytes read at once, unless one line is longer."""
MAX_LINE = 4 << 20
"""Bytes of a line, or of another record; what is longer is passed over as soon as that many are there."""
TOO_LONG = f"no end of the line within {MAX_LINE} bytes; it is passed over"


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a file has been read: `offset` in bytes, and the fingerprint of what stands before it.

    `memo` is what a reader of the file must remember to go on there; whoever reads it keeps it.
    """

    offset: int = 0
    fingerprint: str = ""
    memo: str = ""


class Reading(NamedTuple):
    """Whole lines (without newline), or whatever records were asked for, and the cursor after them.

    `replaced` means that the file is another one than the cursor was made for, and was read from its beginning;
    `at_end` that no further whole line stood in the file at that moment; `too_long` is where a line begins that is
    passed over. Its end may be yet to come: the cursor then stands within it.
    """

    lines: list[bytes]
    cursor: Cursor
    replaced: bool
    at_end: bool
    too_long: int | None = None


def read_new_lines(path: Path, cursor: Cursor, limit: int = CHUNK, record_end: bytes = b"\n") -> Reading:
    """The whole lines after the cursor, about `limit` bytes of them. A file that is not there has none.

    Where records span lines, `record_end` is what closes one (ending in a newline): only whole ones are read.
    Raises OSError if the file is there but cannot be read, or is a pipe or a device.
    """
    try:
        stream = stream_of(path)
    except FileNotFoundError:
        return Reading([], cursor, replaced=False, at_end=True)
    with stream:
        size = os.fstat(stream.fileno()).st_size
        if size == cursor.offset and not size:
            return Reading([], cursor, replaced=False, at_end=True)
        replaced = size < cursor.offset or not _is_known(stream, cursor)
        start = 0 if replaced else _line_begin(stream, cursor.offset, record_end)
        data = _whole_lines(stream, start, limit, record_end)
        if len(data) >= MAX_LINE and not data.endswith(record_end):
            end = _after_line(stream, start + len(data), record_end)
            at_end = end + len(record_end) > size
            return Reading([], Cursor(end, _fingerprint(stream, end)), replaced, at_end, start)
        end = start + len(data)
        at_end = end >= size or not data
        lines = data[: -len(record_end)].split(record_end) if data else []
        return Reading(lines, Cursor(end, _fingerprint(stream, end)), replaced, at_end)


def read_rotated(path: Path, cursor: Cursor, reading: Reading, limit: int = CHUNK) -> Reading:
    """What to take instead of a reading that found another file, if the one before was rotated (X to X.old): what is
    left of that, and then the new file, as if it went on there.
    """
    old = path.with_name(f"{path.name}.old")
    rest = read_new_lines(old, cursor, limit)
    if rest.replaced or not old.exists():
        return reading
    return rest._replace(at_end=False) if rest.lines else reading._replace(replaced=False)


def _whole_lines(stream: BinaryIO, start: int, limit: int, record_end: bytes) -> bytes:
    """Whole lines, none, or MAX_LINE bytes and more of one that has no end there."""
    stream.seek(start)
    data = stream.read(limit)
    cut = data.rfind(record_end)
    while cut < 0 and len(data) < MAX_LINE and (more := stream.read(limit)):
        data += more
        cut = data.rfind(record_end)
    if cut < 0:
        return data if len(data) >= MAX_LINE else b""
    return data[: cut + len(record_end)]


def _line_begin(stream: BinaryIO, offset: int, record_end: bytes) -> int:
    """The offset, or, where it stands within a line that is passed over, the end of that."""
    stream.seek(max(offset - len(record_end), 0))
    if not offset or stream.read(len(record_end)) == record_end:
        return offset
    return _after_line(stream, offset, record_end)


def _after_line(stream: BinaryIO, offset: int, record_end: bytes) -> int:
    """Where the line ends that goes on at the offset; if it does not yet, where to look for that."""
    overlap = len(record_end) - 1  # the end of a record may come in two parts
    offset = max(offset - overlap, 0)
    stream.seek(offset)
    while len(data := stream.read(CHUNK)) > overlap:
        cut = data.find(record_end)
        if cut >= 0:
            return offset + cut + len(record_end)
        offset += len(data) - overlap
        stream.seek(offset)
    return offset


def _is_known(stream: BinaryIO, cursor: Cursor) -> bool:
    if cursor.fingerprint.startswith(_OF_THE_END):
        return _fingerprint(stream, cursor.offset) == cursor.fingerprint
    return _fingerprint_of_both_ends(stream, cursor.offset) == cursor.fingerprint


def _fingerprint(stream: BinaryIO, offset: int) -> str:
    """Of the last bytes before the offset, but never of the first half: what stands at the beginning may change."""
    if not offset:
        return ""
    sample = min(_SAMPLE, (offset + 1) // 2)
    stream.seek(offset - sample)
    return _OF_THE_END + blake2b(stream.read(sample), digest_size=16).hexdigest()


def _fingerprint_of_both_ends(stream: BinaryIO, offset: int) -> str:
    """As databases have it that were written before fingerprints were of the end alone."""
    if not offset:
        return ""
    sample = min(_SAMPLE, offset)
    stream.seek(0)
    digest = blake2b(stream.read(sample), digest_size=16)
    stream.seek(offset - sample)
    digest.update(stream.read(sample))
    return digest.hexdigest()


def read_tail(path: Path, size: int) -> bytes:
    """The last bytes of a file, `size` of them at the most; none if it is not there. Raises OSError."""
    try:
        with stream_of(path) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
            return stream.read()
    except FileNotFoundError:
        return b""


def whole_events(path: Path) -> Iterator[bytes]:
    """All of a user log in pieces of whole events, whatever happens to it meanwhile; a torn end is left out.

    Raises OSError if it cannot be read.
    """
    with stream_of(path) as stream:
        rest = b""
        while more := stream.read(CHUNK):
            whole, end, rest = (rest + more).rpartition(EVENT_END)
            yield whole + end
            if len(rest) > MAX_LINE:
                rest = b""
