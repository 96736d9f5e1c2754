"""The Stampede rules, event by event."""

import pytest

from dag_rewriter.logs.events import DagmanEvent, DagmanState, NodeEvent, NodeLogEvent, NodeLogKind
from dag_rewriter.logs.failed_jobs import NodeJobs, Tolerance
from monitord_job.stampede.rows import (
    FilePlaceRow,
    InstanceRow,
    InstanceUpdate,
    InvocationRow,
    JobStateRow,
    Row,
    WorkflowStateRow,
)
from monitord_job.stampede.state import JobDescription, JobFiles, JobPlan, RunState, ScriptPlan
from monitord_job.stampede.transitions import FilesNeeded, apply, detail_needed, files_needed
from monitord_job.stampede.turn import DetailNeeded, Turn
from monitord_job.stampede.workflow_transitions import end_without_last_line, let_second_take_over

POST = ScriptPlan("pegasus-exitcode", "-r $RETURN")
PLANS = {
    "plain": JobPlan("plain", "plain.sub"),
    "posted": JobPlan("posted", "posted.sub", post=POST),
    "prepared": JobPlan("prepared", "prepared.sub", pre=ScriptPlan("plan.sh", "-x"), post=POST),
    "planned": JobPlan("planned", "planned.sub", pre=ScriptPlan("plan.sh", "-x")),
    "deferred": JobPlan("deferred", "deferred.sub", pre=ScriptPlan("wait.sh", ""), pre_deferred=True),
    "tolerant": JobPlan("tolerant", "tolerant.sub", abort_on=3, tolerance=Tolerance(1)),
    "skipped": JobPlan("skipped", "skipped.sub", pre=ScriptPlan("pre.sh", ""), pre_skip=4),
}


def turn_of(*lines: str, turn: Turn | None = None, files: JobFiles | None = None) -> Turn:
    """A turn that took lines of the form `TIME NODE STATE INFO`."""
    turn = turn or Turn(RunState("uuid", "scientist", "/runs/1", PLANS))
    for line in lines:
        time, node, state, info = line.split()
        apply(turn, NodeEvent(int(time), node, state, info, 1), files or JobFiles())
    return turn


def rows(turn: Turn, kind: type) -> list[Row]:
    """Those rows of a turn that are of a kind."""
    return [row for row in turn.rows if isinstance(row, kind)]


def states(turn: Turn) -> list[tuple[str, int, str]]:
    """Job, attempt and state of all states stored."""
    return [(row.job, row.seq, row.state) for row in turn.rows if isinstance(row, JobStateRow)]


def test_a_job_from_submission_to_success():
    turn = turn_of(
        "100 plain SUBMIT 7.0",
        "103 plain EXECUTE 7.0",
        "110 plain JOB_TERMINATED 7.0",
        "110 plain JOB_SUCCESS 0",
    )
    assert rows(turn, InstanceRow) == [
        InstanceRow("plain", 1, {"site": None, "multiplier_factor": 1, "stdin_file": None})
    ]
    assert [row.jobstate_submit_seq for row in turn.rows if isinstance(row, JobStateRow)] == [1, 2, 3, 4]
    (invocation,) = rows(turn, InvocationRow)
    assert isinstance(invocation, InvocationRow)
    assert (invocation.start_time, invocation.remote_duration, invocation.exitcode) == (103, 7, 0)
    update = rows(turn, InstanceUpdate)[-1]
    assert isinstance(update, InstanceUpdate)
    assert update.values["exitcode"] == 0
    assert update.values["local_duration"] == 7


def test_a_retry_is_a_new_instance_and_its_output_the_next():
    turn = turn_of("1 posted SUBMIT 7.0", "2 posted JOB_FAILURE 1", "3 posted POST_SCRIPT_FAILURE 7.0")
    due = files_needed(turn, NodeEvent(9, "posted", "POST_SCRIPT_SUCCESS", "8.0", 1))
    assert isinstance(due, FilesNeeded)
    assert due.output == 0
    turn = turn_of("4 posted SUBMIT 8.0", turn=turn)
    due = files_needed(turn, NodeEvent(9, "posted", "POST_SCRIPT_SUCCESS", "8.0", 1))
    assert isinstance(due, FilesNeeded)
    assert due.output == 1
    assert [(row.job, row.seq) for row in turn.rows if isinstance(row, InstanceRow)] == [
        ("posted", 1),
        ("posted", 2),
    ]


