"""Transformation catalogs in Pegasus's Text format (TransformationCatalogTextParser.java).

tr NAMESPACE::NAME:VERSION {
  profile env "KEY" "value"
  site local { pfn "/bin/true" arch "x86_64" os "linux" type "INSTALLED" container "c" }
}
cont c { type "docker" image "docker:///c" image_site "local" mount "/a:/b" }
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from planner_ext.catalogs.model.document import Document, Value, as_dict, as_list, as_text
from planner_ext.catalogs.model.transformation import (
    CONTAINERS,
    catalog_of,
    items_of,
    name_of,
    parse_name,
    sites_of,
)
from planner_ext.errors import CatalogError

_TOKEN = re.compile(
    r'"([^"\\\n]*(?:\\.[^"\\\n]*)*)"|([{}])|((?:\$\{[^}\s]*\}|[^\s{}"#])+)|(#[^\n]*|\s+)|(.)', re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)")
# The word of the format -> the key of YAML. What is in neither is kept under `x-`.
_SITE_KEYS = {
    "pfn": "pfn",
    "type": "type",
    "arch": "arch",
    "os": "os.type",
    "osrelease": "os.release",
    "osversion": "os.version",
    "container": "container",
}
_CONTAINER_KEYS = {"type": "type", "image": "image", "image_site": "image.site"}
_LOWER = frozenset({"type", "arch", "os"})


class _Kind(Enum):
    STRING = "string"
    BRACE = "brace"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    text: str
    line: int


def _tokens(text: str, path: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        string, brace, word, space, wrong = match.groups()
        if string is not None:
            yield _Token(_Kind.STRING, _ESCAPE.sub(r"\1", string), line)
        elif brace:
            yield _Token(_Kind.BRACE, brace, line)
        elif word:
            yield _Token(_Kind.WORD, word, line)
        elif wrong:
            what = "a quoted text does not end in its line" if wrong == '"' else f"{wrong!r} stands alone"
            raise CatalogError(f"{path}:{line}", what, "correct the line")
        if space:
            line += space.count("\n")


def parse(text: str, path: str) -> Document:
    """The catalog as YAML 5.0 has it. CatalogError names the line of what is wrong."""
    return _Parser(path, list(_tokens(text, path))).catalog()


class _Parser:
    def __init__(self, path: str, tokens: list[_Token]) -> None:
        self._path = path
        self._tokens = tokens
        self._at = 0

    def catalog(self) -> Document:
        items: list[Document] = []
        containers: list[Document] = []
        while self._at < len(self._tokens):
            word = self._take(_Kind.WORD, "`tr` or `cont`").text.lower()
            if word not in ("tr", "cont"):
                raise self._error(f"`tr` or `cont` is wanted, not {word[:80]!r}", self._tokens[self._at - 1])
            name = self._take(_Kind.WORD, f"a name after `{word}`").text
            self._brace("{", name)
            if word == "tr":
                items.append(self._transformation(name))
            else:
                containers.append(self._container(name))
        return catalog_of(items, containers)

    def _transformation(self, name: str) -> Document:
        item: Document = parse_name(name).fields()
        sites: list[Value] = []
        while not self._ends(name):
            word = self._take(_Kind.WORD, "`site`, `profile`, `metadata` or `}`").text.lower()
            if word == "site":
                site = self._take(_Kind.WORD, "a name after `site`").text
                self._brace("{", site)
                sites.append(self._fields({"name": site}, _SITE_KEYS, f"site {site} of {name}"))
            elif not self._said_of_both(word, item):
                raise self._error(f"{word[:80]!r} stands outside of a site", self._tokens[self._at - 1])
        return item | {"sites": sites}

    def _container(self, name: str) -> Document:
        return self._fields({"name": name}, _CONTAINER_KEYS, f"container {name}")

    def _fields(self, item: Document, keys: dict[str, str], what: str) -> Document:
        while not self._ends(what):
            word = self._take(_Kind.WORD, f"a word of {what}, or `}}`").text.lower()
            if self._said_of_both(word, item):
                continue
            value = self._take(_Kind.STRING, f"a quoted text after `{word}`").text
            if word == "mount":
                item["mounts"] = [*as_list(item.get("mounts")), value]
                continue
            item[keys.get(word, f"x-{word}")] = (
                value.lower() if word in _LOWER and "${" not in value else value
            )
        return item

    def _said_of_both(self, word: str, item: Document) -> bool:
        if word not in ("profile", "metadata"):
            return False
        values = as_dict(item.setdefault("metadata" if word == "metadata" else "profiles", {}))
        if word == "profile":
            namespace = self._take(_Kind.WORD, "a namespace after `profile`").text.lower()
            values = as_dict(values.setdefault(namespace, {}))
        key = self._take(_Kind.STRING, "a quoted key").text
        values[key] = self._take(_Kind.STRING, f"a quoted value for {key!r}").text
        return True

    def _ends(self, what: str) -> bool:
        if self._at == len(self._tokens):
            raise self._error(f"{what} has no end", self._tokens[-1], "close it with `}`")
        token = self._tokens[self._at]
        self._at += token.kind is _Kind.BRACE and token.text == "}"
        return token.kind is _Kind.BRACE and token.text == "}"

    def _brace(self, brace: str, what: str) -> None:
        if self._take(_Kind.BRACE, f"`{brace}` after {what}").text != brace:
            raise self._error(f"`{brace}` is wanted after {what}", self._tokens[self._at - 1])

    def _take(self, kind: _Kind, wanted: str) -> _Token:
        if self._at == len(self._tokens):
            raise self._error(f"{wanted} is wanted, and the file ends", self._tokens[-1])
        token = self._tokens[self._at]
        if token.kind is not kind:
            raise self._error(f"{wanted} is wanted, not {token.text[:80]!r}", token)
        self._at += 1
        return token

    def _error(
        self, what: str, token: _Token, hint: str = "correct the line, or the one before it"
    ) -> CatalogError:
        return CatalogError(f"{self._path}:{token.line}", what, hint)


def render(document: Document) -> Iterator[str]:
    """The lines of a catalog in this format. CatalogError for what it cannot hold: hooks, requirements, checksums."""
    for item in items_of(document):
        yield f"tr {name_of(item)} {{\n"
        yield from _profiles(item, "  ")
        for site in sites_of(item):
            yield f"  site {as_text(site.get('name'))} {{\n"
            yield from _profiles(site, "    ")
            yield from _values(site, _SITE_KEYS, "    ", {"name", "profiles", "metadata"}, str(name_of(item)))
            yield "  }\n"
        _refuse_others(
            item, {"namespace", "name", "version", "sites", "profiles", "metadata"}, str(name_of(item))
        )
        yield "}\n"
    for container in map(as_dict, as_list(document.get(CONTAINERS))):
        name = as_text(container.get("name"))
        yield f"cont {name} {{\n"
        yield from _profiles(container, "  ")
        yield from _values(container, _CONTAINER_KEYS, "  ", {"name", "profiles", "metadata", "mounts"}, name)
        for mount in as_list(container.get("mounts")):
            yield f"  mount {_quoted(as_text(mount))}\n"
        yield "}\n"


def _profiles(item: Document, indent: str) -> Iterator[str]:
    for namespace, values in as_dict(item.get("profiles")).items():
        for key, value in as_dict(values).items():
            yield f"{indent}profile {namespace} {_quoted(key)} {_quoted(as_text(value))}\n"
    for key, value in as_dict(item.get("metadata")).items():
        yield f"{indent}metadata {_quoted(key)} {_quoted(as_text(value))}\n"


def _values(item: Document, keys: dict[str, str], indent: str, other: set[str], what: str) -> Iterator[str]:
    for word, key in keys.items():
        if key in item:
            text = as_text(item[key])
            is_type = word == "type" and keys is _SITE_KEYS
            yield f"{indent}{word} {_quoted(text.upper() if is_type else text)}\n"
    _refuse_others(item, {*keys.values(), *other}, what)


def _refuse_others(item: Document, known: set[str], what: str) -> None:
    lost = next((key for key in item if key not in known), None)
    if lost is not None:
        raise CatalogError(
            f"transformation {what}", f"the Text format has no place for {lost!r}", "write YAML"
        )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
