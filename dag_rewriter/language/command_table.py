"""DAGMan's commands, one row each: a new one needs a row here, its value in `commands`, its parser in `node_fields`
or `dag_fields`, and a line in docs/checking.md. Everything else asks this table.

`check` has code of its own for what DAGMan asks of a few of them beside what their row says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from dag_rewriter.language import dag_fields, node_fields
from dag_rewriter.language.commands import (
    AbortDagOn,
    Category,
    Command,
    Config,
    Connect,
    Done,
    Dot,
    Environment,
    Include,
    JobstateLog,
    MaxJobs,
    NodeCommand,
    NodeKind,
    NodeStatusFile,
    ParentChild,
    Pin,
    PreSkip,
    Priority,
    Reject,
    Retry,
    SavePointFile,
    ScriptCommand,
    SetJobAttr,
    Splice,
    SubmitDescription,
    Tolerance,
    Vars,
)
from dag_rewriter.language.field_words import Parser


class About(Enum):
    """What a command is about: where `model.index` keeps it, and what `check` asks of the names in it."""

    NODE = auto()
    """it defines a node"""
    EDGES = auto()
    ANY_NODE = auto()
    """a setting of a node, whatever its kind, or of ALL_NODES"""
    ORDINARY_NODE = auto()
    """a setting that DAGMan refuses for FINAL, SERVICE and PROVISIONER nodes"""
    DONE = auto()
    DAG = auto()
    """the DAG as a whole, or another file of it"""
    SUBMISSION = auto()
    """condor_submit_dag reads it, in the DAG itself only"""


SETTINGS = frozenset((About.ANY_NODE, About.ORDINARY_NODE))


@dataclass(frozen=True, slots=True, eq=False)
class CommandRow:
    """All that is to be said of a command."""

    keyword: bytes
    """as `lexer.keyword` gives it"""
    value: Callable[..., Command]
    """its class; `parse` gives the fields"""
    parse: Parser
    render: Callable[[Any], str]
    """the value as one line: the inverse of `parse`"""
    about: About = About.DAG
    noun: str = ""
    """what an ordinary node has by it"""
    first: bool = False
    """whether DAGMan reads it in its first reading of a file (DagProcessor::process)"""


def _file(name: str) -> str:
    """A file name in quotes where DAGMan needs them."""
    if not any(c in name for c in " \t\"'\\"):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _node(c: NodeCommand) -> str:
    text = f"{c.kind.value} {c.name} " + ("{" if c.inline is not None else _file(c.submit_file))
    if c.inline is not None:
        text += f"\n{c.inline}}}"
    if c.directory is not None:
        text += f" DIR {_file(c.directory)}"
    return text + " NOOP" * c.noop + " DONE" * c.done


def _script(c: ScriptCommand) -> str:
    defer = f"DEFER {c.defer[0]} {c.defer[1]} " if c.defer else ""
    debug = f"DEBUG {c.debug[0]} {c.debug[1]} " if c.debug else ""
    return f"SCRIPT {defer}{debug}{c.type.value} {c.node} {c.executable} {c.arguments}".rstrip(" ")


def _parent_child(c: ParentChild) -> str:
    return f"{'WEAK ' * c.weak}PARENT {' '.join(c.parents)} CHILD {' '.join(c.children)}"


def _option(word: str, value: int | None) -> str:
    return "" if value is None else f" {word} {value}" if word else f" {value}"


def _dot(c: Dot) -> str:
    options = " UPDATE" * c.update + " OVERWRITE" * c.overwrite
    return f"DOT {_file(c.file)}{options}" + (f" INCLUDE {c.include}" if c.include is not None else "")


def _one_file(keyword: str, value: Callable[..., Command], example: str, **more: Any) -> CommandRow:
    parse = dag_fields.one_file(f"{keyword} {example}")
    return CommandRow(keyword.encode(), value, parse, lambda c: f"{keyword} {_file(c.file)}", **more)


def _pin(keyword: str) -> CommandRow:
    return CommandRow(
        keyword.encode(), Pin, dag_fields.pin, lambda c: f"PIN_{'OUT' if c.out else 'IN'} {c.node} {c.number}"
    )


def _splice(c: Splice) -> str:
    return f"SPLICE {c.name} {_file(c.dag_file)}" + (f" DIR {_file(c.directory)}" if c.directory else "")


def _tolerance(c: Tolerance) -> str:
    mode = f" {c.mode.replace('_', '-')}" if c.mode else ""
    return f"TOLERANCE {c.node} {c.value}{'%' * c.percent}{mode}"


def _node_status_file(c: NodeStatusFile) -> str:
    return f"NODE_STATUS_FILE {_file(c.file)}{_option('', c.seconds)}{' ALWAYS-UPDATE' * c.always}"


_ROWS = (
    *(
        CommandRow(
            kind.value.split()[0].encode(), NodeCommand, node_fields.node(kind), _node, About.NODE, first=True
        )
        for kind in NodeKind
    ),
    *(
        CommandRow(word, ParentChild, node_fields.parent_child, _parent_child, About.EDGES)
        for word in (b"PARENT", b"WEAK")
    ),
    CommandRow(b"SCRIPT", ScriptCommand, node_fields.script, _script, About.ANY_NODE),
    CommandRow(
        b"RETRY",
        Retry,
        node_fields.retry,
        lambda c: f"RETRY {c.node} {c.max_retries}{_option('UNLESS-EXIT', c.unless_exit)}",
        About.ORDINARY_NODE,
        "retries",
    ),
    CommandRow(
        b"PRIORITY",
        Priority,
        node_fields.priority,
        lambda c: f"PRIORITY {c.node} {c.value}",
        About.ORDINARY_NODE,
        "a priority",
    ),
    CommandRow(
        b"CATEGORY",
        Category,
        node_fields.category,
        lambda c: f"CATEGORY {c.node} {c.category}",
        About.ORDINARY_NODE,
        "a category",
    ),
    CommandRow(b"VARS", Vars, node_fields.vars_, lambda c: f"VARS {c.node} {c.assignments}", About.ANY_NODE),
    CommandRow(
        b"ABORT_DAG_ON",
        AbortDagOn,
        node_fields.abort_dag_on,
        lambda c: f"ABORT-DAG-ON {c.node} {c.status}{_option('RETURN', c.return_code)}",
        About.ANY_NODE,
    ),
    CommandRow(
        b"PRE_SKIP",
        PreSkip,
        node_fields.pre_skip,
        lambda c: f"PRE_SKIP {c.node} {c.exit_code}",
        About.ANY_NODE,
    ),
    CommandRow(b"TOLERANCE", Tolerance, node_fields.tolerance, _tolerance, About.ANY_NODE),
    CommandRow(
        b"SAVE_POINT_FILE",
        SavePointFile,
        node_fields.save_point,
        lambda c: f"SAVE_POINT_FILE {c.node}" + ("" if c.file is None else " " + _file(c.file)),
        About.ORDINARY_NODE,
        "a save point",
    ),
    CommandRow(b"DONE", Done, node_fields.done, lambda c: f"DONE {c.node}", About.DONE),
    CommandRow(b"MAXJOBS", MaxJobs, dag_fields.max_jobs, lambda c: f"MAXJOBS {c.category} {c.limit}"),
    _one_file("CONFIG", Config, "dagman.config", about=About.SUBMISSION),
    _one_file("JOBSTATE_LOG", JobstateLog, "jobstate.log", first=True),
    _one_file("INCLUDE", Include, "other.dag"),
    CommandRow(b"SPLICE", Splice, dag_fields.splice, _splice, first=True),
    CommandRow(
        b"SUBMIT_DESCRIPTION",
        SubmitDescription,
        dag_fields.submit_description,
        lambda c: f"SUBMIT-DESCRIPTION {c.name} {{\n{c.body}}}",
        first=True,
    ),
    CommandRow(b"CONNECT", Connect, dag_fields.connect, lambda c: f"CONNECT {c.parent} {c.child}"),
    _pin("PIN_IN"),
    _pin("PIN_OUT"),
    CommandRow(b"DOT", Dot, dag_fields.dot, _dot, first=True),
    CommandRow(
        b"NODE_STATUS_FILE", NodeStatusFile, dag_fields.node_status_file, _node_status_file, first=True
    ),
    CommandRow(
        b"ENV",
        Environment,
        dag_fields.environment,
        lambda c: f"ENV {'SET' if c.set else 'GET'} {c.variables}",
        About.SUBMISSION,
    ),
    CommandRow(
        b"SET_JOB_ATTR",
        SetJobAttr,
        dag_fields.job_attribute,
        lambda c: f"SET_JOB_ATTR {c.assignment}",
        About.SUBMISSION,
    ),
    CommandRow(b"REJECT", Reject, dag_fields.reject, lambda _: "REJECT", first=True),
)
COMMANDS: Mapping[bytes, CommandRow] = {row.keyword: row for row in _ROWS}
"""All commands of DAGMan 25.14 by keyword."""


def keywords(*abouts: About) -> frozenset[bytes]:
    """The commands that are about one of these.

    >>> sorted(keywords(About.EDGES))
    [b'PARENT', b'WEAK']
    """
    return frozenset(row.keyword for row in COMMANDS.values() if row.about in abouts)