def test_numbers_of_attempts_go_on_over_all_jobs_and_rescue_runs():
    turn = turn_of("1 plain SUBMIT 7.0", "1 posted SUBMIT 8.0", "2 plain JOB_FAILURE 1")
    apply(turn, DagmanEvent(3, DagmanState.STARTED, "20.0"))
    turn = turn_of("4 plain SUBMIT 21.0", turn=turn)
    assert [(row.job, row.seq) for row in turn.rows if isinstance(row, InstanceRow)] == [
        ("plain", 1),
        ("posted", 2),
        ("plain", 3),
    ]


def test_a_pre_script_and_its_job_are_one_instance():
    turn = turn_of(
        "1 prepared PRE_SCRIPT_STARTED -",
        "5 prepared PRE_SCRIPT_SUCCESS -",
        "6 prepared SUBMIT 7.0",
        "7 prepared EXECUTE 7.0",
        "8 prepared JOB_SUCCESS 0",
        "8 prepared POST_SCRIPT_STARTED 7.0",
        "9 prepared POST_SCRIPT_SUCCESS 7.0",
    )
    assert [(seq, state) for _, seq, state in states(turn)] == [
        (1, "PRE_SCRIPT_STARTED"),
        (1, "PRE_SCRIPT_TERMINATED"),
        (1, "PRE_SCRIPT_SUCCESS"),
        (1, "SUBMIT"),
        (1, "EXECUTE"),
        (1, "JOB_SUCCESS"),
        (1, "POST_SCRIPT_STARTED"),
        (1, "POST_SCRIPT_SUCCESS"),
    ]
    scripts = {row.task_submit_seq: row for row in turn.rows if isinstance(row, InvocationRow)}
    assert sorted(scripts) == [-2, -1, 1]
    assert (scripts[-1].remote_duration, scripts[-1].executable) == (4, "plan.sh")


def test_a_pre_script_that_fails_ends_an_attempt_that_ran_nothing():
    turn = turn_of("1 prepared PRE_SCRIPT_STARTED -", "2 prepared PRE_SCRIPT_FAILURE -")
    turn = turn_of("3 prepared PRE_SCRIPT_STARTED -", turn=turn)
    assert [(seq, state) for _, seq, state in states(turn)] == [
        (1, "PRE_SCRIPT_STARTED"),
        (1, "PRE_SCRIPT_TERMINATED"),
        (1, "PRE_SCRIPT_FAILED"),
        (1, "JOB_FAILURE"),
        (2, "PRE_SCRIPT_STARTED"),
    ]


def test_after_a_pre_script_that_failed_and_was_taken_away_another_attempt_begins():
    turn = turn_of("1 planned PRE_SCRIPT_STARTED -", "2 planned PRE_SCRIPT_FAILURE -")
    turn = turn_of("30 planned SUBMIT 9.0", "31 planned EXECUTE 9.0", "32 planned JOB_SUCCESS 0", turn=turn)
    assert [(seq, state) for _, seq, state in states(turn)][-4:] == [
        (1, "JOB_FAILURE"),
        (2, "SUBMIT"),
        (2, "EXECUTE"),
        (2, "JOB_SUCCESS"),
    ]
    assert exitcodes(turn) == [1 << 8, 0]
    assert turn.node("planned").state == "JOB_SUCCESS"


def exitcodes(turn: Turn) -> list[object]:
    """What was stored of the ends of attempts, in order."""
    updates = [row.values for row in turn.rows if isinstance(row, InstanceUpdate)]
    return [values["exitcode"] for values in updates if "exitcode" in values]


def test_a_pre_script_that_fails_is_the_end_also_where_a_post_script_would_follow():
    turn = turn_of("1 prepared PRE_SCRIPT_STARTED -", "2 prepared PRE_SCRIPT_FAILURE 7")
    assert exitcodes(turn) == [7 << 8]
    assert [row.task_submit_seq for row in turn.rows if isinstance(row, InvocationRow)] == [-1]
    # DAGMAN_ALWAYS_RUN_POST
    turn = turn_of(
        "3 prepared POST_SCRIPT_STARTED -",
        "4 prepared POST_SCRIPT_TERMINATED -",
        "4 prepared POST_SCRIPT_SUCCESS 0",
        turn=turn,
    )
    assert exitcodes(turn) == [7 << 8, 0]
    assert turn.node("prepared").seq == 1


