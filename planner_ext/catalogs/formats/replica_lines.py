"""Replica catalogs in lines: Pegasus's File, and Regex, where a name may be a pattern (SimpleFile.java, Regex.java).

    LFN PFN site="local" key="value" ...

What has blanks, =, quotes or backslashes is in double quotes, with backslashes before those two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from planner_ext.catalogs.model.document import Document, as_text
from planner_ext.catalogs.model.replica import (
    CHECKSUM_TYPE,
    CHECKSUM_VALUE,
    OLD_SITE,
    REGEX,
    SITE,
    Place,
    Replica,
)
from planner_ext.errors import CatalogError

MAX_LINE = 1 << 20
"""bytes: no name or place has more"""
HEADER = "# replica catalog of Pegasus, written by bridle\n"

_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_BARE = r'([^ \t"=\\]+)'
_END = r"(?=[ \t]|\Z)"
_HEAD = re.compile(rf"[ \t]*(?:{_QUOTED}|{_BARE}(?=[ \t]))[ \t]*(?:{_QUOTED}|{_BARE}{_END})").match
_NAME = re.compile(rf"[ \t]*(?:{_QUOTED}|{_BARE})[ \t]*\Z").match
_ATTRIBUTE = re.compile(rf"[ \t]*{_BARE}=(?:{_QUOTED}|{_BARE}{_END})").match
_BLANK = re.compile(r"[ \t]*\Z").match
_ESCAPE = re.compile(r"\\(.)")
_NEEDS_QUOTES = re.compile(r'["\\=\s]').search
_HINT = 'write LFN PFN key="value", and in double quotes what has blanks, =, \\ or quotes'


def numbered_lines(stream: BinaryIO, path: str) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, each in bounded memory. CatalogError."""
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            what = f"the line has more than {MAX_LINE:,} bytes"
            raise CatalogError(f"{path}:{number}", what, "no entry has; correct it")
        yield number, line


def read(stream: BinaryIO, path: str) -> Iterator[Replica]:
    """The entries, one for each line. CatalogError names the line of what is wrong."""
    for number, line in numbered_lines(stream, path):
        replica = parse_line(line, number, path)
        if replica is not None:
            yield replica


def read_names(stream: BinaryIO, path: str) -> Iterator[Replica]:
    """The same, and a line may be a name alone: a replica without a place. CatalogError."""
    for number, line in numbered_lines(stream, path):
        alone = _NAME(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
        if alone is not None and not line.startswith(b"#"):
            yield Replica(_text(alone, 1), (), line=number)
            continue
        replica = parse_line(line, number, path)
        if replica is not None:
            yield replica


def parse_line(line: bytes, number: int = 0, path: str = "-") -> Replica | None:
    r"""None for a comment and for an empty line.

    >>> one = parse_line(b'f.a "/data/f a" site="local" size=3\n')
    >>> one.places, one.metadata
    ((Place(pfn='/data/f a', site='local', other=()),), {'size': '3'})
    >>> parse_line(b"# f.a /data/f.a\n")
    """
    if line.startswith(b"#"):
        return None
    text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
    head = _HEAD(text)
    if head is None:
        if _BLANK(text):
            return None
        raise CatalogError(f"{path}:{number}", "it is no entry of a replica catalog", _HINT)
    lfn, pfn = _text(head, 1), _text(head, 3)
    attributes, end = {}, head.end()
    while match := _ATTRIBUTE(text, end):
        attributes[match[1]] = _text(match, 2)
        end = match.end()
    if not _BLANK(text, end):
        what = f"it is no entry of a replica catalog from character {end + 1} on"
        raise CatalogError(f"{path}:{number}", what, _HINT)
    return of_attributes(lfn, pfn, attributes, number)


def _text(match: re.Match[str], group: int) -> str:
    quoted = match[group]
    if quoted is None:
        return match[group + 1]
    return _ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted


def of_attributes(lfn: str, pfn: str, attributes: dict[str, str], line: int = 0) -> Replica:
    """A replica with one place, of what File and JDBCRC say of it; the attributes are used up."""
    old = attributes.pop(OLD_SITE, None)
    site = attributes.pop(SITE, old)
    regex = attributes.pop(REGEX, None)
    if regex not in (None, "true", "false"):
        attributes[REGEX] = str(regex)
    checksum: Document = {}
    if attributes.get(CHECKSUM_TYPE) == "sha256" and CHECKSUM_VALUE in attributes:
        checksum[attributes.pop(CHECKSUM_TYPE)] = attributes.pop(CHECKSUM_VALUE)
    return Replica(lfn, (Place(pfn, site),), regex == "true", checksum, dict(attributes), line=line)


def attributes_of(replica: Replica) -> dict[str, str]:
    """The inverse, without the place. CatalogError if there is something that only YAML can hold."""
    lost = next(
        (key for key in (*replica.other, *(key for one in replica.places for key, _ in one.other))), None
    )
    if lost is not None or len(replica.checksum) > 1:
        what = f"{lost or 'a second checksum'} of {replica.lfn!r} has no place in this format"
        raise CatalogError("replica catalog", what, "write YAML, or remove it")
    attributes = {key: as_text(value) for key, value in replica.metadata.items()}
    for kind, value in replica.checksum.items():
        attributes |= {CHECKSUM_TYPE: kind, CHECKSUM_VALUE: as_text(value)}
    return attributes | ({REGEX: "true"} if replica.regex else {})


def render(replica: Replica) -> Iterator[str]:
    r"""One line for each place.

    >>> list(render(Replica("a b", (Place("/x", "local"),), metadata={"size": "3"})))
    ['"a b" /x site="local" size="3"\n']
    """
    attributes = attributes_of(replica)
    if not replica.places:
        raise CatalogError(
            "replica catalog", f"{replica.lfn!r} is nowhere, and a line needs a place", "write YAML"
        )
    for place in replica.places:
        site = {} if place.site is None else {SITE: place.site}
        said = "".join(
            f" {_key(key, replica)}={_in_quotes(value)}" for key, value in (site | attributes).items()
        )
        yield f"{_quoted(replica.lfn)} {_quoted(place.pfn)}{said}\n"


def shown(replica: Replica) -> Iterator[str]:
    """The same for people: what has no place in a line is left out, and a name that is nowhere stands alone."""
    if not replica.places:
        yield f"{_quoted(replica.lfn)}\n"
        return
    places = tuple(Place(place.pfn, place.site) for place in replica.places)
    yield from render(replace(replica, places=places, other={}))


def _key(key: str, replica: Replica) -> str:
    if not key or _NEEDS_QUOTES(key):
        what = f"the attribute {key!r} of {replica.lfn!r} cannot be written: it has blanks, = or quotes"
        raise CatalogError("replica catalog", what, "write YAML, or give it another name")
    return key


def _quoted(text: str) -> str:
    return _in_quotes(text) if not text or _NEEDS_QUOTES(text) or text.startswith("#") else text


def _in_quotes(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise CatalogError("replica catalog", f"{text[:80]!r} has a line break", "write YAML, or correct it")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
