"""How long DAGMans were at work, also those whose end nobody told."""

from __future__ import annotations

from monitord_job.outcome.wall_time import State, elapsed, periods, wall_time

RESCUED = [State(True, 100, 0), State(False, 140, 0, 1), State(True, 200, 1), State(False, 230, 1, 0)]


def test_the_pause_before_a_rescue_dag_is_none_of_the_wall_time() -> None:
    assert wall_time(RESCUED, None) == 70
    assert elapsed(RESCUED, None) == 130


def test_a_dagman_that_was_killed_was_at_work_until_the_next_one_started() -> None:
    killed = [State(True, 100, 0), State(True, 160, 1), State(False, 200, 1, 0)]
    assert periods(killed, None) == [(100, 160), (160, 200)]


def test_one_that_is_at_work_was_so_until_the_last_event() -> None:
    assert wall_time([State(True, 100)], 150.5) == 50.5
    assert wall_time([State(True, 100)], None) is None
    assert wall_time([], 7) is None


def test_a_clock_that_was_put_back_gives_no_negative_time() -> None:
    assert wall_time([State(True, 100)], 90) == 0
