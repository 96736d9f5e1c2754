"""Transformations as Pegasus names them, and as items of a catalog's document."""

from __future__ import annotations

from dataclasses import dataclass

from planner_ext.catalogs.model.document import (
    FORMAT_VERSION,
    Document,
    Value,
    as_dict,
    as_list,
    as_text,
    without_nothing,
)

LIST, CONTAINERS = "transformations", "containers"


@dataclass(frozen=True, slots=True)
class Name:
    """NAMESPACE::NAME:VERSION, namespace and version may be left out."""

    name: str
    namespace: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        head = f"{self.namespace}::" if self.namespace else ""
        return f"{head}{self.name}" + (f":{self.version}" if self.version else "")

    def fields(self) -> Document:
        """The keys that an item begins with."""
        return without_nothing({"namespace": self.namespace, "name": self.name, "version": self.version})

    def is_of(self, item: Document) -> bool:
        """Whether the item has that name; what was not said may be anything."""
        other = name_of(item)
        return (
            other.name == self.name
            and self.namespace in (None, other.namespace)
            and self.version in (None, other.version)
        )


def parse_name(text: str) -> Name:
    """The inverse of `str`.

    >>> parse_name("example::keg:1.0"), parse_name("keg")
    (Name(name='keg', namespace='example', version='1.0'), Name(name='keg', namespace=None, version=None))
    """
    namespace, has_one, rest = text.partition("::")
    name, _, version = (rest if has_one else text).partition(":")
    return Name(name, (namespace or None) if has_one else None, version or None)


def name_of(item: Document) -> Name:
    """The name of an item of the list."""
    return Name(
        as_text(item.get("name")),
        as_text(item.get("namespace")) or None,
        as_text(item.get("version")) or None,
    )


def catalog_of(items: list[Document], containers: list[Document]) -> Document:
    """A whole document; items of one name that differ in nothing but their sites become one."""
    merged: dict[str, Document] = {}
    for number, item in enumerate(items):
        rest = {key: value for key, value in item.items() if key != "sites"}
        key = str(name_of(item))
        entry = merged.get(key)
        if entry is not None and {key: value for key, value in entry.items() if key != "sites"} == rest:
            entry["sites"] = [*as_list(entry.get("sites")), *as_list(item.get("sites"))]
        else:
            merged[key if entry is None else f"{key} {number}"] = dict(item)
    found_containers: list[Value] = [*containers]
    return {
        "pegasus": FORMAT_VERSION,
        LIST: list(merged.values()),
        **({CONTAINERS: found_containers} if containers else {}),
    }


def items_of(document: Document) -> list[Document]:
    """The transformations of a document."""
    return [as_dict(item) for item in as_list(document.get(LIST))]


def sites_of(item: Document) -> list[Document]:
    """Where a transformation is."""
    return [as_dict(site) for site in as_list(item.get("sites"))]
