"""The phases of an attempt, from its states."""

from __future__ import annotations

import pytest

from monitord_job.outcome.phases import Phase, segments

ENDED = [("SUBMIT", 10.0), ("EXECUTE", 20.0), ("JOB_TERMINATED", 80.0), ("JOB_SUCCESS", 80.0)]
POST = [("POST_SCRIPT_STARTED", 81.0), ("POST_SCRIPT_TERMINATED", 83.0), ("POST_SCRIPT_SUCCESS", 83.0)]


def said(steps: list[tuple[str, float]], until: float | None = None) -> list[tuple]:
    return [(one.phase, one.begin, one.seconds) for one in segments(steps, until)]


def test_an_attempt_with_both_scripts() -> None:
    pre = [("PRE_SCRIPT_STARTED", 1.0), ("PRE_SCRIPT_TERMINATED", 5.0), ("PRE_SCRIPT_SUCCESS", 5.0)]
    assert said([*pre, *ENDED, *POST]) == [
        (Phase.PRE, 1, 4),
        (Phase.QUEUED, 10, 10),
        (Phase.RUNNING, 20, 60),
        (Phase.POST, 81, 2),
    ]


def test_the_remote_scheduler_has_its_own_time() -> None:
    steps = [("SUBMIT", 10.0), ("GRID_SUBMIT", 12.0), ("EXECUTE", 20.0), ("JOB_TERMINATED", 21.0)]
    assert said(steps) == [(Phase.QUEUED, 10, 2), (Phase.DELAY, 12, 8), (Phase.RUNNING, 20, 1)]


@pytest.mark.parametrize(
    ("state", "back"), [("JOB_EVICTED", "EXECUTE"), ("JOB_SUSPENDED", "JOB_UNSUSPENDED")]
)
def test_what_is_stopped_runs_twice(state: str, back: str) -> None:
    steps = [*ENDED[:2], (state, 30.0), (back, 50.0), *ENDED[2:]]
    ran = [one for one in said(steps) if one[0] is Phase.RUNNING]
    assert ran == [(Phase.RUNNING, 20, 10), (Phase.RUNNING, 50, 30)]


def test_a_held_job_waits_again_when_it_is_released() -> None:
    steps = [*ENDED[:2], ("JOB_HELD", 30.0), ("JOB_RELEASED", 45.0), ("EXECUTE", 50.0), *ENDED[2:]]
    assert said(steps)[2:4] == [(Phase.HELD, 30, 15), (Phase.QUEUED, 45, 5)]


def test_what_has_not_ended_goes_on() -> None:
    assert said(ENDED[:2], until=70.0)[-1] == (Phase.RUNNING, 20, 50)
    assert said(ENDED[:2])[-1] == (Phase.QUEUED, 10, 10)


def test_a_job_of_less_than_a_second_did_run() -> None:
    assert said([("SUBMIT", 10.0), ("EXECUTE", 10.0), ("JOB_TERMINATED", 10.0)]) == [(Phase.RUNNING, 10, 0)]


def test_a_clock_that_goes_back_gives_no_negative_time() -> None:
    steps = [("SUBMIT", 10.0), ("EXECUTE", 5.0), ("JOB_TERMINATED", 2.0)]
    assert all(one.seconds >= 0 for one in segments(steps))


def test_an_unknown_state_changes_nothing() -> None:
    assert said([*ENDED[:2], ("IMAGE_SIZE", 30.0), *ENDED[2:]]) == said(ENDED)