@pytest.mark.parametrize("code", ["-", "4"])
def test_a_pre_script_may_say_that_the_node_is_done(code):
    # The JOBSTATE_LOG does not have the code of the script, dagman.out does.
    turn = turn_of("1 skipped PRE_SCRIPT_STARTED -", f"1 skipped PRE_SCRIPT_FAILURE {code}")
    assert exitcodes(turn) == []
    turn = turn_of("1 skipped PRESKIP 0.2147483647", turn=turn)
    assert exitcodes(turn) == [0]
    assert [state for _, _, state in states(turn)][-3:] == ["PRE_SCRIPT_FAILED", "PRESKIP", "JOB_SUCCESS"]
    assert [row.task_submit_seq for row in turn.rows if isinstance(row, InvocationRow)] == [-1]


def test_another_code_of_that_script_is_a_failure():
    turn = turn_of("1 skipped PRE_SCRIPT_STARTED -", "1 skipped PRE_SCRIPT_FAILURE 5")
    assert exitcodes(turn) == [5 << 8]
    assert states(turn)[-1][2] == "JOB_FAILURE"


def test_the_jobs_of_one_cluster_are_one_attempt():
    lines = [f"{n} plain SUBMIT 7.{n}" for n in range(3)]
    turn = turn_of(*lines, "3 plain EXECUTE 7.0", "4 plain JOB_TERMINATED 7.0", "5 plain SUBMIT 7.3")
    turn = turn_of("6 plain JOB_TERMINATED 7.3", "6 plain JOB_SUCCESS 0", turn=turn)
    assert len(rows(turn, InstanceRow)) == 1
    assert turn.node("plain").submits == 1
    assert next(row.values for row in turn.rows if isinstance(row, InstanceUpdate)) == {"sched_id": "7.0"}
    assert [state for _, _, state in states(turn)].count("SUBMIT") == 4
    turn = turn_of("7 plain SUBMIT 8.0", turn=turn)
    assert (turn.node("plain").seq, turn.node("plain").submits) == (2, 2)


def test_a_noop_node_that_runs_again_is_another_attempt():
    lines = ["1 plain SUBMIT 0.2147483647", "1 plain JOB_TERMINATED 0.2147483647", "1 plain JOB_FAILURE 1"]
    turn = turn_of(*lines, "2 plain SUBMIT 0.2147483647")
    assert turn.node("plain").seq == 2


def test_the_planners_log_is_counted_as_the_planner_counts():
    turn = turn_of(
        "1 planned PRE_SCRIPT_STARTED -", "2 planned PRE_SCRIPT_FAILURE -", "3 planned PRE_SCRIPT_STARTED -"
    )
    due = files_needed(turn, NodeEvent(4, "planned", "PRE_SCRIPT_FAILURE", "-", 1))
    assert isinstance(due, FilesNeeded)
    assert (due.planner_log, due.retry) == (True, 1)


def test_the_post_script_has_the_last_word():
    turn = turn_of("1 posted SUBMIT 7.0", "2 posted JOB_SUCCESS 0", "2 posted POST_SCRIPT_STARTED 7.0")
    turn.add_detail(NodeLogEvent(NodeLogKind.POST_SCRIPT_TERMINATED, "7.0", "42"))
    turn = turn_of("4 posted POST_SCRIPT_TERMINATED 7.0", "5 posted POST_SCRIPT_FAILURE 7.0", turn=turn)
    update = rows(turn, InstanceUpdate)[-1]
    assert isinstance(update, InstanceUpdate)
    assert update.values["exitcode"] == 42 << 8
    invocations = {row.task_submit_seq: row for row in turn.rows if isinstance(row, InvocationRow)}
    assert (invocations[1].exitcode, invocations[-2].exitcode) == (0, 42 << 8)
    assert invocations[-2].remote_duration == 2


def test_a_signal_is_a_wait_status():
    turn = turn_of("1 plain SUBMIT 7.0", "2 plain JOB_FAILURE -9")
    (invocation,) = rows(turn, InvocationRow)
    assert isinstance(invocation, InvocationRow)
    assert invocation.exitcode == 9


