"""The tables as text, in the files and columns of pegasus-statistics. Pure: pieces of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from dag_rewriter import files
from monitord_job.statistics.model.calendar import SHOWN, Line, Per, host_lines, lines
from monitord_job.statistics.model.figures import (
    Attempt,
    Busy,
    Checksums,
    Counts,
    Figures,
    Statistics,
    Workflow,
)
from monitord_job.statistics.views import legends, words
from monitord_job.statistics.views.use_tables import Table

Attempts = Callable[[Workflow], Iterable[Attempt]]

_COUNTED = (15, 10, 8, 12, 10, 10, 13)
_WORKFLOWS = (15, 11, 10, 12, 10, 10, 15, 10)
_JOBS = (35, 4, 12, 12, 6, 16, 12, 6, 12, 12, 12, 12, 15, 10, 30)
_BREAKDOWN = (15, 5, 6, 14, 14, 21, 22, 10, 10, 11, 15, 15, 16)
_INTEGRITY = (10, 15, 10, 25)
_TIME = (30, 20, 20)
_TIME_PER_HOST = (23, 30, 10, 20)
_AT_ONCE = 1000
_IN_MEMORY = 8 << 20
"""bytes of a table whose columns are not yet known to be wide enough"""


def _line(cells: Iterable[object], widths: Sequence[int]) -> str:
    return "".join(str(cell).ljust(width) for cell, width in zip(cells, widths, strict=False)) + "\n"


def summary(statistics: Statistics, *, several: bool) -> Iterator[str]:
    """summary.txt."""
    yield legends.SUMMARY
    yield legends.TIMES
    yield from summary_tables(statistics, several=several)


def summary_tables(statistics: Statistics, *, several: bool, with_legends: bool = True) -> Iterator[str]:
    """The same without what explains it. The wall time of several runs together is no figure."""
    rule = "-" * sum(_COUNTED) + "\n"
    yield rule
    yield _line(words.COUNTED, _COUNTED)
    yield from (_line(row, _COUNTED) for row in words.counted(statistics.counts))
    yield rule + "\n"
    if not several:
        yield _time("Workflow wall time", words.duration(words.exact(statistics.wall_time, 6)))
    yield _time("Cumulative job wall time", words.duration(statistics.kickstart.total))
    yield _time(
        "Cumulative job wall time as seen from submit side", words.duration(statistics.submit_side.total)
    )
    yield _time("Cumulative job badput wall time", words.duration(statistics.kickstart.badput))
    badput = words.duration(statistics.submit_side.badput)
    yield _time("Cumulative job badput wall time as seen from submit side", badput)
    if statistics.integrity:
        yield from _integrity_summary(statistics, with_legends=with_legends)


def _time(name: str, value: str) -> str:
    return f"{name:<57}: {value}\n"


def _integrity_summary(statistics: Statistics, *, with_legends: bool) -> Iterator[str]:
    yield "\n" + (legends.METRICS if with_legends else "")
    for kind, done in (("check", "compared"), ("compute", "generated")):
        rows = [row for row in statistics.integrity if row.type == kind]
        if rows:
            took = words.duration(words.exact(sum(row.seconds for row in rows), 3))
            yield f"{sum(row.count for row in rows)} files checksums {done} with total duration of {took}\n"
    yield "\n" + (legends.ERRORS if with_legends else "")
    if statistics.integrity_errors is not None:
        yield f"Total:    A total of {statistics.integrity_errors} integrity errors encountered in the workflow\n"
    yield f"Failures: {statistics.integrity_failures} job failures had integrity errors\n"


def workflows(statistics: Statistics) -> Iterator[str]:
    """workflow.txt."""
    yield legends.WORKFLOWS
    yield _line((*words.COUNTED, "WF Retries"), _WORKFLOWS)
    for one in statistics.figures:
        yield from _workflow(one.workflow.title, one.counts)
        yield "\n"
    yield from _workflow("All Workflows", statistics.counts)


def _workflow(title: str, counts: Counts) -> Iterator[str]:
    room = sum(_WORKFLOWS) - _WORKFLOWS[-1] + 1
    yield "-" * sum(_WORKFLOWS) + "\n"
    yield f"{title}{counts.restarts:>{max(room - len(title), 0)}}\n"
    yield from (_line(row, _WORKFLOWS) for row in words.counted(counts))


def jobs(statistics: Statistics, attempts: Attempts) -> Iterator[str]:
    """jobs.txt: one table for each workflow."""
    yield legends.JOBS
    for one in statistics.figures:
        yield f"# {one.workflow.title}\n"
        yield from _table(words.JOBS, _JOBS, map(words.attempt_row, attempts(one.workflow)))


def _table(columns: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table whose columns are as wide as their widest cell: a long one waits in a file until that is known."""
    widest = list(widths)
    remaining = iter(rows)
    with files.scratch(_IN_MEMORY) as waiting:
        while some := list(islice(remaining, _AT_ONCE)):
            longest = (max(map(len, column)) for column in zip(*some, strict=True))
            widest = list(map(max, widest, longest))
            waiting.writelines("\t".join(row) + "\n" for row in some)
        waiting.seek(0)
        layout = "".join(f"%-{width + 1}s" for width in widest) + "\n"
        yield layout % tuple(columns)
        while lines := list(islice(waiting, _AT_ONCE)):
            yield "".join([layout % tuple(line[:-1].split("\t")) for line in lines])


