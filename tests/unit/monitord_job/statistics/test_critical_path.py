"""The chain of jobs that made a run as long as it was, and where its time went."""

from __future__ import annotations

from monitord_job.statistics.model.critical_path import Phases, Times, chain, latest_parents, phases

ALL_DAY = [(0.0, 1e6)]


def test_the_chain_goes_back_by_the_parent_that_ended_last() -> None:
    ends = {1: 10.0, 2: 40.0, 3: 50.0, 4: 30.0}
    edges = [(1, 3), (2, 3), (1, 4)]
    assert chain(ends, latest_parents(ends, edges)) == [2, 3]


def test_of_parents_that_ended_together_it_takes_the_same_one_in_whatever_order_they_come() -> None:
    ends = {1: 40.0, 2: 40.0, 3: 50.0}
    edges = [(1, 3), (2, 3)]
    assert (
        chain(ends, latest_parents(ends, edges)) == chain(ends, latest_parents(ends, edges[::-1])) == [1, 3]
    )


def test_a_parent_that_never_ran_holds_nobody_up() -> None:
    ends = {2: 40.0, 3: 50.0}
    assert chain(ends, latest_parents(ends, [(1, 3), (2, 3)])) == [2, 3]
    assert chain({}, {}) == []


def test_edges_that_go_round_end() -> None:
    ends = {1: 10.0, 2: 20.0}
    assert chain(ends, {1: 2, 2: 1}) == [1, 2]


def test_a_pause_between_two_runs_is_neither_a_retry_nor_a_wait_for_dagman() -> None:
    # The first attempt began at 12 and failed; DAGMan left at 20, the next one came at 100.
    found = phases(Times(12, 105, 105, 110, 150, 151), 10, [(0, 20), (100, 200)])
    assert found == Phases(pause=80, dagman=2, retries=13, queue=5, run=40, post=1)
    assert found.total == 151 - 10


def test_all_phases_together_are_the_time_from_the_end_of_the_parent() -> None:
    for times in (
        Times(12, 12, None, None, None, 15),
        Times(12, 12, 14, None, None, 20),
        Times(12, 12, 12, 17, None, 60),
        Times(12, 30, 33, 34, 50, 51),
    ):
        assert phases(times, 10, ALL_DAY).total == times.ended - 10


def test_a_clock_that_goes_back_adds_nothing() -> None:
    assert phases(Times(5, 5, 5, 7, 30, 31), 20, ALL_DAY) == Phases(run=10, post=1)
    assert phases(Times(5, 5, 5, 7, 9, 9), 20, ALL_DAY).total == 0


def test_a_pre_script_comes_before_the_submit() -> None:
    assert phases(Times(12, 12, 20, 22, 30, 31), 12, ALL_DAY).pre == 8
