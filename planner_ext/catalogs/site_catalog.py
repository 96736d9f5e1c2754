"""Site catalogs: XML 4.x and YAML read, written as YAML 5.0, checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from planner_ext.abstract.yaml_nodes import Node, parse
from planner_ext.catalogs.formats import site_xml
from planner_ext.catalogs.formats.yaml_items import as_catalog_error
from planner_ext.catalogs.locate import Format
from planner_ext.catalogs.model import schema
from planner_ext.catalogs.model.document import FORMAT_VERSION, Document, as_dict, as_list, as_text, value_of
from planner_ext.catalogs.model.yaml_text import lines
from planner_ext.catalogs.source import Source, write
from planner_ext.errors import CatalogError, WorkflowError


def load(source: Source) -> Document:
    """The catalog as YAML 5.0 has it. CatalogError names the line of what is wrong; FileError."""
    if source.format is Format.XML:
        return site_xml.parse(source.data(), source.name)
    document = value_of(_node(source.data(), source.name))
    if not isinstance(document, dict) or not isinstance(document.get(site_xml.LIST), list):
        raise CatalogError(f"{source.name}:1", "it has no list `sites:`", "add it, or name a site catalog")
    return document


def _node(data: bytes, name: str) -> Node:
    try:
        return parse(data, name, "a site catalog")
    except WorkflowError as error:
        raise as_catalog_error(error) from error


def convert(source: Source, output: Path, wanted: Format) -> None:
    """Write the catalog as YAML 5.0; nothing is written if it cannot be read. CatalogError, FileError."""
    document = load(source)
    if wanted is not Format.YAML:
        raise CatalogError(str(output), "no Pegasus of today takes a site catalog in XML", "write YAML")
    write(output, iter((_yaml(document),)))


def _yaml(document: Document) -> bytes:
    head: Document = {"pegasus": FORMAT_VERSION}
    return "".join(lines(head | {key: one for key, one in document.items() if key != "pegasus"})).encode()


def problems(source: Source) -> Iterator[schema.Problem]:
    """What Pegasus 5 would refuse; line 0 where the format has no line of its own. CatalogError: it cannot be read."""
    document = load(source)
    in_lines = source.format is Format.YAML
    data = source.data() if in_lines else _yaml(document)
    for one in schema.problems(_node(data, source.name), schema.SITES, "the catalog"):
        yield one if in_lines else schema.Problem(0, one.what, one.hint)
    names = Counter(as_text(as_dict(site).get("name")) for site in as_list(document[site_xml.LIST]))
    for name, count in names.items():
        if count > 1:
            yield schema.Problem(0, f"site {name} is there {count} times", "keep one of them")
