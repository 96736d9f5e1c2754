"""What DAGMan would say to a DAG: every line that it would refuse, not only the first.

Follows DagProcessor::process (condor_dagman/parse.cpp, 25.14): each file is read twice, first its nodes, splices
and descriptions, then everything else, and there INCLUDE. Where condor_dag_checker says less, DAGMan is right.
No file is opened here: `Files` is the door.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dag_rewriter.check.pass_end import close
from dag_rewriter.check.pass_one import FIRST, bulk_jobs
from dag_rewriter.check.pass_two_dag import WHOLE
from dag_rewriter.check.pass_two_nodes import SETTINGS, bulk_edges, bulk_settings
from dag_rewriter.check.rescue_lines import check_rescue
from dag_rewriter.check.scope import Check, Files, Finding, Place, Scope, Severity
from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language.chunks import TOO_LONG, TooLongError, pieces
from dag_rewriter.language.command_table import COMMANDS
from dag_rewriter.language.field_words import MalformedError
from dag_rewriter.language.lexer import Statement, keyword, statements
from dag_rewriter.language.regex_lines import Columns
from dag_rewriter.language.text import text_of
from dag_rewriter.model.block import is_planners
from dag_rewriter.model.part_limits import ABSURD, MAX_DEPTH, MAX_FILES, refuse_too_much
from dag_rewriter.rescue.rescue_dag import RescueFile


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it."""

    findings: tuple[Finding, ...]
    nodes: int
    edges: int
    sub_dags: tuple[tuple[str, str], ...]
    """(directory, DAG file) of the sub-workflows whose DAG is no PRE script's work"""
    config: str | None = None
    """the DAGMan configuration that the DAG names"""


_NONE = Place("", 0)
_LATER = {**SETTINGS, **WHOLE}
_IN_ORDER = frozenset(
    (b"PARENT", b"WEAK", b"CATEGORY", b"SPLICE", b"INCLUDE", b"CONNECT", b"PIN_IN", b"PIN_OUT")
)
"""Commands after which nothing is taken before its turn."""


def _silent(_done: int) -> None:
    """Tells nobody how far it is."""


def _no_rescue(_config: str | None) -> None:
    """There is none."""


def check_dag(
    path: str,
    files: Files,
    directory: str = "",
    progress: Callable[[int], None] = _silent,
    rescue: Callable[[str | None], RescueFile | None] = _no_rescue,
) -> Checked:
    """All that is wrong with a DAG and with what it includes and splices, by file and line.

    `directory` is where DAGMan runs: relative names begin there. `progress` is told of bytes as they are read.
    `rescue` gives the rescue DAG that would be taken, and is told the DAGMan configuration that the DAG names.
    """
    check = Check(files, _walk, top=path, progress=progress)
    scope = Scope(b"", directory)
    try:
        refuse_too_much(path, files.read, directory)
    except DagSyntaxError as error:
        check.error(Place(path, 0), error.what, error.hint)
    else:
        _walk(check, scope, path, _NONE)
    config = next(iter(check.configs), None)
    taken = rescue(config)
    if taken is not None:
        check_rescue(check, scope, taken)
    close(check, scope)
    findings = dict.fromkeys(check.findings)  # a splice that is used twice says everything twice
    order = {name: at for at, name in enumerate(dict.fromkeys(finding.file for finding in findings))}
    sorted_ = tuple(sorted(findings, key=lambda finding: (order[finding.file], finding.line)))
    sub_dags = {(where, file): None for node, where, file, _ in check.sub_dags if node not in check.scripted}
    return Checked(sorted_, len(scope.nodes), len(check.graph.parents), tuple(sub_dags), config)


def _walk(check: Check, scope: Scope, path: str, place: Place) -> bool:
    """Reads one file into a scope; False if it is not there, or is being read already."""
    identity = check.files.identity(path)
    if identity in check.active:
        check.error(place, f"{path} includes or splices itself", "take the line out")
        return False
    reading = identity, scope.directory
    if check.refused[reading] > 1:
        return False  # a further reading finds the same, once more for each line of it
    check.files_left -= 1
    if check.files_left < 0 or len(check.active) > MAX_DEPTH:
        if check.files_left >= -1:  # said once
            what = f"it splices in or includes more than {MAX_FILES} files, or nests them more than {MAX_DEPTH} deep"
            check.error(place, what, "take splices out, or make sub-DAGs of them (SUBDAG EXTERNAL)")
        return False
    data = check.files.read(path)
    if data is None:
        check.error(place, f"the file {path} is not there", "restore it, or mend the line")
        return False
    check.planned = check.planned or (path == check.top and is_planners(data))
    check.active.add(identity)
    errors = check.noted.get(Severity.ERROR, 0)
    try:
        _second(check, scope, path, data, _first(check, scope, path, data))
    except TooLongError as error:
        check.error(Place(path, error.line), TOO_LONG, ABSURD)
    check.refused[reading] += check.noted.get(Severity.ERROR, 0) > errors
    scope.lift()
    if scope.prefix:
        members = scope.members()
        scope.initial.update(dict.fromkeys(filter(check.graph.is_initial, members)))
        scope.terminal.update(dict.fromkeys(filter(check.graph.is_terminal, members)))
    check.active.remove(identity)
    return True


