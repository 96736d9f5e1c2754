"""What the end of an attempt adds, for outputs in every state: the peer's defects D5, D7, D12 to D15 are not ours."""

from __future__ import annotations

import pytest

from monitord_job.kickstart.job_output import parse_output
from monitord_job.kickstart.records import Damage
from monitord_job.stampede.attempt_rows import Attempt, finished_rows
from monitord_job.stampede.rows import (
    FileMetaRow,
    InstanceUpdate,
    IntegrityRow,
    InvocationRow,
    QuarantineRow,
    Row,
    TagRow,
)
from monitord_job.stampede.state import JobDescription, JobFiles, JobPlan, NodeState, ScriptPlan
from monitord_job.text.unprintable import text_of
from tests.support.made_records import Made
from tests.support.verdict import failure_of

JUDGED = ScriptPlan("/opt/pegasus/bin/pegasus-exitcode", "-r $RETURN")
JOB = JobDescription(site="condorpool", job_class=1, transformation="work", task="w1", executable="/bin/x.sh")
LITE = """\
2026-11-23 05:27:30: Executing on host node9.example.org IP=192.0.2.9
PegasusLite: exitcode 3
2026-11-23 05:27:32: talk
PegasusLite: exitcode 7
"""


def rows(
    out: bytes | None, err: str | None = None, post: ScriptPlan | None = JUDGED, exitcode: int = 0
) -> list[Row]:
    """All rows of an attempt whose stdout and stderr are these."""
    plan = JobPlan("work_w1", "work_w1.sub", post=post)
    node = NodeState(
        seq=1, submits=1, executed=100, ended=130, exitcode=exitcode, post_exit=0 if post else None
    )
    records = () if out is None else parse_output(out)
    text = None if out is None or records else text_of(out)
    files = JobFiles(JOB, records, "work_w1.out.000", text, "work_w1.err.000", err)
    return list(finished_rows(Attempt(plan, node, 131, "me", "/run"), files))


def invocation(found: list[Row]) -> InvocationRow:
    """The one task."""
    (row,) = (row for row in found if isinstance(row, InvocationRow) and row.task_submit_seq > 0)
    return row


def quarantined(found: list[Row]) -> list[tuple[str, int, str]]:
    """File, byte and reason of what could not be read."""
    return [(row.file, row.offset, row.reason) for row in found if isinstance(row, QuarantineRow)]


def instance(found: list[Row]) -> InstanceUpdate:
    """What became known of the attempt."""
    (row,) = (row for row in found if isinstance(row, InstanceUpdate))
    return row


def test_a_record_gives_its_values():
    row = invocation(rows(bytes(Made(derivation="w1", raw="512"))))
    assert (row.exitcode, row.abs_task_id, row.start_time, row.remote_duration) == (
        512,
        "w1",
        1795411734,
        0.011,
    )
    assert (row.transformation, row.executable, row.maxrss) == ("work", "/opt/pegasus/bin/pegasus-keg", 3220)


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        (None, "there is no such file"),
        (b"", "it is empty"),
        (b"talk\xff\x00\n", "there is no kickstart record in it"),
        (bytes(Made())[:300], "the record is cut off"),
        (bytes(Made()).partition(b"      regular_exitcode")[0], "not a kickstart record: it is cut off"),
        (bytes(Made()).partition(b"    metadata")[0], "not a kickstart record: it is cut off"),
    ],
)
def test_an_output_without_a_whole_record_is_named_and_the_job_is_there(out, reason):
    """D12, D13: the record that is cut after `raw: 0` is no success."""
    found = rows(out, exitcode=256)
    assert quarantined(found) == [("work_w1.out.000", 0, reason)]
    row = invocation(found)
    assert (row.exitcode, row.abs_task_id, row.start_time, row.remote_duration) == (256, "w1", 100, 30)
    assert failure_of(() if out is None else parse_output(out)) is not None


@pytest.mark.parametrize(
    "post", [None, ScriptPlan("/bin/true", ""), ScriptPlan("pegasus-exitcode", "--no-invocations")]
)
def test_where_no_record_is_expected_none_is_missed(post):
    assert quarantined(rows(b"", post=post)) == []


