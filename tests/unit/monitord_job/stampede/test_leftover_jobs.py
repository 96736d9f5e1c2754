"""How jobs leave that outlive their DAGMan: lines as HTCondor 25.14.1 wrote them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from monitord_job.logs.nodes_log import ends_of_clusters, leftover_events
from monitord_job.stampede.leftover_jobs import half_told, still_queued
from monitord_job.stampede.state import NodeState

LOG = b"""\
000 (021.000.000) 2026-11-29 01:03:37 Job submitted from host: <127.0.0.1:31380?addrs=127.0.0.1-31380>
...
004 (021.000.000) 2026-11-29 01:04:04 Job was evicted.
	(0) CPU times
...
009 (023.000.000) 2026-11-29 01:04:04 Job was aborted.
	removed because <OtherJobRemoveRequirements = DAGManJobId =?= 5> fired when job (5.0) was removed
...
005 (022.000.000) 2026-11-29 01:04:05 Job terminated.
	(1) Normal termination (return value 3)
		Usr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
...
005 (024.000.000) 2026-11-29 01:04:06 Job terminated.
	(0) Abnormal termination (signal 9)
...
009 (021.000.000) 2026-11-29 01:04:07 Job was aborted.
	via condor_rm (by user ada \xff)
...
009 (099.000.000) 2026-11-29 01:04:07 Job was aborted.
	of another run
...
"""
JOBS = {"21.0": "A", "22.0": "B", "23.0": "C", "24.0": "D", "25.0": "never left"}
EAST = timezone(timedelta(hours=3))


def told(log: bytes = LOG) -> list[tuple[str, str, str]]:
    return [(event.node, event.state, event.info) for event in leftover_events(log, JOBS, EAST)]


def test_each_job_that_is_waited_for_leaves_in_the_words_of_dagman():
    assert told() == [
        ("C", "JOB_ABORTED", "23.0"),
        ("B", "JOB_TERMINATED", "22.0"),
        ("B", "JOB_FAILURE", "3"),
        ("D", "JOB_TERMINATED", "24.0"),
        ("D", "JOB_FAILURE", "-9"),
        ("A", "JOB_ABORTED", "21.0"),
    ]


def test_a_job_that_ended_well_is_a_success():
    assert told(LOG.replace(b"return value 3", b"return value 0"))[2] == ("B", "JOB_SUCCESS", "0")


def test_when_and_why():
    first = next(leftover_events(LOG, JOBS, EAST))
    assert first.time == 1795903444, "01:04:04 three hours east of Greenwich"
    assert (first.reason or "").startswith("removed because <OtherJobRemoveRequirements")
    assert list(leftover_events(LOG, JOBS, EAST))[-1].reason == "via condor_rm (by user ada \\xff)"


@pytest.mark.parametrize(
    "when",
    [
        "2026-11-29 01:04:04.123",
        "2026-11-28 22:04:04Z",
        "2026-11-28 22:04:04.123Z",
        "11/29 01:04:04",
        "11/29 01:04:04.123",
        "11/28 22:04:04Z",
    ],
)
def test_when_in_each_format_that_a_site_may_have(when):
    """DEFAULT_USERLOG_FORMAT_OPTIONS: LEGACY, SUB_SECOND, UTC; the forms are those of ULogEvent::formatHeader."""
    log = LOG.replace(b"2026-11-29 01:04:04", when.encode())
    (first, *_) = leftover_events(log, JOBS, EAST, near=1_795_990_000)
    assert (first.state, first.time) == ("JOB_ABORTED", 1795903444)


def test_an_event_that_is_being_written_waits_until_it_is_whole():
    cut = LOG[: LOG.index(b"\tvia condor_rm")]
    assert ("A", "JOB_ABORTED", "21.0") not in told(cut)


def test_the_same_job_leaves_once():
    assert told(LOG + LOG) == told()


def test_who_is_in_the_queue_yet():
    nodes = {
        "submitted": NodeState(seq=1, submits=1, sched_id="21.0"),
        "left": NodeState(seq=2, submits=1, sched_id="22.0", ended=5),
        "judged": NodeState(seq=3, submits=1, sched_id="23.0", exitcode=0),
        "planned": NodeState(seq=4, pre_started=3),
        "noop": NodeState(seq=5, submits=1, sched_id="0.2147483647"),
    }
    assert still_queued(nodes.items()) == {"21.0": "submitted"}


def test_of_which_clusters_a_part_was_told():
    part = NodeState(seq=1, submits=1, sched_id="21.0", ended=5, state="JOB_TERMINATED")
    nodes = {
        "part": part,
        "removed": replace(part, state="JOB_ABORTED"),
        "judged": replace(part, exitcode=0),
        "in its POST script": replace(part, post_started=6, state="POST_SCRIPT_STARTED"),
        "queued": replace(part, ended=None),
    }
    assert half_told(nodes.items()) == {"21.0": "part"}


SUBMITTED = b"000 (07.%03d.000) 2026-11-29 01:04:04 Job submitted from host: <127.0.0.1:1>\n...\n"
ENDED = b"005 (07.%03d.000) 2026-11-29 01:04:05 Job terminated.\n\t(1) Normal termination (return value %d)\n...\n"
GONE = b"009 (07.%03d.000) 2026-11-29 01:04:06 Job was aborted.\n\tvia condor_rm (by user ada)\n...\n"


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (ENDED % (0, 3) + GONE % 1, ("JOB_FAILURE", "3")),
        (GONE % 1 + ENDED % (0, 3), ("JOB_ABORTED", "7.1")),
        (ENDED % (0, 0) + GONE % 1, ("JOB_ABORTED", "7.1")),
        (ENDED % (1, 0) + ENDED % (0, 0), ("JOB_SUCCESS", "0")),
        (ENDED % (0, 3), None),
        (b"", None),
    ],
)
def test_a_cluster_ends_with_its_last_job_as_the_first_that_failed(ends, expected):
    log = SUBMITTED % 0 + SUBMITTED % 1 + LOG + ends
    found = [(event.state, event.info) for event in ends_of_clusters(log, {"7.0": "A"}, EAST)]
    assert found == ([expected] if expected else [])