@dataclass(slots=True)
class _Left:
    """What of a file the second reading has to look at: bytes and lines."""

    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    """(start, stop, first line) of those that were passed over"""
    rest: tuple[int, int] | None = None
    """(start, first line) of all that follows"""


def _first(check: Check, scope: Scope, path: str, data: bytes) -> _Left:
    """The first reading. What the second one would take in bulk is taken at once, as far as it changes nothing: only
    names count that are defined by then, and all that depends on its order stays in it.
    """
    left = _Left()
    for piece in pieces(data):
        check.progress(piece.stop - piece.start)
        if piece.bulk is not None and bulk_jobs(check, scope, piece, path):
            if left.rest is None and not _taken(check, scope, piece.bulk):
                left.rest = piece.start, piece.line
            continue
        for statement in piece.statements():
            _one(check, scope, path, statement, first=True)
            if left.rest is None and _is_in_order(statement):
                left.rest = piece.start, piece.line
        if left.rest is None:
            left.pieces.append((piece.start, piece.stop, piece.line))
    return left


def _is_in_order(statement: Statement) -> bool:
    return any(keyword(word) in _IN_ORDER for word in statement[2].split(None, 1)[:1])


def _taken(check: Check, scope: Scope, bulk: Mapping[bytes, Columns]) -> bool:
    return bulk_settings(scope, bulk, check) and bulk_edges(check, scope, bulk)


def _second(check: Check, scope: Scope, path: str, data: bytes, left: _Left) -> None:
    """The second reading, of what is left of the first."""
    check.progress(len(data) if left.rest is None else left.rest[0])
    for start, stop, line in left.pieces:
        for statement in statements(data[start:stop], line):
            _one(check, scope, path, statement, first=False)
    if left.rest is None:
        return
    start, line = left.rest
    for piece in pieces(data, at=start, line=line):
        check.progress(piece.stop - piece.start)
        if piece.bulk is not None and bulk_settings(scope, piece.bulk, check):
            if bulk_edges(check, scope, piece.bulk):
                continue
            words: tuple[bytes, ...] | None = (b"PARENT",)
        else:
            words = None
        for statement in piece.statements():
            if words is None or statement[2].startswith(words):
                _one(check, scope, path, statement, first=False)


def _one(check: Check, scope: Scope, path: str, statement: Statement, *, first: bool) -> None:
    """Looks at one command in the reading in which DAGMan does."""
    line, _, text, body, problem = statement
    place = Place(path, line)
    word = text.split(None, 1)[0] if text.strip() else b""
    key = keyword(word)
    if problem and body is None:
        if first:
            check.warn(place, f"DAGMan leaves the command out: {problem}", "take the backslash out")
        return
    handler = (FIRST if first else _LATER).get(key)
    if handler is None:
        if first and key not in COMMANDS:
            check.error(place, *_unknown(word))
        return
    try:
        if problem:
            raise MalformedError(problem, "a line of its own that ends the description")
        fields = COMMANDS[key].parse(text, body)
    except MalformedError as error:
        check.error(place, f"{text_of(word)[:80]}: {error.what}", f"DAGMan reads: {error.example}")
        return
    handler(check, scope, fields, place)


def _unknown(word: bytes) -> tuple[str, str]:
    """What is wrong with a word that is no command, and what to do; a byte order mark is not seen on a screen."""
    if word.startswith(BOM_UTF8):
        named = text_of(word.removeprefix(BOM_UTF8))[:80]
        what = f"a byte order mark stands before {named}: DAGMan takes it for a part of the word"
        return what, "save the file as UTF-8 without one"
    return f"DAGMan has no command {text_of(word)[:80]}", "mend the word, or take it out"
