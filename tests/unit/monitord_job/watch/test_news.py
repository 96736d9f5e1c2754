"""Each hold and each failure is told once, whoever says it first; each change of a workflow is a line."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from monitord_job.database.queries.run_values import WorkflowProgress
from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.watch.moment import Moment, NodeNow, WorkflowNow
from monitord_job.watch.news import News

HELD = NodeNow(
    (3, "x", 1), "s/t/x", NodeStatus.HELD, 50, "7.0", cause=Cause(CauseKind.HELD, reason="no room")
)
FAILED = NodeNow(
    (1, "a", 2), "a", NodeStatus.FAILED, 60, "8.0", cause=Cause(CauseKind.JOB, code=3), output="a.err.000"
)


def moment(done: int = 0, *, below: int = 0, held=(), failed=()) -> Moment:
    counts = Counter({NodeStatus.SUCCEEDED: done, NodeStatus.RUNNING: 1})
    run = WorkflowProgress("u", "w", 1, None, None, 0, 5, counts, held_below=len(held))
    sub = WorkflowNow(3, "s/t", "t", 2, Counter({NodeStatus.SUCCEEDED: below}))
    return Moment(
        100.0, run, (WorkflowNow(1, "", "w", 5, counts), sub), held=tuple(held), failed=tuple(failed)
    )


def test_a_hold_in_a_sub_workflow_of_a_sub_workflow_is_told_once_and_again_when_it_is_another() -> None:
    news = News()
    assert list(news.of(moment(held=[HELD]))) == [
        "held: s/t/x (job 7.0): no room",
        "0 of 5 jobs done (1 running, 1 held in sub-workflows)",
    ]
    assert list(news.of(moment(held=[HELD]))) == []
    assert list(news.of(moment())) == ["0 of 5 jobs done (1 running)"]
    again = replace(HELD, since=70)
    assert next(news.of(moment(held=[again]))) == "held: s/t/x (job 7.0): no room"


def test_a_hold_waits_for_its_reason_but_not_for_long() -> None:
    news, bare = News(), replace(HELD, cause=None, since=98)
    assert [line for line in news.of(moment(held=[bare])) if line.startswith("held")] == []
    later = replace(moment(held=[bare]), now=104.0)
    assert next(news.of(later)) == "held: s/t/x (job 7.0)"


def test_what_the_queue_told_first_is_not_told_once_more() -> None:
    news = News()
    assert not news.is_told("held: s/t/x (job 7.0): Error from slot1: no room")
    assert [line for line in news.of(moment(held=[HELD])) if line.startswith("held")] == []
    other = News()
    list(other.of(moment(held=[HELD])))
    assert other.is_told("held: s/t/x (job 7.0): Error from slot1: no room")


def test_a_hold_that_the_queue_knew_before_it_was_stored_is_told_once() -> None:
    news, early = News(), replace(HELD, since=20)
    assert not news.is_told("held: s/t/x (job 7.0): no room")
    for held in (early, HELD, HELD):
        assert [line for line in news.of(moment(held=[held])) if line.startswith("held")] == []


def test_a_failure_says_where_to_look_and_whether_it_is_tried_again() -> None:
    news = News()
    lines = list(news.of(moment(failed=[FAILED, replace(FAILED, key=(1, "a", 1), since=40, again=True)])))
    assert lines[:2] == [
        "failed, tried again: a (job 8.0, see a.err.000): exit code 3",
        "failed: a (job 8.0, see a.err.000): exit code 3",
    ]


def test_how_far_each_workflow_is() -> None:
    news = News()
    assert list(news.of(moment())) == ["0 of 5 jobs done (1 running)"]
    assert list(news.of(moment(done=2, below=1))) == ["2 of 5 jobs done (1 running)", "s/t: 1 of 2 jobs done"]
    assert list(news.of(moment(done=2, below=1))) == []


def test_a_thousand_failures_at_once_are_a_hundred_lines() -> None:
    many = [replace(FAILED, key=(1, f"n{number}", 1), node=f"n{number}") for number in range(1000)]
    lines = [line for line in News().of(moment(failed=many)) if line.startswith("failed")]
    assert len(lines) == 101
    assert lines[0] == "failed: 900 more; `bridle status` has them"


def test_nothing_in_a_reason_moves_the_cursor() -> None:
    bad = replace(HELD, cause=Cause(CauseKind.HELD, reason="a\x1b[2J\nb"))
    assert next(News().of(moment(held=[bad]))) == "held: s/t/x (job 7.0): a b"
