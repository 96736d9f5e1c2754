"""Rescue DAGs: text -> value and back. Pure.

DAGMan (Dag::WriteRescue in dag.cpp) writes comments that count the nodes and name those that failed, then a
`DONE node` line for each node that is done, and RETRY lines if retries are to be kept. It starts from the file with
the highest number, X.dag.rescueNNN.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from dag_rewriter.errors import DagSyntaxError, RewriterError
from dag_rewriter.language.text import bytes_of, text_of

MAX_RESCUE_NUM = 100
"""DAGMAN_MAX_RESCUE_NUM: DAGMan looks for no higher number, and overwrites the last one when it is reached."""
JOIN_NODE = "_condor_join_node"
"""DAGMan's own nodes for `PARENT a b CHILD c d`: no line of the DAG defines them, rescue DAGs name them."""

_CREATED = re.compile(
    r"^# Created (\d{1,2})/(\d{1,2})/(\d{1,4}) (\d{1,2}):(\d{1,2}):(\d{1,2}) UTC", re.MULTILINE
)
_TOTAL = re.compile(r"^# Total number of Nodes: (\d{1,9})(?!\d)", re.MULTILINE)
_FAILED = re.compile(r"^# Nodes that failed: \d+\r?\n#   (.*?),?<ENDLIST>", re.MULTILINE)
_DONE = re.compile(r"^[ \t]*DONE[ \t]+(\S+)", re.MULTILINE | re.IGNORECASE)
_RETRY = re.compile(
    r"^[ \t]*RETRY[ \t]+(\S+)[ \t]+(\d{1,9})(?!\d)(?:[ \t]+UNLESS-EXIT[ \t]+(-?\d{1,9})(?!\d))?",
    re.MULTILINE | re.IGNORECASE,
)
_WHOLE = re.compile(r"^[ \t]*JOB[ \t]", re.MULTILINE | re.IGNORECASE)
_OURS = "# by bridle rescue: "
_NAME = re.compile(r"(.*)\.rescue(\d{3,})", re.DOTALL)


class RescueError(RewriterError):
    """A rescue that cannot be made or used."""


@dataclass(frozen=True, slots=True)
class Retries:
    """What is left of a node's retries: a RETRY line of a rescue DAG."""

    left: int
    unless_exit: int | None = None
    most: int | None = None
    """how many there were; only for the comment"""


@dataclass(frozen=True, slots=True)
class RescueDag:
    """What a rescue DAG says."""

    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    retries: Mapping[str, Retries] = field(default_factory=lambda: MappingProxyType({}))
    created: int | None = None
    """seconds since the epoch"""
    total: int | None = None
    origin: str | None = None
    """for one that bridle wrote: from what"""


@dataclass(frozen=True, slots=True)
class RescueFile:
    """The rescue DAG with the highest number, which DAGMan starts from by itself."""

    dag: str
    number: int
    content: bytes
    limit: int = MAX_RESCUE_NUM
    """DAGMAN_MAX_RESCUE_NUM"""

    @property
    def name(self) -> str:
        return rescue_name(self.dag, self.number)

    @property
    def text(self) -> str:
        return text_of(self.content)


def rescue_name(dag: str, number: int) -> str:
    """The file's name.

    >>> rescue_name("x.dag", 7)
    'x.dag.rescue007'
    """
    return f"{dag}.rescue{number:03d}"


def rescue_number(dag: str, name: str) -> int | None:
    """The number of a rescue DAG by its file's name; None for any other file.

    >>> [rescue_number("x.dag", name) for name in ("x.dag.rescue012", "x.dag.rescue012.old", "x.dag.rescue000")]
    [12, None, None]
    """
    match = _NAME.fullmatch(name)
    return int(match[2]) or None if match and match[1] == dag else None


def numbered(dag: str, names: Iterable[str]) -> dict[int, str]:
    """Those of the names that are rescue DAGs, by number, the lowest first.

    >>> numbered("x.dag", ["x.dag", "x.dag.rescue002", "x.dag.rescue001", "x.dag.rescue000"])
    {1: 'x.dag.rescue001', 2: 'x.dag.rescue002'}
    """
    pairs = ((rescue_number(dag, name), name) for name in names)
    return dict(sorted((number, name) for number, name in pairs if number is not None))


