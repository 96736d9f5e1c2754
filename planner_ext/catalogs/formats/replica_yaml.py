"""Replica catalogs in YAML 5.0 (Pegasus's rc-5.0.yml)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from planner_ext.abstract.yaml_fields import Fields
from planner_ext.abstract.yaml_nodes import Mapping, Node
from planner_ext.catalogs.formats.yaml_items import Items, as_catalog_error
from planner_ext.catalogs.model.document import FORMAT_VERSION, Document, Value, value_of, without_nothing
from planner_ext.catalogs.model.replica import Place, Replica
from planner_ext.catalogs.model.yaml_text import lines, list_item
from planner_ext.errors import CatalogError, WorkflowError

LIST = "replicas"
_KEYS = ("lfn", "pfns", "regex", "checksum", "metadata")


def read(items: Items, path: str) -> Iterator[Replica]:
    """The entries in their order. CatalogError names the line of what is wrong."""
    for node in items:
        yield of_node(node, path)
    if LIST not in items.rest.items:
        raise CatalogError(f"{path}:1", "it has no list `replicas:`", "add it, or name a replica catalog")


def of_node(node: Node, path: str) -> Replica:
    """One entry; CatalogError names the line of what is wrong."""
    try:
        return _replica(Fields(path, "a replica", Mapping(1)).within(node, "a replica"))
    except WorkflowError as error:
        raise as_catalog_error(error) from error


def _replica(fields: Fields) -> Replica:
    lfn = fields.required("lfn")
    places = tuple(_place(fields.within(node, f"a place of {lfn}")) for node in fields.list("pfns"))
    return Replica(
        lfn=lfn,
        places=places,
        regex=bool(fields.flag("regex")),
        checksum=_mapping(fields, "checksum"),
        metadata=_mapping(fields, "metadata"),
        other=_unknown(fields, _KEYS),
        line=fields.line,
    )


def _place(fields: Fields) -> Place:
    other = tuple(_unknown(fields, ("pfn", "site")).items())
    return Place(fields.required("pfn"), fields.text("site"), other)


def _mapping(fields: Fields, key: str) -> Document:
    mapping = fields.mapping(key)
    return {name: value_of(node) for name, node in mapping.node.items.items()} if mapping else {}


def _unknown(fields: Fields, known: tuple[str, ...]) -> Document:
    return {key: value_of(node) for key, node in fields.node.items.items() if key not in known}


def document_of(replica: Replica) -> Document:
    """As an item of the list; a site that nobody has said is `local`, as it must have one."""
    places: list[Value] = [
        {"site": place.site or "local", "pfn": place.pfn, **dict(place.other)} for place in replica.places
    ]
    said = without_nothing({"checksum": replica.checksum, "metadata": replica.metadata})
    regex: Document = {"regex": True} if replica.regex else {}
    return {"lfn": replica.lfn, "pfns": places, **said, **regex, **replica.other}


def render_item(replica: Replica) -> Iterator[str]:
    """The lines of one entry. CatalogError for bytes that are no text."""
    for line in list_item(document_of(replica)):
        if not line.isascii():
            _require_text(line, replica)
        yield line


def _require_text(line: str, replica: Replica) -> None:
    try:
        line.encode()
    except UnicodeEncodeError as error:
        what = f"{replica.lfn!r} or what is said of it is no UTF-8, and YAML holds nothing else"
        raise CatalogError(
            f"line {replica.line}", what, "save the catalog as UTF-8, or keep its format"
        ) from error


def render(replicas: Iterable[Replica], rest: Iterator[Document]) -> Iterator[str]:
    """A whole catalog; `rest` gives, after the entries are through, what else is to stand in it."""
    yield f"pegasus: {FORMAT_VERSION}\n"
    has_some = False
    for replica in replicas:
        if not has_some:
            yield f"{LIST}:\n"
            has_some = True
        yield from render_item(replica)
    if not has_some:
        yield f"{LIST}: []\n"
    for document in rest:
        yield from lines(document)
