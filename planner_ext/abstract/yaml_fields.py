"""A YAML mapping as a reader wants it: each field of the type it must have, or an error that names its line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from planner_ext.abstract.yaml_nodes import Mapping, Node, Scalar, Sequence
from planner_ext.errors import WorkflowError


@dataclass(frozen=True, slots=True)
class Fields:
    """`what` names the mapping in messages ("job ID1"), `notes` collects what was not understood."""

    path: str
    what: str
    node: Mapping
    notes: list[str] = field(default_factory=list)

    @property
    def line(self) -> int:
        return self.node.line

    def within(self, node: Node, what: str) -> Fields:
        """The same for a mapping inside."""
        if not isinstance(node, Mapping):
            raise self.error(node.line, f"{what} is no mapping", "write `key: value` lines")
        return Fields(self.path, what, node, self.notes)

    def error(self, line: int, what: str, hint: str) -> WorkflowError:
        return WorkflowError(f"{self.path}:{line}", what, hint)

    def text(self, key: str) -> str | None:
        """The text, or the number as it is written; None when it is not there."""
        node = self.node.items.get(key)
        return None if node is None else self.scalar(node, f"{key} of {self.what}")

    def scalar(self, node: Node, what: str) -> str:
        if not isinstance(node, Scalar) or node.is_null:
            raise self.error(node.line, f"{what} is no text", "write one text or number after the colon")
        return node.text

    def required(self, key: str) -> str:
        text = self.text(key)
        if text is None:
            raise self.error(self.line, f"{self.what} has no {key}", f"add `{key}:`")
        return text

    def flag(self, key: str) -> bool | None:
        node = self.node.items.get(key)
        if node is None:
            return None
        value = node.flag if isinstance(node, Scalar) else None
        if value is None:
            raise self.error(
                node.line, f"{key} of {self.what} is neither true nor false", "write true or false"
            )
        return value

    def list(self, key: str) -> list[Node]:
        """The items of a list; empty when it is not there."""
        node = self.node.items.get(key)
        if node is None:
            return []
        if not isinstance(node, Sequence):
            raise self.error(node.line, f"{key} of {self.what} is no list", "begin each item with `- `")
        return node.items

    def mapping(self, key: str) -> Fields | None:
        node = self.node.items.get(key)
        return None if node is None else self.within(node, f"{key} of {self.what}")

    def texts(self) -> Iterator[tuple[str, str]]:
        """All keys and values, which are texts."""
        for key, node in self.node.items.items():
            yield key, self.scalar(node, f"{key} of {self.what}")

    def note_unknown(self, known: Collection[str]) -> None:
        """Keeps a note of each key that is not known; `x-...` is anybody's."""
        for key, line in self.node.lines.items():
            if key not in known and not key.startswith("x-"):
                self.notes.append(
                    f"{self.path}:{line}: key {key!r} of {self.what} is unknown and has no effect; "
                    f"correct it if it is misspelt"
                )
