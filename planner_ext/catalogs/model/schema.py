"""What Pegasus 5.0 takes in a catalog: its tc-5.0.yml, rc-5.0.yml, sc-5.0.yml, common.yml as tables, and the check."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from planner_ext.abstract.yaml_nodes import Mapping as MappingNode
from planner_ext.abstract.yaml_nodes import Node, Scalar, Sequence


class Kind(Enum):
    """Of a value; `.value` is how a message calls it."""

    TEXT = "a text"
    VERSION = "a version"
    FLAG = "true or false"
    NUMBER = "a number"
    SCALARS = "a mapping of names to texts or numbers"
    PROFILES = "a mapping of namespaces to profiles"
    ANY = "anything"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text of a closed set."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of items; `least` is how many there must be."""

    item: Rule
    what: str
    least: int = 0


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping with these keys; `required` of them are a must, `open`: others are let pass."""

    keys: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    name: str | None = None
    """the key that tells one from another"""
    open: bool = False


Rule = Kind | OneOf | ListOf | Fields


@dataclass(frozen=True, slots=True)
class Problem:
    """What Pegasus would refuse, in the line of a file."""

    line: int
    what: str
    hint: str


_CHECKSUM = Fields({"sha256": Kind.TEXT})
_ARCH = OneOf(
    (*("x86", "x86_64", "ppc", "ppc_64", "ppc64le", "ia64", "sparcv7", "sparcv9", "amd64", "aarch64"),)
)
_SYSTEM: dict[str, Rule] = {
    "arch": _ARCH,
    "os.type": OneOf(("linux", "sunos", "macosx", "aix", "windows")),
    "os.release": Kind.TEXT,
    "os.version": Kind.VERSION,
}
_HOOK = Fields(
    {"_on": OneOf(("never", "start", "error", "success", "end", "all")), "cmd": Kind.TEXT}, ("_on", "cmd")
)
_HOOKS = Fields({"shell": ListOf(_HOOK, "a hook")})
_TRANSFORMATION_SITE = Fields(
    {
        "name": Kind.TEXT,
        **_SYSTEM,
        "pfn": Kind.TEXT,
        "profiles": Kind.PROFILES,
        "metadata": Kind.SCALARS,
        "type": OneOf(("stageable", "installed")),
        "bypass": Kind.FLAG,
        "container": Kind.TEXT,
    },
    ("name", "type", "pfn"),
    "name",
)
_TRANSFORMATION = Fields(
    {
        "namespace": Kind.TEXT,
        "name": Kind.TEXT,
        "version": Kind.TEXT,
        "metadata": Kind.SCALARS,
        "hooks": _HOOKS,
        "profiles": Kind.PROFILES,
        "requires": ListOf(Kind.TEXT, "a required transformation"),
        "checksum": _CHECKSUM,
        "sites": ListOf(_TRANSFORMATION_SITE, "site", 1),
    },
    ("name", "sites"),
    "name",
)
_CONTAINER = Fields(
    {
        "name": Kind.TEXT,
        "type": OneOf(("docker", "singularity", "shifter")),
        "image": Kind.TEXT,
        "image.site": Kind.TEXT,
        "mounts": ListOf(Kind.TEXT, "a mount"),
        "bypass": Kind.FLAG,
        "checksum": _CHECKSUM,
        "metadata": Kind.SCALARS,
        "profiles": Kind.PROFILES,
    },
    ("name", "type", "image"),
    "name",
)
TRANSFORMATIONS = Fields(
    {
        "pegasus": Kind.VERSION,
        "transformations": ListOf(_TRANSFORMATION, "transformation", 1),
        "containers": ListOf(_CONTAINER, "container"),
    },
    ("pegasus", "transformations"),
    open=True,
)
REPLICA = Fields(
    {
        "lfn": Kind.TEXT,
        "pfns": ListOf(Fields({"site": Kind.TEXT, "pfn": Kind.TEXT}, ("site", "pfn"), "pfn"), "place"),
        "regex": Kind.FLAG,
        "checksum": _CHECKSUM,
        "metadata": Kind.SCALARS,
    },
    ("lfn", "pfns"),
    "lfn",
)
REPLICAS = Fields(
    {"pegasus": Kind.VERSION, "replicas": ListOf(REPLICA, "replica")}, ("pegasus", "replicas"), open=True
)
_FILE_SERVER = Fields(
    {"url": Kind.TEXT, "operation": OneOf(("all", "put", "get")), "profiles": Kind.PROFILES}, ("url",), "url"
)
_DIRECTORY = Fields(
    {
        "type": OneOf(("sharedScratch", "sharedStorage", "localScratch", "localStorage")),
        "path": Kind.TEXT,
        "sharedFileSystem": Kind.FLAG,
        "freeSize": Kind.TEXT,
        "totalSize": Kind.TEXT,
        "fileServers": ListOf(_FILE_SERVER, "file server", 1),
    },
    ("type", "fileServers"),
    "type",
)
_GRID = Fields(
    {
        "type": OneOf(
            (*("gt5", "condor", "cream", "batch", "nordugrid", "unicore", "ec2", "deltacloud", "sfapi"),)
        ),
        "contact": Kind.TEXT,
        "scheduler": OneOf(("fork", "pbs", "lsf", "condor", "sge", "slurm", "flux", "unknown")),
        "jobtype": OneOf(("compute", "auxillary", "transfer", "register", "cleanup")),
        **dict.fromkeys(("freeMem", "totalMem", "maxCount", "maxCPUTime"), Kind.TEXT),
        **dict.fromkeys(("runningJobs", "jobsInQueue", "idleNodes", "totalNodes"), Kind.NUMBER),
    },
    ("type", "contact", "scheduler"),
    "type",
)
_SITE = Fields(
    {
        "name": Kind.TEXT,
        **_SYSTEM,
        "directories": ListOf(_DIRECTORY, "directory"),
        "grids": ListOf(_GRID, "grid"),
        "profiles": Kind.PROFILES,
    },
    ("name",),
    "name",
)
SITES = Fields({"pegasus": Kind.VERSION, "sites": ListOf(_SITE, "site", 1)}, ("pegasus", "sites"), open=True)

_NAMESPACES = frozenset({"env", "condor", "globus", "dagman", "pegasus", "hints", "selector"})
_VERSION = re.compile(r"[0-9]+(\.[0-9]+(\.[0-9]+)?)?").fullmatch
_NUMBER = re.compile(r"[-+]?[0-9]+|[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?").fullmatch


def problems(node: Node, rule: Rule, what: str) -> Iterator[Problem]:
    """What of a node is not as Pegasus wants it, in the order of its lines; `what` names it in messages."""
    if isinstance(rule, Fields):
        yield from _in_fields(node, rule, what)
    elif isinstance(rule, ListOf):
        yield from _in_list(node, rule, what)
    elif isinstance(rule, OneOf):
        yield from _in_words(node, rule, what)
    elif rule is Kind.PROFILES:
        yield from _in_profiles(node, what)
    elif rule is Kind.SCALARS:
        yield from _in_scalars(node, what)
    elif rule is not Kind.ANY:
        yield from _in_scalar(node, rule, what)


def _in_fields(node: Node, rule: Fields, what: str) -> Iterator[Problem]:
    if not isinstance(node, MappingNode):
        yield Problem(node.line, f"{what} is no mapping", "write `key: value` lines")
        return
    for key in rule.required:
        if key not in node.items:
            yield Problem(node.line, f"{what} has no {key}", f"add `{key}:`")
    for key, item in node.items.items():
        known = rule.keys.get(key)
        if known is not None:
            yield from problems(item, known, _named(key, known, what))
        elif not key.startswith("x-") and not rule.open:
            hint = f"correct it if it is misspelt, or begin it with x-; Pegasus knows {', '.join(rule.keys)}"
            yield Problem(node.lines[key], f"key {key[:80]!r} of {what} is unknown", hint)


def _named(key: str, rule: Rule, what: str) -> str:
    return what if isinstance(rule, ListOf) and isinstance(rule.item, Fields) else f"{key} of {what}"


def _in_list(node: Node, rule: ListOf, what: str) -> Iterator[Problem]:
    if not isinstance(node, Sequence):
        yield Problem(
            node.line, f"{what}: the list of its {rule.what}s is no list", "begin each item with `- `"
        )
        return
    if len(node.items) < rule.least:
        yield Problem(node.line, f"{what} has no {rule.what}", "add one")
    within = "" if what.startswith("the ") else f" of {what}"
    for item in node.items:
        yield from problems(item, rule.item, titled(item, rule.item, rule.what) + within)


def titled(node: Node, rule: Rule, what: str) -> str:
    """What an item of a list is called in messages: by its name, if it has one."""
    name = (
        node.items.get(rule.name or "")
        if isinstance(rule, Fields) and isinstance(node, MappingNode)
        else None
    )
    return f"{what} {name.text[:80]}" if isinstance(name, Scalar) else what


def _in_words(node: Node, rule: OneOf, what: str) -> Iterator[Problem]:
    if not isinstance(node, Scalar) or node.is_null:
        yield Problem(node.line, f"{what} is no text", f"write one of {', '.join(rule.words)}")
    elif node.text not in rule.words and "${" not in node.text:
        yield Problem(node.line, f"{what} is {node.text[:80]!r}", f"write one of {', '.join(rule.words)}")


def _in_scalar(node: Node, kind: Kind, what: str) -> Iterator[Problem]:
    if not isinstance(node, Scalar) or node.is_null:
        yield Problem(node.line, f"{what} is not {kind.value}", "write one after the colon")
    elif kind is Kind.FLAG:
        if node.flag is None:
            yield Problem(node.line, f"{what} is neither true nor false", "write true or false")
    elif kind is Kind.NUMBER:
        if not node.is_plain or not _NUMBER(node.text):
            yield Problem(node.line, f"{what} is no number", "write one, without quotes")
    elif node.is_plain and (node.flag is not None or _NUMBER(node.text)):
        yield Problem(
            node.line, f"{what} is {node.text[:80]}, which YAML takes for no text", "put it in quotes"
        )
    elif kind is Kind.VERSION and not _VERSION(node.text) and "${" not in node.text:
        yield Problem(
            node.line, f"{what} is {node.text[:80]!r}, no version", "write up to three numbers: 5.0.4"
        )


def _in_scalars(node: Node, what: str) -> Iterator[Problem]:
    if not isinstance(node, MappingNode):
        yield Problem(node.line, f"{what} is no mapping", "write `name: value` lines")
        return
    for key, item in node.items.items():
        wrong = not isinstance(item, Scalar) or item.is_null or item.flag is not None
        if wrong and not key.startswith("x-"):
            yield Problem(item.line, f"{key[:80]} in {what} is neither text nor number", "put it in quotes")


def _in_profiles(node: Node, what: str) -> Iterator[Problem]:
    if not isinstance(node, MappingNode):
        yield Problem(node.line, f"{what} is no mapping", "write a namespace and below it `key: value` lines")
        return
    for namespace, item in node.items.items():
        if namespace in _NAMESPACES:
            yield from _in_scalars(item, f"{namespace} of {what}")
        elif not namespace.startswith("x-"):
            known = ", ".join(sorted(_NAMESPACES))
            yield Problem(
                node.lines[namespace],
                f"{namespace[:80]!r} of {what} is no namespace",
                f"write one of {known}",
            )
