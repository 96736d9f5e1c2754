"""A catalog as the plain values of its YAML: what is not known is kept where it stood."""

from __future__ import annotations

from planner_ext.abstract.yaml_nodes import Node, Scalar, Sequence


class Plain(str):
    """A number, a date or a version as it is written without quotes."""

    __slots__ = ()


Value = None | bool | str | list["Value"] | dict[str, "Value"]
Document = dict[str, Value]

FORMAT_VERSION = Plain("5.0.4")
"""Pegasus 5.1's own API writes this one"""


def value_of(node: Node) -> Value:
    """What a node of a document stands for.

    >>> value_of(Scalar(1, "1.10", True)), value_of(Scalar(1, "true", True)), value_of(Scalar(1, "true", False))
    ('1.10', True, 'true')
    """
    if isinstance(node, Scalar):
        return _scalar(node)
    if isinstance(node, Sequence):
        return [value_of(item) for item in node.items]
    return {key: value_of(item) for key, item in node.items.items()}


def _scalar(node: Scalar) -> Value:
    if not node.is_plain:
        return node.text
    if node.is_null:
        return None
    if node.flag is not None:
        return node.flag
    return Plain(node.text) if node.text[0] in "+-.0123456789" else node.text


def without_nothing(document: Document) -> Document:
    """The fields that say something: None, empty lists and empty mappings do not."""
    return {key: value for key, value in document.items() if value is not None and value not in ({}, [])}


def as_dict(value: Value) -> Document:
    """The mapping, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Value) -> list[Value]:
    """The list, an empty one for anything else."""
    return value if isinstance(value, list) else []


def as_text(value: Value) -> str:
    """The text of a scalar, as YAML has it; empty for None and for collections."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""
