"""Transformation catalogs: read from any format, listed, changed in YAML, converted, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from planner_ext.abstract.yaml_nodes import Node, parse
from planner_ext.catalogs.formats import transformation_columns, transformation_text
from planner_ext.catalogs.formats.yaml_items import Items, NotInLinesError, as_catalog_error, edited
from planner_ext.catalogs.locate import Format
from planner_ext.catalogs.model import schema
from planner_ext.catalogs.model.document import (
    FORMAT_VERSION,
    Document,
    Value,
    as_dict,
    as_list,
    as_text,
    value_of,
)
from planner_ext.catalogs.model.transformation import CONTAINERS, LIST, Name, items_of, name_of, sites_of
from planner_ext.catalogs.model.yaml_text import lines, list_item
from planner_ext.catalogs.source import Source, write
from planner_ext.errors import CatalogError, WorkflowError


@dataclass(frozen=True, slots=True)
class Listed:
    """One executable: of which transformation, where."""

    name: Name
    site: str
    type: str
    pfn: str
    document: Document
    """all that is said of it"""


def load(source: Source) -> Document:
    """The catalog as YAML 5.0 has it. CatalogError names the line of what is wrong; FileError."""
    if source.format is Format.TEXT:
        return transformation_text.parse(source.text(), source.name)
    if source.format is Format.FILE:
        return transformation_columns.parse(source.text(), source.name)
    document = value_of(_node(source.data(), source.name))
    if not isinstance(document, dict) or not isinstance(document.get(LIST), list):
        raise CatalogError(
            f"{source.name}:1", f"it has no list `{LIST}:`", "add it, or name a transformation catalog"
        )
    return document


def _node(data: bytes, name: str) -> Node:
    try:
        return parse(data, name, "a transformation catalog")
    except WorkflowError as error:
        raise as_catalog_error(error) from error


def listed(document: Document, wanted: Name | None = None, site: str | None = None) -> Iterator[Listed]:
    """The executables of a catalog, of one transformation, of one site."""
    for item in items_of(document):
        for entry in sites_of(item):
            entry_site = as_text(entry.get("name"))
            if (wanted is None or wanted.is_of(item)) and site in (None, entry_site):
                said = {key: value for key, value in item.items() if key != "sites"} | {"site": entry}
                yield Listed(
                    name_of(item), entry_site, as_text(entry.get("type")), as_text(entry.get("pfn")), said
                )


def convert(source: Source, output: Path, wanted: Format) -> None:
    """Write the catalog in another format; nothing is written if it cannot be read. CatalogError, FileError."""
    document = load(source)
    if wanted is Format.FILE:
        raise CatalogError(str(output), "no Pegasus since 4 takes the File format", "write YAML or text")
    made = transformation_text.render(document) if wanted is Format.TEXT else _yaml(document)
    write(output, _encoded(made))


def _yaml(document: Document) -> Iterator[str]:
    head: Document = {"pegasus": FORMAT_VERSION}
    yield from lines(head | {key: one for key, one in document.items() if key != "pegasus"})


def _encoded(made: Iterable[str]) -> Iterator[bytes]:
    return (line.encode() for line in made)


def add(source: Source, name: Name, entry: Document, *, is_new: bool = False) -> bool:
    """Put an executable into a YAML catalog; False if it is there just so. One of the same site and PFN is replaced.

    `is_new`: there is no such file, and it is made.
    """
    new_item: Document = name.fields() | {"sites": [entry]}
    if is_new:
        _require_yaml(source)
        write(source.path, _encoded(_yaml({LIST: [new_item]})))
        return True
    done: list[bool] = []

    def change(item: Document) -> Document | None:
        if done or name_of(item) != name:
            return item
        sites = sites_of(item)
        others = [one for one in sites if _place(one) != _place(entry)]
        done.append(entry in sites)
        new: list[Value] = [*others, entry]
        return item if entry in sites else item | {"sites": new}

    _edit(source, change, lambda: [] if done else [new_item])
    return not any(done)


def _place(entry: Document) -> tuple[Value, Value]:
    return entry.get("name"), entry.get("pfn")


def remove(source: Source, name: Name, site: str | None, pfn: str | None) -> int:
    """Take a transformation from a YAML catalog, or only what is on that site, or that executable; how many went."""
    count = 0

    def change(item: Document) -> Document | None:
        nonlocal count
        if not name.is_of(item):
            return item
        gone = [
            one
            for one in sites_of(item)
            if site in (None, as_text(one.get("name"))) and pfn in (None, as_text(one.get("pfn")))
        ]
        count += len(gone)
        left: list[Value] = [one for one in sites_of(item) if one not in gone]
        if not gone:
            return item
        return item | {"sites": left} if left else None

    _edit(source, change, list)
    return count


def _edit(
    source: Source,
    change: Callable[[Document], Document | None],
    appended: Callable[[], list[Document]],
) -> None:
    """Each transformation as `change` makes it, None to drop it; comments and the lines of others stay."""
    _require_yaml(source)
    document = load(source)

    def new_lines(node: Node) -> list[str] | None:
        item = as_dict(value_of(node))
        changed = change(item)
        if changed is item:
            return None
        return [] if changed is None else list(list_item(changed))

    with source.stream() as first, source.stream() as second:
        items = Items(first, source.name, LIST)
        try:
            pieces = list(
                edited(
                    items,
                    second,
                    new_lines,
                    lambda _: [line for one in appended() for line in list_item(one)],
                )
            )
        except NotInLinesError:
            pieces = _rewritten(document, change, appended)
    _node(b"".join(pieces), source.name)  # before it is written: it can be read
    write(source.path, pieces)


def _require_yaml(source: Source) -> None:
    if source.format is not Format.YAML:
        hint = f"`bridle tc convert {source.name} transformations.yml`, and name that in the properties"
        raise CatalogError(
            source.name, f"it is in the old format {source.format.value}, which is only read", hint
        )


def _rewritten(
    document: Document,
    change: Callable[[Document], Document | None],
    appended: Callable[[], list[Document]],
) -> list[bytes]:
    """The same where the list has no lines of its own: all of the document is written anew."""
    kept = [changed for changed in (change(item) for item in items_of(document)) if changed is not None]
    new: list[Value] = [*kept, *appended()]
    return list(_encoded(_yaml(document | {LIST: new})))


def problems(source: Source) -> Iterator[schema.Problem]:
    """What Pegasus 5 would refuse; line 0 where the format has no line of its own. CatalogError: it cannot be read."""
    document = load(source)
    in_lines = source.format is Format.YAML
    data = source.data() if in_lines else b"".join(_encoded(_yaml(document)))
    for one in schema.problems(_node(data, source.name), schema.TRANSFORMATIONS, "the catalog"):
        yield one if in_lines else schema.Problem(0, one.what, one.hint)
    yield from _lost_containers(document)


def _lost_containers(document: Document) -> Iterator[schema.Problem]:
    known = {as_text(as_dict(one).get("name")) for one in as_list(document.get(CONTAINERS))}
    for item in items_of(document):
        for entry in sites_of(item):
            wanted = as_text(entry.get("container"))
            if wanted and wanted not in known:
                what = f"there is no container {wanted}, which {name_of(item)} runs in"
                yield schema.Problem(0, what, "add it to `containers:`")
