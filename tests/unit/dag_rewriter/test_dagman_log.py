"""The schedd's record of DAGMan jobs, of which one submit directory may see several."""

from __future__ import annotations

from dag_rewriter.logs.dagman_log import DagmanJob, job_in, parse

FIRST = b"000 (007.000.000) 2026-11-23 05:29:30 Job submitted from host: <127.0.0.1>\n...\n"
RUNS = b"001 (007.000.000) 2026-11-23 05:29:31 Job executing on host: <127.0.0.1>\n...\n"
SECOND = b"000 (008.000.000) 2026-11-23 05:30:00 Job submitted from host: <127.0.0.1>\n...\n"
REFUSED = b"009 (008.000.000) 2026-11-23 05:30:02 Job was aborted.\n\tvia condor_rm\n...\n"
ENDED = (
    b"005 (007.000.000) 2026-11-23 05:31:00 Job terminated.\n\t(1) Normal termination (return value 2)\n...\n"
)
EVICTED = b"004 (007.000.000) 2026-11-23 05:30:30 Job was evicted.\n\t(0) Job was not checkpointed.\n...\n"


def test_a_second_job_that_was_refused_says_nothing_of_the_first() -> None:
    log = FIRST + RUNS + SECOND + REFUSED
    assert job_in(log, "7.0") == DagmanJob("7.0")
    assert job_in(log, "8.0") == DagmanJob("8.0", True, None, "2026-11-23 05:30:02")
    assert job_in(log + ENDED, "7.0") == DagmanJob("7.0", True, 2, "2026-11-23 05:31:00")
    assert job_in(log, "9.0") is None


def test_one_that_is_started_again_has_not_ended() -> None:
    assert job_in(FIRST + RUNS + EVICTED, "7.0") == DagmanJob("7.0")
    assert job_in(FIRST + ENDED + FIRST, "7.0") == DagmanJob("7.0")


def test_the_newest_is_the_one_submitted_last() -> None:
    assert parse(FIRST + SECOND + RUNS + REFUSED) == job_in(FIRST + SECOND + RUNS + REFUSED, "8.0")
    assert parse(b"") is None
