"""What jobs were for, and the critical path, as tables that text, CSV and the screen share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitord_job.statistics.model.categories import CategoryUse
from monitord_job.statistics.model.critical_path import Link
from monitord_job.statistics.model.efficiency import Efficiency, efficiencies
from monitord_job.statistics.model.figures import Statistics
from monitord_job.statistics.model.requests import Requests
from monitord_job.statistics.views import words
from monitord_job.text.display import one_line

PATH = (
    *("Level", "Job", "Type", "Tries", "Host", "Pause", "DAGMan", "Pre", "Retries", "Queue", "Run", "Post"),
    "Total",
)

USE = (
    *("Transformation", "Count", "Runtime (sec)", "CPU (sec)", "CPU / runtime", "CPU / request"),
    *("Memory asked (MB)", "Peak of a task (MB)", "Peak of a job (MB)", "Request that suffices (MB)"),
)
CATEGORIES = (
    *("Category", "Jobs", "Attempts", "Limit", "Most at once", "On average", "Full", "At limit (sec)"),
    *("Held back (sec)", "Waited (sec)", "Ran (sec)"),
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
    yield Table("Categories", CATEGORIES, tuple(map(_category, statistics.categories)))
    lost = [(why.value, str(one.times), words.number(one.seconds)) for why, one in used.lost.items()]
    yield Table("Lost work", ("Cause", "Attempts", "Ran (sec)"), tuple(lost))
    yield Table(
        "Use of processors and memory",
        USE,
        tuple(map(_efficiency, efficiencies(statistics))),
    )


def _category(one: CategoryUse) -> tuple[str, ...]:
    mean = one.queued / one.used if one.used else 0.0
    return (
        one_line(one.name),
        str(one.jobs),
        str(one.attempts),
        limit_of(one),
        str(one.most),
        words.number(mean),
        "-" if one.fullness is None else share_of(one.fullness),
        *map(words.number, (one.full, one.held_back, one.waited, one.ran)),
    )


def limit_of(one: CategoryUse) -> str:
    """
    >>> limit_of(CategoryUse("c", (2, 8), 1)), limit_of(CategoryUse("c", (), 1))
    ('2 to 8', '-')
    """
    limits = dict.fromkeys((min(one.limits), max(one.limits))) if one.limits else ()
    return " to ".join(map(str, limits)) or "-"


def _efficiency(one: Efficiency) -> tuple[str, ...]:
    cpu, request = (
        None if share is None else share_of(share) for share in (one.cpu_share, one.request_share)
    )
    return (
        one_line(one.transformation),
        str(one.count or one.asked.attempts),
        words.number(one.seconds or one.asked.ran),
        words.number(None if cpu is None else one.cpu_seconds),
        cpu or "-",
        request or "-",
        memory_asked(one.asked),
        words.number(one.task_memory),
        words.number(one.asked.used_memory),
        str(one.suffices or "-"),
    )


def memory_asked(asked: Requests) -> str:
    """The least and the most that was asked for, in MB.

    >>> [memory_asked(Requests("a", 1, *mb)) for mb in ((64.0, 128.0), (64.0, 64.0), (None, None))]
    ['64 to 128', '64', '-']
    """
    if asked.least_memory is None or asked.most_memory is None:
        return "-"
    return " to ".join(dict.fromkeys(f"{mb:.0f}" for mb in (asked.least_memory, asked.most_memory)))


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