def test_a_held_job_says_why_each_time():
    turn = turn_of("1 plain SUBMIT 7.0")
    turn.add_detail(NodeLogEvent(NodeLogKind.JOB_HELD, "7.0", "no cheese"))
    turn.add_detail(NodeLogEvent(NodeLogKind.JOB_HELD, "7.0", "no wine"))
    turn = turn_of("2 plain JOB_HELD 7.0", "3 plain JOB_RELEASED 7.0", "4 plain JOB_HELD 7.0", turn=turn)
    reasons = [row.reason for row in turn.rows if isinstance(row, JobStateRow) and row.state == "JOB_HELD"]
    assert reasons == ["no cheese", "no wine"]


def test_a_detail_is_asked_for_until_it_is_there():
    turn = turn_of("1 plain SUBMIT 7.0")
    event = NodeEvent(2, "plain", "EXECUTE", "7.0", 1)
    wanted = detail_needed(turn, event)
    assert wanted == DetailNeeded("7.0", NodeLogKind.EXECUTE)
    assert files_needed(turn, event) is None
    assert turn.lacks(wanted)
    turn.add_detail(NodeLogEvent(NodeLogKind.EXECUTE, "7.0", "node7"))
    assert not turn.lacks(wanted)
    apply(turn, event, JobFiles())
    assert turn.node("plain").host == "node7"
    assert turn.details_of("7.0") == ()


def test_only_a_registration_that_succeeded_registers():
    files = JobFiles(JobDescription(job_class=4), registrations=(("f.a", "file:///f.a", "local"),))
    good = turn_of("1 plain SUBMIT 7.0", "2 plain JOB_SUCCESS 0", files=files)
    bad = turn_of("1 plain SUBMIT 7.0", "2 plain JOB_FAILURE 1", files=files)
    assert rows(good, FilePlaceRow) == [FilePlaceRow("f.a", "file:///f.a", "local")]
    assert rows(bad, FilePlaceRow) == []


def test_the_monitor_s_own_node_leaves_no_trace():
    assert turn_of("1 bridle_monitor SUBMIT 3.0", "2 bridle_monitor EXECUTE 3.0").rows == []


def dagman(turn: Turn, *events: tuple[int, DagmanState, str]) -> list[tuple[str, int, int, int | None]]:
    """State, time, restart count and status of the workflow after what DAGMan said."""
    for event in events:
        apply(turn, DagmanEvent(*event))
    return [
        (row.state, row.timestamp, row.restart_count, row.status)
        for row in turn.rows
        if isinstance(row, WorkflowStateRow)
    ]


def test_a_dagman_that_was_killed_or_held_goes_on_with_the_same_run():
    turn = Turn(RunState("uuid", None, None, PLANS))
    assert dagman(
        turn,
        (1, DagmanState.STARTED, "5.0"),
        (2, DagmanState.STARTED, "5.0"),
        (3, DagmanState.FINISHED, "3"),
        (4, DagmanState.STARTED, "5.0"),
        (5, DagmanState.RECOVERY_STARTED, ""),
        (5, DagmanState.RECOVERY_FINISHED, ""),
        (6, DagmanState.FINISHED, "0"),
    ) == [("WORKFLOW_STARTED", 1, 0, None), ("WORKFLOW_TERMINATED", 6, 0, 0)]
    assert turn.workflow.status == 0
    assert not turn.workflow.running


def test_a_rescue_run_counts_as_a_restart():
    turn = Turn(RunState("uuid", None, None, PLANS))
    assert dagman(
        turn,
        (1, DagmanState.STARTED, "5.0"),
        (2, DagmanState.FINISHED, "1"),
        (8, DagmanState.STARTED, "9.0"),
        (9, DagmanState.FINISHED, "0"),
    ) == [
        ("WORKFLOW_STARTED", 1, 0, None),
        ("WORKFLOW_TERMINATED", 2, 0, 1),
        ("WORKFLOW_STARTED", 8, 1, None),
        ("WORKFLOW_TERMINATED", 9, 1, 0),
    ]


