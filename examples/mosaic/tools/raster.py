"""Pictures in files: binary PPM between the jobs, PNG at the end; rows are bytes of RGB pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence


def write_ppm(path: str, rows: Sequence[bytes]) -> None:
    """A P6 file."""
    with open(path, "wb") as stream:
        stream.write(b"P6\n%d %d\n255\n" % (len(rows[0]) // 3, len(rows)))
        stream.writelines(rows)


def read_ppm(path: str) -> list[bytes]:
    """The rows of a file that write_ppm made."""
    with open(path, "rb") as stream:
        kind, size, depth, pixels = stream.read().split(b"\n", 3)
    columns, rows = (int(number) for number in size.split())
    if kind != b"P6" or depth != b"255" or len(pixels) != columns * rows * 3:
        raise ValueError(f"{path}: not a whole P6 picture")
    return [pixels[start : start + columns * 3] for start in range(0, len(pixels), columns * 3)]


def write_png(path: str, rows: Sequence[bytes]) -> None:
    """A PNG file, 8 bits a channel; each row is stored as the difference to the one above it."""
    above = [bytes(len(rows[0])), *rows[:-1]]
    filtered = b"".join(b"\x02" + row_difference(row, upper) for row, upper in zip(rows, above, strict=True))
    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    with open(path, "wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        stream.write(_chunk(b"IHDR", header))
        stream.write(_chunk(b"IDAT", zlib.compress(filtered, 9)))
        stream.write(_chunk(b"IEND", b""))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def row_difference(row: bytes, above: bytes) -> bytes:
    """Byte by byte, modulo 256.

    >>> row_difference(bytes([5, 1]), bytes([3, 2]))
    b'\\x02\\xff'
    """
    return bytes((a - b) & 255 for a, b in zip(row, above, strict=True))


def read_png(path: str) -> list[bytes]:
    """The rows of a file that write_png made (other filters than `up` are not understood)."""
    with open(path, "rb") as stream:
        data = stream.read()
    columns, rows = struct.unpack(">II", data[16:24])
    start, packed = 8, b""
    while start < len(data):
        (length,) = struct.unpack(">I", data[start : start + 4])
        if data[start + 4 : start + 8] == b"IDAT":
            packed += data[start + 8 : start + 8 + length]
        start += length + 12
    raw, above, lines = zlib.decompress(packed), bytes(columns * 3), []
    for index in range(rows):
        line = raw[index * (columns * 3 + 1) : (index + 1) * (columns * 3 + 1)]
        if line[0] != 2:
            raise ValueError(f"{path}: row {index} has filter {line[0]}, not one of ours")
        above = bytes((a + b) & 255 for a, b in zip(line[1:], above, strict=True))
        lines.append(above)
    return lines
