"""Torn and absurd lines: kept apart in time that grows with their length, in bounded memory, and once."""

from pathlib import Path

import pytest

from dag_rewriter.logs import jobstate_log
from dag_rewriter.logs.events import DagmanEvent, Malformed, NodeEvent
from dag_rewriter.logs.user_log import EVENT_END, host_in
from monitord_job.logs import dagman_out, nodes_log
from monitord_job.logs.dagman_out_state import DagmanOutState
from monitord_job.logs.dagman_out_summary import last_word, queue_update_interval, version_in
from monitord_job.logs.tail import MAX_LINE, Cursor, read_new_lines
from monitord_job.stampede.attempt_fields import code_in
from monitord_job.stampede.rows import JobRow, QuarantineRow
from monitord_job.stampede.static_rows import rows_of_lines
from tests.support.growth import assert_linear

SOUND = b"1795410615 A SUBMIT 38.0 - - 2"
DIGITS = b"9" * 5000


@pytest.mark.parametrize(
    "line",
    [
        b"17954106151795410616 A SUBMIT 38.0 - - 2",
        DIGITS + b" A SUBMIT 38.0 - - 2",
        b"1795410615 A SUBMIT 38.0 - - " + DIGITS,
        b"1795410615 A SUBMIT " + DIGITS + b".0 - - 2",
        b"1795410615 A JOB_FAILURE " + DIGITS + b" - - 2",
        b"17954106151795410616 INTERNAL *** DAGMAN_STARTED 1.0 ***",
        b"1795410615 INTERNAL *** DAGMAN_FINISHED " + DIGITS + b" ***",
        bytes(1 << 24),
    ],
)
def test_a_line_of_the_jobstate_log(line):
    assert isinstance(jobstate_log.parse(line), Malformed)


def test_minus_minus_five_is_no_exit_code():
    event = jobstate_log.parse(b"1795410615 A JOB_FAILURE --5 - - 2")
    assert isinstance(event, NodeEvent)
    assert code_in(event, 1) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"17954106151795410616 Event: ULOG_SUBMIT for Node A (1.0.0)",
        DIGITS + b" Event: ULOG_SUBMIT for Node A (1.0.0)",
        b"999999999999 **** condor_scheduniv_exec.1.0 (condor_DAGMAN) pid 7 EXITING WITH STATUS 0",
        b"1795410615 Event: ULOG_SUBMIT for Node A (" + DIGITS + b".0.0)",
        b"1795410615 Node A job proc (1.0.0) failed with status " + DIGITS + b".",
        b"1795410615 **** x (condor_DAGMAN) pid 7 EXITING WITH STATUS " + DIGITS,
    ],
)
def test_a_line_of_the_dagman_out(line):
    _, found = dagman_out.parse(DagmanOutState(), line)
    assert not [event for event in found if isinstance(event, NodeEvent | DagmanEvent)]


def test_numbers_in_the_end_of_a_dagman_out():
    assert last_word(b"EXITING WITH STATUS " + DIGITS).ended in (None, int(DIGITS[:10]))
    assert version_in(b"$CondorVersion: " + DIGITS + b".1.1") is None
    queue_update_interval(b"DAGMAN_QUEUE_UPDATE_INTERVAL setting: " + DIGITS)


def test_an_event_of_the_nodes_log():
    assert (
        nodes_log.parse(b"001 (" + DIGITS + b".0.0) 2026-11-23 05:28:36 Job executing on host: <h:1>") is None
    )
    log = (
        b"005 (%b.0.0) 2026-11-23 05:28:36 Job terminated.\n\t(1) Normal termination (return value 0)\n...\n"
    )
    assert not list(nodes_log.leftover_events(log % DIGITS, {"7.0": "A"}, None))
    torn = (log % b"7").replace(b"2026-11-23", b"2026-13-93")
    (_, judged) = nodes_log.leftover_events(torn + log % b"7", {"7.0": "A"}, None)
    assert judged.state == "JOB_SUCCESS"


def test_numbers_of_a_static_bp_that_no_column_holds():
    line = (
        b'ts=1 event=job.info level=Info xwf.id=u job.id="A" submit_file="A.sub" type_desc="compute" clustered="0" '
        b'max_retries="%b" executable="x" argv="" task_count="1"'
    )
    assert isinstance(next(rows_of_lines([line % b"3"], "w.static.bp")), JobRow)
    assert isinstance(next(rows_of_lines([line % DIGITS[:30]], "w.static.bp")), QuarantineRow)
    assert isinstance(next(rows_of_lines([line % DIGITS], "w.static.bp")), QuarantineRow)


def test_blanks_and_brackets_cost_no_square():
    state, _ = dagman_out.parse(
        DagmanOutState(), b"11/23/26 05:28:03 Event: ULOG_JOB_HELD for Node A (1.0.0)"
    )

    def hold_reason(blanks: bytes) -> object:
        return dagman_out.parse(state, b"11/23/26 05:28:03   Hold reason: a" + blanks + b"b")

    assert_linear(hold_reason, lambda size: b" " * size, 8_000)
    assert_linear(host_in, lambda size: b"<a" * size, 8_000)


def _read(log: Path, cursor: Cursor, end: bytes) -> tuple[list[bytes], list[int], Cursor]:
    lines, passed_over = [], []
    while True:
        reading = read_new_lines(log, cursor, record_end=end)
        lines += reading.lines
        if reading.too_long is not None:
            passed_over.append(reading.too_long)
        if reading.cursor == cursor:
            return lines, passed_over, cursor
        cursor = reading.cursor


@pytest.mark.parametrize("end", [b"\n", EVENT_END])
@pytest.mark.parametrize("filling", [b"a", b"\0", b"7 "])
def test_a_line_without_end_is_read_once_and_costs_nothing_but_itself(tmp_path, end, filling):
    log = tmp_path / "w.log"
    log.write_bytes(SOUND + end + filling * (16 << 20))
    lines, passed_over, cursor = _read(log, Cursor(), end)
    assert (lines, passed_over) == ([SOUND], [len(SOUND + end)])
    assert log.stat().st_size - cursor.offset < len(end), "the unfinished line would be read anew"
    assert _read(log, cursor, end)[:2] == ([], [])
    with log.open("ab") as stream:
        stream.write(filling + end[:1])
        stream.write(end[1:] + SOUND + end)
    lines, passed_over, cursor = _read(log, cursor, end)
    assert (lines, passed_over) == ([SOUND], [])
    assert cursor.offset == log.stat().st_size


def test_a_line_as_long_as_is_read(tmp_path):
    log = tmp_path / "w.log"
    log.write_bytes(b"a" * (MAX_LINE - 1) + b"\n" + SOUND + b"\n")
    lines, passed_over, _ = _read(log, Cursor(), b"\n")
    assert ([len(line) for line in lines], passed_over) == ([MAX_LINE - 1, len(SOUND)], [])
