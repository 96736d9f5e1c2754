"""The texts of all versions, restarts at any line, recovery, clocks."""

from __future__ import annotations

import itertools
from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.logs.events import DagmanEvent, DagmanState, JobstateLine, Malformed, NodeEvent
from monitord_job.logs.dagman_out import ABORTED, finish, parse_lines
from monitord_job.logs.dagman_out_state import DagmanOutState, dump, load
from monitord_job.logs.dagman_out_time import epoch_of

STAMP = "11/23/26 05:28:03"
T = 1795411683
SUBMITTED = "Event: ULOG_SUBMIT for HTCondor Node A (7.0.0) {11/23/26 05:28:01}"
ENDED = "Event: ULOG_JOB_TERMINATED for HTCondor Node A (7.0.0) {11/23/26 05:28:02}"
EXITED = "Node A job proc (7.0.0) completed successfully."
POSTED = "Event: ULOG_POST_SCRIPT_TERMINATED for HTCondor Node A (7.0.0) {11/23/26 05:28:03}"
POST_OK = "POST Script of node A completed successfully."


def lines_of(*messages: str, stamp: str = STAMP) -> list[bytes]:
    return [f"{stamp} {message}".encode("utf-8", "surrogateescape") for message in messages]


def read(*messages: str, stamp: str = STAMP) -> list[JobstateLine]:
    """What some messages give, and that it is the same wherever the reader was restarted."""
    lines = lines_of(*messages, stamp=stamp)
    state, found = parse_lines(DagmanOutState(), lines, UTC)
    assert [event for _, event in restarted(lines)] == [event for _, event in found]
    return [event for _, event in found] + finish(state)[1]


def restarted(lines: list[bytes]) -> list[tuple[int, JobstateLine]]:
    """The same, with the state dumped and loaded after every line."""
    memo, found = "", []
    for number, line in enumerate(lines):
        state, events = parse_lines(load(memo), [line], UTC)
        memo = dump(state)
        found += [(number, event) for _, event in events]
    return found


def told(*messages: str) -> list[tuple[str, str, str]]:
    return [
        (event.node, event.state, event.info) for event in read(*messages) if isinstance(event, NodeEvent)
    ]


def start(
    job: str = "55.0", pid: int = 100, *, then: tuple[str, ...] = ("Bootstrapping...",)
) -> tuple[str, ...]:
    return (
        "******************************************************",
        f"** condor_scheduniv_exec.{job} (CONDOR_DAGMAN) STARTING UP",
        f"** PID = {pid} RealUID = 1000",
        "Parsing 1 dagfiles",
        "Parsing x.dag ...",
        *then,
    )


