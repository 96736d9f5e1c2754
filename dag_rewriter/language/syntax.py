"""A DAG file <-> its lines. `render(parse(data)) == data` for any bytes: what nobody touched comes back as it
stood.

`render_command` writes a new line; `parse_command` reads one; they are each other's inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dag_rewriter.language.command_table import COMMANDS
from dag_rewriter.language.commands import Command, Other
from dag_rewriter.language.field_words import MalformedError
from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.language.text import bytes_of, text_of, texts_of


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
    row = COMMANDS.get(word)
    if row is not None and not problem:
        try:
            return row.value(*texts_of(row.parse(text, body)))
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
    lines: list[Line] = []
    done = 0
    for first, last, text, body, problem in statements(data):
        if first - 1 > done:
            lines.append(Line(done + 1, b"".join(physical[done : first - 1]), None))
        lines.append(Line(first, b"".join(physical[first - 1 : last]), _command(text, body, problem)))
        done = last
    if done < len(physical):
        lines.append(Line(done + 1, b"".join(physical[done:]), None))
    return tuple(lines)


def render(lines: Iterable[Line]) -> bytes:
    """The inverse of parse."""
    return b"".join(line.raw for line in lines)


_RENDERERS: dict[Callable[..., Command], Callable[[Any], str]] = {
    **{row.value: row.render for row in COMMANDS.values()},
    Other: lambda command: command.text,
}


def render_command(command: Command) -> str:
    """The text of a command, without an end of line.

    >>> from dag_rewriter.language.commands import MaxJobs
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
    keywords = set()
    for _line, _last, text, _body, _problem in statements(data):
        words = text.upper().split()
        # SCRIPT has options and a kind before the name, and its own arguments after it.
        if words and _ALL_NODES in words[1 : 9 if words[0] == b"SCRIPT" else 2]:
            keywords.add(text_of(keyword(words[0])).replace("ABORT_DAG_ON", "ABORT-DAG-ON"))
    return frozenset(keywords)
