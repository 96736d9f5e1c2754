"""The tables as CSV, in the files and columns of pegasus-statistics. Pure: pieces of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from monitord_job.statistics.model.calendar import SHOWN, Per, host_lines, lines
from monitord_job.statistics.model.figures import Figures, Statistics
from monitord_job.statistics.views import legends, words
from monitord_job.statistics.views.text_files import Attempts, host_row, integrity_row, per_host
from monitord_job.statistics.views.use_tables import Table

_AT_ONCE = 500
_ALL = ("ALL", "")


def _rows(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Lines of CSV, some hundred in a piece."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for count, row in enumerate(rows, 1):
        writer.writerow(row)
        if count % _AT_ONCE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _owner(one: Figures | None) -> tuple[str, str]:
    return _ALL if one is None else (one.workflow.wf_uuid, one.workflow.label)


def _each(statistics: Statistics) -> Iterator[Figures | None]:
    yield from statistics.figures
    yield None


def summary(statistics: Statistics) -> Iterator[str]:
    """summary.csv."""
    yield legends.SUMMARY + "\n"
    yield from _rows([words.COUNTED, *words.counted(statistics.counts)])


def summary_times(statistics: Statistics, *, several: bool) -> Iterator[str]:
    """summary-time.csv; the wall time of several runs together is no figure."""
    yield legends.TIMES
    rows = {
        "workflow_wall_time": None if several else words.exact(statistics.wall_time, 6),
        "workflow_cumulative_job_wall_time": _exact(statistics.kickstart.total),
        "cumulative_job_walltime_from_submit_side": _exact(statistics.submit_side.total),
        "workflow_cumulative_badput_time": _exact(statistics.kickstart.badput),
        "cumulative_job_badput_walltime_from_submit_side": _exact(statistics.submit_side.badput),
    }
    yield from _rows([("stat_type", "time_seconds"), *rows.items()])


def workflows(statistics: Statistics) -> Iterator[str]:
    """workflow.csv."""
    yield legends.WORKFLOWS
    yield from _rows([(*words.OWNER, *words.COUNTED, "WF_Retries")])
    for one in _each(statistics):
        counts = statistics.counts if one is None else one.counts
        yield from _rows((*_owner(one), *row, counts.restarts) for row in words.counted(counts))
        if one is not None:
            yield "\n"


def jobs(statistics: Statistics, attempts: Attempts) -> Iterator[str]:
    """jobs.csv."""
    yield legends.JOBS
    for one in statistics.figures:
        yield from _rows([(*words.OWNER, *words.JOBS)])
        owner = _owner(one)
        yield from _rows((*owner, *words.attempt_row(row)) for row in attempts(one.workflow))


def breakdown(statistics: Statistics) -> Iterator[str]:
    """breakdown.csv."""
    yield legends.BREAKDOWN
    for one in _each(statistics):
        yield "\n"
        yield from _rows([(*words.OWNER, *words.BREAKDOWN)])
        rows = statistics.breakdown if one is None else one.breakdown
        yield from _rows((*_owner(one), *words.ran_row(row)) for row in rows)


def integrity(statistics: Statistics) -> Iterator[str]:
    """integrity.csv."""
    yield legends.INTEGRITY
    for one in _each(statistics):
        rows = statistics.integrity if one is None else one.integrity
        if rows:
            yield from _rows([(*words.OWNER, *words.INTEGRITY)])
            yield from _rows((*_owner(one), *integrity_row(row)) for row in rows)


def tables(tables: Iterable[Table], legend: str) -> Iterator[str]:
    """use.csv, path.csv."""
    yield legend
    for one in tables:
        yield f"\n# {one.title}\n"
        yield from _rows([one.columns, *one.rows])


def times(statistics: Statistics, per: Per) -> Iterator[str]:
    """time.csv."""
    yield legends.TIME.format(per=per.value)
    columns = ("stat_type", f"date{SHOWN[per]}", "count", "runtime (sec)")
    for head, kind, rows in (
        ("Job instances statistics", "jobs", statistics.clock.jobs),
        ("Invocation statistics run", "invocations", statistics.clock.invocations),
    ):
        yield f"\n# {head} per {per.value}\n"
        name = f"{kind}/{per.value}"
        shown = ((name, row.date, row.count, words.number(row.seconds)) for row in lines(rows, per))
        yield from _rows([columns, *shown])


def times_per_host(statistics: Statistics, per: Per) -> Iterator[str]:
    """time-per-host.csv."""
    yield legends.TIME.format(per=per.value)
    columns = ("stat_type", f"date{SHOWN[per]}", "host", "count", "runtime (sec)")
    for kind, (head, rows) in zip(("jobs", "invocations"), per_host(statistics, per), strict=True):
        yield f"\n# {head}\n"
        name = f"{kind}/host/{per.value}"
        yield from _rows([columns, *((name, *host_row(row)) for row in host_lines(rows, per))])


def _exact(seconds: float | None) -> float | None:
    """Without the noise of binary sums."""
    return None if seconds is None else round(seconds, 6)
