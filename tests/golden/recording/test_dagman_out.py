"""The two logs that one DAGMan wrote of the same run must tell the same."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from dag_rewriter.logs import jobstate_log
from dag_rewriter.logs.events import DagmanEvent, JobstateLine, NodeEvent
from monitord_job.logs.dagman_out import parse_lines
from monitord_job.logs.dagman_out_state import DagmanOutState

RUNS = Path(__file__).with_name("dagman_out")

Told = tuple[str, str, str]


def from_dagman_out(run: str) -> list[JobstateLine]:
    lines = (RUNS / f"{run}.dagman.out").read_bytes().split(b"\n")
    return [event for _, event in parse_lines(DagmanOutState(), lines, UTC)[1]]


def from_jobstate_log(run: str) -> list[JobstateLine]:
    lines = (RUNS / f"{run}.jobstate.log").read_bytes().split(b"\n")
    return [jobstate_log.parse(line) for line in lines if line]


def told(event: JobstateLine) -> Told:
    """What an event tells; for scripts the one log has a job id where the other has an exit code."""
    if isinstance(event, DagmanEvent):
        return "", event.state.name, event.info
    assert isinstance(event, NodeEvent)
    by_dagman = (
        event.state.startswith(("PRE_SCRIPT", "POST_SCRIPT")) and event.state != "POST_SCRIPT_TERMINATED"
    )
    return event.node, event.state, "" if by_dagman else event.info


def test_the_same_events_in_the_same_order():
    assert [told(event) for event in from_dagman_out("plain")] == [
        told(event) for event in from_jobstate_log("plain")
    ]


@pytest.mark.parametrize("run", ["plain", "killed"])
def test_the_times_are_those_of_the_events_or_soon_after_where_dagman_judges(run):
    # DAGMan looks at its log once a second, and ran one POST script at a time here.
    by_event = {(told(event), event.time) for event in from_jobstate_log(run)}
    for event in from_dagman_out(run):
        if (told(event)[0], told(event)[1]) not in AGAIN:
            assert any((told(event), event.time - late) in by_event for late in range(3)), event


AGAIN = [("E", "PRE_SCRIPT_STARTED"), ("E", "PRE_SCRIPT_SUCCESS")]
"""A PRE script that the new DAGMan ran again: dated before DAGMan's death, so its JOBSTATE_LOG takes it for told."""


def test_after_a_kill_nothing_is_doubled_and_what_ran_again_is_told():
    ours, theirs = (
        [told(event) for event in read("killed")] for read in (from_dagman_out, from_jobstate_log)
    )
    # In recovery DAGMan numbers the attempts anew, and so takes lines of its last second for others (jobstate_log.cpp).
    doubled = [event for event in theirs if theirs.count(event) == 2 and event[0] in ("C", "I")]
    at = len(theirs) - theirs[::-1].index(doubled[0]) - 1
    once = theirs[:at] + theirs[at + len(doubled) // 2 :]
    assert len(doubled) == 8
    assert [event for event in ours if event[:2] not in AGAIN] == [
        event for event in once if event[:2] not in AGAIN
    ]
    assert [event[:2] for event in ours].count(AGAIN[0]) == [event[:2] for event in theirs].count(
        AGAIN[0]
    ) + 1
