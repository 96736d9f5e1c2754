"""Hours and days are those of a time zone, also of one that is no whole hour from UTC."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from monitord_job.statistics.model.calendar import Line, Per, host_lines, lines
from monitord_job.statistics.model.figures import Busy

KOLKATA, ANGELES = ZoneInfo("Asia/Kolkata"), ZoneInfo("America/Los_Angeles")


def at(text: str, zone: ZoneInfo) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def test_a_day_begins_at_midnight_where_that_is_half_past_in_utc() -> None:
    rows = [Busy(at(f"2026-11-{text}", KOLKATA), None, 1, 10.0) for text in ("22 23:45", "23 00:00")]
    assert [(line.date, line.count) for line in lines(rows, Per.DAY, KOLKATA)] == [
        ("2026-11-22", 1),
        ("2026-11-23", 1),
    ]
    assert [line.date for line in lines(rows, Per.HOUR, KOLKATA)] == ["2026-11-22 : 23", "2026-11-23 : 00"]


def test_the_hour_that_comes_twice_is_one_line_and_no_second_is_lost() -> None:
    # 2026-11-01 01:30 comes as PDT and, an hour later, as PST.
    first = at("2026-11-01 01:30", ANGELES)
    rows = [Busy(first, None, 1, 5.0), Busy(first + 3600, None, 2, 7.0)]
    assert lines(rows, Per.HOUR, ANGELES) == [Line("2026-11-01 : 01", None, 3, 12.0)]


def test_what_runs_still_counts_on_its_host_alone() -> None:
    rows = [Busy(0, "a", 1, 0.0, has_ended=False), Busy(0, "a", 2, 9.0), Busy(900, None, 1, 1.0)]
    utc = ZoneInfo("UTC")
    assert lines(rows, Per.DAY, utc) == [Line("1970-01-01", None, 3, 10.0)]
    assert host_lines(rows, Per.DAY, utc) == [Line("1970-01-01", "a", 3, 9.0)]


@pytest.mark.parametrize("per", Per)
def test_lines_are_in_the_order_of_time(per: Per) -> None:
    rows = [Busy(at(f"2026-11-2{day} 12:00", KOLKATA), "h", 1, 1.0) for day in (3, 1, 2)]
    dates = [line.date for line in lines(rows, per, KOLKATA)]
    assert dates == sorted(dates)
