"""What ran in each hour or day of a time zone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import Enum

from monitord_job.statistics.model.figures import Busy


class Per(Enum):
    """How long a line is."""

    DAY = "day"
    HOUR = "hour"


_FORMATS = {Per.DAY: "%Y-%m-%d", Per.HOUR: "%Y-%m-%d : %H"}
SHOWN = {Per.DAY: "[YYYY-MM-DD]", Per.HOUR: "[YYYY-MM-DD : HH]"}


@dataclass(frozen=True, slots=True)
class Line:
    """What began in one hour or day, on one host or on all of them (None)."""

    date: str
    host: str | None
    count: int
    seconds: float


def lines(rows: Iterable[Busy], per: Per, zone: tzinfo | None = None) -> list[Line]:
    """By date. Hours and days are those of `zone`, by default of this machine."""
    return _summed(((row.begin, None, row) for row in rows if row.has_ended), per, zone)


def host_lines(rows: Iterable[Busy], per: Per, zone: tzinfo | None = None) -> list[Line]:
    """By date and host, of what is known to have run on one."""
    return _summed(((row.begin, row.host, row) for row in rows if row.host is not None), per, zone)


def _summed(rows: Iterable[tuple[int, str | None, Busy]], per: Per, zone: tzinfo | None) -> list[Line]:
    dates: dict[int, str] = {}
    """by quarter of an hour: many hosts share it, and to say it takes longer than all else"""
    sums: dict[tuple[str, str], tuple[int, float]] = {}
    for begin, host, row in rows:
        date = dates.get(begin)
        if date is None:
            date = dates[begin] = datetime.fromtimestamp(begin, zone).strftime(_FORMATS[per])
        count, seconds = sums.get((date, host or ""), (0, 0.0))
        sums[date, host or ""] = count + row.count, seconds + row.seconds
    return [Line(date, host or None, *sums[date, host]) for date, host in sorted(sums)]
