"""What jobs were for, and the critical path, as tables that text, CSV and the screen share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitord_job.statistics.model.critical_path import Link
from monitord_job.statistics.model.figures import Statistics
from monitord_job.statistics.views import words
from monitord_job.text.display import one_line

_MB = 1024.0
PATH = (
    *("Level", "Job", "Type", "Tries", "Host", "Pause", "DAGMan", "Pre", "Retries", "Queue", "Run", "Post"),
    "Total",
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with what it is about."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def use_tables(statistics: Statistics) -> Iterator[Table]:
    """Kinds of jobs, lost work, how well processors and memory were used."""
    used = statistics.usage
    shares = (
        (one.kind, str(one.attempts), words.number(one.waited), words.number(one.ran), share_of(one.share))
        for one in used.shares()
    )
    yield Table("Kinds of jobs", ("Type", "Attempts", "Waited (sec)", "Ran (sec)", "Share"), tuple(shares))
    lost = [(why.value, str(one.times), words.number(one.seconds)) for why, one in used.lost.items()]
    yield Table("Lost work", ("Cause", "Attempts", "Ran (sec)"), tuple(lost))
    yield Table(
        "Use of processors and memory",
        (
            "Transformation",
            "Count",
            "Runtime (sec)",
            "CPU (sec)",
            "CPU / runtime",
            "Memory that suffices (MB)",
        ),
        tuple(_efficiency(statistics)),
    )


def _efficiency(statistics: Statistics) -> Iterator[tuple[str, ...]]:
    rows: dict[str, tuple[int, float, float, float]] = {}
    for one in statistics.breakdown:
        if not one.measured:  # DAGMan's scripts, among others
            continue
        count, ran, cpu, memory = rows.get(one.transformation, (0, 0.0, 0.0, 0.0))
        peak = 0.0 if one.memory is None else one.memory.most
        rows[one.transformation] = (
            count + one.count,
            ran + one.measured,
            cpu + one.cpu_seconds,
            max(memory, peak),
        )
    for name, (count, ran, cpu, memory) in rows.items():
        suffices = words.number(memory / _MB) if memory else "-"
        yield one_line(name), str(count), words.number(ran), words.number(cpu), share_of(cpu / ran), suffices


def share_of(value: float) -> str:
    """
    >>> share_of(0.1234)
    '12.3%'
    """
    return f"{value * 100:.1f}%"


def path_table(links: Sequence[Link]) -> Table:
    """One line for each link; those of a sub-workflow come after its job, one level down."""
    return Table("Critical path", PATH, tuple(_path_rows(links, 0)))


def _path_rows(links: Sequence[Link], level: int) -> Iterator[tuple[str, ...]]:
    for one in links:
        times = (words.number(seconds) for seconds in one.phases.named().values())
        name, host = one_line(one.job), one_line(one.host or "-")
        total = words.number(one.phases.total)
        yield str(level), name, one.kind, str(one.attempts), host, *times, total
        yield from _path_rows(one.below, level + 1)
