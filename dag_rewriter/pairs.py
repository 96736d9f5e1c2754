"""The key=value pairs of a VARS line (DagLexer::next_key_value_pair)."""

from __future__ import annotations

import re

_PAIR = re.compile(
    r"""[ \t\r]*([^ \t\r="']+)[ \t\r]*=[ \t\r]*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^ \t\r"']+)""", re.DOTALL
)
_PLACEMENT = re.compile(r"[ \t\r]*(?:PREPEND|APPEND)[ \t\r]+", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def pairs(assignments: str) -> tuple[tuple[str, str], ...]:
    r"""(name, value) in order; `+name` is `My.name`; reading stops where DAGMan would see an error.

    >>> pairs(r'My.DAGNodeRetry="$(RETRY)" +x = "say \"hi\""')
    (('My.DAGNodeRetry', '$(RETRY)'), ('My.x', 'say "hi"'))
    """
    found: list[tuple[str, str]] = []
    placed = _PLACEMENT.match(assignments)
    at = placed.end() if placed else 0
    while (match := _PAIR.match(assignments, at)) is not None:
        name, value = match.groups()
        if value[0] in "\"'":
            value = _ESCAPED.sub(r"\1", value[1:-1])
        found.append(("My." + name[1:] if name[0] == "+" else name, value))
        at = match.end()
    return tuple(found)
