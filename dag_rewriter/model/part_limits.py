"""How much a DAG may be made of: files that it splices in or includes, and their bytes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence

from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language.commands import Include, Splice
from dag_rewriter.language.syntax import parse_command
from dag_rewriter.language.text import text_of

MAX_FILES = 10_000
"""Files that a DAG may splice in or include, each counted as often as it is: twenty-four that splice the next one twice
would be sixteen million.
"""
MAX_BYTES = 1 << 30
"""... that they may have, counted in the same way."""
MAX_DEPTH = 100
MAX_EDGES = 50_000_000
"""Dependencies: a PARENT line of 10,000 parents and 10,000 children has twice as many."""
ABSURD = "look into the file: no real DAG needs as much"


def too_much(source: str, most: str) -> DagSyntaxError:
    """The error for what is made of more than that."""
    hint = "take splices out, or make sub-DAGs of them (SUBDAG EXTERNAL)"
    return DagSyntaxError(source, 0, f"it splices in or includes more than {most}", hint)


def refuse_many_edges(source: str, number: int) -> None:
    """Raises DagSyntaxError for more than MAX_EDGES dependencies."""
    if number > MAX_EDGES:
        hint = "put a node between the parents and the children of PARENT lines that have many of both"
        raise DagSyntaxError(source, 0, f"it has more than {MAX_EDGES:,} dependencies", hint)


def known_once(file: str, above: Sequence[str]) -> str:
    """The file, which the files `above` it name; DagSyntaxError for one of these, or for one too deep."""
    if file in above:
        what = f"the files include or splice each other in a circle: {' -> '.join((*above, file))}"
        raise DagSyntaxError(above[-1], 0, what, "take one of the lines out")
    if len(above) > MAX_DEPTH:
        what = f"its splices and includes are nested more than {MAX_DEPTH} deep"
        raise DagSyntaxError(above[0], 0, what, "nest them less")
    return file


_REFERENCE = re.compile(rb"^[ \t]*(?:splice|include)[ \t][^\n]*", re.IGNORECASE | re.MULTILINE)


def refuse_too_much(source: str, read: Callable[[str], bytes | None], where: str = "") -> None:
    """Raises DagSyntaxError for more than MAX_FILES files or MAX_BYTES bytes in splices and includes, each counted as
    often as it is used. Each is looked at once, so that what doubles 24 times costs 24 looks, before anything is put
    together. `where` is the directory that relative names begin in.
    """
    known: dict[tuple[str, str], tuple[int, int]] = {}

    def look(file: str, directory: str, depth: int) -> tuple[int, int]:
        """How many files, and of how many bytes."""
        key = file, directory
        if key in known or depth > MAX_DEPTH:
            return known.get(key, (0, 0))
        known[key] = 0, 0  # a circle, which is refused elsewhere
        data = read(file) or b""
        number, size = 1, len(data) if depth else 0
        for reference in _references(data):
            named = _named_by(reference[0], directory)
            below = look(*named, depth + 1) if named else (0, 0)
            number, size = number + below[0], size + below[1]
            if number > MAX_FILES:
                raise too_much(source, f"{MAX_FILES} files")
            if size > MAX_BYTES:
                raise too_much(source, f"{MAX_BYTES >> 20} MB")
        known[key] = number, size
        return number, size

    look(source, where, 0)


def _references(data: bytes) -> Iterator[re.Match[bytes]]:
    words = data.lower()  # to look for two words takes a tenth of what the pattern takes
    return _REFERENCE.finditer(data) if b"splice" in words or b"include" in words else iter(())


def _named_by(line: bytes, directory: str) -> tuple[str, str] | None:
    """The file that a line names, and the directory in which it is read."""
    command = parse_command(text_of(line))
    if isinstance(command, Include):
        return posixpath.normpath(posixpath.join(directory, command.file)), directory
    if isinstance(command, Splice):
        inner = posixpath.join(directory, command.directory or "")
        return posixpath.normpath(posixpath.join(inner, command.dag_file)), inner
    return None
