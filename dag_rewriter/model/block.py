"""The one marked block that bridle adds to a DAG, and the lines it takes out of use. Bytes in, bytes out.

`strip(compose(data, ...)) == data` for any DAG without a block: nothing of the planner's or the user's is
lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language.lexer import BLANKS

BEGIN = b"# >>> bridle: begin of what bridle added; `bridle rewrite --undo` takes it away"
END = b"# <<< bridle: end"
_JOINED = BEGIN + b" (the file had no newline at its end)"
_HEADER = b"# PEGASUS WMS GENERATED DAG FILE"
_TRAILER = b"# End of DAG"
_RULE = b"#" * 70
DISABLED = b"#bridle: "
"""Stands before each line that is out of use while the block is there."""


def is_planners(data: bytes) -> bool:
    """Whether pegasus-plan wrote the DAG."""
    return _HEADER in data[:1000]


def check_complete(data: bytes, source: str) -> None:
    """DagSyntaxError when a planner's DAG lacks its last lines: the planner died, or the disk was full."""
    if not is_planners(data):
        return
    at = data.rfind(b"\n" + _TRAILER)
    after = data[at + 1 :].split(b"\n", 2)
    if at < 0 or after[0].rstrip() != _TRAILER or len(after) < 2 or after[1].rstrip() != _RULE:
        line = data.count(b"\n") + 1
        what = f"the file ends before the planner's last lines ({_TRAILER.decode()!r}): it is cut"
        raise DagSyntaxError(source, line, what, "plan the workflow again; do not run this DAG")


@dataclass(frozen=True, slots=True)
class SplitDag:
    """A DAG taken apart: the planner's and the user's bytes, and our block (None: there is none)."""

    original: bytes
    block: bytes | None


class CutBlockError(ValueError):
    """A begin without an end (or the other way round): somebody edited inside the block."""


def _find_line(data: bytes, prefix: bytes, start: int = 0) -> int:
    """Where the first line from `start` that begins with prefix begins; -1 if none."""
    if start == 0 and data.startswith(prefix):
        return 0
    at = data.find(b"\n" + prefix, max(0, start - 1))
    return at + 1 if at >= 0 else -1


def _span(data: bytes) -> tuple[int, int] | None:
    """(first byte, byte after) of the block."""
    first = _find_line(data, BEGIN)
    last = _find_line(data, END, max(0, first))
    if first < 0 and _find_line(data, END) < 0:
        return None
    if first < 0 or last < 0:
        raise CutBlockError
    stop = data.find(b"\n", last)
    return first, len(data) if stop < 0 else stop + 1


def split(data: bytes) -> SplitDag:
    """Takes a DAG apart; raises CutBlockError.

    >>> parts = split(compose(b"JOB A a.sub\\nCONFIG c\\n", ["CONFIG b"], [2]))
    >>> parts.original
    b'JOB A a.sub\\nCONFIG c\\n'
    """
    span = _span(data)
    if span is None:
        return SplitDag(data, None)
    first, stop = span
    before, block, after = data[:first], data[first:stop], data[stop:]
    if block.startswith(_JOINED) and before.endswith(b"\n"):
        before = before[:-1] + (b"\n" if after else b"")
    original = before + after
    if DISABLED in original:
        lines = original.split(b"\n")
        original = b"\n".join(line.removeprefix(DISABLED) for line in lines)
    return SplitDag(original, block)


def compose(original: bytes, lines: Sequence[str], disabled: Collection[int] = ()) -> bytes:
    """Puts a block with `lines` at the end; the commands that begin in the lines `disabled` go out of use."""
    if disabled or DISABLED in original:
        original = b"\n".join(_disable(original.split(b"\n"), disabled))
    joined = bool(original) and not original.endswith(b"\n")
    body = "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")
    begin = _JOINED if joined else BEGIN
    # One copy of what may be 300 MB, where each + would make another.
    return b"".join((original, b"\n" * joined, begin, b"\n", body, END, b"\n"))


def _disable(lines: Sequence[bytes], disabled: Collection[int]) -> Iterator[bytes]:
    goes_on = False
    for number, line in enumerate(lines, 1):
        text = line.strip(BLANKS)
        off = goes_on or number in disabled
        # A line that already begins with our mark gets a second one: split() takes exactly one away.
        yield DISABLED + line if off or line.startswith(DISABLED) else line
        goes_on = off and (
            text[-1:] == b"\\" or (goes_on and (not text or text[:1] == b"#" or text[:2] == b"//"))
        )


def lines_of(data: bytes) -> range:
    """The line numbers of the block (empty when there is none).

    >>> lines_of(compose(b"JOB A a.sub\\n", ["CONFIG b"]))
    range(2, 5)
    """
    try:
        span = _span(data)
    except CutBlockError:
        span = None
    if span is None:
        return range(0)
    first = data.count(b"\n", 0, span[0]) + 1
    return range(first, first + data.count(b"\n", span[0], span[1]))
