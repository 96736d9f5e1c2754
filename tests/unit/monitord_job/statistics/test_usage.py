"""What attempts lost when they were stopped, and why."""

from __future__ import annotations

import pytest

from monitord_job.statistics.model.usage import Group, Loss, Lost, Outcome, Step, Usage, interruptions

EVICTED = [("EXECUTE", 10), ("JOB_EVICTED", 25)]


def steps(*words: tuple[str, float], attempt: int = 1) -> list[Step]:
    return [Step(attempt, state, at) for state, at in words]


@pytest.mark.parametrize(
    ("what", "lost", "held_for"),
    [
        (
            [("EXECUTE", 10), ("JOB_EVICTED", 25), ("EXECUTE", 30), ("JOB_TERMINATED", 90)],
            {Loss.EVICTED: Lost(1, 15)},
            0,
        ),
        (
            [
                ("EXECUTE", 10),
                ("JOB_HELD", 25),
                ("JOB_RELEASED", 60),
                ("EXECUTE", 70),
                ("JOB_TERMINATED", 90),
            ],
            {Loss.HELD: Lost(1, 15)},
            35,
        ),
        ([("SUBMIT", 1), ("JOB_HELD", 5), ("JOB_ABORTED", 50)], {Loss.REMOVED: Lost(1, 0)}, 45),
        ([("EXECUTE", 10), ("JOB_ABORTED", 30)], {Loss.REMOVED: Lost(1, 20)}, 0),
        # An eviction that a hold follows at once is one loss.
        (
            [("EXECUTE", 10), ("JOB_EVICTED", 25), ("JOB_HELD", 25), ("JOB_RELEASED", 30)],
            {Loss.EVICTED: Lost(1, 15)},
            5,
        ),
        ([("EXECUTE", 10), ("JOB_TERMINATED", 20)], {}, 0),
    ],
)
def test_what_is_lost_is_what_ran_before_the_stop(what, lost, held_for) -> None:
    assert interruptions(steps(*what)) == (lost, held_for)


def test_attempts_are_kept_apart() -> None:
    found, _ = interruptions(steps(("EXECUTE", 10)) + steps(("JOB_EVICTED", 99), attempt=2))
    assert found == {}


def test_usages_add_up() -> None:
    one = Usage((Group("compute", Outcome.FAILED, 2, 2, 4.0, 3.0, 30.0),), {Loss.FAILED: Lost(2, 30.0)}, 5.0)
    both = one + one
    assert (both.waited, both.started, both.longest_wait, both.ran, both.held_for) == (
        8.0,
        4,
        3.0,
        60.0,
        10.0,
    )
    assert both.lost == {Loss.FAILED: Lost(4, 60.0)}
    (share,) = both.shares()
    assert (share.kind, share.attempts, share.share) == ("compute", 4, 1.0)
