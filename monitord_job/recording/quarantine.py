"""Lines of a file that mean nothing: rows of the quarantine, up to so many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitord_job.stampede.rows import QuarantineRow, Row

MAX_ROWS = 1000
"""... of one file: a log of 64 MB may hold millions of lines that are none."""
TOO_MANY = f"more than {MAX_ROWS} lines of the file cannot be read; those from here on are not kept"


def nth_row(number: int, row: QuarantineRow) -> QuarantineRow | None:
    """What is kept of a file's row with this number, counted from 0: itself, word that it was one too many, nothing.

    >>> row = QuarantineRow("w.log", 7, "torn", "abc")
    >>> [kept and kept.text for kept in (nth_row(999, row), nth_row(1000, row), nth_row(1001, row))]
    ['abc', '', None]
    """
    if number < MAX_ROWS:
        return row
    return row._replace(reason=TOO_MANY, text="") if number == MAX_ROWS else None


def bounded(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of one file, without those of the quarantine that are too many."""
    number = 0
    for row in rows:
        if row.__class__ is not QuarantineRow:
            yield row
            continue
        assert isinstance(row, QuarantineRow)
        kept = nth_row(number, row)
        number += 1
        if kept is not None:
            yield kept
