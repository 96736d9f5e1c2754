"""The NAME=value pairs of an ENV SET line, as condor_submit_dag takes them into DAGMan's environment (its Env class).

Two forms: pairs between semicolons (or between another mark, which then stands in front of the first), and pairs
between blanks, all of them in double quotes, with single quotes around blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_MARKS = ",:|;!^/+-#~@%&*?$<>`"
"""what may stand in front as the separator (seen with condor_submit_dag 25.14.1)"""
_TOKEN = re.compile(r"'[^']*'|[^\s']+|\s+")


def problem_of(variables: str) -> str:
    """Why condor_submit_dag refuses the variables; empty if it takes them.

    >>> problem_of("A=1;B"), problem_of('"A=1 B=\\'2 3\\'"'), problem_of("A=one two;B=2;")
    ("there is no = after 'B'", '', '')
    """
    if variables[:1] == '"':
        return _problem_of_quoted(variables)
    separator = variables[:1] if variables[:1] in _MARKS else ";"
    return _first_problem(_between(variables, separator))


def _between(variables: str, separator: str) -> Iterator[str]:
    """One at a time: a line may have millions."""
    for match in re.finditer(f"[^{re.escape(separator)}]+", variables):
        yield match[0].strip()


def _problem_of_quoted(variables: str) -> str:
    end = variables.find('"', 1)
    while end >= 0 and variables[end + 1 : end + 2] == '"':  # two are one that is meant
        end = variables.find('"', end + 2)
    if end < 0:
        return "a double quote has no end"
    if behind := variables[end + 1 :].strip():
        return f"{behind[:40]!r} follows the closing quote"
    inner = variables[1:end]
    if inner.count("'") % 2:
        return "a single quote has no end"
    return _first_problem(_words(inner))


def _words(text: str) -> Iterator[str]:
    """Between blanks that are not in single quotes, one at a time."""
    word = ""
    for token in _TOKEN.finditer(text):
        if not token[0].isspace():
            word += token[0]
        elif word:
            yield word
            word = ""
    yield word


def _first_problem(pairs: Iterable[str]) -> str:
    for pair in pairs:
        name, sign, _ = pair.partition("=")
        if pair and not sign:
            return f"there is no = after {name[:40]!r}"
        if pair and not name:
            return f"there is no name before {pair[:40]!r}"
    return ""
