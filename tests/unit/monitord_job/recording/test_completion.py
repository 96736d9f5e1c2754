"""When nothing more can happen in a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.directory.locate import open_target
from dag_rewriter.logs.events import NodeEvent
from dag_rewriter.logs.failed_jobs import NodeJobs, judged
from dag_rewriter.logs.jobstate_log import parse
from monitord_job.recording.completion import Completion, CompletionTracker, NodeTerms
from monitord_job.recording.completion_watch import CompletionWatch, completion_by_dagman

EDGES = [("a", "b"), ("b", "c"), ("x", "c")]


def outlook(**terms: NodeTerms) -> CompletionTracker:
    return CompletionTracker({name: terms.get(name, NodeTerms()) for name in "abcx"}, EDGES)


def tell(seen: CompletionTracker, *lines: str, done: tuple[str, ...] = ()) -> Completion:
    for time, line in enumerate(lines, seen.latest + 1):
        seen.apply(parse(f"{time} {line}".encode()), done)
    return seen.completion


START = "INTERNAL *** DAGMAN_STARTED 1.0 ***"


def good(name: str, attempt: int = 1) -> str:
    return f"{name} JOB_SUCCESS 0 - - {attempt}"


def bad(name: str, attempt: int = 1, code: int = 1) -> str:
    return f"{name} JOB_FAILURE {code} - - {attempt}"


def test_all_done_is_success() -> None:
    seen = outlook()
    assert seen.completion is Completion.PENDING
    assert tell(seen, START, good("a"), good("x"), good("b")) is Completion.PENDING
    assert tell(seen, good("c")) is Completion.SUCCEEDED
    assert seen.latest == 5


def test_what_waits_for_a_failed_node_is_futile() -> None:
    seen = outlook()
    assert tell(seen, START, bad("a")) is Completion.PENDING, "x can run"
    assert tell(seen, good("x")) is Completion.FAILED


def test_retries_are_waited_for_and_the_same_line_counts_once() -> None:
    seen = outlook(a=NodeTerms(retries=1))
    assert tell(seen, START, good("x"), bad("a", 1), bad("a", 1)) is Completion.PENDING
    assert tell(seen, "a SUBMIT 7.0 - - 2") is Completion.PENDING
    assert tell(seen, bad("a", 2)) is Completion.FAILED


def test_unless_exit_ends_the_retries() -> None:
    seen = outlook(a=NodeTerms(retries=5, unless_exit=2))
    assert tell(seen, START, good("x"), bad("a", 1, 1)) is Completion.PENDING
    assert tell(seen, bad("a", 2, 2)) is Completion.FAILED


def test_a_post_script_has_the_last_word() -> None:
    seen = outlook(a=NodeTerms(has_post=True), c=NodeTerms(has_post=True))
    assert tell(seen, START, bad("a"), good("x"), "a POST_SCRIPT_STARTED - - - 1") is Completion.PENDING
    assert tell(seen, "a POST_SCRIPT_SUCCESS - - - 1", good("b"), good("c")) is Completion.PENDING
    assert tell(seen, "c POST_SCRIPT_FAILURE - - - 1") is Completion.FAILED


def test_a_failed_node_that_runs_again_is_waited_for() -> None:
    seen = outlook()
    assert tell(seen, START, good("x"), bad("a")) is Completion.FAILED
    assert tell(seen, "a SUBMIT 9.0 - - 2") is Completion.PENDING, "DAGMAN_PUT_FAILED_JOBS_ON_HOLD"
    assert tell(seen, good("a", 2), good("b"), good("c")) is Completion.SUCCEEDED


def test_a_pre_script_that_fails_fails_its_node() -> None:
    seen = outlook()
    assert tell(seen, START, good("x"), "a PRE_SCRIPT_STARTED - - - 1") is Completion.PENDING
    assert tell(seen, "a PRE_SCRIPT_FAILURE - - - 1") is Completion.FAILED


def test_a_pre_script_that_skips_its_node_has_done_it() -> None:
    seen = outlook()
    failed = "a PRE_SCRIPT_FAILURE - - - 1"
    assert tell(seen, START, good("x"), failed) is Completion.FAILED
    assert tell(seen, "a PRESKIP 0.2147483647 - - 1") is Completion.PENDING
    assert tell(seen, good("b"), good("c")) is Completion.SUCCEEDED


def test_a_rescue_run_begins_with_what_is_done_and_a_recovery_goes_on() -> None:
    seen = outlook()
    assert tell(seen, START, good("x"), good("a"), bad("b")) is Completion.FAILED
    assert tell(seen, START) is Completion.FAILED, "the same DAGMan"
    assert tell(seen, START.replace("1.0", "2.0"), done=("a", "x", "gone")) is Completion.PENDING
    assert tell(seen, good("b", 2), good("c")) is Completion.SUCCEEDED


COUNT = """\
11/23/26 05:28:08 ** condor_scheduniv_exec.1.0 (CONDOR_DAGMAN) STARTING UP
11/23/26 05:28:08 Of 5 nodes total:
11/23/26 05:28:08  Done     Pre   Queued    Post   Ready   Un-Ready   Failed   Futile
11/23/26 05:28:08   ===     ===      ===     ===     ===        ===      ===      ===
11/23/26 05:28:08    {}        0
11/23/26 05:28:08 0 job proc(s) currently held
"""


@pytest.mark.parametrize(
    ("counts", "rest"),
    [
        ("4       0        1       0       0          0        0", Completion.SUCCEEDED),
        ("3       0        1       0       0          0        1", Completion.FAILED),
        ("3       0        2       0       0          0        0", Completion.PENDING),
        ("3       0        1       1       0          0        0", Completion.PENDING),
        ("3       0        1       0       0          1        0", Completion.PENDING),
        ("3       1        1       0       0          0        0", Completion.PENDING),
    ],
)
def test_dagmans_own_count(counts: str, rest: Completion) -> None:
    text = COUNT.format(counts)
    assert completion_by_dagman(text.encode()) is rest
    old = text + text.splitlines()[0] + "\n"
    assert completion_by_dagman(old.encode()) is Completion.PENDING, "that was the DAGMan before"


def test_htcondor_23_counts_in_seven_columns() -> None:
    lines = [line.replace("   Futile", "").replace("      ===\n", "\n") for line in COUNT.splitlines(True)]
    text = "".join(lines).replace("        0\n", "\n")
    text = text.format("4       0        1       0       0          0        0")
    assert completion_by_dagman(text.encode()) is Completion.SUCCEEDED


def test_a_second_dagman_that_is_refused_changes_nothing() -> None:
    seen = outlook()
    tell(seen, START, good("a"), good("x"))
    second = [
        f"{seen.latest + 1} INTERNAL *** {words} ***" for words in ("DAGMAN_STARTED 9.0", "DAGMAN_FINISHED 1")
    ]
    for line in second:
        seen.apply(parse(line.encode()))
    assert tell(seen, good("b"), good("c")) is Completion.SUCCEEDED


def test_a_rescue_run_that_fails_at_once_is_not_taken_for_one_that_was_refused() -> None:
    seen = outlook()
    tell(seen, START, good("a"), bad("x"), good("b"), "INTERNAL *** DAGMAN_FINISHED 1 ***")
    again = [
        f"{seen.latest + 1} INTERNAL *** {words} ***" for words in ("DAGMAN_STARTED 9.0", "DAGMAN_FINISHED 1")
    ]
    for line in again:
        seen.apply(parse(line.encode()), ("a", "b"))
    assert seen.completion is Completion.PENDING, "nodes were never reached"


def watched(folder: Path, dag: str) -> CompletionWatch:
    """Of a DAG whose DAGMan tolerates one failed job of any node, and in which each failed with 3."""
    (folder / "x.dag").write_text(dag)

    def judge(event: NodeEvent, job: str | None) -> NodeEvent:
        return judged(event, None, None if job is None else NodeJobs(3, int(job[-1]), 3, setting=1))

    return CompletionWatch(open_target(folder / "x.dag"), "monitor", judge)


def test_a_node_whose_failures_are_tolerated_is_done(tmp_path: Path) -> None:
    watch = watched(tmp_path, "JOB a a.sub\nJOB b b.sub\nPARENT a CHILD b\n")
    lines = [START, "a SUBMIT 7.1 - - 1", bad("a", code=3), "b SUBMIT 8.1 - - 2"]
    watch.hear_again(parse(f"1 {line}".encode()) for line in lines)
    before = watch.completion
    heard = watch.hear(NodeEvent(2, "b", "JOB_FAILURE", "3", 2))
    assert heard == NodeEvent(2, "b", "JOB_FAILURE", "3", 2), "what is recorded is judged there"
    assert (before, watch.completion) == (Completion.PENDING, Completion.SUCCEEDED)


@pytest.mark.parametrize(
    ("weak", "expected"), [("WEAK PARENT", Completion.PENDING), ("PARENT", Completion.FAILED)]
)
def test_the_child_of_a_weak_dependency_is_waited_for(
    tmp_path: Path, weak: str, expected: Completion
) -> None:
    (tmp_path / "s.dag").write_text("JOB c c.sub\n")
    edges = f"{weak} a CHILD b\n{weak} a CHILD S\nPARENT b CHILD d\n"
    watch = watched(tmp_path, f"JOB a a.sub\nJOB b b.sub\nJOB d d.sub\nSPLICE S s.dag\n{edges}")
    watch.hear_again(parse(f"1 {line}".encode()) for line in (START, "a SUBMIT 7.2 - - 1", bad("a", code=3)))
    assert watch.completion is expected
