"""Names that a DAG defines twice, or not at all: which line to show to the user."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language import regex_lines
from dag_rewriter.language.chunks import Piece
from dag_rewriter.language.command_table import About, keywords
from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.language.text import text_of

_RERUN = "let pegasus-plan write the directory again, or mend the line"
_NODE_WORDS = keywords(About.NODE)


def twice(source: str, data: bytes, line: int, name: bytes) -> DagSyntaxError:
    """A node is defined a second time in `line`."""
    first = next(number for number, _, text, _, _ in statements(data) if _defines(text, name))
    what = f"node {text_of(name)} is already defined in line {first}"
    return DagSyntaxError(source, line, what, "give it another name")


def twice_in_bulk(
    source: str, data: bytes, piece: Piece, names: Sequence[bytes], known: dict[bytes, int], before: int
) -> DagSyntaxError:
    """The same for the first such node of a bulk piece; the first `before` of `known` come before the piece."""
    seen = set(islice(known, before))
    for name, line in zip(names, regex_lines.job_lines(piece.framed, piece.line), strict=True):
        if name in seen:
            return twice(source, data, line, name)
        seen.add(name)
    raise AssertionError(names)


def _defines(text: bytes, name: bytes) -> bool:
    words = text.split(None, 3)
    at = 2 if keyword(words[0]) == b"SUBDAG" else 1
    return keyword(words[0]) in _NODE_WORDS and words[at : at + 1] == [name]


def unknown(source: str, data: bytes, names: AbstractSet[bytes]) -> DagSyntaxError:
    """No line defines these nodes; the first line that names one is shown."""
    places = (
        (line, word) for line, _, text, _, _ in statements(data) for word in text.split() if word in names
    )
    line, name = next(places, (0, min(names)))
    what = f"no line defines the node {text_of(name)}"
    return DagSyntaxError(source, line, what, "the DAG is cut or was edited wrongly: " + _RERUN)
