"""Events of the Stampede model: from rows, and as text and back."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitord_job.errors import CannotWorkError, TryAgainError
from monitord_job.event_stream.netlogger import BpEvent, BpFormat, EventStream, pack, render, unpack
from monitord_job.event_stream.sink import EventFile
from monitord_job.stampede import rows as r
from monitord_job.stampede.static_bp import StaticEvent, parse

TEXT = st.text(st.characters(blacklist_categories=["Cs"]))
NUMBER = st.one_of(st.integers(), st.floats(allow_nan=False))
NAMES = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8})?", fullmatch=True).filter(
    lambda name: name not in ("ts", "event", "level")
)
EVENTS = st.builds(BpEvent, NAMES, st.integers(), st.dictionaries(NAMES, st.one_of(TEXT, NUMBER)))


def events_of(rows: list[r.Row]) -> list[BpEvent]:
    stream = EventStream("u", 5)
    return [*(event for row in rows for event in stream.take(row)), *stream.end()]


@given(EVENTS)
def test_a_bp_line_says_what_the_event_says(event):
    line = render(event, BpFormat.BP)
    assert line.count("\n") == 1
    assert "\r" not in line
    fields = {"level": "Info", **{key: str(value) for key, value in event.fields.items()}}
    found = parse(line[:-1].encode())
    assert isinstance(found, StaticEvent)
    assert (found.name, found.fields) == (f"stampede.{event.name}", fields)


@given(EVENTS)
def test_a_json_line_says_what_the_event_says(event):
    line = render(event, BpFormat.JSON)
    assert line.count("\n") == 1
    found = json.loads(line)
    assert found.pop("event") == f"stampede.{event.name}"
    assert found.pop("ts") == event.ts
    assert found == {key.replace(".", "_"): value for key, value in event.fields.items()}


@given(EVENTS)
def test_the_outbox_gives_back_what_it_was_given(event):
    line = pack(event)
    assert line.splitlines() == [line]
    assert unpack(line) == event


def brief(rows: list[r.Row]) -> list[tuple[str, float, r.Value]]:
    """Name, time and status of the events of rows."""
    return [(e.name, e.ts, e.fields.get("status")) for e in events_of(rows)]


def test_an_attempt_opens_runs_and_ends():
    host = r.HostRow("condorpool", "node1", "10.0.0.1", None, None)
    rows = [
        r.InstanceRow("j", 1, {"site": "condorpool"}),
        r.JobStateRow("j", 1, "SUBMIT", 100, 1, None),
        r.InstanceUpdate("j", 1, {"sched_id": "7.0"}),
        r.JobStateRow("j", 1, "EXECUTE", 101, 2, None),
        r.JobStateRow("j", 1, "JOB_FAILURE", 109, 3, None),
        r.InvocationRow("j", 1, 1, 102, 6.5, 6.0, 256, "t", "/bin/t", None, "ID1", None, None),
        r.FileMetaRow("f.a", "size", "1"),
        r.InstanceUpdate("j", 1, {"exitcode": 256, "stdout_text": "no"}, host),
    ]
    assert brief(rows) == [
        ("job_inst.submit.start", 100, None),
        ("job_inst.submit.end", 100, 0),
        ("job_inst.main.start", 101, None),
        ("inv.start", 102, None),
        ("inv.end", 108, None),
        ("rc.meta", 109, None),
        ("job_inst.host.info", 109, None),
        ("job_inst.main.end", 109, -1),
        ("job_inst.composite", 109, None),
    ]
    start, submitted, *_, end, composite = events_of(rows)
    assert start.fields["site"] == "condorpool"
    assert submitted.fields["sched.id"] == "7.0"
    assert (end.fields["exitcode"], end.fields["stdout.text"], end.fields["level"]) == (256, "no", "Error")
    assert (composite.fields["hostname"], composite.fields["exitcode"]) == ("node1", 256)
    assert "stdout.text" not in composite.fields


def test_a_state_without_an_event_of_its_own_keeps_its_word():
    assert brief([r.JobStateRow("j", 1, "JOB_SUSPENDED", 7, 1, None)]) == [
        ("job_inst.job_suspended", 7, None)
    ]


def test_the_plan_is_framed_as_by_the_planner():
    rows = [
        r.WorkflowRow._make(["u", "x.dag", 50, *[None] * 9, "u", None]),
        r.TaskRow("ID1", "t", None, "compute"),
        r.WorkflowMetaRow("a", "b"),
        r.TaskMetaRow("ID1", "a", "b"),
        r.JobRow("j", "j.sub", "compute", False, 3, "/bin/t", None, 1),
    ]
    words = [name for name, _, _ in brief(rows)]
    assert words == [
        "wf.plan", "static.start", "task.info", "static.meta.start", "xwf.meta", "task.meta", "static.meta.end",
        "job.info", "static.end",
    ]  # fmt: skip


LINES = [BpEvent("xwf.meta", 0, {"key": "a", "value": str(number) * 9}) for number in range(3)]


def whole(events: list[BpEvent]) -> bytes:
    """What a file with these events holds."""
    return "".join(render(event, BpFormat.BP) for event in events).encode()


@pytest.mark.parametrize("cut", [1, 30, 80])
def test_a_line_cut_by_a_kill_is_written_anew(tmp_path, cut):
    path = tmp_path / "events.bp"
    path.write_bytes(whole(LINES[:1]) + whole(LINES[1:2])[:cut])
    EventFile(str(path), BpFormat.BP).write(LINES[1:])
    assert path.read_bytes() == whole(LINES)


def test_what_somebody_else_wrote_is_left_alone(tmp_path):
    path = tmp_path / "events.bp"
    path.write_bytes(b"mine")
    EventFile(str(path), BpFormat.BP).write(LINES)
    assert path.read_bytes() == b"mine\n" + whole(LINES)


def test_a_full_disk_is_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "events.bp"
    outlet = EventFile(str(path), BpFormat.BP)
    with monkeypatch.context() as patch:
        real = os.write
        patch.setattr(os, "write", lambda file, data: real(file, data[:20]) if len(data) > 199 else full())
        with pytest.raises(TryAgainError, match="make room"):
            outlet.write(LINES)
    assert path.stat().st_size > 0
    outlet.write(LINES)
    text = path.read_bytes()
    assert text.endswith(whole(LINES))
    assert set(text.splitlines()) == set(whole(LINES).splitlines())


def full() -> int:
    """As write() on a full disk."""
    raise OSError(28, "No space left on device")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(CannotWorkError, match="events cannot be written there"):
        EventFile(str(tmp_path / "none" / "events.bp"), BpFormat.BP)
