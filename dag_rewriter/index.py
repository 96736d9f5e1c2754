"""One pass over the bytes of a DAG: each command goes into a table by node name; no object per line."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from dag_rewriter import block
from dag_rewriter.commands import NodeKind, ScriptType
from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.fields import PARSERS, Fields, MalformedError, Parser
from dag_rewriter.lexer import keyword, statements
from dag_rewriter.text import text_of

T = TypeVar("T")

_RERUN = "let pegasus-plan write the directory again, or mend the line"


class Table(Generic[T]):
    """One setting of all nodes; a later line wins, ALL_NODES counts for every ordinary node (JOB, SUBDAG)."""

    __slots__ = ("default", "of")

    def __init__(self) -> None:
        self.of: dict[bytes, T] = {}
        self.default: T | None = None

    def put(self, name: bytes, value: T) -> None:
        if len(name) == 9 and name.upper() == b"ALL_NODES":
            self.of.clear()
            self.default = value
        else:
            self.of[name] = value

    def get(self, name: bytes, kind: NodeKind) -> T | None:
        ordinary = kind is NodeKind.JOB or kind is NodeKind.SUBDAG
        return self.of.get(name, self.default if ordinary else None)


@dataclass(slots=True)
class Index:
    """Everything of a DAG as its lines gave it (`build_index` fills it; nobody changes it afterwards)."""

    nodes: dict[bytes, tuple[int, Fields]] = field(default_factory=dict)
    """name -> (line, fields of its NodeCommand)"""
    ordinals: dict[bytes, int] = field(default_factory=dict)
    parents: array[int] = field(default_factory=lambda: array("I"))
    children: array[int] = field(default_factory=lambda: array("I"))
    groups: list[tuple[tuple[bytes, ...], tuple[bytes, ...]]] = field(default_factory=list)
    """PARENT lines with several names, or with the names of splices"""
    scripts: dict[ScriptType, Table[Fields]] = field(default_factory=lambda: {t: Table() for t in ScriptType})
    retries: Table[tuple[int, int | None]] = field(default_factory=Table)
    priorities: Table[int] = field(default_factory=Table)
    categories: Table[bytes] = field(default_factory=Table)
    vars: dict[bytes, bytes] = field(default_factory=dict)
    """name -> assignments, those of several lines one below the other"""
    aborts: Table[tuple[int, int | None]] = field(default_factory=Table)
    pre_skips: Table[int] = field(default_factory=Table)
    done: set[bytes] = field(default_factory=set)
    max_jobs: dict[bytes, int] = field(default_factory=dict)
    configs: list[tuple[int, bytes]] = field(default_factory=list)
    jobstate_log: bytes | None = None
    descriptions: dict[bytes, bytes] = field(default_factory=dict)
    splices: list[bytes] = field(default_factory=list)
    includes: list[bytes] = field(default_factory=list)
    other: list[tuple[int, bytes]] = field(default_factory=list)
    monitor: bytes | None = None
    shared: dict[Fields, Fields] = field(default_factory=dict)
    """equal settings of many nodes, kept once"""
    names: dict[bytes, bytes] = field(default_factory=dict)


def _node(index: Index, line: int, fields: Fields) -> None:
    name = fields[1]
    if name in index.nodes:
        first = index.nodes[name][0]
        raise MalformedError(
            f"node {text_of(name)} is already defined in line {first}", "give it another name"
        )
    index.ordinals[name] = len(index.nodes)
    index.nodes[name] = (line, fields)


def _edge(index: Index, _line: int, fields: Fields) -> None:
    parents, children, _weak = fields
    if len(parents) == 1 and len(children) == 1:
        parent, child = index.ordinals.get(parents[0]), index.ordinals.get(children[0])
        if parent is not None and child is not None:
            index.parents.append(parent)
            index.children.append(child)
            return
    index.groups.append((parents, children))


def _script(index: Index, _line: int, fields: Fields) -> None:
    index.scripts[fields[0]].put(fields[1], fields[2:])


def _vars(index: Index, _line: int, fields: Fields) -> None:
    name = b"ALL_NODES" if fields[0].upper() == b"ALL_NODES" else fields[0]
    before = index.vars.get(name)
    index.vars[name] = fields[1] if before is None else before + b"\n" + fields[1]


def _config(index: Index, line: int, fields: Fields) -> None:
    index.configs.append((line, fields[0]))


def _jobstate_log(index: Index, _line: int, fields: Fields) -> None:
    if index.jobstate_log is None:  # DAGMan: "does not override existing value"
        index.jobstate_log = fields[0]


def _retry(index: Index, _line: int, fields: Fields) -> None:
    index.retries.put(fields[0], index.shared.setdefault(fields[1:], fields[1:]))


def _category(index: Index, _line: int, fields: Fields) -> None:
    index.categories.put(fields[0], index.names.setdefault(fields[1], fields[1]))


Absorber: TypeAlias = Callable[[Index, int, Fields], None]

_ABSORB: dict[bytes, Absorber] = {
    b"JOB": _node,
    b"FINAL": _node,
    b"SERVICE": _node,
    b"PROVISIONER": _node,
    b"SUBDAG": _node,
    b"PARENT": _edge,
    b"WEAK": _edge,
    b"SCRIPT": _script,
    b"RETRY": _retry,
    b"PRIORITY": lambda index, _line, f: index.priorities.put(f[0], f[1]),
    b"CATEGORY": _category,
    b"MAXJOBS": lambda index, _line, f: index.max_jobs.__setitem__(f[0], f[1]),
    b"VARS": _vars,
    b"ABORT_DAG_ON": lambda index, _line, f: index.aborts.put(f[0], f[1:]),
    b"PRE_SKIP": lambda index, _line, f: index.pre_skips.put(f[0], f[1]),
    b"CONFIG": _config,
    b"JOBSTATE_LOG": _jobstate_log,
    b"INCLUDE": lambda index, _line, f: index.includes.append(f[0]),
    b"DONE": lambda index, _line, f: index.done.add(f[0]),
    b"SPLICE": lambda index, _line, f: index.splices.append(f[0]),
    b"SUBMIT_DESCRIPTION": lambda index, _line, f: index.descriptions.__setitem__(f[0], f[1]),
}


def build_index(data: bytes, source: str) -> Index:
    """Reads all commands; DagSyntaxError where DAGMan would refuse one. Unknown ones are kept in `other`."""
    index = Index()
    known: dict[bytes, tuple[Parser | None, Absorber | None]] = {}  # by the keyword as it is written
    for line, _last, text, body, problem in statements(data):
        word = text.split(None, 1)[0] if text else b""
        if word not in known:
            known[word] = (PARSERS.get(keyword(word)), _ABSORB.get(keyword(word)))
        parser, absorb = known[word]
        if problem:
            raise DagSyntaxError(source, line, problem, _RERUN)
        if parser is None or absorb is None:
            index.other.append((line, text))
            continue
        try:
            absorb(index, line, parser(text, body))
        except MalformedError as error:
            what = f"{text_of(word)}: {error.what}"
            raise DagSyntaxError(source, line, what, f"DAGMan reads: {error.example}") from None
    _resolve(index, data, source)
    index.monitor = _monitor(index, data)
    return index


def _monitor(index: Index, data: bytes) -> bytes | None:
    """The SERVICE node that stands in our block, if there is one."""
    lines = block.lines_of(data)
    services = ((name, line) for name, (line, fields) in index.nodes.items() if fields[0] is NodeKind.SERVICE)
    return next((name for name, line in services if line in lines), None)


def _resolve(index: Index, data: bytes, source: str) -> None:
    """Edges whose nodes come later in the file find them now; a name that no line defines is an error."""
    groups, index.groups = index.groups, []
    for group in groups:
        _edge(index, 0, (*group, False))
    if index.includes:  # which may define anything
        return
    named: set[bytes] = index.done | index.vars.keys()
    for parents, children in index.groups:
        named.update(parents, children)
    settings: list[Table[Any]] = [
        index.retries,
        index.priorities,
        index.categories,
        index.aborts,
        index.pre_skips,
    ]
    for table in (*settings, *index.scripts.values()):
        named |= table.of.keys() - index.nodes.keys()
    unknown = named - index.nodes.keys() - set(index.splices) - {b"ALL_NODES"}
    if index.splices:
        unknown = {name for name in unknown if b"+" not in name}  # SPLICE+NODE
    if unknown:
        line, name = min((_line_naming(name, data), name) for name in unknown)
        what = f"no line defines the node {text_of(name)}"
        raise DagSyntaxError(source, line, what, "the DAG is cut or was edited wrongly: " + _RERUN)


def _line_naming(name: bytes, data: bytes) -> int:
    return next((line for line, _, text, _, _ in statements(data) if name in text.split()), 0)
