"""How a run stands: the queue goes before what is stored, and what is not known is not guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dag_rewriter.logs.dagman_log import DagmanJob
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.diagnosis.run_states import Condition
from monitord_job.outcome.ending import Ending
from monitord_job.runs.run_condition import Witnesses, condition_of, is_live, word_of
from monitord_job.runs.run_record import RunRecord

NEW = RunRecord("/r/x.dag", "x")
BEGUN = RunRecord("/r/x.dag", "x", started=5, begun=5)
QUEUED, ENDED = DagmanJob("7.0"), DagmanJob("7.0", ended=True, code=1)
GOOD = replace(ENDED, code=0)


def job(status: JobStatus, cool_down: int = 0) -> QueuedJob:
    return QueuedJob("7.0", status, cool_down_until=cool_down)


@pytest.mark.parametrize(
    ("record", "seen", "condition"),
    [
        (NEW, Witnesses(9), Condition.NEVER_SUBMITTED),
        (NEW, Witnesses(9, job=job(JobStatus.IDLE)), Condition.WAITING),
        (BEGUN, Witnesses(9, job=job(JobStatus.IDLE, cool_down=10)), Condition.COOLING_DOWN),
        (BEGUN, Witnesses(9, job=job(JobStatus.RUNNING)), Condition.RUNNING),
        (BEGUN, Witnesses(9, job=job(JobStatus.RUNNING), is_halted=True), Condition.HALTED),
        (BEGUN, Witnesses(9, job=job(JobStatus.HELD)), Condition.HELD),
        (BEGUN, Witnesses(9, job=job(JobStatus.REMOVED)), Condition.LEAVING),
        (BEGUN, Witnesses(9, last=QUEUED), Condition.LOST),
        (BEGUN, Witnesses(9, last=QUEUED, lives=True), Condition.ORPHAN),
        (BEGUN, Witnesses(9, asked=False, last=QUEUED), Condition.UNKNOWN),
        (BEGUN, Witnesses(9, asked=False, last=QUEUED, lives=True), Condition.RUNNING),
        (BEGUN, Witnesses(9, here=False), Condition.RUNNING),
        (NEW, Witnesses(9, last=ENDED), Condition.FAILED),
        (BEGUN, Witnesses(9, last=DagmanJob("7.0", ended=True)), Condition.REMOVED),
        (BEGUN, Witnesses(9, last=GOOD), Condition.SUCCEEDED),
        # The job of pegasus-dagman ends with 0 whatever DAGMan does.
        (BEGUN, Witnesses(9, last=GOOD, exited=1), Condition.FAILED),
        (BEGUN, Witnesses(9, last=GOOD, exited=0, failed=1), Condition.FAILED),
        (BEGUN, Witnesses(9, last=GOOD, exited=2, failed=0), Condition.REMOVED),
        (replace(BEGUN, counts={"failed": 1}), Witnesses(9, last=GOOD), Condition.FAILED),
        (
            replace(BEGUN, counts={"failed": 1}),
            Witnesses(9, last=GOOD, exited=0, failed=0),
            Condition.SUCCEEDED,
        ),
    ],
)
def test_the_condition(record: RunRecord, seen: Witnesses, condition: Condition) -> None:
    assert condition_of(record, seen) is condition


@pytest.mark.parametrize("ending", Ending)
def test_a_run_that_ended_is_over_and_runs_again_when_it_is_in_the_queue(ending: Ending) -> None:
    record = RunRecord("/r/x.dag", "x", started=5, begun=5, ended=8, ending=ending.value)
    assert not is_live(condition_of(record, Witnesses(9)))
    assert condition_of(record, Witnesses(9, job=job(JobStatus.RUNNING))) is Condition.RUNNING


def test_a_run_that_nobody_submitted_is_not_started() -> None:
    assert word_of(Condition.NEVER_SUBMITTED) == "not started"
