"""What is stored of an attempt, and the cause that follows: one line for each way in which an attempt ends."""

from __future__ import annotations

import pytest

from monitord_job.outcome.attempt import POST_TASK, PRE_TASK, AttemptFacts, cause_of
from monitord_job.outcome.cause import Cause, CauseKind, of_status
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import NodeStatus, node_status
from monitord_job.stampede.wait_status import raw_status

REMOVED = raw_status(-1002)


def attempt(states: str, exitcode: int | None = None, *, judged: bool = False, **codes: int) -> Cause | None:
    """`states`: words, each perhaps with `=reason`; codes of tasks as `t1`, of scripts as `pre` and `post`."""
    told = [word.partition("=") for word in states.split(" ")]
    numbers = {"pre": PRE_TASK, "post": POST_TASK}
    return cause_of(
        AttemptFacts(
            tuple((word, reason.replace("_", " ") or None) for word, _, reason in told),
            exitcode,
            {numbers.get(name) or int(name[1:]): raw for name, raw in codes.items()},
            judged,
        )
    )


CASES = {
    "goes on": (attempt("SUBMIT EXECUTE"), None),
    "good": (attempt("SUBMIT EXECUTE JOB_SUCCESS", 0, t1=0), None),
    "exit code": (attempt("SUBMIT EXECUTE JOB_FAILURE", raw_status(3), t1=raw_status(3)), "exit code 3"),
    "signal": (attempt("SUBMIT EXECUTE JOB_FAILURE", 9, t1=9), "signal 9"),
    "second of the tasks": (
        attempt("SUBMIT JOB_FAILURE", raw_status(1), t1=0, t2=raw_status(5), t3=9),
        "task 2: exit code 5",
    ),
    "removed": (
        attempt("SUBMIT EXECUTE JOB_ABORTED=the_disk_is_full JOB_FAILURE", REMOVED, t1=REMOVED),
        "removed: the disk is full",
    ),
    "removed, DAGMan had left": (attempt("SUBMIT EXECUTE JOB_ABORTED=a_whim"), "removed: a whim"),
    "removed with its DAGMan": (
        attempt("SUBMIT JOB_ABORTED=removed_because_of_another JOB_FAILURE", REMOVED),
        "removed because of another",
    ),
    "removed without a reason": (
        attempt("SUBMIT JOB_FAILURE", REMOVED),
        "removed: no reason is known",
    ),
    "removed from its hold": (
        attempt("SUBMIT JOB_HELD=no_space JOB_ABORTED=PeriodicRemove JOB_FAILURE", REMOVED),
        "removed while held: no space (removal: PeriodicRemove)",
    ),
    "removed after its hold was over": (
        attempt("SUBMIT JOB_HELD=no_space JOB_RELEASED EXECUTE JOB_ABORTED=a_whim JOB_FAILURE", REMOVED),
        "removed: a whim",
    ),
    "removed, and its POST script failed": (
        attempt("SUBMIT JOB_ABORTED=a_whim JOB_FAILURE POST_SCRIPT_FAILED", 256, t1=REMOVED, post=256),
        "removed: a whim",
    ),
    "the first of several jobs failed, DAGMan removed the others": (
        attempt("SUBMIT JOB_TERMINATED JOB_ABORTED=by_DAGMan JOB_FAILURE", raw_status(3), t1=raw_status(3)),
        "exit code 3",
    ),
    "one of several jobs was removed after others had ended": (
        attempt("SUBMIT JOB_TERMINATED JOB_ABORTED=a_whim JOB_FAILURE", REMOVED, t1=REMOVED),
        "removed: a whim",
    ),
    "held": (attempt("SUBMIT JOB_HELD=no_space"), "held: no space"),
    "not taken": (
        attempt("SUBMIT_FAILED=Parse_error_in_expression"),
        "HTCondor did not take it: Parse error in expression",
    ),
    "not taken, nobody says why": (
        attempt("SUBMIT_FAILED"),
        "HTCondor did not take it: no reason is known",
    ),
    "PRE script": (
        attempt("PRE_SCRIPT_STARTED PRE_SCRIPT_FAILED JOB_FAILURE", raw_status(9), pre=raw_status(9)),
        "PRE script: exit code 9",
    ),
    "PRE script by a signal": (
        attempt("PRE_SCRIPT_STARTED PRE_SCRIPT_FAILED JOB_FAILURE", 15, pre=15),
        "PRE script: signal 15",
    ),
    "PRE script, and POST after it": (
        attempt("PRE_SCRIPT_FAILED POST_SCRIPT_FAILED", raw_status(4), pre=raw_status(9), post=raw_status(4)),
        "PRE script: exit code 9",
    ),
    "POST script of a good job": (
        attempt("SUBMIT JOB_SUCCESS POST_SCRIPT_FAILED", raw_status(9), t1=0, post=raw_status(9)),
        "POST script: exit code 9 (the job itself succeeded)",
    ),
    "POST script by a signal, after a job that failed": (
        attempt("SUBMIT JOB_FAILURE POST_SCRIPT_FAILED", 9, t1=raw_status(3), post=9),
        "POST script: signal 9 (the job itself: exit code 3)",
    ),
    "pegasus-exitcode of a job that failed": (
        attempt("SUBMIT JOB_FAILURE POST_SCRIPT_FAILED", 256, judged=True, t1=raw_status(3), post=256),
        "exit code 3",
    ),
    "pegasus-exitcode that found nothing in a good job": (
        attempt("SUBMIT JOB_SUCCESS POST_SCRIPT_FAILED", 256, judged=True, t1=0, post=256),
        "POST script: exit code 1 (the job itself succeeded)",
    ),
    "pegasus-exitcode that died itself": (
        attempt("SUBMIT JOB_FAILURE POST_SCRIPT_FAILED", 9, judged=True, t1=raw_status(3), post=9),
        "POST script: signal 9 (the job itself: exit code 3)",
    ),
    "POST script that made a failure good": (
        attempt("SUBMIT JOB_FAILURE POST_SCRIPT_SUCCESS", 0, t1=raw_status(3), post=0),
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_causes(case):
    cause, phrase = CASES[case]
    assert (cause and cause.phrase) == phrase


def test_a_sub_workflow_says_what_failed_inside():
    inner = of_status(CauseKind.SUB_WORKFLOW, 1, node="fit", inner=of_status(CauseKind.JOB, 3), others=2)
    cause = of_status(CauseKind.SUB_WORKFLOW, 1, node="below", inner=inner)
    assert cause.phrase == "sub-workflow: below: sub-workflow: fit: exit code 3, and 2 more"
    refused = of_status(CauseKind.SUB_WORKFLOW, 1, reason="ERROR: x.dag: no such node")
    assert refused.phrase == "sub-workflow: ERROR: x.dag: no such node"


@pytest.mark.parametrize("state", ["SUBMIT", "EXECUTE", "JOB_HELD", "JOB_EVICTED", "JOB_ABORTED"])
def test_a_service_that_is_there_at_the_end_is_done(state):
    assert node_status(state, service=True, end=RunEnd.OVER) is NodeStatus.SUCCEEDED


def test_a_node_runs_while_some_of_its_jobs_are_left():
    """DAGMan's verdict follows the end of its last one at once."""
    assert node_status("JOB_TERMINATED") is NodeStatus.RUNNING
    assert node_status("JOB_FAILURE") is NodeStatus.FAILED
    assert node_status("POST_SCRIPT_STARTED") is NodeStatus.POST


@pytest.mark.parametrize("state", ["JOB_FAILURE", "PRE_SCRIPT_FAILED", "POST_SCRIPT_FAILED", "SUBMIT_FAILED"])
def test_a_service_that_failed_by_itself_has_failed(state):
    assert node_status(state, service=True, end=RunEnd.OVER) is NodeStatus.FAILED


def test_a_service_is_held_or_running_while_the_run_goes_on():
    assert node_status("JOB_HELD", service=True) is NodeStatus.HELD
    assert node_status("EXECUTE", service=True) is NodeStatus.RUNNING
    assert node_status("", service=True, end=RunEnd.OVER) is NodeStatus.UNREADY
