"""`bridle analyzer` counts as pegasus-analyzer 5.1.3 does, and exits as it does, on both databases of a recorded run.

What differs, and why: a job that was removed, or that HTCondor did not take, has no exit code, so the peer counts it as
not submitted.
"""

from __future__ import annotations

import json
import re

import pytest

from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.peer.test_recorded_databases import RUNS, prepared
from tests.support.database import query

_COUNT = re.compile(r"# jobs (succeeded|failed|held) +: +(\d+)")
_WITHOUT_CODE = """
SELECT count(*) FROM (
    SELECT (SELECT s.state FROM jobstate s WHERE s.job_instance_id = i.job_instance_id
            ORDER BY s.jobstate_submit_seq DESC LIMIT 1) AS state
    FROM job_instance i JOIN job j USING (job_id) JOIN workflow w USING (wf_id)
    WHERE i.exitcode IS NULL AND w.root_wf_id = w.wf_id AND NOT EXISTS (
        SELECT 1 FROM job_instance l WHERE l.job_id = i.job_id AND l.job_submit_seq > i.job_submit_seq))
WHERE state IN ('JOB_ABORTED', 'SUBMIT_FAILED', 'PRE_SCRIPT_FAILED')
"""


@pytest.mark.parametrize("run", wherever("", RUNS))
def test_counts_and_exit_codes_are_those_of_the_peer(run, fresh_corpus, peer, capfd):
    databases = prepared(fresh_corpus(run))
    for database in (databases.ours, databases.theirs):
        databases.put(database)
        said = peer("pegasus-analyzer", "-S", str(databases.submit_dir.path))
        theirs = {word: int(number) for word, number in _COUNT.findall(said.stdout)}
        capfd.readouterr()
        words = ["--ignore-db-inconsistency", "--json", str(databases.submit_dir.path)]
        code = run_command(["analyzer", *words])
        (found,) = json.loads(capfd.readouterr().out)["runs"]
        without_code = query(database, _WITHOUT_CODE)[0][0]
        assert theirs["succeeded"] == found["jobs"]["succeeded"]
        assert theirs["failed"] == found["jobs"]["failed"] - without_code
        assert code == said.returncode
