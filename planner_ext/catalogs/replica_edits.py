"""Replica catalogs changed: places that come and go, one or a million, while the rest stays as it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from planner_ext.abstract.yaml_nodes import Node
from planner_ext.catalogs.formats import replica_lines, replica_sqlite, replica_yaml
from planner_ext.catalogs.formats.edit_index import Edit, EditIndex
from planner_ext.catalogs.formats.replica_sqlite import Connection
from planner_ext.catalogs.formats.yaml_items import Items, NotInLinesError, edited
from planner_ext.catalogs.locate import Format
from planner_ext.catalogs.model.document import Document
from planner_ext.catalogs.model.replica import Place, Replica, merged
from planner_ext.catalogs.replica_catalog import read
from planner_ext.catalogs.source import Source, write


class _Change(Protocol):
    """What becomes of an entry, given what is to be done about its name; None: it goes."""

    def of_item(self, one: Replica, edits: list[Edit]) -> Replica | None: ...

    def of_line(self, one: Replica, edits: list[Edit]) -> Replica | None: ...

    def rest(self) -> Iterator[Replica]: ...

    def reset(self) -> None: ...


class _Insertion:
    def __init__(self, index: EditIndex) -> None:
        self._index = index

    def of_item(self, one: Replica, edits: list[Edit]) -> Replica:
        """As Pegasus's Python API: places are added, what is said of the name is replaced key by key."""
        for edit in edits:
            new = edit.replica()
            if new.regex == one.regex:
                self._index.done(edit)
                there = {(place.pfn, place.site or "local") for place in one.places}
                added = tuple(
                    place for place in new.places if (place.pfn, place.site or "local") not in there
                )
                said = one.metadata | new.metadata
                one = replace(
                    one, places=one.places + added, checksum=one.checksum | new.checksum, metadata=said
                )
        return one

    def of_line(self, one: Replica, edits: list[Edit]) -> Replica:
        """A line of the same place is replaced."""
        for edit in edits:
            new = edit.replica()
            if (new.places, new.regex) == (one.places, one.regex):
                self._index.done(edit)
                one = new
        return one

    def rest(self) -> Iterator[Replica]:
        return (edit.replica() for edit in self._index.rest())

    def reset(self) -> None:
        self._index.reset()


class _Deletion:
    def __init__(self) -> None:
        self.count = 0

    def of_item(self, one: Replica, edits: list[Edit]) -> Replica | None:
        left = tuple(place for place in one.places if not any(_is_meant(place, edit) for edit in edits))
        whole = not one.places and any(edit.pfn is None and edit.site is None for edit in edits)
        self.count += len(one.places) - len(left) + whole
        if len(left) == len(one.places) and not whole:
            return one
        return replace(one, places=left) if left else None

    of_line = of_item

    def rest(self) -> Iterator[Replica]:
        return iter(())

    def reset(self) -> None:
        self.count = 0


def _is_meant(place: Place, edit: Edit) -> bool:
    return edit.pfn in (None, place.pfn) and edit.site in (None, place.site)


def insert(source: Source, replicas: Iterable[Replica]) -> int:
    """Put places into the catalog, how many; one that is there gets what is said of it now. CatalogError, FileError."""
    if source.format is Format.SQLITE:
        return _change_database(source.path, replicas, _inserted)
    with EditIndex() as index:
        index.fill(replicas)
        _apply(source, index, _Insertion(index))
        return index.count


def delete(source: Source, replicas: Iterable[Replica]) -> int:
    """Take places from the catalog, how many went: of an entry without places all, of one without a site on any."""
    if source.format is Format.SQLITE:
        return _change_database(source.path, replicas, _deleted)
    change = _Deletion()
    with EditIndex() as index:
        index.fill(replicas)
        _apply(source, index, change)
    return change.count


def _change_database(
    path: Path, replicas: Iterable[Replica], change: Callable[[Connection, Replica], int]
) -> int:
    with replica_sqlite.opened(path, "rw") as connection:
        connection.execute("BEGIN IMMEDIATE")
        count = sum(change(connection, one) for one in replicas)
        connection.execute("COMMIT")
    return count


def _inserted(connection: Connection, one: Replica) -> int:
    replica_sqlite.insert(connection, one)
    return len(one.places)


def _deleted(connection: Connection, one: Replica) -> int:
    places = one.places or (Place(""),)
    return sum(replica_sqlite.delete(connection, one.lfn, place.pfn or None, place.site) for place in places)


def _apply(source: Source, index: EditIndex, change: _Change) -> None:
    if source.format is not Format.YAML:
        write(source.path, _edited_lines(source, index, change))
        return
    try:
        with source.stream() as first, source.stream() as second:
            items = Items(first, source.name, replica_yaml.LIST)
            write(source.path, edited(items, second, *_edited_items(source, index, change)))
    except NotInLinesError:
        change.reset()
        rest: Document = {}
        made = replica_yaml.render(_edited_entries(read(source, rest), index, change), iter((rest,)))
        write(source.path, (line.encode() for line in made))


def _edited_items(
    source: Source, index: EditIndex, change: _Change
) -> tuple[Callable[[Node], list[str] | None], Callable[[int], Iterator[str]]]:
    def new_lines(node: Node) -> list[str] | None:
        one = replica_yaml.of_node(node, source.name)
        edits = index.of(one.lfn)
        changed = change.of_item(one, edits) if edits else one
        if changed == one:
            return None
        return [] if changed is None else list(replica_yaml.render_item(changed))

    def new_items(_: int) -> Iterator[str]:
        for one in merged(change.rest()):
            yield from replica_yaml.render_item(one)

    return new_lines, new_items


def _edited_entries(entries: Iterable[Replica], index: EditIndex, change: _Change) -> Iterator[Replica]:
    for one in entries:
        edits = index.of(one.lfn)
        changed = change.of_item(one, edits) if edits else one
        if changed is not None:
            yield changed
    yield from merged(change.rest())


def _edited_lines(source: Source, index: EditIndex, change: _Change) -> Iterator[bytes]:
    with source.stream() as stream:
        for number, line in replica_lines.numbered_lines(stream, source.name):
            one = replica_lines.parse_line(line, number, source.name)
            edits = index.of(one.lfn) if one is not None else []
            changed = change.of_line(one, edits) if one is not None and edits else one
            if changed is one or (
                changed is not None and one is not None and replace(changed, line=number) == one
            ):
                yield line if line.endswith(b"\n") else line + b"\n"
            elif changed is not None:
                yield from _rendered(changed)
    for added in change.rest():
        yield from _rendered(added)


def _rendered(one: Replica) -> Iterator[bytes]:
    return (line.encode("utf-8", "surrogateescape") for line in replica_lines.render(one))
