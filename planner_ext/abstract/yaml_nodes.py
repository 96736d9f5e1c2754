"""YAML from strangers -> nodes that know their line. Bounded: no size, depth, or number of aliases can do harm.

libyaml's parser gives events; nothing recurses here, no tag makes an object, and what aliases stand for is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import yaml

from planner_ext.errors import WorkflowError

MAX_BYTES = 512 << 20
MAX_DEPTH = 64
MAX_ALIASED = 5_000_000
"""nodes that aliases stand for, all together: readers look at each"""

# The plain words that YAML 1.1 takes for something else than text.
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS = {
    word: value
    for value, words in ((True, ("true", "yes", "on")), (False, ("false", "no", "off")))
    for name in words
    for word in (name, name.capitalize(), name.upper())
}


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """`is_plain` without quotes."""

    line: int
    text: str
    is_plain: bool

    @property
    def is_null(self) -> bool:
        return self.is_plain and self.text in _NULLS

    @property
    def flag(self) -> bool | None:
        """True or False; None if it is neither."""
        return _FLAGS.get(self.text) if self.is_plain else None


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    line: int
    items: dict[str, Node] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    """where each key is"""


Node = Scalar | Sequence | Mapping


def parse(data: bytes, path: str, kind: str = "the workflow.yml that was planned") -> Mapping:
    """The one document of a file, which is a mapping; WorkflowError names the line of what is wrong.

    `kind` is what the file should be, for messages.
    """
    if len(data) > MAX_BYTES:
        raise WorkflowError(path, f"it has more than {MAX_BYTES >> 20} MB", "split it into sub-workflows")
    try:
        root = Composer(path).compose(yaml.parse(data, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise syntax_error(path, lambda offset: data.count(b"\n", 0, offset) + 1, error) from error
    return require_mapping(root, path, kind)


def require_mapping(root: Node | None, path: str, kind: str) -> Mapping:
    """What a document consists of; WorkflowError."""
    if not isinstance(root, Mapping):
        raise WorkflowError(f"{path}:{root.line if root else 1}", "it is no YAML mapping", f"name {kind}")
    return root


def syntax_error(path: str, line_at: Callable[[int], int], error: yaml.YAMLError) -> WorkflowError:
    """In our words; `line_at` says the line of a byte."""
    if isinstance(error, yaml.reader.ReaderError):
        line = line_at(error.position)
        return WorkflowError(f"{path}:{line}", f"it is no text: {error.reason}", "save it as UTF-8")
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}" if mark else path
    what = getattr(error, "problem", None) or "it cannot be parsed"
    return WorkflowError(where, f"it is no YAML: {what}", "correct the line, or the one before it")


class Composer:
    """The open collections of a document, the innermost last."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[tuple[Sequence | Mapping, str | None, int]] = []
        """with the anchor, and how many nodes there were before"""
        self._keys: list[Scalar | None] = []
        """of each open collection the key that waits for its value"""
        self._anchors: dict[str, tuple[Node, int]] = {}
        """with the number of nodes that an alias stands for"""
        self._nodes = 0
        self._aliased = 0
        self.root: Node | None = None
        self._documents = 0
        self._line = 0

    def compose(self, events: Iterator[yaml.Event]) -> Node | None:
        for event in events:
            self.take(event)
        return self.root

    def take(self, event: yaml.Event) -> None:
        line = self._line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            self._add(Scalar(line, event.value, bool(event.implicit[0])), event.anchor, self._nodes)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(
                Sequence(line) if isinstance(event, yaml.SequenceStartEvent) else Mapping(line), event
            )
        elif isinstance(event, yaml.CollectionEndEvent):
            self._keys.pop()
            self._add(*self._open.pop())
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._known(event, line), None, self._nodes)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._error(line, "a second document begins", "keep one in a file")

    def is_within(self, key: str) -> bool:
        """Whether what comes next is an item of that list of the outermost mapping."""
        first = self._keys[0] if len(self._open) == 2 else None
        return first is not None and first.text == key and isinstance(self._open[1][0], Sequence)

    def _begin(self, node: Sequence | Mapping, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._error(
                node.line, f"it is nested more than {MAX_DEPTH} deep", "no workflow is; correct it"
            )
        if self._open and isinstance(self._open[-1][0], Mapping) and self._keys[-1] is None:
            raise self._error(node.line, "a key is no text", "write a name before the colon")
        self._open.append((node, event.anchor, self._nodes))
        self._keys.append(None)

    def _known(self, event: yaml.AliasEvent, line: int) -> Node:
        # A collection is known when it is complete: none can hold itself.
        if event.anchor not in self._anchors:
            raise self._error(
                line, f"*{event.anchor} has no anchor before it", f"write &{event.anchor} first"
            )
        node, size = self._anchors[event.anchor]
        self._nodes += size
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            what = f"the aliases until here stand for more than {MAX_ALIASED:,} nodes"
            raise self._error(line, what, "no workflow needs that; write less with aliases")
        return node

    def _add(self, node: Node, anchor: str | None, before: int) -> None:
        self._nodes += 1
        if anchor:
            self._anchors[anchor] = (node, self._nodes - before)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1][0]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = self._as_key(parent, node)
            return
        parent.items[key.text] = node
        self._keys[-1] = None

    def _as_key(self, parent: Mapping, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            raise self._error(self._line, "a key is no text", "write a name before the colon")
        if node.text in parent.lines:
            first = parent.lines[node.text]
            raise self._error(
                self._line, f"key {node.text!r} is there already, in line {first}", "remove one of them"
            )
        parent.lines[node.text] = self._line
        return node

    def _error(self, line: int, what: str, hint: str) -> WorkflowError:
        return WorkflowError(f"{self._path}:{line}", what, hint)
