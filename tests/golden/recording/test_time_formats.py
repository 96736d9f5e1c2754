"""Logs of one small DAG on a real DAGMan (25.14), each with other settings of DEBUG_TIME_FORMAT, DAGMAN_DEBUG or
DAGMAN_VERBOSITY: they tell the same. Recorded in UTC on 2026-11-30.
"""

from __future__ import annotations

import tarfile
from datetime import UTC
from pathlib import Path

import pytest

from dag_rewriter.logs.events import JobstateLine, Malformed, NodeEvent
from monitord_job.logs.dagman_out import finish, parse_lines
from monitord_job.logs.dagman_out_format import MARK, compiled, learn
from monitord_job.logs.dagman_out_state import DagmanOutState, dump, load

RECORDED = Path(__file__).with_name("dagman_out") / "time_formats.tar.xz"
SAME = (
    *("ampm", "brackets", "collide", "compact", "ctime", "epoch", "german", "isoz", "percentc", "syslog"),
    *("timeonly", "words", "yearday", "zname", "flags", "flags2", "stamp", "verb4", "verb7"),
)
TOLD = [
    ("fit", "SUBMIT"),
    ("fit", "EXECUTE"),
    ("fit", "JOB_TERMINATED"),
    ("fit", "JOB_SUCCESS"),
    ("sum", "PRE_SCRIPT_STARTED"),
    ("sum", "PRE_SCRIPT_SUCCESS"),
    ("sum", "SUBMIT"),
    ("sum", "EXECUTE"),
    ("sum", "JOB_TERMINATED"),
    ("sum", "JOB_FAILURE"),
]
BEGAN, ENDED = 1796010120, 1796010220


def log(name: str) -> list[bytes]:
    with tarfile.open(RECORDED) as archive:
        member = archive.extractfile(f"time_formats/{name}.dagman.out")
        assert member is not None
        return member.read().splitlines()


def events(lines: list[bytes]) -> list[JobstateLine]:
    state, found = parse_lines(DagmanOutState(), lines, UTC)
    return [event for _, event in found] + finish(state)[1]


@pytest.mark.parametrize("name", SAME)
def test_what_the_log_tells_does_not_depend_on_how(name):
    found = events(log(name))
    assert [(event.node, event.state) for event in found if isinstance(event, NodeEvent)] == TOLD
    assert len(found) == len(TOLD) + 2
    times = [event.time for event in found]
    assert times == sorted(times)
    assert times[0] > BEGAN
    assert times[-1] < ENDED


@pytest.mark.parametrize("name", ["german", "timeonly", "words", "flags2"])
def test_a_reader_that_stops_and_goes_on_at_any_line_knows_the_format(name):
    lines, state, found = log(name), DagmanOutState(), []
    for line in lines:
        state, new = parse_lines(load(dump(state)), [line], UTC)
        found += [event for _, event in new]
    assert found == events(lines)


def test_the_next_dagman_begins_in_the_usual_format_and_may_go_on_in_another():
    lines = log("german") + log("verb4") + log("ctime")
    assert events(lines) == [*events(log("german")), *events(log("verb4")), *events(log("ctime"))]


def test_a_format_that_cannot_be_told_is_said_once():
    strange = [line.replace(b"30.11.2026 03:42:", b"at 7.7 7 ") for line in log("german")]
    found = [event for event in events(strange) if isinstance(event, Malformed)]
    assert len(found) == 1
    assert "DEBUG_TIME_FORMAT" in found[0].reason


@pytest.mark.parametrize(
    ("prefix", "format_"),
    [
        (b"30/11/26 03:42:10 ", "%d/%m/%y %H:%M:%S "),
        (b"2026/11/30-03:42:10 ", "%Y/%m/%d-%H:%M:%S "),
        (b"03:42:10.123 30 Nov ", "%H:%M:%S%f %d %b "),
        (b"20261130T034210Z ", "%Y%m%dT%H%M%SZ "),
        (b"Mon Nov 30 03:42:10 AM UTC 2026 ", "%a %b %d %I:%M:%S %p %z %Y "),
        (b"12345 ", None),
        (b"", None),
        (b"\xff\xfe ", None),
    ],
)
def test_formats(prefix, format_):
    assert learn(prefix, 1796010129, UTC) == format_
    if format_ is not None:
        assert compiled(format_).prefix_length(prefix + MARK) == len(prefix)


@pytest.mark.parametrize(
    ("format_", "text", "floor", "time"),
    [
        ("%H:%M:%S ", b"00:00:03 x", 1796083198, 1796083203),  # midnight comes
        ("%b %d %H:%M:%S ", b"Jan  1 00:00:03 x", 1798761598, 1798761603),  # the year ends
        ("%d.%m.%Y %H:%M:%S ", b"32.13.2026 00:00:03 x", 1796083198, None),
        ("%d.%m.%Y %H:%M:%S ", b"goes on", 1796083198, None),
    ],
)
def test_what_a_format_leaves_out_comes_from_the_line_before(format_, text, floor, time):
    from monitord_job.logs.dagman_out_time import epoch_of_learned

    assert epoch_of_learned(compiled(format_), text, UTC, floor) == time
