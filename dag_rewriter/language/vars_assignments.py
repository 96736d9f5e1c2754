"""The key=value pairs of a VARS line (DagLexer::next_key_value_pair)."""

from __future__ import annotations

import re

from dag_rewriter.language.lexer import first_word
from dag_rewriter.language.text import bytes_of, text_of

_PAIR = re.compile(
    r"""[ \t\r]*([^ \t\r="']+)[ \t\r]*=[ \t\r]*"""
    r"""((?!=)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^ \t\r"'])+)""",
    re.DOTALL,
)
_PLACEMENT = re.compile(r"[ \t\r]*(PREPEND|APPEND)(?=[ \t\r]|$)", re.IGNORECASE)


def _value(raw: str) -> str:
    if raw[0] not in "\"'":
        return raw
    inner = raw[1:-1]
    if "\\" not in inner and raw[0] not in inner and raw[-1] == raw[0]:
        return inner
    return text_of(first_word(bytes_of(raw)))[1:-1]


def _read(assignments: str) -> tuple[list[tuple[str, str]], str]:
    """The pairs, and what is left where no pair is found."""
    text = assignments.partition("\0")[0]  # C strings end there
    found_pairs: list[tuple[str, str]] = []
    placed = _PLACEMENT.match(text)
    at = placed.end() if placed else 0
    while (match := _PAIR.match(text, at)) is not None:
        name, raw = match.groups()
        found_pairs.append(("My." + name[1:] if name[0] == "+" else name, _value(raw)))
        at = match.end()
    return found_pairs, text[at:].strip(" \t\r")


def pairs(assignments: str) -> tuple[tuple[str, str], ...]:
    r"""(name, value) in order; `+name` is `My.name`; reading stops where DAGMan would see an error.

    >>> pairs(r'My.DAGNodeRetry="$(RETRY)" +x = "say \"hi\""')
    (('My.DAGNodeRetry', '$(RETRY)'), ('My.x', 'say "hi"'))
    """
    return tuple(_read(assignments)[0])


def problem_of(assignments: str) -> str:
    """Why DAGMan refuses the assignments; empty if it takes them.

    >>> problem_of('a="1" queue_x="2"'), problem_of('a="1"')
    ("the name queue_x begins with 'queue'", '')
    """
    found_pairs, left = _read(assignments)
    if left or not found_pairs:
        return f"{left[:40]!r} is not a key=value pair" if left else "the key=value pairs are missing"
    for name, _ in found_pairs:
        if name == "My.":
            return "a variable has no name"
        if name.lower().startswith("queue"):
            return f"the name {name[:40]} begins with 'queue'"
    return ""