def end(code: int, pid: int = 100) -> str:
    return f"**** condor_scheduniv_exec.55.0 (condor_DAGMAN) pid {pid} EXITING WITH STATUS {code}"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # 25.14, 23, 10, 9 and 8.9; 8.x for another batch system; 7.x
        (
            "Event: ULOG_EXECUTE for HTCondor Node a.b+c (1.0.0) {11/23/26 05:28:03}",
            ("a.b+c", "EXECUTE", "1.0"),
        ),
        ("Event: ULOG_EXECUTE for Condor Node DONE (1.0.0) {11/23/26 05:28:03}", ("DONE", "EXECUTE", "1.0")),
        ("Event: ULOG_EXECUTE for Condor Job NODE (1.0)", None),
        (
            "Event: ULOG_JOB_EVICTED for HTCondor Node ü (1.2.0) {11/23/26 05:28:03}",
            ("ü", "JOB_EVICTED", "1.2"),
        ),
        (
            "Event: ULOG_IMAGE_SIZE for HTCondor Node A (1.0.0) {11/23/26 05:28:03}",
            ("A", "IMAGE_SIZE", "1.0"),
        ),
        ("Event: ULOG_JOB_SUSPENDED for HTCondor Node A (1.0.0) {x}", ("A", "JOB_SUSPENDED", "1.0")),
        ("Event: ULOG_PRESKIP for HTCondor Node A (-1.-1.-1) {11/23/26 05:28:03}", ("A", "PRESKIP", "-")),
        ("Event: ULOG_SUBMIT for HTCondor Node N (0.2147483647.0) {x}", ("N", "SUBMIT", "0.2147483647")),
        ("Event: ULOG_GENERIC for unknown Node (1.0.0) {11/23/26 05:28:03}: ignoring...", None),
        ("Node A job proc (1.0.0) completed successfully.", ("A", "JOB_SUCCESS", "0")),
        ("Node A job proc (1.0.0) completed successfully, but status is STATUS_ERROR", None),
        ("Node A job proc (1.0.0) failed with status 7.", ("A", "JOB_FAILURE", "7")),
        ("Node A job proc (1.0.0) failed with signal 9.", ("A", "JOB_FAILURE", "-9")),
        ("Node A job(s) have exited the queue", None),
        ("Node A job completed", None),
        ("Running PRE script of Node A...", ("A", "PRE_SCRIPT_STARTED", "-")),
        ("Running POST script of Job A...", ("A", "POST_SCRIPT_STARTED", "-")),
        ("Running HOLD script of Node A...", None),
        ("Running: /usr/bin/condor_rm -const DAGManJobId==43", None),
        ("PRE Script of node A completed successfully.", ("A", "PRE_SCRIPT_SUCCESS", "0")),
        ("PRE Script of Node A failed with status 7", ("A", "PRE_SCRIPT_FAILURE", "7")),
        ("PRE Script of Job A failed with status 2", ("A", "PRE_SCRIPT_FAILURE", "2")),
        ("PRE Script of node A died on signal 9 (Killed)", ("A", "PRE_SCRIPT_FAILURE", "-9")),
        ("PRE Script of node A died on exception 5 ACCESS", ("A", "PRE_SCRIPT_FAILURE", "1")),
        ("PRE_SKIP return value 4 indicates we are done (successfully) with node A", None),
        ("POST Script of node A completed successfully.", ("A", "POST_SCRIPT_SUCCESS", "0")),
        ("POST Script of node A failed with status 1", ("A", "POST_SCRIPT_FAILURE", "1")),
        ("POST Script of node A died on signal 15", ("A", "POST_SCRIPT_FAILURE", "-15")),
        ("POST script died on signal 9", None),
        ("POST for Node A returned 1", None),
        ("Retrying node A (retry #1 of 1)...", None),
        ("Number of idle job procs: 0", None),
    ],
)
def test_each_message_means_one_event_or_none(message, expected):
    assert told(message) == ([expected] if expected else [])


@pytest.mark.parametrize(
    "stamp",
    [
        "11/23/26 05:28:03",
        "11/23/26 05:28:03.123",
        "11/23/26 05:28:03 (D_ALWAYS)",
        "11/23/26 05:28:03 (D_ALWAYS:2) (pid:17)",
        "2026-11-23T05:28:03",
        "2026-11-23 05:28:03.123456",
        "2026-11-22T21:28:03-0800",
        "2026-11-23T05:28:03Z",
        "1795411683",
        "1795411683.123 (D_ALWAYS)",
    ],
)
def test_every_configured_form_of_the_time_is_read(stamp):
    assert read("Running PRE script of Node A...", stamp=stamp) == [
        NodeEvent(T, "A", "PRE_SCRIPT_STARTED", "-", 0)
    ]


def test_a_line_without_a_time_goes_on_from_another_and_is_no_event():
    lines = [
        b"  Event: ULOG_EXECUTE for HTCondor Node A (1.0.0) {11/23/26 05:28:03}",
        b"x" * 18 + b"Running PRE",
    ]
    assert parse_lines(DagmanOutState(), lines)[1] == []


def test_an_event_has_its_own_time_and_what_dagman_makes_of_it_the_lines():
    events = read(ENDED, EXITED)
    assert [(event.state, event.time - T) for event in events] == [("JOB_TERMINATED", -1), ("JOB_SUCCESS", 0)]


def test_an_event_that_is_not_written_like_one_is_kept():
    (event,) = read("Event: ULOG_EXEC")
    assert isinstance(event, Malformed)
    assert event.text == "Event: ULOG_EXEC"


def test_names_that_are_no_utf8_are_shown():
    (event,) = read("Running PRE script of Node \udcff...")
    assert event.node == "\\xff"


def test_a_held_job_says_why_and_an_unknown_reason_is_none():
    held = "Event: ULOG_JOB_HELD for HTCondor Node A (7.0.0) {11/23/26 05:28:01}"
    assert [event.reason for event in read(held, "  Hold reason: no disk: \u00fc")] == ["no disk: ü"]
    assert [event.reason for event in read(held, "  Hold reason: (unknown)")] == [None]
    assert [event.reason for event in read(held, "Number of idle job procs: 1")] == [None]
    assert [event.reason for event in read(held)] == [None]


