"""What state a run is in: each line of the table is a situation, what it is called, and what is done about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitord_job.condor_job import JobStatus as Q
from monitord_job.condor_job import QueuedJob
from monitord_job.diagnosis.diagnose import diagnose
from monitord_job.diagnosis.run_states import (
    Condition,
    Facts,
    Lock,
    Monitor,
    Process,
    Remedy,
    StoppedJob,
    Trouble,
)
from monitord_job.logs.dagman_out_summary import refusal_in
from monitord_job.outcome.ending import Ending, ending_of

NOW = 1_795_900_000
RUNS = QueuedJob("7.0", Q.RUNNING)
ITS_OWN = Process(100, "7.0", orphan=False)
ORPHAN = Process(200, "7.0", orphan=True)
AT_WORK = Facts(
    now=NOW,
    queue=(RUNS,),
    submitted="7.0",
    processes=(ITS_OWN,),
    lock=Lock.LIVE,
    monitor=Monitor.AT_WORK,
    has_monitor=True,
    started=NOW - 1000,
    has_run=True,
)
ENDED = Facts(
    now=NOW, submitted="7.0", left=True, ended=0, ending=Ending.SUCCEEDED, has_monitor=True, has_run=True
)
GONE = Facts(now=NOW, submitted="7.0", has_monitor=True, has_run=True)
C, R = Condition, Remedy

TABLE = {
    "planned only": (Facts(now=NOW), C.NEVER_SUBMITTED, ()),
    "running": (AT_WORK, C.RUNNING, ()),
    "ended, and its logs do not tell": (replace(ENDED, unreadable="no log"), C.SUCCEEDED, ()),
    "nodes are to run again": (replace(ENDED, rescue="x.dag.rescue001", again=2), C.SUCCEEDED, ()),
    "its logs are gone": (
        Facts(now=NOW, unreadable="no log", rescue="x.dag.rescue001"),
        C.FAILED,
        (R.RUN_AGAIN,),
    ),
    "just submitted": (
        replace(AT_WORK, queue=(QueuedJob("7.0", Q.IDLE),), processes=(), lock=Lock.NONE),
        C.WAITING,
        (),
    ),
    "recovering": (replace(AT_WORK, recovering=True), C.RECOVERING, ()),
    "held": (
        replace(AT_WORK, queue=(QueuedJob("7.0", Q.HELD, "disk"),), processes=()),
        C.HELD,
        (R.RELEASE,),
    ),
    "held, and its halt file there": (
        replace(
            AT_WORK,
            queue=(QueuedJob("7.0", Q.HELD, "disk"),),
            processes=(),
            halt_files=("x.dag.halt",),
        ),
        C.HELD,
        (R.RELEASE,),
    ),
    "jobs held": (
        replace(AT_WORK, held=(StoppedJob("below/fit", "12.0", "no such queue"),)),
        C.RUNNING,
        (),
    ),
    "a sub-workflow that starts for ever": (
        replace(AT_WORK, for_ever=(StoppedJob("below", "12.0", ""),)),
        C.RUNNING,
        (),
    ),
    "it starts for ever itself": (
        replace(
            AT_WORK,
            queue=(QueuedJob("7.0", Q.IDLE, cool_down_until=NOW + 200),),
            processes=(),
            lock=Lock.NONE,
            for_ever=(StoppedJob("", "7.0", ""),),
        ),
        C.COOLING_DOWN,
        (),
    ),
    "cooling down": (
        replace(
            AT_WORK,
            queue=(QueuedJob("7.0", Q.IDLE, cool_down_until=NOW + 200),),
            processes=(),
            lock=Lock.STALE,
        ),
        C.COOLING_DOWN,
        (R.END_COOL_DOWN,),
    ),
    "cool-down over": (
        replace(AT_WORK, queue=(QueuedJob("7.0", Q.IDLE, cool_down_until=NOW - 1),), processes=()),
        C.WAITING,
        (),
    ),
    "halted": (replace(AT_WORK, halt_files=("x.dag.halt",)), C.HALTED, (R.RESUME,)),
    "being removed": (
        replace(AT_WORK, queue=(QueuedJob("7.0", Q.REMOVED),), processes=(), lock=Lock.STALE),
        C.LEAVING,
        (),
    ),
    "orphan beside one that was started anew": (
        replace(AT_WORK, processes=(ITS_OWN, ORPHAN)),
        C.TWO_DAGMANS,
        (R.END_ORPHANS,),
    ),
    "orphan, and the new one waits": (
        replace(AT_WORK, queue=(QueuedJob("7.0", Q.IDLE, cool_down_until=NOW + 200),), processes=(ORPHAN,)),
        C.TWO_DAGMANS,
        (R.END_ORPHANS,),
    ),
    "submitted twice": (
        replace(AT_WORK, queue=(RUNS, QueuedJob("8.0", Q.RUNNING))),
        C.TWO_DAGMANS,
        (),
    ),
    "two orphans": (
        replace(AT_WORK, queue=(), processes=(ORPHAN, replace(ORPHAN, pid=201))),
        C.TWO_DAGMANS,
        (),
    ),
    "orphan alone": (replace(AT_WORK, queue=(), processes=(ORPHAN,)), C.ORPHAN, ()),
    "lock held from elsewhere": (replace(GONE, lock=Lock.LIVE, monitor=Monitor.AT_WORK), C.ORPHAN, ()),
    "lost": (GONE, C.LOST, (R.RESUBMIT,)),
    "lost, with its lock": (replace(GONE, lock=Lock.STALE), C.LOST, (R.RESUBMIT,)),
    "submitted elsewhere": (replace(GONE, elsewhere="ap2.example.org"), C.UNKNOWN, ()),
    "schedd silent, DAGMan alive": (replace(AT_WORK, queue=None), C.RUNNING, ()),
    "schedd silent": (replace(GONE, queue=None, silence="no answer"), C.UNKNOWN, ()),
    "schedd silent after the end": (replace(ENDED, queue=None), C.SUCCEEDED, ()),
    "succeeded": (ENDED, C.SUCCEEDED, ()),
    "succeeded, an old rescue DAG there": (replace(ENDED, rescue="x.dag.rescue001"), C.SUCCEEDED, ()),
    "succeeded, database behind": (replace(ENDED, unread=17), C.SUCCEEDED, (R.CATCH_UP,)),
    "the end is not stored": (replace(ENDED, goes_on=True), C.SUCCEEDED, (R.CATCH_UP,)),
    "a monitor stores the rest": (replace(ENDED, unread=17, monitor=Monitor.AT_WORK), C.SUCCEEDED, ()),
    "its own last word is an end, too": (replace(ENDED, left=False), C.SUCCEEDED, ()),
    "failed": (replace(ENDED, ended=1, ending=Ending.FAILED), C.FAILED, ()),
    "failed, with a rescue DAG": (
        replace(ENDED, ended=1, ending=Ending.FAILED, rescue="x.dag.rescue001"),
        C.FAILED,
        (R.RUN_AGAIN,),
    ),
    "removed, with a rescue DAG": (
        replace(ENDED, ended=2, ending=Ending.REMOVED, rescue="x.dag.rescue001"),
        C.REMOVED,
        (),
    ),
    "removed while held": (
        replace(ENDED, ended=None, ending=Ending.REMOVED, lock=Lock.STALE),
        C.REMOVED,
        (R.SET_LOCK_ASIDE,),
    ),
    "aborted": (replace(ENDED, ended=3, ending=Ending.ABORTED), C.ABORTED, ()),
    "ran dry": (replace(ENDED, ended=1, ending=Ending.HALTED), C.ENDED_HALTED, ()),
    "jobs left behind": (
        replace(ENDED, ended=2, ending=Ending.REMOVED, jobs=("9.0",)),
        C.REMOVED,
        (R.REMOVE_LEFT_BEHIND,),
    ),
    "monitor held": (
        replace(AT_WORK, monitor=Monitor.HELD, monitor_job="8.0"),
        C.RUNNING,
        (R.RELEASE_MONITOR,),
    ),
    "monitor gave up": (replace(AT_WORK, monitor=Monitor.GONE), C.RUNNING, (R.START_MONITOR,)),
    "monitor not there yet": (replace(AT_WORK, monitor=Monitor.GONE, started=NOW - 5), C.RUNNING, ()),
    "never rewritten": (replace(AT_WORK, monitor=Monitor.GONE, has_monitor=False), C.RUNNING, ()),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name):
    facts, condition, remedies = TABLE[name]
    found = diagnose(facts)
    assert (found.condition, found.remedies) == (condition, remedies)
    assert found.needs_attention == (bool(remedies) or name in ATTENTION)


ATTENTION = {
    "nodes are to run again",
    "jobs held",
    "a sub-workflow that starts for ever",
    "it starts for ever itself",
    "submitted elsewhere",
    "submitted twice",
    "two orphans",
    "orphan alone",
    "lock held from elsewhere",
    "schedd silent",
    "schedd silent, DAGMan alive",
}
"""What a person has to look at, and --fix leaves alone."""


def test_every_condition_is_in_the_table():
    assert {condition for _, condition, _ in TABLE.values()} == set(Condition)
    assert {remedy for _, _, remedies in TABLE.values() for remedy in remedies} == set(Remedy)
    troubles = {each.trouble for facts, _, _ in TABLE.values() for each in diagnose(facts).findings}
    assert troubles | {Trouble.MONITOR_STOPPED} == set(Trouble)


def test_a_stopped_monitor_is_named_and_left_to_a_person():
    (found,) = diagnose(replace(AT_WORK, monitor=Monitor.STOPPED)).findings
    assert found.trouble is Trouble.MONITOR_STOPPED
    assert found.remedy is None


@pytest.mark.parametrize("facts", [facts for facts, _, _ in TABLE.values()])
@pytest.mark.parametrize("live", [{"processes": (ORPHAN,)}, {"lock": Lock.LIVE}, {"queue": (RUNS,)}], ids=str)
def test_whatever_lives_forbids_a_second_one(facts, live):
    """Never two DAGMans: no remedy submits as long as a queue, a lock or a process knows one."""
    found = diagnose(replace(facts, **live))
    assert not {Remedy.RESUBMIT, Remedy.RUN_AGAIN} & set(found.remedies)


@pytest.mark.parametrize("facts", [facts for facts, _, _ in TABLE.values() if facts.submitted])
def test_a_silent_schedd_is_no_end(facts):
    found = diagnose(replace(facts, queue=None))
    assert Remedy.RESUBMIT not in found.remedies
    if not facts.left and facts.ended is None:
        assert found.condition in (Condition.UNKNOWN, Condition.RUNNING)


ENDINGS = [
    # exit code, failed nodes, DAG_STATUS
    ((0, 0, 0), Ending.SUCCEEDED),
    ((0, 0, None), Ending.SUCCEEDED),
    ((0, 0, 2), Ending.SUCCEEDED),  # a retry succeeded, after a recovery
    ((1, 1, 2), Ending.FAILED),
    ((0, 1, 2), Ending.FAILED),  # a FINAL node that succeeded
    ((0, 0, 4), Ending.REMOVED),  # the same, and condor_rm
    ((2, 0, 4), Ending.REMOVED),
    ((2, 0, None), Ending.REMOVED),
    ((0, 1, 3), Ending.ABORTED),  # RETURN 0
    ((0, 0, 3), Ending.ABORTED),
    ((2, 1, 3), Ending.ABORTED),
    ((1, 0, 6), Ending.HALTED),
    ((1, 0, 1), Ending.FAILED),
    ((-9, 0, None), Ending.FAILED),
]


@pytest.mark.parametrize(("told", "ending"), ENDINGS)
def test_endings(told, ending):
    assert ending_of(*told) is ending


REFUSED = b"""x ** condor_dagman (CONDOR_DAGMAN) STARTING UP
x Warning: failed to get attribute DAGNodeName
x %s
x ERROR: Warning is fatal error because of DAGMAN_USE_STRICT setting
x **** condor_dagman (condor_DAGMAN) pid 7 EXITING WITH STATUS 1
"""


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: y.dag:1 Failed to parse JOB command: Node name contains illegal charater",
        "DAG marked as rejected at z.dag:2",
        "Warning: default node log file /tmp/x/./x.dag.nodes.log is in /tmp",
    ],
)
def test_a_dag_that_dagman_refused_is_no_failed_node(line):
    """Lines of HTCondor 25.14.1."""
    refusal = refusal_in(REFUSED % line.encode())
    assert refusal == line
    found = diagnose(Facts(now=0, submitted="7.0", left=True, ended=1, has_run=True, refusal=refusal))
    assert (found.condition, found.what) == (Condition.FAILED, f"DAGMan refused the DAG: {line}")
    assert refusal_in(REFUSED % line.encode() + b"x ** condor_dagman (CONDOR_DAGMAN) STARTING UP\n") == ""


def test_what_stands_still_is_named_and_wants_attention():
    held = diagnose(replace(AT_WORK, held=(StoppedJob("below/fit", "12.0", "no such queue"),)))
    assert held.needs_attention
    (finding,) = held.findings
    assert finding.what.startswith("1 job is held: below/fit (job 12.0): no such queue; ")
    assert "`bridle release --jobs`" in finding.what
    for_ever = diagnose(replace(AT_WORK, for_ever=(StoppedJob("below", "12.0", ""),)))
    assert for_ever.needs_attention
    assert "ended the sub-workflow below (DAGMan job 12.0)" in for_ever.findings[0].what
