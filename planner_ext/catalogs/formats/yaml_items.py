"""One list of a YAML document, item by item: nothing but the item at hand is held, however long the list is.

A list in block style, whose items begin on lines of their own, can be edited: the lines of all other items, and the
comments, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import yaml

from planner_ext.abstract.yaml_nodes import Composer, Mapping, Node, require_mapping, syntax_error
from planner_ext.errors import CatalogError, WorkflowError

MAX_SCALAR = 1 << 20
"""characters of one text: no name, place or profile has more"""


class NotInLinesError(Exception):
    """The list has no lines of its own that could be replaced."""


class _Counted:
    """A stream that knows the line of each byte of its last two pieces."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._pieces: list[tuple[int, int, bytes]] = [(0, 1, b"")]

    def read(self, size: int = -1, /) -> bytes:
        offset, line, last = self._pieces[-1]
        piece = self._stream.read(size)
        self._pieces = [self._pieces[-1], (offset + len(last), line + last.count(b"\n"), piece)]
        return piece

    def line_at(self, offset: int) -> int:
        start, line, piece = next(
            (one for one in reversed(self._pieces) if one[0] <= offset), self._pieces[0]
        )
        return line + piece.count(b"\n", 0, offset - start)


class Items:
    """The items of the list `key` of a document, and, when they are through, what else there is.

    CatalogError names the line of what is wrong.
    """

    def __init__(self, stream: BinaryIO, path: str, key: str) -> None:
        self._stream = _Counted(stream)
        self._path = path
        self._key = key
        self.rest = Mapping(1)
        """the document without the items"""
        self.is_block = False
        """whether the list is there, in block style"""
        self.end = (0, 0)
        """line and column where something else begins, or the document ends"""
        self.has_aliases = False

    def __iter__(self) -> Iterator[Node]:
        composer = _ItemComposer(self._path, self._key)
        try:
            for event in yaml.parse(self._stream, Loader=yaml.CSafeLoader):
                self._look(event, composer)
                composer.take(event)
                if composer.item is not None:
                    yield composer.item
                    composer.item = None
            self.rest = require_mapping(composer.root, self._path, "a catalog of Pegasus 5")
        except yaml.YAMLError as error:
            raise as_catalog_error(syntax_error(self._path, self._stream.line_at, error)) from error
        except WorkflowError as error:
            raise as_catalog_error(error) from error

    def _look(self, event: yaml.Event, composer: _ItemComposer) -> None:
        mark = event.start_mark
        if isinstance(event, yaml.ScalarEvent):
            if len(event.value) > MAX_SCALAR:
                where = f"{self._path}:{mark.line + 1 if mark else 1}"
                what = f"a text has more than {MAX_SCALAR:,} characters"
                raise CatalogError(where, what, "no name or place has; correct it")
            self.has_aliases = self.has_aliases or event.anchor is not None
        elif isinstance(event, yaml.AliasEvent):
            self.has_aliases = True
        elif isinstance(event, yaml.SequenceStartEvent):
            if composer.is_value_of(self._key):
                self.is_block = not event.flow_style
        elif isinstance(event, yaml.SequenceEndEvent) and mark and composer.is_within(self._key):
            self.end = mark.line + 1, mark.column


class _ItemComposer(Composer):
    """Hands the items out instead of keeping them."""

    def __init__(self, path: str, key: str) -> None:
        super().__init__(path)
        self._list = key
        self.item: Node | None = None

    def is_value_of(self, key: str) -> bool:
        """Whether what comes next is what that key of the outermost mapping stands for."""
        first = self._keys[0] if len(self._open) == 1 else None
        return first is not None and first.text == key

    def _add(self, node: Node, anchor: str | None, before: int) -> None:
        if not self.is_within(self._list):
            super()._add(node, anchor, before)
            return
        self._nodes += 1
        if anchor:
            self._anchors[anchor] = (node, self._nodes - before)
        self.item = node


def as_catalog_error(error: WorkflowError) -> CatalogError:
    """The same of a catalog."""
    return CatalogError(error.where, error.what, error.hint)


def edited(
    items: Items,
    lines: BinaryIO,
    change: Callable[[Node], Iterable[str] | None],
    appended: Callable[[int], Iterable[str]],
) -> Iterator[bytes]:
    """The file with some of the items changed, and others after the last: pieces of bytes.

    `lines` is the same file once more. `change` says the new lines of an item, none to remove it, None to leave it;
    `appended` gets the indent of the list. NotInLinesError: it cannot be done so; what came before is to be dropped.
    """
    cursor = _Lines(lines)
    new: list[str] | None = None
    indent = 0
    is_empty = True
    for item in items:
        _require_lines(items)
        yield from cursor.until(item.line, new)
        indent = cursor.indent_of_item()
        changed = change(item)
        new = None if changed is None else [" " * indent + line for line in changed]
        is_empty = is_empty and new == []
    _require_lines(items)
    yield from cursor.until(cursor.after(*items.end), new)
    for line in appended(indent):
        is_empty = False
        yield (" " * indent + line).encode()
    if is_empty:  # `key:` alone is no list
        raise NotInLinesError
    yield from cursor.rest()


def _require_lines(items: Items) -> None:
    if not items.is_block or items.has_aliases:
        raise NotInLinesError


class _Lines:
    """The lines of a file, and how far they were taken."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._number = 0
        self._step()

    def _step(self) -> None:
        self._next = self._stream.readline()
        self._number += 1

    def until(self, number: int, new: Iterable[str] | None) -> Iterator[bytes]:
        """The lines before that one; if they are an item that is replaced, its new ones and the comments after it."""
        span = []
        while self._number < number and self._next:
            line = self._next if self._next.endswith(b"\n") else self._next + b"\n"
            if new is None:
                yield line
            else:
                span.append(line)
            self._step()
        if new is not None:
            yield from (line.encode() for line in new)
            end = len(span)
            while end and span[end - 1].strip()[:1] in (b"", b"#"):
                end -= 1
            yield from span[end:]

    def indent_of_item(self) -> int:
        """Of the item that begins in the next line."""
        bare = self._next.lstrip(b" ")
        if not bare.startswith(b"- "):
            raise NotInLinesError
        return len(self._next) - len(bare)

    def after(self, line: int, column: int) -> int:
        """The line where a list has ended: not the last line itself, where that has no end."""
        return line + 1 if column else line

    def rest(self) -> Iterator[bytes]:
        while self._next:
            yield self._next
            self._step()