def test_a_hold_reason_without_a_held_job_is_no_crash():
    assert read("  Hold reason: x") == []  # D16


def test_a_removed_job_fails_as_dagman_judges_it():
    aborted = "Event: ULOG_JOB_ABORTED for HTCondor Node A (7.0.0) {11/23/26 05:28:01}"
    assert told(aborted, "Node A job completed") == [
        ("A", "JOB_ABORTED", "7.0"),
        ("A", "JOB_FAILURE", ABORTED),
    ]


def test_an_event_that_dagman_does_not_believe_is_not_recorded():
    bad = "BAD EVENT: job (7.0.0) ended, total end count != 1 (2)"
    assert (
        told(ENDED, bad, "Continuing with DAG in spite of bad event (x) because of allow_events setting")
        == []
    )
    assert told(ENDED, bad, "BAD EVENT is warning only", EXITED)[0][1] == "JOB_TERMINATED"


@pytest.mark.parametrize(("codes", "expected"), [("00", "0"), ("05", "5"), ("50", "5"), ("57", "5")])
def test_a_node_of_several_jobs_ends_with_the_last_and_fails_with_the_first(codes, expected):
    submits = [f"Event: ULOG_SUBMIT for HTCondor Node A (7.{proc}.0) {{x}}" for proc in range(len(codes))]
    ends = [
        f"Node A job proc (7.{proc}.0) "
        + ("completed successfully." if code == "0" else f"failed with status {code}.")
        for proc, code in enumerate(codes)
    ]
    assert told(*submits, ends[0])[2:] == []
    assert [info for _, _, info in told(*submits, *ends)[2:]] == [expected]


def test_a_noop_node_is_one_job():
    name = "HTCondor Node N (0.2147483647.2) {x}"
    ends = [
        f"Event: ULOG_JOB_TERMINATED for {name}",
        "Node N job proc (0.2147483647.2) completed successfully.",
    ]
    assert told(f"Event: ULOG_SUBMIT for {name}", *ends)[-1] == ("N", "JOB_SUCCESS", "0")


def test_a_cluster_that_materializes_late_ends_when_dagman_says_so():
    events = told(
        "Event: ULOG_CLUSTER_SUBMIT for HTCondor Node A (7.-1.-1) {x}",
        "Event: ULOG_SUBMIT for HTCondor Node A (7.0.0) {x}",
        "Node A job proc (7.0.0) completed successfully.",
        "Event: ULOG_SUBMIT for HTCondor Node A (7.1.0) {x}",
        "Node A job proc (7.1.0) failed with status 3.",
        "Event: ULOG_CLUSTER_REMOVE for HTCondor Node A (7.-1.-1) {x}",
    )
    assert [event for event in events if event[1].startswith("JOB_")] == [("A", "JOB_FAILURE", "3")]


@pytest.mark.parametrize(
    "messages",
    [
        ("ERROR: submit attempt failed", "Job submit try 1/6 failed, will try again in >= 1 second."),
        ("Failed to submit job A: no", "Job submit failed after 1 try."),
        ("Node submit failed after 6 tries.",),
        (
            "Event: ULOG_SUBMIT_FAILURE for HTCondor Node A (-1.-1.-1) {11/23/26 05:28:03} no disk",
            "Job submit try 1/6 failed, will try again in >= 1 second.",
        ),
    ],
)
def test_a_failed_submission_is_told_once_in_every_version(messages):
    events = told("Submitting HTCondor Node A job(s)...", *messages)
    assert events == [("A", "SUBMIT_FAILURE", "-")]


def test_a_failed_submission_of_a_sub_dag():
    events = told(
        "ERROR: condor_submit_dag -no_submit failed for node A.",
        "Job submit try 1/2 failed, will try again in >= 1 s",
    )
    assert events == [("A", "SUBMIT_FAILURE", "-")]


def test_newer_dagmans_say_why_a_submission_failed():
    (event,) = read("Event: ULOG_SUBMIT_FAILURE for HTCondor Node A (-1.-1.-1) {11/23/26 05:28:03} no disk")
    assert event.reason == "no disk"


def dagman(*messages: str) -> list[tuple[str, str]]:
    return [(event.state.name, event.info) for event in read(*messages) if isinstance(event, DagmanEvent)]


