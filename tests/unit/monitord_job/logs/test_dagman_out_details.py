"""What DAGMan's debug log says beyond the JOBSTATE_LOG, as HTCondor 23.9 and 25.14 write it."""

from __future__ import annotations

import pytest

from dag_rewriter.logs.events import NodeLogEvent, NodeLogKind
from monitord_job.logs.dagman_out_details import parse_lines

T = b"11/30/26 03:25:02 "
PRE, SUBMIT = NodeLogKind.PRE_SCRIPT_FAILED, NodeLogKind.SUBMIT_FAILED
NEW = [
    T + b"Submitting HTCondor Node fit job(s)...",
    T + b"Submitting node fit from file odd.sub using direct job submission",
    T + b"ERROR: on Line 5 of submit file: failed to create job classad",
    T + b"submit error: Submit:-1:Parse error in expression: ",
    b"\tRequestMemory = 2 buckets",
    # The message before it ends with a tab, and no newline.
    b"\t" + T + b"Event: ULOG_SUBMIT_FAILURE for HTCondor Node fit (-1.-1.-1) {11/30/26 03:25:02} "
    b"failed to create job classad: Submit:-1:Parse error in expression:  \tRequestMemory = 2 buckets \t",
    T + b"Node submit failed after 1 try.",
]
OLD = [
    T + b"Submitting HTCondor Node DONE job(s)...",
    T + b"ERROR: on Line 5 of submit file: failed to create job classad",
    T + b"Job submit try 1/2 failed, will try again in >= 1 second.",
    T + b"Submitting HTCondor Node DONE job(s)...",
    T + b"From submit: ERROR: Can't open a.b+c",
    T + b"Node submit failed after 2 tries.",
]


@pytest.mark.parametrize(
    ("line", "node", "code"),
    [
        (b"PRE Script of Node a.b+c failed with status 9", "a.b+c", "9"),
        (b"PRE Script of Job A failed with status 1", "A", "1"),
        (b"PRE Script of node A died on signal 9 (Killed)", "A", "-9"),
        (b"PRE Script of node A died on exception 5", "A", "1"),
    ],
)
@pytest.mark.parametrize("stamp", [T, b"2026-11-30T03:25:02+0100 (D_ALWAYS) ", b""])
def test_the_code_of_a_pre_script_whatever_the_time_looks_like(stamp, line, node, code):
    assert parse_lines("", [stamp + line]) == ("", [NodeLogEvent(PRE, node, code)])


def test_a_pre_script_that_is_good_or_put_off_says_nothing():
    lines = [b"PRE Script of node A completed successfully.", b"Deferring PRE script of node A for 1 seconds"]
    assert parse_lines("", lines) == ("", [])


def test_why_a_job_was_not_taken():
    reason = "failed to create job classad: Submit:-1:Parse error in expression: RequestMemory = 2 buckets"
    assert parse_lines("", NEW) == ("", [NodeLogEvent(SUBMIT, "fit", reason)])


def test_why_a_job_was_not_taken_by_an_older_dagman_at_each_try():
    found = [
        NodeLogEvent(SUBMIT, "DONE", "on Line 5 of submit file: failed to create job classad"),
        NodeLogEvent(SUBMIT, "DONE", "Can't open a.b+c"),
    ]
    assert parse_lines("", OLD) == ("", found)


@pytest.mark.parametrize("lines", [NEW, OLD])
def test_a_log_that_is_read_in_two_parts_says_the_same(lines):
    whole = parse_lines("", lines)[1]
    for cut in range(len(lines)):
        memo, before = parse_lines("", lines[:cut])
        assert before + parse_lines(memo, lines[cut:])[1] == whole
