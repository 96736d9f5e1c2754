"""The NAME=value pairs of an ENV SET line, as condor_submit_dag takes them into DAGMan's environment (its Env class).

Two forms: pairs between semicolons (or between another mark, which then stands in front of the first), and pairs
between blanks, all of them in double quotes, with single quotes around blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MARKS = ",:|;!^/+-#~@%&*?$<>`"
"""what may stand in front as the separator (seen with condor_submit_dag 25.14.1)"""
_QUOTED = re.compile(r'"((?:[^"]|"")*)"\s*(.*)', re.DOTALL)
_WORD = re.compile(r"(?:[^\s']|'(?:[^']|'')*')+")


def problem_of(variables: str) -> str:
    """Why condor_submit_dag refuses the variables; empty if it takes them.

    >>> problem_of("A=1;B"), problem_of('"A=1 B=\\'2 3\\'"'), problem_of("A=one two;B=2;")
    ("there is no = after 'B'", '', '')
    """
    if variables[:1] == '"':
        return _problem_of_quoted(variables)
    separator = variables[:1] if variables[:1] in _MARKS else ";"
    return _first_problem(pair.strip() for pair in variables.split(separator))


def _problem_of_quoted(variables: str) -> str:
    match = _QUOTED.fullmatch(variables)
    if match is None:
        return "a double quote has no end"
    inner, behind = match.groups()
    if behind:
        return f"{behind[:40]!r} follows the closing quote"
    if re.sub(_WORD, "", inner).strip():
        return "a single quote has no end"
    return _first_problem(_WORD.findall(inner))


def _first_problem(pairs: Iterable[str]) -> str:
    for pair in pairs:
        name, sign, _ = pair.partition("=")
        if pair and not sign:
            return f"there is no = after {name[:40]!r}"
        if pair and not name:
            return f"there is no name before {pair[:40]!r}"
    return ""