@pytest.mark.parametrize("name", ["condor_scheduniv_exec.55.0", "condor_dagman"])
def test_a_run_begins_when_the_dag_was_read(name):
    lines = [
        *lines_of(f"** {name} (CONDOR_DAGMAN) STARTING UP", "** PID = 9", stamp="11/23/26 05:28:00"),
        *lines_of("Parsing x.dag ...", stamp="11/23/26 05:28:02"),
        *lines_of("Parsing x.dag.rescue001 ...", "Bootstrapping..."),
    ]
    (_, event), *rest = parse_lines(DagmanOutState(), lines, UTC)[1]
    assert event == DagmanEvent(T - 1, DagmanState.STARTED, "55.0" if "." in name else "")
    assert rest == []


@pytest.mark.parametrize("at_the_top", [True, False])
def test_a_batch_is_the_dagmans_job_only_at_the_top(at_the_top):
    warning = (
        "Warning: failed to get attribute DAGNodeName" if at_the_top else "Workflow accounting_group: <>"
    )
    run = (
        "** condor_dagman (CONDOR_DAGMAN) STARTING UP",
        "Workflow batch-id: <12.0>",
        warning,
        "Bootstrapping...",
    )
    assert dagman(*run) == [("STARTED", "12.0" if at_the_top else "")]


def test_a_dag_that_dagman_does_not_take_is_a_run_that_failed():
    events = read(*start(then=("Failed to parse x.dag", end(1))))
    assert [(event.state.name, event.info, event.reason) for event in events] == [
        ("STARTED", "55.0", None),
        ("FINISHED", "1", "Failed to parse x.dag"),
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        "Lock file x.dag.lock is still held by this same DAGMan job (cluster 55); assuming it is our own",
        "Aborting because it looks like another instance of DAGMan is currently running on this DAG; if that is not",
    ],
)
def test_a_second_dagman_that_finds_the_lock_taken_neither_starts_nor_ends_the_run(refusal):
    second = (*start("56.0", 200, then=(refusal,)), end(3, 200))
    assert dagman(*start(), *second, end(0)) == [("STARTED", "55.0"), ("FINISHED", "0")]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Received SIGUSR1", "DAGMan aborted as it received SIGUSR1 signal."),
        (
            "Aborting DAG because we got the ABORT exit value from a job",
            "Aborting DAG because we got the ABORT exit value from a job",
        ),
        (
            "Exiting because DAG is halted and no jobs or scripts are running",
            "Exiting because DAG is halted and no jobs or scripts are running",
        ),
        ("Aborting DAG...", None),
        ("All jobs Completed!", None),
    ],
)
def test_why_dagman_left(message, reason):
    finished = [
        event for event in read(*start(), message, end(2), *start(), end(0)) if event.state.name == "FINISHED"
    ]
    assert [event.reason for event in finished] == [reason, None]


RECOVERY = (
    *start(then=("Lock file x.dag.lock detected", "Bootstrapping...")),
    "Running in RECOVERY mode... >>>>",
)
RECOVERED = "...done with RECOVERY mode <<<<<<"
ALL = (SUBMITTED, ENDED, EXITED, POSTED, POST_OK)


def again(*messages: str) -> tuple[str, ...]:
    return tuple(
        f"{message} [recovery mode]" if message.startswith("Event") else message for message in messages
    )


@pytest.mark.parametrize("killed_after", range(len(ALL) + 1))
def test_what_a_killed_dagman_had_not_told_is_taken_from_the_recovery_once(killed_after):
    undisturbed = [event[1] for event in told(*start(), *ALL)]
    before, after = ALL[:killed_after], again(*ALL)
    assert [event[1] for event in told(*start(), *before, *RECOVERY, *after, RECOVERED)] == undisturbed
    twice = (*RECOVERY, *after[:3], *RECOVERY, *after, RECOVERED)
    assert [event[1] for event in told(*start(), *before, *twice)] == undisturbed


def test_what_dagman_missed_is_dated_by_the_event_and_not_by_the_recovery():
    lines = [*lines_of(*start()), *lines_of(*RECOVERY, *again(*ALL), RECOVERED, stamp="11/23/26 07:00:00")]
    events = [
        event for _, event in parse_lines(DagmanOutState(), lines, UTC)[1] if isinstance(event, NodeEvent)
    ]
    assert [event.time - T for event in events] == [-2, -1, -1, 0, 0]


