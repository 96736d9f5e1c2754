"""A catalog that is read, from a file or from standard input, and the file that is written."""

from __future__ import annotations

import io
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from condor_templates.terminal import put_out
from dag_rewriter import files
from planner_ext.catalogs.locate import Catalog, Format, Kind, guess
from planner_ext.errors import CatalogError

STDIN = Path("-")
_HEAD = 1 << 16
_BLOCK = 1 << 16
MOST = 64 << 20
"""bytes of a catalog that is held whole: transformations and sites"""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be opened again and again, or standard input."""

    path: Path
    format: Format

    @property
    def name(self) -> str:
        """For messages."""
        return "standard input" if self.path == STDIN else str(self.path)

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """The bytes. FileError."""
        if self.path == STDIN:
            yield sys.stdin.buffer
            return
        try:
            opened = files.stream_of(self.path)
        except OSError as error:
            raise files.file_error(self.path, "read it", error) from error
        with opened:
            yield opened

    def text(self) -> str:
        """All of it as text. CatalogError for bytes that are no UTF-8, with their line."""
        data = self.data()
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            where = f"{self.name}:{data.count(10, 0, error.start) + 1}" if error.start else self.name
            raise CatalogError(where, "it is no UTF-8", "save it as UTF-8") from error

    def data(self) -> bytes:
        """All bytes. CatalogError for more than a catalog has, FileError."""
        if self.path != STDIN:
            return files.read(self.path, files.Limit(MOST, MOST))
        data = sys.stdin.buffer.read(MOST + 1)
        if len(data) > MOST:
            raise CatalogError(
                self.name, f"it has more than {MOST >> 20} MB", "no such catalog has; correct it"
            )
        return data


def source_of(catalog: Catalog, kind: Kind) -> Source:
    """With the format that it was said to have, or that it looks like. CatalogError, FileError."""
    if catalog.path == STDIN:
        stdin = sys.stdin.buffer
        head = stdin.peek(_HEAD) if isinstance(stdin, io.BufferedReader) else b""
        detected = catalog.format or guess("-", head, kind)
        if detected is Format.SQLITE:
            raise CatalogError("standard input", "a database cannot be read from there", "name its file")
        return Source(STDIN, detected)
    return Source(
        catalog.path, catalog.format or guess(catalog.path.name, files.read_begin(catalog.path, _HEAD), kind)
    )


def write(path: Path, pieces: Iterable[bytes]) -> None:
    """Replace a file at once; it keeps its mode, and a link to it stays one. On standard output for `-`. FileError."""
    if path == STDIN:
        for piece in _in_blocks(pieces):
            put_out(piece)
        return
    target = path.resolve()
    mode = files.mode_of(target)
    files.replace_by(target, pieces, None if mode is None else stat.S_IMODE(mode))


def _in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)
