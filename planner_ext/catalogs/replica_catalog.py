"""Replica catalogs: read from any format, searched, converted, checked; entry by entry, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from dag_rewriter import files
from planner_ext.catalogs.formats import replica_lines, replica_sqlite, replica_yaml
from planner_ext.catalogs.formats.yaml_items import Items
from planner_ext.catalogs.locate import Format
from planner_ext.catalogs.model import schema
from planner_ext.catalogs.model.document import Document, value_of
from planner_ext.catalogs.model.replica import Replica, merged
from planner_ext.catalogs.source import STDIN, Source, write
from planner_ext.errors import CatalogError

_PIECE = 1 << 20


def read(source: Source, rest: Document | None = None) -> Iterator[Replica]:
    """The entries; into `rest`, after them, what else a YAML document has. CatalogError with line, FileError."""
    if source.format is Format.SQLITE:
        yield from replica_sqlite.read(source.path)
        return
    with source.stream() as stream:
        if source.format is not Format.YAML:
            yield from replica_lines.read(stream, source.name)
            return
        items = Items(stream, source.name, replica_yaml.LIST)
        yield from replica_yaml.read(items, source.name)
        if rest is not None:
            known = ("pegasus", replica_yaml.LIST)
            rest |= {key: value_of(node) for key, node in items.rest.items.items() if key not in known}


def read_names(source: Source) -> Iterator[Replica]:
    """The entries; a line of a File may be a name alone. CatalogError, FileError."""
    if source.format in (Format.YAML, Format.SQLITE):
        yield from read(source)
        return
    with source.stream() as stream:
        yield from replica_lines.read_names(stream, source.name)


def matching(
    source: Source, names: Iterable[str] | None, pfn: str | None = None, site: str | None = None
) -> Iterator[Replica]:
    """The entries with one of these names (None: any), and of each the places that were asked for."""
    wanted = None if names is None else set(names)
    for one in read(source):
        if wanted is not None and one.lfn not in wanted:
            continue
        places = tuple(
            place for place in one.places if pfn in (None, place.pfn) and site in (None, place.site)
        )
        if places or (pfn is None and site is None):
            yield replace(one, places=places)


def convert(source: Source, output: Path, wanted: Format) -> None:
    """Write the catalog in another format; nothing is written if it cannot be read. CatalogError, FileError."""
    rest: Document = {}
    create(output, wanted, read(source, rest), rest)


def create(output: Path, wanted: Format, replicas: Iterable[Replica], rest: Document | None = None) -> None:
    """Write a catalog, and in YAML what `rest` holds when the entries are through. CatalogError, FileError."""
    if wanted is Format.SQLITE:
        _write_database(output, replicas)
    elif wanted is Format.YAML:
        made = replica_yaml.render(merged(replicas), iter(({} if rest is None else rest,)))
        write(output, (line.encode() for line in made))
    else:
        write(output, _lines(replicas, wanted))


def _lines(replicas: Iterable[Replica], wanted: Format) -> Iterator[bytes]:
    yield replica_lines.HEADER.encode()
    for one in replicas:
        if one.regex and wanted is Format.FILE:
            what = f"{one.lfn!r} is a pattern, which File takes for a name"
            raise CatalogError(f"line {one.line}", what, "write YAML or regex")
        for line in replica_lines.render(one):
            yield line.encode("utf-8", "surrogateescape")


def _write_database(output: Path, replicas: Iterable[Replica]) -> None:
    if output == STDIN:
        raise CatalogError("standard output", "a database cannot be written there", "name a file")
    made = files.temporary_folder() / "replicas.db"
    replica_sqlite.create(made, replicas)
    with files.stream_of(made) as stream:
        write(output, iter(lambda: stream.read(_PIECE), b""))


def problems(source: Source) -> Iterator[schema.Problem]:
    """What Pegasus would refuse or pass over, with its line. CatalogError: it cannot be read; FileError."""
    if source.format is Format.SQLITE:
        for _ in read(source):
            pass
        return
    with source.stream() as stream:
        if source.format is not Format.YAML:
            yield from _bad_lines(stream, source)
            return
        items = Items(stream, source.name, replica_yaml.LIST)
        for node in items:
            yield from schema.problems(node, schema.REPLICA, schema.titled(node, schema.REPLICA, "replica"))
        rest = schema.Fields(schema.REPLICAS.keys, schema.REPLICAS.required, open=True)
        yield from schema.problems(items.rest, rest, "the catalog")


def _bad_lines(stream: BinaryIO, source: Source) -> Iterator[schema.Problem]:
    for number, line in replica_lines.numbered_lines(stream, source.name):
        try:
            one = replica_lines.parse_line(line, number, source.name)
        except CatalogError as error:
            yield schema.Problem(number, error.what, error.hint)
            continue
        if one is not None and one.regex and source.format is Format.FILE:
            hint = "set pegasus.catalog.replica = Regex, or convert it to YAML"
            yield schema.Problem(number, f"{one.lfn!r} is a pattern, which File takes for a name", hint)