def test_events_after_a_recovery_are_new_and_so_are_those_of_a_rescue_run():
    of_b, of_c, of_d = (f"Event: ULOG_SUBMIT for HTCondor Node {node} (8.0.0) {{x}}" for node in "BCD")
    run = (*start(), SUBMITTED, *RECOVERY, *again(SUBMITTED), RECOVERED, of_b, end(1))
    rescue = (*start("60.0"), of_c, *RECOVERY, *again(of_c, of_d), RECOVERED)
    assert [event[0] for event in told(*run, *rescue)] == ["A", "B", "C", "D"]


def test_a_post_script_that_a_recovery_starts_again_is_told_again():
    states = [
        state for _, state, _ in told(SUBMITTED, *RECOVERY, "Running POST script of Node A...", RECOVERED)
    ]
    assert states == ["SUBMIT", "POST_SCRIPT_STARTED"]


def test_recovery_itself_is_told():
    assert dagman(*start(), *RECOVERY, RECOVERED) == [
        ("STARTED", "55.0"),
        ("STARTED", "55.0"),
        ("RECOVERY_STARTED", ""),
        ("RECOVERY_FINISHED", ""),
    ]


def test_the_hour_that_comes_twice_does_not_turn_time_back():
    zone = ZoneInfo("America/Los_Angeles")  # D17
    lines = [
        f"11/01/26 {clock} Event: ULOG_{state} for HTCondor Node A (7.0.0) {{11/01/26 {clock}}}".encode()
        for clock, state in [("01:55:00", "EXECUTE"), ("01:05:00", "JOB_TERMINATED"), ("02:00:00", "SUBMIT")]
    ]
    state, found = parse_lines(DagmanOutState(), lines, zone)
    times = [event.time for _, event in found] + [event.time for event in finish(state)[1]]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [600, 3300]


def test_a_zone_is_that_of_the_machine_where_dagman_ran():
    assert epoch_of(b"03/05/23 09:10:11", timezone(timedelta(hours=-8)), 0) == 1678036211


MESSAGE = st.sampled_from(
    [
        SUBMITTED,
        ENDED,
        EXITED,
        POSTED,
        POST_OK,
        *RECOVERY,
        *again(ENDED, POSTED),
        RECOVERED,
        end(0),
        end(3, 7),
        "  Hold reason: x",
        "Node A job proc (7.1.0) failed with status 3.",
        "Job submit failed after 1 try.",
        "Event: ULOG_SUBMIT for HTCondor Node A (7.1.0) {11/23/26 05:28:01}",
        "Submitting HTCondor Node A job(s)...",
        "Event: ULOG_JOB_ABORTED for HTCondor Node A (7.0.0) {11/23/26 05:28:01}",
        "Received SIGUSR1",
        "BAD EVENT: x",
        "Event: ULOG_CLUSTER_SUBMIT for HTCondor Node A (7.-1.-1) {x}",
        "Continuing with DAG in spite of bad event",
        "Event: ULOG_CLUSTER_REMOVE for HTCondor Node A (7.-1.-1) {x}",
        "Event: ULOG_JOB_HELD for HTCondor Node A (7.0.0)",
    ]
)


@given(st.lists(MESSAGE, max_size=30))
def test_restarted_after_any_line_it_goes_on_as_if_nothing_had_happened(messages):
    lines = lines_of(*messages)
    assert restarted(lines) == parse_lines(DagmanOutState(), lines, UTC)[1]


@given(
    st.lists(st.binary() | st.binary().map(lambda tail: b"11/23/26 05:28:03 Event: ULOG_" + tail), max_size=5)
)
def test_no_bytes_raise(lines):
    memo = dump(parse_lines(DagmanOutState(), lines, UTC)[0])
    assert dump(load(memo)) == memo


@given(MESSAGE, st.data())
def test_a_message_that_was_cut_or_changed_does_not_raise(message, data):
    (line,) = lines_of(message)
    at = data.draw(st.integers(0, len(line)))
    changed = line[:at] + data.draw(st.binary(max_size=3)) + line[at + 1 :]
    memo = dump(parse_lines(DagmanOutState(), [changed])[0])
    assert dump(load(memo)) == memo


@pytest.mark.parametrize("text", ["{", "[]", '{"no": 1}', '{"starting": 3}'])
def test_a_memo_that_is_none_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        load(text)


def test_the_memo_of_a_run_at_work_is_small():
    lines = lines_of(*start(), *(line.replace("Node A", f"Node n{i}") for i in range(1000) for line in ALL))
    assert len(dump(parse_lines(DagmanOutState(), lines, UTC)[0])) < 200
