"""A DAG cut into pieces of whole commands: each is bulk (what planners write) or read command by command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dag_rewriter.language import regex_lines
from dag_rewriter.language.lexer import Statement, statements

SIZE = 1 << 16  # bytes; measured: smaller costs calls, larger costs the processor's cache
MAX_COMMAND = 16 << 20
"""Bytes of one command, on however many lines: of a PARENT line with a million nodes, or of a submit description."""
TOO_LONG = f"a command has more than {MAX_COMMAND >> 20} MB"


class TooLongError(Exception):
    """A command has more than MAX_COMMAND bytes."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}: {TOO_LONG}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Piece:
    """Some whole commands of the file, and all bytes between them."""

    start: int
    stop: int
    line: int
    """the number of its first line"""
    framed: bytes
    """its bytes as the patterns of `bulk` want them"""
    bulk: dict[bytes, regex_lines.Columns] | None
    """its lines if it is bulk"""
    commands: tuple[Statement, ...] = ()
    """its commands if it is not"""

    def statements(self) -> Iterator[Statement]:
        """Its commands, one by one, also if it is bulk."""
        return iter(self.commands) if self.bulk is None else statements(self.framed, self.line - 1)


def pieces(data: bytes, size: int = SIZE, at: int = 0, line: int = 1) -> Iterator[Piece]:
    """The whole file in order, or from the byte `at` on, where a command begins in `line`. Raises TooLongError.

    >>> [piece.bulk for piece in pieces(b"JOB A a\\njob B b\\nJOB C c", 1)]
    [{b'JOB': ([b'A'], [b'a'])}, None, {b'JOB': ([b'C'], [b'c'])}]
    """
    likely: tuple[bytes, ...] = ()
    while at < len(data):
        stop = _end_of_line(data, at + size)
        _refuse_long(line, at + size, stop)
        framed, bulk = _bulk(regex_lines.framed(data, at, stop), likely)
        likely = tuple(bulk or ())
        commands: tuple[Statement, ...] = ()
        if bulk is None:
            stop, commands = _whole(data, at, stop, line)
        elif len(framed) <= stop - at:
            stop = at + len(framed) - 1
        yield Piece(at, stop, line, framed, bulk, commands)
        line += data.count(b"\n", at, stop)
        at = stop


def _bulk(framed: bytes, likely: tuple[bytes, ...]) -> tuple[bytes, dict[bytes, regex_lines.Columns] | None]:
    """A framed piece and its lines if it is bulk: without its last node, whose description may go on behind it."""
    is_likely = not regex_lines.DESCRIBED.keys().isdisjoint(likely)
    for to_last_node in (is_likely, not is_likely):
        end = regex_lines.last_node(framed) + 1 if to_last_node else len(framed)
        piece = framed[:end]
        bulk = regex_lines.read(piece, likely) if len(piece) > 1 else None
        if bulk is not None:
            return piece, bulk
    return framed, None


def _end_of_line(data: bytes, at: int) -> int:
    return data.find(b"\n", at - 1) + 1 or len(data)


def _whole(data: bytes, at: int, stop: int, line: int) -> tuple[int, tuple[Statement, ...]]:
    """The commands of a piece, and where the last one ends: a continued line, an inline submit description.

    One that has no end within the piece begins the next; if there is no other, the piece grows.
    """
    while True:
        commands: tuple[Statement, ...] = ()  # those of a smaller piece are not kept beside it
        commands = tuple(statements(data[at:stop], line))
        if stop == len(data) or not commands or not commands[-1][4]:
            return stop, commands
        first = commands[-1][0]
        if len(commands) > 1:
            rest = data[at:stop].split(b"\n", first - line)[-1]
            return stop - len(rest), commands[:-1]
        _refuse_long(first, at, stop)
        stop = _end_of_line(data, min(2 * stop - at, at + MAX_COMMAND + 1))


def _refuse_long(line: int, begin: int, stop: int) -> None:
    if stop - begin > MAX_COMMAND:
        raise TooLongError(line)
