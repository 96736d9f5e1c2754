"""Jobs that ended when the access point crashed, before the schedd knew: it runs them again, and DAGMan bears that."""

from __future__ import annotations

import re
import signal

from tests.support.faults import (
    check_truth,
    daemon_pid,
    kill,
    lines_of_trace,
    open_gate,
    planned_run,
    run_states,
    side_by_side,
    wait_for_end,
)
from tests.support.runs import until


def test_the_workflow_goes_on(own_pool, release, work_dir):
    own_pool.start(release, slots=4)
    run = planned_run(work_dir / "run")
    # A POST script that comes while its job runs again finds an empty output, or does not.
    run.dag_file.write_text(
        re.sub(r"^SCRIPT POST work_.*\n", "", run.dag_file.read_text(), flags=re.MULTILINE)
    )
    side_by_side(own_pool, {"run": run})
    kill(daemon_pid(own_pool, "condor_schedd"), signal.SIGSTOP)
    open_gate(run)
    # By the job's starter: that of create_dir, and those of the four that waited.
    until(lambda: run.nodes_log.read_bytes().count(b"\n005 (") == 5, "that they ended is written down")
    own_pool.crash()
    own_pool.start(release)
    wait_for_end(own_pool, run)

    ends = [words[0] for words in lines_of_trace(run) if words[1] == "end"]
    assert [ends.count(f"work_w0000{number}") for number in range(4)] == [2] * 4, "they ran again"
    assert "BAD EVENT" in run.dagman_out.read_text(), "which DAGMan noticed"
    assert run_states(run) == [("WORKFLOW_STARTED", 0, None), ("WORKFLOW_TERMINATED", 0, 0)]
    # Not what a rebuild gives: their outputs were written anew.
    check_truth(run)
