"""A DAG file <-> its lines. `render(parse(data)) == data` for any bytes: what nobody touched comes back as it
stood.

`render_command` writes a new line; `parse_command` reads one; they are each other's inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

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
    NodeStatusFile,
    Other,
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
from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.language.node_fields import PARSERS, MalformedError
from dag_rewriter.language.text import bytes_of, text_of, texts_of

_TYPES: dict[bytes, Callable[..., Command]] = {
    b"JOB": NodeCommand,
    b"FINAL": NodeCommand,
    b"SERVICE": NodeCommand,
    b"PROVISIONER": NodeCommand,
    b"SUBDAG": NodeCommand,
    b"PARENT": ParentChild,
    b"WEAK": ParentChild,
    b"SCRIPT": ScriptCommand,
    b"RETRY": Retry,
    b"PRIORITY": Priority,
    b"CATEGORY": Category,
    b"MAXJOBS": MaxJobs,
    b"VARS": Vars,
    b"ABORT_DAG_ON": AbortDagOn,
    b"PRE_SKIP": PreSkip,
    b"CONFIG": Config,
    b"JOBSTATE_LOG": JobstateLog,
    b"INCLUDE": Include,
    b"DONE": Done,
    b"SPLICE": Splice,
    b"SUBMIT_DESCRIPTION": SubmitDescription,
    b"TOLERANCE": Tolerance,
    b"SAVE_POINT_FILE": SavePointFile,
    b"CONNECT": Connect,
    b"PIN_IN": Pin,
    b"PIN_OUT": Pin,
    b"DOT": Dot,
    b"NODE_STATUS_FILE": NodeStatusFile,
    b"ENV": Environment,
    b"SET_JOB_ATTR": SetJobAttr,
    b"REJECT": Reject,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One command with every byte it stands in (its physical lines), or the comments and blanks before the
    next one.
    """

    number: int
    raw: bytes
    command: Command | None


def _command(text: bytes, body: bytes | None, problem: str) -> Command:
    """The value of one command; what cannot be understood is kept as Other. Never raises."""
    word = keyword(text.split(None, 1)[0]) if text.strip() else b""
    parser = PARSERS.get(word)
    if parser is not None and not problem:
        try:
            return _TYPES[word](*texts_of(parser(text, body)))
        except MalformedError:
            pass
    return Other(text_of(text))


def parse_command(text: str) -> Command:
    """The value of a text that is one command.

    >>> parse_command("retry A 3 unless-exit 2")
    Retry(node='A', max_retries=3, unless_exit=2)
    """
    _, _, one, body, problem = next(statements(bytes_of(text)), (1, 1, b"", None, ""))
    return _command(one, body, problem)


def parse(data: bytes) -> tuple[Line, ...]:
    """All lines of a DAG with their commands; for a million nodes use `dag.parse_dag`, which keeps no object
    per line.
    """
    *whole, rest = data.split(b"\n")  # not splitlines(): to DAGMan a carriage return is a blank
    physical = [line + b"\n" for line in whole] + ([rest] if rest else [])
    found: list[Line] = []
    done = 0
    for first, last, text, body, problem in statements(data):
        if first - 1 > done:
            found.append(Line(done + 1, b"".join(physical[done : first - 1]), None))
        found.append(Line(first, b"".join(physical[first - 1 : last]), _command(text, body, problem)))
        done = last
    if done < len(physical):
        found.append(Line(done + 1, b"".join(physical[done:]), None))
    return tuple(found)


def render(lines: Iterable[Line]) -> bytes:
    """The inverse of parse."""
    return b"".join(line.raw for line in lines)


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


_RENDERERS: dict[type, Callable[[Any], str]] = {
    NodeCommand: _node,
    ParentChild: _parent_child,
    ScriptCommand: _script,
    Retry: lambda c: f"RETRY {c.node} {c.max_retries}{_option('UNLESS-EXIT', c.unless_exit)}",
    Priority: lambda c: f"PRIORITY {c.node} {c.value}",
    Category: lambda c: f"CATEGORY {c.node} {c.category}",
    MaxJobs: lambda c: f"MAXJOBS {c.category} {c.limit}",
    Vars: lambda c: f"VARS {c.node} {c.assignments}",
    AbortDagOn: lambda c: f"ABORT-DAG-ON {c.node} {c.status}{_option('RETURN', c.return_code)}",
    PreSkip: lambda c: f"PRE_SKIP {c.node} {c.exit_code}",
    Config: lambda c: f"CONFIG {_file(c.file)}",
    JobstateLog: lambda c: f"JOBSTATE_LOG {_file(c.file)}",
    Include: lambda c: f"INCLUDE {_file(c.file)}",
    Done: lambda c: f"DONE {c.node}",
    Splice: lambda c: (
        f"SPLICE {c.name} {_file(c.dag_file)}" + (f" DIR {_file(c.directory)}" if c.directory else "")
    ),
    SubmitDescription: lambda c: f"SUBMIT-DESCRIPTION {c.name} {{\n{c.body}}}",
    Tolerance: lambda c: (
        f"TOLERANCE {c.node} {c.value}{'%' * c.percent}" + (f" {c.mode.replace('_', '-')}" if c.mode else "")
    ),
    SavePointFile: lambda c: f"SAVE_POINT_FILE {c.node}" + ("" if c.file is None else " " + _file(c.file)),
    Connect: lambda c: f"CONNECT {c.parent} {c.child}",
    Pin: lambda c: f"PIN_{'OUT' if c.out else 'IN'} {c.node} {c.number}",
    Dot: _dot,
    NodeStatusFile: lambda c: (
        f"NODE_STATUS_FILE {_file(c.file)}{_option('', c.seconds)}{' ALWAYS-UPDATE' * c.always}"
    ),
    Environment: lambda c: f"ENV {'SET' if c.set else 'GET'} {c.variables}",
    SetJobAttr: lambda c: f"SET_JOB_ATTR {c.assignment}",
    Reject: lambda _: "REJECT",
    Other: lambda c: c.text,
}


def render_command(command: Command) -> str:
    """The text of a command, without an end of line.

    >>> render_command(MaxJobs("cleanup", 4))
    'MAXJOBS cleanup 4'
    """
    return _RENDERERS[type(command)](command)


_ALL_NODES = b"ALL_NODES"


def keywords_for_all_nodes(data: bytes) -> frozenset[str]:
    """The commands that name ALL_NODES.

    >>> sorted(keywords_for_all_nodes(b"JOB A a\\nretry all_nodes 3\\nSCRIPT POST ALL_NODES /bin/true\\n"))
    ['RETRY', 'SCRIPT']
    """
    if _ALL_NODES not in data.upper():
        return frozenset()
    found = set()
    for _line, _last, text, _body, _problem in statements(data):
        words = text.upper().split()
        # SCRIPT has options and a kind before the name, and its own arguments after it.
        if words and _ALL_NODES in words[1 : 9 if words[0] == b"SCRIPT" else 2]:
            found.add(text_of(keyword(words[0])).replace("ABORT_DAG_ON", "ABORT-DAG-ON"))
    return frozenset(found)
