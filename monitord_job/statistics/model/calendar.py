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
    return _summed((_date(row, per, zone), None, row) for row in rows if row.has_ended)


def host_lines(rows: Iterable[Busy], per: Per, zone: tzinfo | None = None) -> list[Line]:
    """By date and host, of what is known to have run on one."""
    return _summed((_date(row, per, zone), row.host, row) for row in rows if row.host is not None)


def _date(row: Busy, per: Per, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(row.begin, zone).strftime(_FORMATS[per])


def _summed(rows: Iterable[tuple[str, str | None, Busy]]) -> list[Line]:
    sums: dict[tuple[str, str], Line] = {}
    for date, host, row in rows:
        key = date, host or ""
        before = sums.get(key, Line(date, host, 0, 0.0))
        sums[key] = Line(date, host, before.count + row.count, before.seconds + row.seconds)
    return [sums[key] for key in sorted(sums)]
