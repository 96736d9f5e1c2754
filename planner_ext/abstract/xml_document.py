"""XML from strangers -> a validated tree. No DTD, so no entities; no network; bounded size and depth."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

from lxml import etree

from planner_ext.abstract.yaml_nodes import MAX_BYTES
from planner_ext.errors import WorkflowError

MAX_DEPTH = 32
NAMESPACE = "http://pegasus.isi.edu/schema/DAX"
QUALIFIED = f"{{{NAMESPACE}}}"
_SCHEMA = Path(__file__).with_name("dax.xsd")
# libxml2 keeps line numbers in 16 bits.
_MAX_LINE = 65535

Element = Any
"""lxml has no types"""


@dataclass(frozen=True, slots=True)
class Document:
    """A tree, and where its elements are."""

    path: str
    root: Element
    lines: array[int]
    """of all elements, in their order"""
    _late_invokes: dict[Element, int] = field(default_factory=dict)

    def line_of(self, element: Element) -> int:
        """The line of an element, also where libxml2 does not know it."""
        line = int(element.sourceline)
        if line < _MAX_LINE:
            return line
        if element.tag != f"{QUALIFIED}invoke":
            return next(line for candidate, line in self._elements() if candidate is element)
        if not self._late_invokes:
            self._late_invokes.update(
                (candidate, line) for candidate, line in self._elements() if candidate.tag == element.tag
            )
        return self._late_invokes[element]

    def _elements(self) -> Iterator[tuple[Element, int]]:
        return zip(self.root.iter(etree.Element), self.lines, strict=True)


def parse(data: bytes, path: str) -> Document:
    """A document that is a DAX by our schema; WorkflowError names line and element of what is wrong."""
    if len(data) > MAX_BYTES:
        raise WorkflowError(path, f"it has more than {MAX_BYTES >> 20} MB", "split it into sub-workflows")
    lines = _Scan(path).scan(data)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        what = (error.msg or "it cannot be parsed").partition("\n")[0]
        raise WorkflowError(f"{path}:{error.lineno}", f"it is no XML: {what}", "correct the line") from error
    _qualify(root)
    _check_root(root, path)
    schema = _schema()
    if not schema.validate(root):
        raise _invalid(schema.error_log[0], path)
    return Document(path, root, lines)


class _Scan:
    """What must not reach a parser that builds a tree, seen by one that builds none and stops at once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._depth = 0
        self._lines = array("L")
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._go_down
        self._parser.EndElementHandler = self._go_up

    def scan(self, data: bytes) -> array[int]:
        """The lines of all elements."""
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            what = expat.errors.messages[error.code]
            raise WorkflowError(
                f"{self._path}:{error.lineno}", f"it is no XML: {what}", _now(what)
            ) from error
        except LookupError as error:  # Python knows no such encoding
            raise WorkflowError(f"{self._path}:1", f"it is no XML: {error}", _now("encoding")) from error
        return self._lines

    def _where(self) -> str:
        return f"{self._path}:{self._parser.CurrentLineNumber}"

    def _refuse_doctype(self, *_: object) -> None:
        raise WorkflowError(
            self._where(), "it has a DOCTYPE, which no DAX needs", "remove it, and the entities with it"
        )

    def _go_down(self, name: str, _: object) -> None:
        self._depth += 1
        self._lines.append(self._parser.CurrentLineNumber)
        if self._depth > MAX_DEPTH:
            what = f"element {name} is nested more than {MAX_DEPTH} deep"
            raise WorkflowError(self._where(), what, "no DAX is; correct it")

    def _go_up(self, _: str) -> None:
        self._depth -= 1


def _now(what: str) -> str:
    return "save it as UTF-8" if "encoding" in what else "correct the line, or the tag before it"


def _qualify(root: Element) -> None:
    """Puts a document without a namespace into the DAX's, as the planner does."""
    if root.tag == "adag":
        for element in root.iter(etree.Element):
            if not element.tag.startswith("{"):
                element.tag = QUALIFIED + element.tag


def _check_root(root: Element, path: str) -> None:
    where = f"{path}:{root.sourceline}"
    if root.tag != f"{QUALIFIED}adag":
        what = f"its root is <{_plain(root.tag)}>, not <adag> of {NAMESPACE}"
        raise WorkflowError(where, what, "name the DAX that was planned")
    version = root.get("version", "")
    if version and not version.startswith("3."):
        raise WorkflowError(
            where, f"adag: it is a DAX {version[:20]}, bridle reads 3.2 to 3.6", "write it as 3.6"
        )


@lru_cache(maxsize=1)
def _schema() -> Any:
    return etree.XMLSchema(etree.parse(_SCHEMA))


# What to do, by the kind of libxml2's complaint.
_REMEDIES = {
    "SCHEMAV_ELEMENT_CONTENT": "correct its name, or remove it",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "correct its name, or remove it",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "correct its name, or remove it",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "add it",
    "SCHEMAV_CVC_ENUMERATION_VALID": "write one of those",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "remove the text",
    "SCHEMAV_CVC_MINLENGTH_VALID": "write something there",
}


def _invalid(complaint: Any, path: str) -> WorkflowError:
    what = complaint.message.replace(QUALIFIED, "").rstrip(".")
    if len(what) > 400:
        what = f"{what[:400]}..."
    hint = _REMEDIES.get(complaint.type_name, "correct the value")
    return WorkflowError(f"{path}:{complaint.line}", what, hint)


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]
