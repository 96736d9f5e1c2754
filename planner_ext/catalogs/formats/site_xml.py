"""Site catalogs in XML 4.x (Pegasus's sc-4.0.xsd to sc-4.2.xsd), read as YAML 5.0 has them. No DTD, so no entities."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from planner_ext.catalogs.model.document import (
    FORMAT_VERSION,
    Document,
    Plain,
    Value,
    as_dict,
    as_list,
    as_text,
)
from planner_ext.errors import CatalogError

MAX_BYTES = 64 << 20
MAX_DEPTH = 16
LIST = "sites"

# Element -> attribute -> key of YAML; an attribute that is not there is kept under `x-`.
_SYSTEM = {"arch": "arch", "os": "os.type", "osrelease": "os.release", "osversion": "os.version"}
_KEYS: dict[str, dict[str, str]] = {
    "site": {"handle": "name", **_SYSTEM},
    "directory": {"type": "type", "path": "path", "free-size": "freeSize", "total-size": "totalSize"},
    "file-server": {"url": "url", "operation": "operation"},
    "grid": {
        "type": "type",
        "contact": "contact",
        "scheduler": "scheduler",
        "jobtype": "jobtype",
        "free-mem": "freeMem",
        "total-mem": "totalMem",
        "max-count": "maxCount",
        "max-cpu-time": "maxCPUTime",
        "running-jobs": "runningJobs",
        "jobs-in-queue": "jobsInQueue",
        "idle-nodes": "idleNodes",
        "total-nodes": "totalNodes",
    },
}
_LISTS = {"directory": "directories", "file-server": "fileServers", "grid": "grids"}
_WITHIN = {"site": "sitecatalog", "directory": "site", "grid": "site", "file-server": "directory"}
_LOWER = frozenset({"os", "scheduler", "arch"})
_NUMBERS = frozenset({"runningJobs", "jobsInQueue", "idleNodes", "totalNodes"})


@dataclass(slots=True)
class _Open:
    """An element that is being read."""

    name: str
    attributes: dict[str, str]
    item: Document
    text: list[str] = field(default_factory=list)


def parse(data: bytes, path: str) -> Document:
    """The catalog as YAML 5.0 has it; unknown elements and attributes are kept under `x-`. CatalogError with line."""
    if len(data) > MAX_BYTES:
        raise CatalogError(path, f"it has more than {MAX_BYTES >> 20} MB", "no site catalog has; correct it")
    return _Reader(path).read(data)


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[_Open] = []
        self._sites: list[Value] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, data: bytes) -> Document:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            what = f"it is no XML: {expat.errors.messages[error.code]}"
            raise CatalogError(
                f"{self._path}:{error.lineno}", what, "correct the line, or the tag before it"
            ) from error
        except LookupError as error:  # Python knows no such encoding
            raise CatalogError(f"{self._path}:1", f"it is no XML: {error}", "save it as UTF-8") from error
        return {"pegasus": FORMAT_VERSION, LIST: self._sites}

    def _error(self, what: str, hint: str) -> CatalogError:
        return CatalogError(f"{self._path}:{self._parser.CurrentLineNumber}", what, hint)

    def _refuse_doctype(self, *_: object) -> None:
        raise self._error(
            "it has a DOCTYPE, which no site catalog needs", "remove it, and the entities with it"
        )

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if len(self._open) >= MAX_DEPTH:
            raise self._error(
                f"<{name[:40]}> is nested more than {MAX_DEPTH} deep", "no site catalog is; correct it"
            )
        if not self._open:
            self._check_root(name, attributes)
        wanted = _WITHIN.get(name)
        if wanted is not None and self._open[-1].name != wanted:
            raise self._error(
                f"<{name}> stands in <{self._open[-1].name[:40]}>, not in <{wanted}>", "move it there"
            )
        self._open.append(_Open(name, attributes, self._item(name, attributes)))

    def _check_root(self, name: str, attributes: dict[str, str]) -> None:
        if name != "sitecatalog":
            raise self._error(f"its root is <{name[:40]}>, not <sitecatalog>", "name a site catalog")
        version = attributes.get("version", "4.0")
        if not version.startswith("4"):
            hint = "convert it to 4 with pegasus-sc-converter of Pegasus 4, then with bridle"
            raise self._error(f"it is a site catalog {version[:20]}, bridle reads 4.x", hint)

    def _item(self, name: str, attributes: dict[str, str]) -> Document:
        item: Document = {}
        for key, value in attributes.items() if name in _KEYS else ():
            known = _KEYS[name].get(key)
            if not value or (known is None and name == "file-server" and key in ("protocol", "mount-point")):
                continue
            text = value.lower() if key in _LOWER and "${" not in value else value
            if known == "type" and name == "directory":
                text = _camel(value)
            item[known or f"x-{key}"] = Plain(text) if known in _NUMBERS else text
        if name == "directory":
            item["sharedFileSystem"] = False
        if name == "file-server":
            item.setdefault("operation", "all")
        if name == "file-server" and "mount-point" in attributes:  # as 4 of the first days had it
            item["url"] = as_text(item.get("url")) + attributes["mount-point"]
        return item

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].text.append(text)

    def _end(self, _: str) -> None:
        closed = self._open.pop()
        if not self._open:
            return
        parent = self._open[-1].item
        if closed.name == "site":
            self._sites.append(
                {**closed.item, "directories": as_list(closed.item.get("directories"))}
            )  # Pegasus's Python API asks for them
        elif closed.name in _LISTS:
            key = _LISTS[closed.name]
            parent[key] = [*as_list(parent.get(key)), closed.item]
        elif closed.name == "profile":
            self._profile(parent, closed)
        else:
            self._other(parent, closed)

    def _profile(self, parent: Document, closed: _Open) -> None:
        namespace, key = closed.attributes.get("namespace"), closed.attributes.get("key")
        if not namespace or not key:
            raise self._error(
                "<profile> lacks its namespace or key", 'write <profile namespace="env" key="NAME">'
            )
        profiles = as_dict(parent.setdefault("profiles", {}))
        as_dict(profiles.setdefault(namespace.lower(), {}))[key] = "".join(closed.text).strip()

    def _other(self, parent: Document, closed: _Open) -> None:
        """What YAML 5.0 has no place for: metadata, replica catalogs; kept where Pegasus lets anything pass."""
        key = f"x-{closed.name}"
        kept: Document = {**closed.attributes, **closed.item}
        text = "".join(closed.text).strip()
        if text:
            kept["text"] = text
        parent[key] = [*as_list(parent.get(key)), kept]


def _camel(text: str) -> str:
    """shared-scratch -> sharedScratch.

    >>> _camel("shared-scratch")
    'sharedScratch'
    """
    first, *others = text.split("-")
    return first + "".join(word.capitalize() for word in others)