def _headed(statistics: Statistics) -> Iterator[tuple[str, Figures | None]]:
    """Each workflow, and all of them (None)."""
    yield from ((f"\n# {one.workflow.title}\n", one) for one in statistics.figures)
    yield "\n# All (All)\n", None


def breakdown(statistics: Statistics) -> Iterator[str]:
    """breakdown.txt."""
    yield legends.BREAKDOWN
    for head, one in _headed(statistics):
        yield head
        rows = statistics.breakdown if one is None else one.breakdown
        yield from _table(words.BREAKDOWN, _BREAKDOWN, map(words.ran_row, rows))


def integrity(statistics: Statistics) -> Iterator[str]:
    """integrity.txt."""
    yield legends.INTEGRITY
    for head, one in _headed(statistics):
        yield head
        rows = statistics.integrity if one is None else one.integrity
        if rows:
            yield from _table(words.INTEGRITY, _INTEGRITY, map(integrity_row, rows))


def tables(tables: Iterable[Table], legend: str) -> Iterator[str]:
    """use.txt, path.txt."""
    yield legend
    for one in tables:
        yield f"\n# {one.title}\n"
        yield from _table(one.columns, [len(name) for name in one.columns], one.rows)


def integrity_row(row: Checksums) -> tuple[str, ...]:
    """A row of INTEGRITY."""
    return row.type, str(row.file_type), str(row.count), str(words.exact(row.seconds, 3))


def times(statistics: Statistics, per: Per) -> Iterator[str]:
    """time.txt."""
    yield "\n" + legends.TIME.format(per=per.value)
    date = f"Date{SHOWN[per]}"
    for head, rows in (
        (f"Job instances statistics per {per.value}", statistics.clock.jobs),
        (f"Invocation statistics run per {per.value}", statistics.clock.invocations),
    ):
        yield f"\n# {head}\n" + _line((date, "Count", "Runtime (sec)"), _TIME)
        for row in lines(rows, per):
            yield _line((row.date, row.count, words.number(row.seconds)), _TIME)
    for head, rows in per_host(statistics, per):
        yield f"\n# {head}\n" + _line((date, "Host", "Count", "Runtime (sec)"), _TIME_PER_HOST)
        yield from (_line(host_row(row), _TIME_PER_HOST) for row in host_lines(rows, per))


def per_host(statistics: Statistics, per: Per) -> Iterator[tuple[str, tuple[Busy, ...]]]:
    """The tables that name hosts."""
    yield f"Job instances statistics on host per {per.value}", statistics.clock.jobs
    yield f"Invocation statistics on host per {per.value}", statistics.clock.invocations


def host_row(row: Line) -> tuple[str, str, str, str]:
    return row.date, row.host or "-", str(row.count), words.number(row.seconds)
