"""The text of a DAG with that of each INCLUDE in its place.

A text of settings alone stands there once, however often it is included: of settings, the last ones count.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language import regex_lines
from dag_rewriter.language.chunks import TOO_LONG, Piece, TooLongError, pieces
from dag_rewriter.language.command_table import COMMANDS, SETTINGS, About
from dag_rewriter.language.commands import Include
from dag_rewriter.language.lexer import Statement, keyword
from dag_rewriter.language.syntax import parse
from dag_rewriter.model.part_limits import ABSURD, known_once

_TAIL = 1 << 16  # bytes that have the last command of a text in them
_ORDERED = regex_lines.NODES | {b"PARENT"}


@dataclass(frozen=True, slots=True)
class Assembled:
    """A text that was put together."""

    data: bytes
    segments: tuple[tuple[int, int], ...] = ()
    """(start, stop) of its segments in the order in which they count; none: as it stands"""


def with_includes(
    data: bytes, directory: str, read: Callable[[str], bytes], above: Sequence[str]
) -> Assembled:
    """The text with the text of each INCLUDE in its place. Raises DagSyntaxError, and what `read` raises."""
    if b"include" not in data.lower():  # no need to look at a million lines
        return Assembled(data)
    texts = list(_texts(data, directory, read, above))
    counts = Counter(text for text, is_included in texts if is_included)
    several = {text for text, number in counts.items() if number > 1 and _has_settings_alone(text)}
    if not several or any(_goes_on(text) for text, _ in texts):
        return Assembled(b"".join(text for text, _ in texts))
    return _once_each([(text, is_included and text in several) for text, is_included in texts])


def _goes_on(text: bytes) -> bool:
    """Whether the last command of a text may go on in the one behind it."""
    lines = map(bytes.strip, reversed(text[-_TAIL:].split(b"\n")))
    last = next((line for line in lines if line and not line.startswith((b"#", b"//"))), b"")
    return last.endswith(b"\\")


def _once_each(texts: Sequence[tuple[bytes, bool]]) -> Assembled:
    """(text, whether it stands there once) -> all of it."""
    segments: dict[bytes | int, tuple[int, int]] = {}
    joined: list[bytes] = []
    at = 0
    for number, (text, once) in enumerate(texts):
        key = text if once else number
        place = segments.pop(key, None)
        if place is None:
            place = at, at + len(text)
            joined.append(text)
            at += len(text)
        segments[key] = place  # behind all others: its settings come last
    return Assembled(b"".join(joined), tuple(segments.values()))


def _texts(
    data: bytes,
    directory: str,
    read: Callable[[str], bytes],
    above: Sequence[str],
    *,
    is_included: bool = False,
) -> Iterator[tuple[bytes, bool]]:
    """(text, whether an INCLUDE line named it) of all pieces that come one behind the other."""
    for text, named in _cut(data, above[-1]):
        if text:
            yield text, is_included
        if named is None:
            continue
        file = known_once(posixpath.normpath(posixpath.join(directory, named)), above)
        inner = read(file)
        inner = inner if inner.endswith(b"\n") else inner + b"\n"
        if b"include" in inner.lower():
            yield from _texts(inner, directory, read, (*above, file), is_included=True)
        else:
            yield inner, True


def _cut(data: bytes, source: str) -> Iterator[tuple[bytes, str | None]]:
    """The text up to each INCLUDE line, and the file that it names; then the rest."""
    before: list[bytes] = []
    try:
        for piece in pieces(data):
            raw = data[piece.start : piece.stop]
            if piece.bulk is not None or b"include" not in raw.lower():
                before.append(raw)
                continue
            for line in parse(raw):
                if isinstance(line.command, Include):
                    yield b"".join(before), line.command.file
                    before.clear()
                else:
                    before.append(line.raw)
    except TooLongError as error:
        raise DagSyntaxError(source, error.line, TOO_LONG, ABSURD) from error
    yield b"".join(before), None


def _has_settings_alone(text: bytes) -> bool:
    """Whether a text says nothing but settings of nodes: defines none, and no dependencies."""
    try:
        return all(map(_is_of_settings, pieces(text)))
    except TooLongError:
        return False


def _is_of_settings(piece: Piece) -> bool:
    if piece.bulk is not None:
        return piece.bulk.keys().isdisjoint(_ORDERED)
    return all(map(_is_setting, piece.commands))


def _is_setting(statement: Statement) -> bool:
    _, _, text, _, problem = statement
    row = COMMANDS.get(keyword((text.split(None, 1) or [b""])[0]))
    return not problem and row is not None and (row.about in SETTINGS or row.about is About.DONE)
