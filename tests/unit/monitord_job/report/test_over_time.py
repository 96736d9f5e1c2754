"""Levels over time: nothing is lost between the steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitord_job.report.distribution import distribution
from monitord_job.report.over_time import Level, Steps

MOMENT = st.integers(0, 1000)


@given(st.lists(st.tuples(MOMENT, MOMENT), max_size=20), st.integers(1, 40))
def test_the_area_is_the_time_of_all(intervals, count):
    steps = Steps(0, 1000, count)
    level = Level(steps)
    for begin, end in intervals:
        level.add(begin, end)
    expected = sum(max(end - begin, 0) for begin, end in intervals)
    assert sum(level.values()) * steps.width == pytest.approx(expected, abs=steps.width * count * 0.001)


def test_what_lies_outside_is_cut():
    level = Level(Steps(100, 200, 10))
    level.add(50, 120)
    level.add(190, 999)
    assert level.values() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_a_distribution_is_in_order(figures):
    found = distribution(figures)
    assert found.least <= found.lower <= found.middle <= found.upper <= found.most
    assert (found.least, found.most, found.count) == (min(figures), max(figures), len(figures))
