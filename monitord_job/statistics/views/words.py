"""Numbers, times and columns as pegasus-statistics writes them. Pure."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from monitord_job.statistics.model.figures import Attempt, Counts, Ran, Spread
from monitord_job.text.display import one_line

COUNTED = ("Type", "Succeeded", "Failed", "Incomplete", "Total", "Retries", "Total+Retries")
JOBS = (
    *(
        "Job",
        "Try",
        "Site",
        "Kickstart",
        "Mult",
        "Kickstart-Mult",
        "CPU-Time",
        "Post",
        "CondorQTime",
        "Resource",
    ),
    *("Runtime", "Seqexec", "Seqexec-Delay", "Exitcode", "Hostname"),
)
BREAKDOWN = (
    *(
        "Transformation",
        "Type",
        "Count",
        "Min (runtime)",
        "Max (runtime)",
        "Mean (runtime)",
        "Total (runtime)",
    ),
    *("Min (mem)", "Max (mem)", "Mean (mem)", "Min (avg. cpu)", "Max (avg. cpu)", "Mean (avg. cpu)"),
)
INTEGRITY = ("Type", "File Type", "Count", "Total Duration")
OWNER = ("Workflow_Id", "Dax_Label")
"""Before the columns of a table, in CSV."""

_UNITS = (("year", 31_536_000), ("day", 86_400), ("hr", 3_600), ("min", 60), ("sec", 1))
_KB = 1024.0


def number(value: float | None) -> str:
    """A figure with three decimals at most.

    >>> number(2.0), number(0.42857), number(None)
    ('2.0', '0.429', '-')
    """
    return "-" if value is None else str(round(value, 3))


def percent(value: float | None) -> str:
    return f"{round(value * 100, 2)}%" if value else "-"


def exact(seconds: float | None, places: int) -> Decimal | None:
    """A figure as the database keeps it, with so many decimals."""
    return None if seconds is None else Decimal(f"{seconds:.{places}f}")


def duration(seconds: float | Decimal | None) -> str:
    """Seconds in the two largest units that they have.

    >>> duration(74.0), duration(36.457), duration(7200), duration(90061)
    ('1 min, 14 secs', '36.46 secs', '2 hrs, 0 mins', '1 day, 1 hr')
    >>> duration(Decimal("35.000000")), duration(None)
    ('35.00 secs', '-')
    """
    if seconds is None:
        return "-"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    left = int(seconds)
    for (unit, size), (smaller, part) in pairwise(_UNITS):
        if left >= size:
            return f"{_many(left // size, unit)}, {_many(left % size // part, smaller)}"
    return _many(round(seconds, 2), "sec")


def _many(count: object, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def counted(counts: Counts) -> list[tuple[str | int, ...]]:
    """The rows of COUNTED."""
    tallies = (("Tasks", counts.tasks), ("Jobs", counts.jobs), ("Sub-Workflows", counts.subworkflows))
    return [
        (name, one.succeeded, one.failed, one.incomplete, one.total, one.retries, one.tries)
        for name, one in tallies
    ]


def attempt_row(one: Attempt) -> tuple[str, ...]:
    """A row of JOBS. There may be a million of them."""
    (
        job,
        place,
        site,
        ran,
        multiplier,
        ran_in_all,
        cpu,
        post,
        queue,
        resource,
        runtime,
        seqexec,
        code,
        host,
    ) = one
    kickstart = number(ran)
    return (
        one_line(job),
        _whole(place),
        _name(site or "-"),
        kickstart,
        _whole(multiplier),
        kickstart if multiplier == 1 else number(ran_in_all),
        number(cpu),
        _seconds(post),
        _seconds(queue),
        _seconds(resource),
        _seconds(runtime),
        _seconds(seqexec),
        "-" if seqexec is None else number(one.seqexec_delay),
        _whole(code),
        _name(host or "None"),
    )


# Of a million attempts, few differ in these: whole seconds, sites, hosts, codes.
_seconds = lru_cache(maxsize=4096, typed=True)(number)
_name = lru_cache(maxsize=4096)(one_line)
_whole = lru_cache(maxsize=4096, typed=True)(str)


def ran_row(one: Ran) -> tuple[str, ...]:
    """A row of BREAKDOWN."""
    outcome = "successful" if one.succeeded else "failed"
    runtime = one.runtime
    times = (None,) * 4 if runtime is None else (runtime.least, runtime.most, runtime.mean, runtime.total)
    return (
        one_line(one.transformation),
        outcome,
        str(one.count),
        *map(number, times),
        *(number(kb / _KB) if kb else "-" for kb in _three(one.memory)),
        *map(percent, _three(one.cpu)),
    )


def _three(spread: Spread | None) -> tuple[float | None, ...]:
    return (None,) * 3 if spread is None else (spread.least, spread.most, spread.mean)