def by_dag(names: Iterable[str]) -> dict[str, list[str]]:
    """Those of the names that are rescue DAGs, by the name of the DAG, the lowest number first.

    >>> by_dag(["x.dag.rescue002", "x.dag.rescue001", "x.dag", "y.dag.rescue001"])
    {'x.dag': ['x.dag.rescue001', 'x.dag.rescue002'], 'y.dag': ['y.dag.rescue001']}
    """
    matches = (match for name in names if (match := _NAME.fullmatch(name)) is not None and int(match[2]))
    found: dict[str, list[str]] = {}
    for match in sorted(matches, key=lambda match: (match[1], int(match[2]))):
        found.setdefault(match[1], []).append(match[0])
    return found


def done_in(text: str) -> list[str]:
    """The nodes that a (partial) rescue DAG marks as done.

    >>> done_in("# comment\\nDONE a\\n  done b.c \\n")
    ['a', 'b.c']
    """
    return _DONE.findall(text)


def is_whole_dag(text: str) -> bool:
    """Whether it is of the old form, with all nodes: DAGMAN_WRITE_PARTIAL_RESCUE = False."""
    return _WHOLE.search(text) is not None


def parse_rescue(data: bytes, source: str) -> RescueDag:
    """Reads a rescue DAG of any DAGMan since 7.7. Raises DagSyntaxError for a whole DAG of the old form, which
    cannot be combined with another.

    >>> parse_rescue(b"# Total number of Nodes: 2\\nDONE A\\n", "x.dag.rescue001").done
    ('A',)
    """
    text = text_of(data)
    if is_whole_dag(text):
        what = "it is a whole DAG, as DAGMan wrote rescue DAGs with DAGMAN_WRITE_PARTIAL_RESCUE = False"
        raise DagSyntaxError(
            source, 0, what, f"run it by itself: condor_submit_dag -dorescuefrom, or on {source}"
        )
    created, total, failed = _CREATED.search(text), _TOTAL.search(text), _FAILED.search(text)
    origin = re.search(f"^{_OURS}(.*)$", text, re.MULTILINE)
    retries = {m[1]: Retries(int(m[2]), None if m[3] is None else int(m[3])) for m in _RETRY.finditer(text)}
    return RescueDag(
        done=tuple(done_in(text)),
        failed=tuple(name for name in failed[1].split(",") if name) if failed else (),
        retries=MappingProxyType(retries),
        created=_seconds(created) if created else None,
        total=int(total[1]) if total else None,
        origin=origin[1].rstrip("\r") if origin else None,
    )


def _seconds(created: re.Match[str]) -> int | None:
    month, day, year, hour, minute, second = map(int, created.groups())
    try:
        return calendar.timegm((year, month, day, hour, minute, second))
    except ValueError:
        return None  # no day of any calendar


def render_rescue(rescue: RescueDag, dag: str) -> bytes:
    """A rescue DAG in DAGMan's own form; `parse_rescue` is the inverse."""
    then = datetime.fromtimestamp(rescue.created or 0, UTC)
    lines = [
        "# Rescue DAG file, created after running",
        f"#   the {dag} DAG file",
        f"# Created {then.month}/{then.day}/{then.year} {then:%H:%M:%S} UTC",
        "# Rescue DAG version: 2.1.0",
        *([] if rescue.origin is None else [_OURS + rescue.origin]),
        "#",
        f"# Total number of Nodes: {rescue.total or 0}",
        f"# Nodes premarked DONE: {len(rescue.done)}",
        f"# Nodes that failed: {len(rescue.failed)}",
        "#   " + "".join(f"{name}," for name in rescue.failed) + "<ENDLIST>",
        "",
        *(f"DONE {name}" for name in rescue.done),
        *(line for name, retries in rescue.retries.items() for line in _retry_lines(name, retries)),
    ]
    return bytes_of("\n".join(lines) + "\n")


def _retry_lines(name: str, retries: Retries) -> tuple[str, ...]:
    unless = "" if retries.unless_exit is None else f" UNLESS-EXIT {retries.unless_exit}"
    line = f"RETRY {name} {retries.left}{unless}"
    if retries.most is None:
        return (line,)
    performed = retries.most - retries.left
    return (f"# {performed} of {retries.most} retries already performed; {retries.left} remaining", line)
