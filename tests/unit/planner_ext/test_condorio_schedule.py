"""The simulated run: no byte is lost, no limit is exceeded, and no run is shorter than its longest path or its link."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner_ext.condorio.scenarios import Change, scenarios
from planner_ext.condorio.schedule import Limits, Outcome, Plan, Task, simulate

CATEGORIES = (None, "a", "b")
TASKS = st.builds(
    Task,
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(0, 9).map(float),
    st.booleans(),
    st.sampled_from(CATEGORIES),
    st.integers(-2, 2),
)
NUMBERS = st.integers(0, 3)
"""0 is no limit."""
LIMITS = st.builds(
    Limits,
    st.fixed_dictionaries({"a": NUMBERS, "b": NUMBERS}),
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.sampled_from([1.0, 7.0, 1e6]),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    tasks = draw(st.lists(TASKS, max_size=12))
    pairs = [(a, b) for b in range(len(tasks)) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []
    return Plan.of(tasks, edges)


def longest_path(plan: Plan, rate: float) -> float:
    """Seconds that the run takes at least: nodes one after the other, each with the whole link for itself."""
    ends = [0.0] * len(plan.tasks)
    for node, task in enumerate(plan.tasks):
        ends[node] += task.run + (task.sent + task.returned) / rate
        for child in plan.children[node]:
            ends[child] = max(ends[child], ends[node])
    return max(ends, default=0.0)


def never_above(number: int, limit: int) -> bool:
    return not limit or number <= limit


@given(plan=plans(), limits=LIMITS)
@settings(deadline=None)
def test_all_bytes_move_and_no_limit_is_exceeded(plan: Plan, limits: Limits) -> None:
    end = simulate(plan, limits)
    assert end.ended == len(plan.tasks)
    assert end.up.moved == sum(task.sent for task in plan.tasks)
    assert end.down.moved == sum(task.returned for task in plan.tasks)
    assert never_above(end.up.peak, limits.uploads)
    assert never_above(end.down.peak, limits.downloads)
    assert never_above(end.most_jobs, limits.slots)
    in_queue = limits.max_jobs
    assert never_above(end.most_jobs, in_queue)
    assert never_above(end.up.peak, in_queue)
    assert end.makespan >= longest_path(plan, limits.rate) * (1 - 1e-9)
    for side in (end.up, end.down):
        assert side.moved / limits.rate == pytest.approx(side.busy, abs=1e-6)
        assert side.busy <= end.makespan + 1e-6


@given(plan=plans(), number=st.integers(1, 4))
@settings(deadline=None)
def test_a_category_lets_no_more_than_its_limit_transfer(plan: Plan, number: int) -> None:
    found = list(scenarios(plan, Limits(rate=3.0), [number], [(0, 0)] * len(plan.tasks)))
    limited = [one.outcome for one in found if one.change in (Change.CATEGORY, Change.QUEUE)]
    moves = any(task.sent or task.returned for task in plan.tasks)
    assert len(limited) == (2 if moves else 0)
    for end in limited:
        assert end.up.peak <= number
        assert end.down.peak <= number
        assert (end.up.moved, end.down.moved) == (found[0].outcome.up.moved, found[0].outcome.down.moved)
        assert end.ended == len(plan.tasks)


@given(plan=plans(), limits=LIMITS, number=st.integers(1, 5))
@settings(deadline=None)
def test_a_queue_that_is_not_simulated_changes_nothing(plan: Plan, limits: Limits, number: int) -> None:
    found = list(scenarios(plan, limits, [number], [(0, 0)] * len(plan.tasks)))
    for one in found:
        if one.change is Change.QUEUE:
            assert one.outcome == simulate(plan, replace(limits, uploads=number, downloads=number))


@given(plan=plans())
@settings(deadline=None)
def test_without_limits_and_transfers_a_run_takes_its_longest_path(plan: Plan) -> None:
    silent = replace(plan, tasks=[task._replace(sent=0, returned=0) for task in plan.tasks])
    assert simulate(silent, Limits()).makespan == pytest.approx(longest_path(silent, 1.0))


@given(plan=plans(), limits=LIMITS)
@settings(deadline=None)
def test_the_same_plan_goes_the_same_way(plan: Plan, limits: Limits) -> None:
    assert simulate(plan, limits) == simulate(plan, limits)


def end_of(tasks: list[Task], edges: list[tuple[int, int]] | None = None, **limits: object) -> Outcome:
    return simulate(Plan.of(tasks, edges or []), Limits(rate=10.0, **limits))  # type: ignore[arg-type]


def test_transfers_share_the_link_evenly() -> None:
    end = end_of([Task(100, 0, 0.0), Task(50, 0, 0.0)])
    # Both have 50 bytes after 10 s; the rest of the first takes 5 s more.
    assert (end.makespan, end.up.peak, end.up.peak_bytes, end.up.busy) == (15.0, 2, 150, 15.0)


def test_a_queue_of_one_sends_one_after_the_other() -> None:
    end = end_of([Task(100, 0, 0.0), Task(50, 0, 0.0)], uploads=1)
    assert (end.makespan, end.up.peak, end.up.peak_waiting, end.up.waited) == (15.0, 1, 1, 10.0)


def test_a_category_holds_the_run_of_a_job_too_and_a_queue_does_not() -> None:
    jobs = [Task(10, 0, 60.0, category="transfer")] * 4
    assert end_of(jobs, uploads=1).makespan == 64.0
    assert end_of(jobs, categories={"transfer": 1}).makespan == 4 * 61.0


def test_the_highest_priority_goes_first_also_where_its_category_was_full() -> None:
    first = Task(0, 0, 1.0, category="a", priority=1)
    low, high = first._replace(run=5.0, priority=0), first._replace(run=2.0, priority=9)
    # high becomes ready while the category is full, and goes before low, which has waited longer.
    end = end_of([first, low, Task(0, 0, 0.5), high, Task(0, 0, 7.0)], [(2, 3), (3, 4)], categories={"a": 1})
    assert end.makespan == 1.0 + 2.0 + 7.0


def test_a_larger_limit_may_make_a_run_longer() -> None:
    """Graham's anomaly of lists: nobody may promise that more at a time is never slower."""
    times = [3, 2, 2, 2, 4, 4, 4, 4, 9]
    edges = [(0, 8), (3, 4), (3, 5), (3, 6), (3, 7)]
    tasks = [Task(0, 0, float(seconds), category="a", priority=-place) for place, seconds in enumerate(times)]
    takes = [end_of(tasks, edges, categories={"a": number}).makespan for number in (3, 4)]
    assert takes == [12.0, 15.0]


def test_a_graph_with_a_circle_does_not_end() -> None:
    assert end_of([Task(0, 0, 1.0), Task(0, 0, 1.0)], [(0, 1), (1, 0)]).ended == 0
