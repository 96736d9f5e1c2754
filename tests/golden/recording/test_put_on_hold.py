"""DAGMAN_PUT_FAILED_JOBS_ON_HOLD: DAGMan submits a job that failed once more, on hold; why it failed is said, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job.analysis.collect import Scope, analyse
from monitord_job.cli.common import open_run
from monitord_job.database.queries.run_values import Job, WorkflowSummary
from monitord_job.database.queries.runs import progress
from monitord_job.database.reading import open_database
from monitord_job.database.url import database_of
from monitord_job.diagnosis.run_states import Condition, Diagnosis, StoppedJob
from monitord_job.diagnosis.stopped_jobs import holds_in, with_failures
from monitord_job.jobs.queries.one_job import find_job
from monitord_job.jobs.queries.rows import attempt_rows
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.outcome.queue_holds import QueueHolds
from monitord_job.readers.status import read_status, with_held
from monitord_job.statistics.queries.questions import asking
from monitord_job.statistics.queries.workflows import run_of
from monitord_job.watch.look import Memory, look
from monitord_job.watch.news import line_of
from tests.support.played import Played

REASON = "submitted on hold at user's request"
TOLD = f"{REASON} (the attempt before: exit code 3)"
HELD = """012 (102.000.000) 2026-11-23 05:27:28 Job was held.
\tsubmitted on hold at user's request
\tCode 15 Subcode 0
...
"""


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """`fit` has failed, and is submitted again."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB fit a.sub\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true"))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("fit", 3)
    played.say("fit SUBMIT 102.0 - - 2")
    return played


def of_fit(run: WorkflowSummary) -> Job:
    (job,) = (job for job in run.jobs if job.name == "fit")
    return job


def test_the_queue_says_what_no_log_says(played: Played) -> None:
    """HTCondor 25.14 logs no hold of a job that is submitted like that."""
    submit_dir = played.write()
    run = read_status(submit_dir)
    assert of_fit(run).status is NodeStatus.QUEUED
    held = with_failures((StoppedJob("fit", "102.0", REASON), StoppedJob("b", "9.0", "no space")), submit_dir)
    assert [one.reason for one in held] == [TOLD, "no space"]
    job = of_fit(with_held(run, Diagnosis(Condition.RUNNING, "", held=held)))
    assert (job.status, job.cause and job.cause.phrase) == (NodeStatus.HELD, f"held: {TOLD}")


def test_the_analyzer_hears_of_it_from_the_queue_too(played: Played) -> None:
    submit_dir = played.write()
    run = read_status(submit_dir)
    held = with_failures((StoppedJob("fit", "102.0", REASON),), submit_dir)
    run = with_held(run, Diagnosis(Condition.RUNNING, "", held=held))
    with asking(database_of(submit_dir)) as questions:
        scope = Scope(held=holds_in(held))
        analysis = analyse(questions, submit_dir.wf_uuid or "", scope)
    (group,) = analysis.held.groups
    assert (group.cause, group.names) == (f"held: {TOLD}", ("fit",))
    assert group.first.instance == 1, "what the attempt that failed wrote is shown"
    assert analysis.failing.groups == ()
    assert analysis.run.count() == run.count()


def test_a_hold_that_is_not_stored_yet_is_told_as_the_queue_has_it(played: Played) -> None:
    played.say("fit EXECUTE 102.0 - - 2")
    run = read_status(played.write())
    assert of_fit(run).status is NodeStatus.RUNNING
    there = (StoppedJob("fit", "102.0", "no space"), StoppedJob("below/b", "9.0", "no space"))
    told = with_held(run, Diagnosis(Condition.RUNNING, "", held=there))
    job = of_fit(told)
    assert (job.status, job.cause and job.cause.phrase) == (NodeStatus.HELD, "held: no space")
    assert told.held_below == 1


def test_jobs_and_watch_hear_of_it_from_the_queue_too(played: Played) -> None:
    submit_dir = played.write()
    read_status(submit_dir)
    engine = open_database(database_of(submit_dir))
    try:
        stored = progress(engine, submit_dir.wf_uuid or "")
    finally:
        engine.dispose()
    held = QueueHolds.of([("102.1", "no space")])  # another job of the same cluster
    with asking(database_of(submit_dir)) as questions:
        workflows, _ = run_of(questions, submit_dir.wf_uuid or "")
        rows = [row for row in attempt_rows(questions, workflows, 0.0, {}, held=held) if row.job == "fit"]
        assert [row.status for row in rows] == [NodeStatus.FAILED, NodeStatus.HELD]
        *_, newest = find_job(questions, workflows, "fit", 0.0, held).attempts
        assert (newest.row.status, newest.cause and newest.cause.phrase) == (
            NodeStatus.HELD,
            "held: no space",
        )
        moment = look(questions, stored, 0.0, Memory(), held)
        before = look(questions, stored, 0.0, Memory())
    (node,) = moment.held
    assert line_of(node) == "held: fit (job 102.0): no space"
    assert moment.counts() - before.counts() == {NodeStatus.HELD: 1}
    assert before.counts() - moment.counts() == {NodeStatus.QUEUED: 1}
    assert before.held == ()


def test_where_the_hold_is_logged_it_is_the_same(played: Played) -> None:
    played.say("fit JOB_HELD 102.0 - - 2")
    submit_dir = played.write()
    submit_dir.nodes_log.write_text(HELD)
    job = of_fit(read_status(submit_dir))
    assert (job.status, job.cause and job.cause.phrase) == (NodeStatus.HELD, f"held: {TOLD}")
