"""The table of attempts as text, CSV and JSON, in pieces: a run may have a million. Pure."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from monitord_job.jobs.model.attempt_row import AttemptRow
from monitord_job.outcome.node_status import NODE_WORDS
from monitord_job.text.display import one_line

VERSION = 1
"""Of the document: a key may come, none goes or changes its meaning before the number does."""
_HEAD = ("job", "try", "state", "exit", "queue s", "run s", "submitted", "host", "transformation", "workflow")
_RIGHT = frozenset({1, 3, 4, 5})
_PAGE = 200
"""Rows whose longest names say how wide columns are; what is longer further down moves its own line."""


def as_text(rows: Iterable[AttemptRow], *, several: bool) -> Iterator[str]:
    """Lines. `several`: there are sub-workflows, and which one it is is told."""
    page: list[tuple[str, ...]] = []
    widths: tuple[int, ...] = ()
    for row in rows:
        cells = _cells(row, several=several)
        if widths:
            yield _line(cells, widths)
            continue
        page.append(cells)
        if len(page) >= _PAGE:
            widths = _widths(page, several=several)
            yield from (_line(one, widths) for one in page)
    if not widths and page:
        widths = _widths(page, several=several)
        yield from (_line(one, widths) for one in page)


def _widths(page: list[tuple[str, ...]], *, several: bool) -> tuple[int, ...]:
    head = _HEAD if several else _HEAD[:-1]
    page.insert(0, head)
    return tuple(max(len(row[at]) for row in page) for at in range(len(head)))


def _line(cells: tuple[str, ...], widths: tuple[int, ...]) -> str:
    shown = (
        cell.rjust(width) if at in _RIGHT else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(shown).rstrip()


def _cells(row: AttemptRow, *, several: bool) -> tuple[str, ...]:
    cells = (
        one_line(row.job, 80),
        str(row.number or ""),
        NODE_WORDS[row.status].value,
        "" if row.exitcode is None else str(row.exitcode),
        _seconds(row.queued),
        _seconds(row.ran),
        _clock(row.submitted),
        one_line(row.host, 60),
        one_line(row.transformation, 60),
    )
    return (*cells, one_line(row.workflow, 60)) if several else cells


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _clock(value: float | None) -> str:
    return "" if value is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))


def as_mapping(row: AttemptRow) -> dict[str, Any]:
    """For --json and --csv; times are seconds since the epoch."""
    return {
        "job": row.job,
        "workflow": row.workflow,
        "wf_uuid": row.wf_uuid,
        "type": row.type,
        "transformation": row.transformation or None,
        "category": row.category or None,
        "try": row.number or None,
        "newest": row.newest,
        "state": NODE_WORDS[row.status].value,
        "status": row.status.value,
        "exitcode": row.exitcode,
        "site": row.site or None,
        "host": row.host or None,
        "submitted": row.submitted,
        "executed": row.executed,
        "ended": row.ended,
        "queue_seconds": row.queued,
        "run_seconds": row.ran,
    }


def as_json(rows: Iterable[AttemptRow]) -> Iterator[str]:
    """One document, in pieces."""
    yield f'{{\n  "version": {VERSION},\n  "jobs": ['
    separator = "\n    "
    for row in rows:
        yield separator + json.dumps(as_mapping(row))
        separator = ",\n    "
    yield "\n  ]\n}\n"


def as_csv(rows: Iterable[AttemptRow]) -> Iterator[str]:
    """Lines with a head."""
    names = None
    for row in rows:
        values = as_mapping(row)
        if names is None:
            names = list(values)
            yield _csv_line(names)
        yield _csv_line("" if value is None else value for value in values.values())


def _csv_line(values: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()
