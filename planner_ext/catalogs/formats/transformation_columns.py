"""Transformation catalogs in the multi-column File format of Pegasus 2 to 4, one executable in a line.

    SITE  NAMESPACE::NAME:VERSION  PFN  TYPE  ARCH::OS:OSVERSION:GLIBC  NAMESPACE::key="value",key="value";...

It is read, not written: no Pegasus since 4 takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from planner_ext.catalogs.model.document import Document, as_dict
from planner_ext.catalogs.model.transformation import catalog_of, parse_name
from planner_ext.errors import CatalogError

_COLUMNS = "SITE NAME PFN TYPE SYSTEM PROFILES"
# The words of old (VDS) for today's.
_ARCHS = {"intel32": "x86", "intel64": "x86_64", "sparcv7": "sparcv7", "sparcv9": "sparcv9", "amd64": "amd64"}
_TYPES = {
    "installed": "installed",
    "stageable": "stageable",
    "static_binary": "stageable",
    "dynamic_binary": "stageable",
    "script": "stageable",
}
_SYSTEM = re.compile(r"([^:\s]+)::([^:\s]+)(?::([^:\s]*))?(?::([^:\s]*))?\Z").match
_NAMESPACE = re.compile(r"\s*([A-Za-z0-9_.@+/-]+)::").match
_PROFILE = re.compile(r'\s*([A-Za-z0-9_.@+/-]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^,;"\\]*))\s*([,;]|\Z)').match
_ESCAPE = re.compile(r"\\(.)")


def parse(text: str, path: str) -> Document:
    """The catalog as YAML 5.0 has it. CatalogError names the line of what is wrong."""
    return catalog_of(list(_items(text, path)), [])


def _items(text: str, path: str) -> Iterator[Document]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{path}:{number}"
        columns = line.split(None, 5)
        if len(columns) < 4:
            what = f"the line has {len(columns)} columns, and four at least are wanted"
            raise CatalogError(where, what, f"write {_COLUMNS}")
        yield _item(columns, where)


def _item(columns: list[str], where: str) -> Document:
    site, name, pfn, kind, *rest = columns
    entry: Document = {"name": site, "pfn": pfn}
    word = kind.lower()
    if word not in _TYPES:
        raise CatalogError(where, f"{kind[:80]!r} is no type", "write INSTALLED or STATIC_BINARY")
    entry["type"] = _TYPES[word]
    if rest and rest[0].lower() != "null":
        entry |= _system(rest[0], where)
    if len(rest) > 1 and rest[1].strip().lower() != "null":
        entry["profiles"] = _profiles(rest[1], where)
    return parse_name(name).fields() | {"sites": [entry]}


def _system(text: str, where: str) -> Document:
    match = _SYSTEM(text)
    if match is None:
        raise CatalogError(where, f"{text[:80]!r} is no system", "write for example INTEL64::LINUX, or NULL")
    arch, system, version, glibc = match.groups()
    fields: Document = {"arch": _ARCHS.get(arch.lower(), arch.lower()), "os.type": system.lower()}
    release, _, number = (version or "").partition("_")
    for key, value in (("os.release", release), ("os.version", number), ("x-glibc", glibc)):
        if value:
            fields[key] = value
    return fields


def _profiles(text: str, where: str) -> Document:
    r"""Grouped by namespace (ProfileParser.java).

    >>> _profiles('ENV::PATH="/a;b",HOME=/h;globus::maxtime="5"', "tc:1")
    {'env': {'PATH': '/a;b', 'HOME': '/h'}, 'globus': {'maxtime': '5'}}
    """
    profiles: Document = {}
    end = 0
    text = text.strip()
    while end < len(text):
        head = _NAMESPACE(text, end)
        if head is None:
            raise _bad_profile(text, end, where)
        values = as_dict(profiles.setdefault(head[1].lower(), {}))
        end, last = head.end(), ","
        while last == ",":
            match = _PROFILE(text, end)
            if match is None:
                raise _bad_profile(text, end, where)
            key, quoted, bare, last = match.groups()
            values[key] = bare if quoted is None else _ESCAPE.sub(r"\1", quoted)
            end = match.end()
    return profiles


def _bad_profile(text: str, at: int, where: str) -> CatalogError:
    what = f"{text[at : at + 40]!r} is no profile"
    return CatalogError(where, what, 'write NAMESPACE::key="value",key="value";NAMESPACE::key="value"')
