"""The key=value pairs of a VARS line (DagLexer::next_key_value_pair)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dag_rewriter.language.lexer import first_word
from dag_rewriter.language.text import bytes_of, text_of

_NAME = re.compile(r"""[ \t\r]*([^ \t\r="']+)[ \t\r]*=[ \t\r]*(?!=)""")
_PLAIN = re.compile(r"""[^ \t\r"']+""")
_MARKS = {quote: re.compile(rf"[{quote}\\]") for quote in "\"'"}
_PLACEMENT = re.compile(r"[ \t\r]*(PREPEND|APPEND)(?=[ \t\r]|$)", re.IGNORECASE)


def _value(raw: str) -> str:
    if raw[0] not in "\"'":
        return raw
    inner = raw[1:-1]
    if "\\" not in inner and raw[0] not in inner and raw[-1] == raw[0]:
        return inner
    return text_of(first_word(bytes_of(raw)))[1:-1]


def _text(assignments: str) -> str:
    """Where pairs are to stand: behind PREPEND or APPEND."""
    text = assignments.partition("\0")[0]  # C strings end there
    placed = _PLACEMENT.match(text)
    return text[placed.end() :] if placed else text


def _found(text: str) -> Iterator[tuple[str, str, int]]:
    """(name, value as it is written, where it ends) for each pair, up to where none is found."""
    at = 0
    while (match := _NAME.match(text, at)) is not None:
        at = _end_of_value(text, match.end())
        if at == match.end():
            return
        name = match[1]
        yield "My." + name[1:] if name[0] == "+" else name, text[match.end() : at], at


def _end_of_value(text: str, at: int) -> int:
    """Where quoted and plain pieces without a blank between them end. No pattern for all of it: for each round of a
    group, `re` keeps more than it has read.
    """
    while at < len(text):
        plain = _PLAIN.match(text, at)
        end = plain.end() if plain else _end_of_quoted(text, at)
        if end == at:
            break
        at = end
    return at


def _end_of_quoted(text: str, begin: int) -> int:
    """Behind the closing quote; `begin` if there is no quoted piece, or it has no end."""
    mark, at = _MARKS.get(text[begin]), begin + 1
    while mark is not None and (found := mark.search(text, at)) is not None:
        if found[0] != "\\":
            return found.end()
        at = found.end() + 1
    return begin


def pairs(assignments: str) -> tuple[tuple[str, str], ...]:
    r"""(name, value) in order; `+name` is `My.name`; reading stops where DAGMan would see an error.

    >>> pairs(r'My.DAGNodeRetry="$(RETRY)" +x = "say \"hi\""')
    (('My.DAGNodeRetry', '$(RETRY)'), ('My.x', 'say "hi"'))
    """
    return tuple((name, _value(raw)) for name, raw, _ in _found(_text(assignments)))


def problem_of(assignments: str) -> str:
    """Why DAGMan refuses the assignments; empty if it takes them.

    >>> problem_of('a="1" queue_x="2"'), problem_of('a="1"')
    ("the name queue_x begins with 'queue'", '')
    """
    text, problem, end = _text(assignments), "", 0
    for name, _, at in _found(text):  # one at a time: a line may have millions
        problem, end = problem or _problem_of_name(name), at
    left = text[end:].strip(" \t\r")
    if left:
        return f"{left[:40]!r} is not a key=value pair"
    return problem if end else "the key=value pairs are missing"


def _problem_of_name(name: str) -> str:
    if name == "My.":
        return "a variable has no name"
    return f"the name {name[:40]} begins with 'queue'" if name.lower().startswith("queue") else ""
