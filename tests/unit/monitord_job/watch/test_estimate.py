"""When a run may end: the longest chain, the work that is left, and silence where it would be a guess."""

from __future__ import annotations

import pytest

from monitord_job.watch.estimate import Kind, Left, estimate, kinds_of

SURE = {"fit": Kind(100.0, 5.0), "add": Kind(10.0, 1.0)}
NAMES = [f"fit{number}" for number in range(10)]


def test_a_chain_takes_as_long_as_its_jobs_one_after_the_other() -> None:
    chain = dict(zip(NAMES, ([after] for after in NAMES[1:]), strict=False))
    found = estimate(1000.0, Left(dict.fromkeys(NAMES, ("fit", 0.0)), chain, at_once=10.0), SURE)
    assert found is not None
    assert found.end == pytest.approx(2000.0)
    assert 0 < found.give_or_take < 500


def test_work_side_by_side_takes_as_long_as_there_is_room() -> None:
    found = estimate(0.0, Left(dict.fromkeys(NAMES, ("fit", 0.0)), {}, at_once=2.0), SURE)
    assert found is not None
    assert found.end == pytest.approx(500.0)


def test_what_has_been_going_on_counts() -> None:
    found = estimate(0.0, Left({"a": ("fit", 60.0), "b": ("fit", 1000.0)}, {}, at_once=5.0), SURE)
    assert found is not None
    assert found.end == pytest.approx(40.0)


def test_kinds_that_are_not_known_make_it_silent() -> None:
    jobs = {f"new{number}": ("new", 0.0) for number in range(5)} | {"a": ("fit", 0.0)}
    assert estimate(0.0, Left(jobs, {}, 1.0), SURE) is None
    assert estimate(0.0, Left(jobs, {}, 1.0), {}) is None
    assert estimate(0.0, Left({}, {}, 1.0), SURE) is None


def test_what_takes_now_a_second_and_now_an_hour_makes_it_silent() -> None:
    wild = {"fit": Kind(1000.0, 3000.0)}
    assert estimate(0.0, Left({"a": ("fit", 0.0)}, {}, 1.0), wild) is None


def test_a_circle_ends_the_search() -> None:
    left = Left({"a": ("fit", 0.0), "b": ("fit", 0.0)}, {"a": ["b"], "b": ["a"]}, at_once=2.0)
    assert estimate(0.0, left, SURE) is not None


def test_two_jobs_tell_of_no_kind() -> None:
    assert kinds_of([("fit", 1.0), ("fit", 2.0)]) == {}
