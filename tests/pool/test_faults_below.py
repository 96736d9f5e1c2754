"""A sub-workflow that loses its DAGMan, fails, and goes on from its own rescue DAG: one monitor has it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.pool import Pool
from tests.support.database import query
from tests.support.faults import (
    check_rebuilt,
    check_truth,
    dagman_pid,
    kill,
    lines_of_trace,
    module_folder,
    open_gate,
    recovery,
    wait_for_end,
)
from tests.support.notices import with_notices
from tests.support.runs import bridle, until

TOP = """\
JOB first any.sub
SUBDAG EXTERNAL below below.dag
JOB last any.sub
PARENT first CHILD below
PARENT below CHILD last
"""
BELOW = """\
JOB waits any.sub
JOB fails any.sub
JOB after any.sub
PARENT waits CHILD fails
PARENT fails CHILD after
"""
SUBMIT = """\
universe = local
executable = job.sh
arguments = $(JOB)
environment = "CONDOR_JOBID=$(Cluster).$(Process)"
queue
"""
JOB = """\
#!/bin/sh
echo "$1 start $CONDOR_JOBID" >> trace
while test $1 = waits -a ! -e gate; do sleep 0.1; done
code=0
test $1 = fails -a -e broken && code=3
echo "$1 end $CONDOR_JOBID $code" >> trace
exit $code
"""
START, END = "WORKFLOW_STARTED", "WORKFLOW_TERMINATED"


@pytest.fixture
def top(pool: Pool) -> Iterator[SubmitDir]:
    with module_folder(pool, "faults-below") as folder:
        for name, text in {"top.dag": TOP, "below.dag": BELOW, "any.sub": SUBMIT, "job.sh": JOB}.items():
            (folder / name).write_text(text)
        (folder / "job.sh").chmod(0o755)
        (folder / "broken").touch()
        yield with_notices(open_target(folder / "top.dag"))


def states(submit_dir: SubmitDir, dag: str) -> list[tuple[object, ...]]:
    return query(
        submit_dir.database,
        "SELECT state, status FROM workflowstate JOIN workflow USING (wf_id) "
        f"WHERE dag_file_name = '{dag}' ORDER BY restart_count, state",
    )


def test_a_sub_workflow_goes_on_from_its_own_rescue_dag(pool, top):
    version = str(pool.status().version)
    assert bridle(pool, "run", str(top.dag_file)).returncode == 0
    until(lambda: ["waits", "start"] in [words[:2] for words in lines_of_trace(top)], "a job below runs")
    before = dagman_pid(top, "below.dag")
    kill(before)
    with recovery("kill -9 of a sub-workflow's condor_dagman", version):
        until(lambda: dagman_pid(top, "below.dag") not in (None, before), "it has a new DAGMan", 60)
    open_gate(top)
    wait_for_end(pool, top)
    check_truth(top)
    assert [path.name for path in sorted(top.path.glob("*.rescue*"))] == [
        "below.dag.rescue001",
        "top.dag.rescue001",
    ]
    assert states(top, "top.dag") == states(top, "below.dag") == [(START, None), (END, 1)]

    (top.path / "broken").unlink()
    again = bridle(pool, "run", "--wait", str(top.dag_file))
    assert again.returncode == 0, again.stdout + again.stderr
    wait_for_end(pool, top)
    check_truth(top)
    twice = [(START, None), (END, 1), (START, None), (END, 0)]
    assert states(top, "top.dag") == states(top, "below.dag") == twice
    ends = Counter(words[0] for words in lines_of_trace(top) if words[1] == "end")
    assert ends == Counter(first=1, waits=1, fails=2, after=1, last=1), "only what failed ran again"
    hosts = "SELECT exec_job_id FROM job_instance JOIN job USING (job_id) WHERE host_id IS NULL"
    assert set(query(top.database, hosts)) <= {("below",)}, (
        "though DAGMan has emptied what the first run's stood in"
    )
    check_rebuilt(pool, top, but=("job_instance", "host"))
