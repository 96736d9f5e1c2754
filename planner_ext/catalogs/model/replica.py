"""A replica: a logical name, where its copies are, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from planner_ext.catalogs.model.document import Document, Value

SITE, OLD_SITE, REGEX = "site", "pool", "regex"
CHECKSUM_TYPE, CHECKSUM_VALUE = "checksum.type", "checksum.value"
"""as Pegasus calls a checksum among the attributes of a line"""


_MOST = 1000
"""places of one item"""


@dataclass(frozen=True, slots=True)
class Place:
    """One copy; `site` None: not said."""

    pfn: str
    site: str | None = None
    other: tuple[tuple[str, Value], ...] = ()
    """what an entry of YAML says beyond: key, value"""


@dataclass(frozen=True, slots=True)
class Replica:
    """Entry of a catalog. One line of a File has one place, an item of YAML any number."""

    lfn: str
    places: tuple[Place, ...]
    regex: bool = False
    checksum: Document = field(default_factory=dict)
    """type (sha256) -> value"""
    metadata: Document = field(default_factory=dict)
    other: Document = field(default_factory=dict)
    """keys that Pegasus does not know"""
    line: int = 0

    @property
    def said(self) -> tuple[bool, Document, Document, Document]:
        """All but name and places: what is said of two lines must be equal to make one item of them."""
        return self.regex, self.checksum, self.metadata, self.other


def merged(replicas: Iterable[Replica]) -> Iterator[Replica]:
    """Neighbours that say the same of one name become one, of a thousand places at most: little is held in memory.

    >>> [len(one.places) for one in merged([Replica("a", (Place("x"),)), Replica("a", (Place("y"),))])]
    [2]
    """
    first: Replica | None = None
    places: list[Place] = []
    for one in replicas:
        if first is not None and first.lfn == one.lfn and first.said == one.said and len(places) < _MOST:
            places.extend(place for place in one.places if place not in places)
            continue
        if first is not None:
            yield replace(first, places=tuple(places))
        first, places = one, list(one.places)
    if first is not None:
        yield replace(first, places=tuple(places))
