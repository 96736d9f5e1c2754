"""A real DAGMan that was killed and recovered: its JOBSTATE_LOG says some things twice, our rows do not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dag_rewriter.logs import jobstate_log
from dag_rewriter.logs.events import DagmanEvent, NodeEvent
from dag_rewriter.model.splices import expand
from monitord_job.stampede.job_plans import plans_of
from monitord_job.stampede.rows import InvocationRow, JobStateRow, WorkflowStateRow
from monitord_job.stampede.state import JobFiles, RunState
from monitord_job.stampede.transitions import apply
from monitord_job.stampede.turn import Turn

RECORDED = Path(__file__).with_name("dagman_out")


def test_what_a_recovering_dagman_repeats_is_stored_once():
    plans = plans_of(expand("t.dag", lambda name: (RECORDED / name).read_bytes()), None)
    turn = Turn(RunState("uuid", None, None, plans))
    said: Counter[tuple[str, str, str]] = Counter()
    for line in (RECORDED / "killed.jobstate.log").read_bytes().splitlines():
        event = jobstate_log.parse(line)
        if isinstance(event, DagmanEvent):
            apply(turn, event)
        elif isinstance(event, NodeEvent):
            said[event.node, event.state, event.info] += 1
            apply(turn, event, JobFiles())
    assert said["C", "JOB_TERMINATED", "16.0"] == 2
    ends = [row.state for row in turn.rows if isinstance(row, JobStateRow) and row.job in ("C", "I")]
    assert ends.count("JOB_TERMINATED") == ends.count("JOB_SUCCESS") == 1
    assert ends.count("POST_SCRIPT_TERMINATED") == ends.count("POST_SCRIPT_SUCCESS") == 1
    keys = Counter((r.job, r.seq, r.task_submit_seq) for r in turn.rows if isinstance(r, InvocationRow))
    assert max(keys.values()) == 1
    assert [row.state for row in turn.rows if isinstance(row, WorkflowStateRow)].count(
        "WORKFLOW_STARTED"
    ) == 1
