"""Failed jobs of a node that DAGMan tolerates: counted from what it writes into its debug log (25.14)."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.directory.locate import open_target
from dag_rewriter.logs.events import NodeEvent
from dag_rewriter.logs.failed_jobs import Failures, NodeJobs, Tolerance, judged
from dag_rewriter.rescue.rescue_files import read_workflow
from dag_rewriter.rescue.run_state import NodeState

AT = "11/30/26 18:00:00 "
SETTING = AT + "DAGMAN_NODE_JOB_FAILURE_TOLERANCE setting: {}"
REMOVED = AT + "Event: ULOG_JOB_ABORTED for HTCondor Node A (7.{}.0) {{11/30/26 18:00:00}}"
SUBMITTED = AT + "Event: ULOG_SUBMIT for HTCondor Node A (7.0.0) {11/30/26 18:00:00} [recovery mode]"
FAILED = AT + "Node A job proc (7.{}.0) failed with {} {}."
GOOD = AT + "Node A job proc (7.{}.0) completed successfully."


def jobs_of(*lines: str, job: str = "7.0") -> NodeJobs | None:
    failures = Failures()
    failures.read(line.encode() for line in lines)
    return failures.of(job)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([GOOD.format(0), GOOD.format(1)], None),
        ([FAILED.format(0, "status", 3)], NodeJobs(1, 1, 3)),
        ([GOOD.format(2), FAILED.format(0, "status", 3), FAILED.format(1, "signal", 9)], NodeJobs(3, 2, 3)),
        ([FAILED.format(1, "signal", 9), GOOD.format(0)], NodeJobs(2, 1, -9)),
        ([REMOVED.format(1), FAILED.format(0, "status", 3)], NodeJobs(2, 2, -1002)),
        ([SETTING.format(2), FAILED.format(0, "status", 3)], NodeJobs(1, 1, 3, 2)),
        # A DAGMan that recovers says it once more, and what it tolerates now counts.
        (
            [
                SETTING.format(2),
                FAILED.format(0, "status", 3),
                SETTING.format(0),
                FAILED.format(0, "status", 3),
                REMOVED.format(1) + " [recovery mode]",
            ],
            NodeJobs(2, 2, 3, 0),
        ),
        ([SETTING.format(0), SUBMITTED, FAILED.format(1, "status", 3)], NodeJobs(2, 1, 3, 0, recovered=True)),
        (
            [SETTING.format(0), SUBMITTED.replace("(7.", "(6."), FAILED.format(1, "status", 3)],
            NodeJobs(2, 1, 3),
        ),
        ([SUBMITTED, SETTING.format(0), FAILED.format(1, "status", 3)], NodeJobs(2, 1, 3)),
        ([FAILED.format(0, "status", 3).replace("7.", "70.")], None),
    ],
)
def test_the_failed_jobs_of_a_cluster(lines, expected):
    assert jobs_of(*lines) == expected


@pytest.mark.parametrize(
    ("word", "tolerance", "jobs", "expected"),
    [
        ("JOB_FAILURE 3", None, None, "JOB_FAILURE 3"),
        ("JOB_FAILURE 3", None, NodeJobs(3, 1, 3), "JOB_FAILURE 3"),
        ("JOB_FAILURE 3", None, NodeJobs(1, 1, 3, 1), "JOB_SUCCESS 0"),
        ("JOB_FAILURE 3", Tolerance(0), NodeJobs(1, 1, 3, 1), "JOB_FAILURE 3"),
        ("JOB_SUCCESS 0", Tolerance(1), NodeJobs(3, 1, 3), "JOB_SUCCESS 0"),
        ("JOB_SUCCESS 0", Tolerance(1), NodeJobs(3, 2, 3), "JOB_FAILURE 3"),
        ("JOB_FAILURE 3", Tolerance(50, percent=True), NodeJobs(4, 2, 3), "JOB_SUCCESS 0"),
        ("JOB_FAILURE 3", Tolerance(49, percent=True), NodeJobs(4, 2, 3), "JOB_FAILURE 3"),
        # It does not keep how many it had submitted (25.14: seen).
        ("JOB_FAILURE 3", Tolerance(50, percent=True), NodeJobs(4, 2, 3, recovered=True), "JOB_FAILURE 3"),
        ("JOB_FAILURE 3", Tolerance(2), NodeJobs(4, 2, 3, recovered=True), "JOB_SUCCESS 0"),
        ("JOB_TERMINATED 7.0", Tolerance(1), NodeJobs(3, 1, 3), "JOB_TERMINATED 7.0"),
    ],
)
def test_what_dagman_makes_of_them(word, tolerance, jobs, expected):
    state, info = word.split()
    found = judged(NodeEvent(5, "A", state, info, 1), tolerance, jobs)
    assert f"{found.state} {found.info}" == expected
    assert found._replace(state=state, info=info, reason=None) == NodeEvent(5, "A", state, info, 1)


def test_a_rescue_dag_of_a_lost_run_keeps_what_dagman_took_for_done(tmp_path: Path):
    (tmp_path / "x.dag").write_text("JOB A a.sub\nJOB B b.sub\nTOLERANCE ALL_NODES 1\nTOLERANCE B 0\n")
    words = (
        "{1} {0} SUBMIT {1}.0 - - {1}\n{1} {0} JOB_TERMINATED {1}.0 - - {1}\n{1} {0} JOB_FAILURE 3 - - {1}\n"
    )
    log = "1 INTERNAL *** DAGMAN_STARTED 5.0 ***\n" + words.format("A", 7) + words.format("B", 8)
    (tmp_path / "x.bridle.jobstate.log").write_text(log)
    said = "\n".join(FAILED.replace("7.{}", job).format("status", 3) for job in ("7.0", "8.0"))
    (tmp_path / "x.dag.dagman.out").write_text(said + "\n")
    state = read_workflow(open_target(tmp_path / "x.dag")).run_state
    assert state.nodes == {"A": NodeState.DONE, "B": NodeState.FAILED}