def test_a_dagman_that_vanished_is_ended_by_the_next_one():
    turn = Turn(RunState("uuid", None, None, PLANS))
    vanished = ("WORKFLOW_STARTED", 1, 0, None)
    next_one = [("WORKFLOW_TERMINATED", 7, 0, 2), ("WORKFLOW_STARTED", 8, 1, None)]
    assert dagman(turn, (1, DagmanState.STARTED, "5.0"), (8, DagmanState.STARTED, "9.0")) == [vanished]
    let_second_take_over(turn, 10)
    assert dagman(turn) == [vanished], "it may still be refused"
    let_second_take_over(turn, 11)
    assert dagman(turn) == [vanished, *next_one]
    assert dagman(turn, (12, DagmanState.FINISHED, "1"))[3:] == [("WORKFLOW_TERMINATED", 12, 1, 1)]


@pytest.mark.parametrize(
    ("state", "info"),
    [(DagmanState.RECOVERY_STARTED, ""), (DagmanState.FINISHED, "0"), (DagmanState.STARTED, "11.0")],
)
def test_a_second_dagman_that_goes_on_has_the_run(state, info):
    turn = Turn(RunState("uuid", None, None, PLANS))
    found = dagman(turn, (1, DagmanState.STARTED, "5.0"), (8, DagmanState.STARTED, "9.0"), (8, state, info))
    assert found[1:3] == [("WORKFLOW_TERMINATED", 7, 0, 2), ("WORKFLOW_STARTED", 8, 1, None)]
    assert turn.workflow.dagman_id == "9.0"


def test_a_second_dagman_that_is_refused_by_the_lock_changes_nothing():
    turn = Turn(RunState("uuid", None, None, PLANS))
    dagman(turn, (1, DagmanState.STARTED, "5.0"))
    before = turn.workflow
    dagman(turn, (8, DagmanState.STARTED, "9.0"))
    turn = turn_of("8 plain SUBMIT 7.0", turn=turn)
    found = dagman(turn, (9, DagmanState.FINISHED, "1"), (20, DagmanState.FINISHED, "0"))
    assert before.running
    assert found == [("WORKFLOW_STARTED", 1, 0, None), ("WORKFLOW_TERMINATED", 20, 0, 0)]


def test_a_dagman_that_the_schedd_took_away_beside_a_second_one():
    turn = Turn(RunState("uuid", None, None, PLANS))
    dagman(turn, (1, DagmanState.STARTED, "5.0"), (8, DagmanState.STARTED, "9.0"))
    end_without_last_line(turn, 9, 137)
    assert dagman(turn)[1:] == [("WORKFLOW_TERMINATED", 9, 0, 137), ("WORKFLOW_STARTED", 8, 1, None)]


def test_a_turn_leaves_the_state_before_it_alone_until_it_is_committed():
    before = RunState("uuid", None, None, PLANS)
    turn = turn_of("1 plain SUBMIT 7.0", turn=Turn(before))
    assert before.nodes == {}
    assert before.workflow.last_seq == 0
    after = turn.absorbed()
    assert after.nodes["plain"].sched_id == "7.0"
    assert after.workflow.last_seq == 1


def test_what_dagman_repeats_in_recovery_is_stored_once():
    lines = (
        "9 posted SUBMIT 7.0",
        "10 posted JOB_TERMINATED 7.0",
        "10 posted JOB_FAILURE 1",
        "10 posted POST_SCRIPT_FAILURE 7.0",
        "10 posted SUBMIT 8.0",
    )
    turn = turn_of(*lines)
    before = list(turn.rows)
    apply(turn, DagmanEvent(12, DagmanState.RECOVERY_STARTED, ""))
    turn = turn_of(*lines[1:], turn=turn)
    assert turn.rows == before
    apply(turn, DagmanEvent(12, DagmanState.RECOVERY_FINISHED, ""))
    turn = turn_of("13 posted EXECUTE 8.0", turn=turn)
    assert states(turn)[-1] == ("posted", 2, "EXECUTE")


def test_outside_recovery_the_same_word_twice_in_a_second_is_two_events():
    turn = turn_of(
        "1 plain SUBMIT 7.0", "2 plain JOB_HELD 7.0", "2 plain JOB_RELEASED 7.0", "2 plain JOB_HELD 7.0"
    )
    assert [state for _, _, state in states(turn)] == ["SUBMIT", "JOB_HELD", "JOB_RELEASED", "JOB_HELD"]