@pytest.mark.parametrize("junk", [b"\xff", b"caf\xe9\n", b"\x00\x01\x80\n", b"\xed\xa0\x80\n"])
def test_bytes_that_are_no_utf8_harm_nothing(junk):
    """D5, D6."""
    out = junk + bytes(Made(derivation="w1")).replace(b"hello", junk.strip(b"\n"))
    found = rows(out, text_of(junk))
    assert invocation(found).abs_task_id == "w1"
    assert quarantined(found) == []
    assert failure_of(parse_output(out)) is None
    for value in instance(found).values.values():
        str(value).encode("ascii")


@pytest.mark.parametrize(
    "printed", ["raw: 7\n", "      raw: 7\n", "    status:\n      raw: 7\n", '<status raw="7">\n']
)
def test_what_an_application_prints_is_no_status(printed):
    """D7."""
    out = bytes(Made(stdout=printed, stderr=printed))
    assert invocation(rows(out)).exitcode == 0
    assert failure_of(parse_output(out)) is None
    assert failure_of(parse_output(out + printed.encode())) is None


def test_a_second_record_that_could_not_be_run_is_a_failure():
    """D7, D14: two records and nothing between them."""
    second = bytes(Made(raw="-1")).replace(b"regular_exitcode: 0", b"failure_error: 2   No such file")
    out = bytes(Made()) + second
    assert [
        row.exitcode for row in rows(out) if isinstance(row, InvocationRow) and row.task_submit_seq > 0
    ] == [0, -1]
    assert failure_of(parse_output(out)) == "work ended with the wait status -1"


def test_a_checksum_that_could_not_be_made_is_a_failure():
    out = bytes(Made()).replace(
        b"      sha256: daa18a05\n", b"      integrity_error: pegasus-integrity failed\n"
    )
    assert failure_of(parse_output(out)) == (
        "the checksum of an output could not be made: pegasus-integrity failed"
    )
    assert failure_of(parse_output(bytes(Made(stdout="integrity_error: none\n")))) is None


@pytest.mark.parametrize("raw", ["nan", "9" * 30, "[]", "1.5"])
def test_a_status_that_is_no_number_is_damage(raw):
    found = rows(bytes(Made(raw=raw)), exitcode=256)
    assert invocation(found).exitcode == 256
    assert len(quarantined(found)) == 1 - (raw == "[]")


def test_pegasus_lite_says_host_and_exit_code():
    found = rows(b"", LITE, exitcode=256)
    host = instance(found).host
    assert host is not None
    assert (host.hostname, host.ip) == ("node9.example.org", "192.0.2.9")
    assert invocation(found).exitcode == 7 << 8


def test_a_line_within_a_line_is_not_pegasus_lite():
    assert invocation(rows(b"", "say PegasusLite: exitcode 7\nPegasusLite: exitcode 70000\n")).exitcode == 0


HTML = b"location:\n  <html><body>\n  {[}: not found\n  </html>\n"
SUMMARY = b"- integrity_summary:\n    succeeded: 2\n    failed: 1\n    duration: 0.5\n"
MARK = b"---------------pegasus-multipart\n"


@pytest.mark.parametrize(
    "parts",
    [
        MARK + HTML + MARK + SUMMARY,
        MARK + SUMMARY + MARK + HTML,
        MARK + SUMMARY + HTML,
        MARK + b"- transfer_attempts:\n  - src: [\n" + SUMMARY,
        MARK + b"location:\n  instance: i-1\n" + MARK + SUMMARY,
        MARK + b"<html>\n" + MARK + SUMMARY,
    ],
)
def test_a_broken_multipart_record_costs_the_others_nothing(parts):
    found = rows(bytes(Made(derivation="w1")) + b"\n" + parts)
    assert invocation(found).abs_task_id == "w1"
    checks = [row for row in found if isinstance(row, IntegrityRow) and row.type == "check"]
    assert [(row.files, row.duration) for row in checks] == [(3, 0.5)]
    assert [row.times for row in found if isinstance(row, TagRow)] == [1]
    assert {row.lfn for row in found if isinstance(row, FileMetaRow)} == {"done.00002"}


def test_no_text_needs_more_than_a_database_can_hold():
    out = bytes(Made(transformation="a\\x00b")).replace(b"\\x00", b"\x00")
    row = invocation(rows(out))
    assert row.transformation == "a\\x00b"
    (damage,) = parse_output(b"- invocation: \x00\x00[\n")
    assert isinstance(damage, Damage)
    assert "\x00" not in damage.text