def test_two_dagmans_at_once_end_an_attempt_once():
    """HTCondor 23 runs a second one beside the orphan of a dead master (seen): both write the same words."""
    turn = turn_of(
        "1 prepared PRE_SCRIPT_STARTED -",
        "2 prepared PRE_SCRIPT_SUCCESS -",
        "2 prepared PRE_SCRIPT_SUCCESS -",
    )
    turn = turn_of("3 prepared SUBMIT 7.0", "4 prepared JOB_SUCCESS 0", "4 prepared JOB_SUCCESS 0", turn=turn)
    both = (
        "5 prepared POST_SCRIPT_SUCCESS 7.0",
        "5 prepared JOB_TERMINATED 7.0",
        "6 prepared POST_SCRIPT_FAILURE 7.0",
    )
    turn = turn_of(*both, turn=turn)
    assert [row.task_submit_seq for row in rows(turn, InvocationRow)] == [-1, 1, -2]
    assert [row.values.get("exitcode") for row in rows(turn, InstanceUpdate)] == [None, 0], (
        "the first word counts"
    )
    assert states(turn)[-1] == ("prepared", 1, "POST_SCRIPT_FAILED"), "what was said is kept all the same"
    turn = turn_of("7 prepared SUBMIT 8.0", "8 prepared JOB_SUCCESS 0", turn=turn)
    assert states(turn)[-1] == ("prepared", 2, "JOB_SUCCESS"), "the next attempt is another"


def test_a_job_s_end_that_is_told_twice_is_stored_once():
    turn = turn_of("1 plain SUBMIT 7.0", "2 plain JOB_SUCCESS 0", "3 plain JOB_SUCCESS 0")
    assert len(rows(turn, InvocationRow)) == 1


def test_a_pre_script_that_is_put_off_is_one_attempt():
    """SCRIPT DEFER: DAGMan (25.14.1) writes a start for each time, and one end."""
    started = [f"{time} deferred PRE_SCRIPT_STARTED -" for time in (100, 101, 103)]
    turn = turn_of(*started, "104 deferred PRE_SCRIPT_SUCCESS -", "105 deferred SUBMIT 7.0")
    assert [row.seq for row in rows(turn, InstanceRow)] == [1]
    more = ("106 deferred JOB_FAILURE 1", "107 deferred PRE_SCRIPT_STARTED -")
    assert [row.seq for row in rows(turn_of(*more, turn=turn), InstanceRow)] == [1, 2]
    twice = turn_of(*(line.replace("deferred", "prepared") for line in started[:2]))
    assert [row.seq for row in rows(twice, InstanceRow)] == [1, 2], "without DEFER another DAGMan started it"


def test_a_cluster_that_materializes_late_is_one_attempt():
    turn = turn_of(
        "100 plain CLUSTER_SUBMIT 56.-1",
        "100 plain SUBMIT 56.0",
        "102 plain JOB_TERMINATED 56.0",
        "102 plain SUBMIT 56.1",
        "104 plain JOB_TERMINATED 56.1",
        "104 plain CLUSTER_REMOVE 56.-1",
        "104 plain JOB_SUCCESS 0",
    )
    assert [row.seq for row in rows(turn, InstanceRow)] == [1]
    assert states(turn)[0] == ("plain", 1, "SUBMIT")


@pytest.mark.parametrize(
    ("word", "jobs", "ends_as", "exitcode"),
    [
        ("JOB_FAILURE 3", NodeJobs(2, 1, 3), "JOB_SUCCESS", 0),
        ("JOB_SUCCESS 0", NodeJobs(4, 2, 3), "JOB_FAILURE", 768),
        ("JOB_FAILURE 3", None, "JOB_FAILURE", 768),
    ],
)
def test_an_attempt_ends_as_dagman_takes_its_failed_jobs(word, jobs, ends_as, exitcode):
    begun = turn_of(
        "100 tolerant SUBMIT 7.0",
        "100 tolerant SUBMIT 7.1",
        "103 tolerant EXECUTE 7.0",
        "110 tolerant JOB_TERMINATED 7.0",
        "111 tolerant JOB_TERMINATED 7.1",
    )
    turn = turn_of(f"111 tolerant {word}", turn=begun, files=JobFiles(jobs=jobs))
    assert states(turn)[-1] == ("tolerant", 1, ends_as)
    (update,) = [row for row in rows(turn, InstanceUpdate) if "exitcode" in row.values]
    assert update.values["exitcode"] == exitcode
    # ABORT-DAG-ON is about what DAGMan's word says, tolerated or not.
    assert turn.workflow.aborted_by == ("job" if "3" in word else None)
