"""Kickstart records: the real ones, and the ones that applications and accidents make of them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitord_job.kickstart.job_output import parse_output
from monitord_job.kickstart.records import ClusterLine, Damage, IntegritySummary, Invocation, epoch

RECORD = """\
- invocation: True
  version: 3.0
  start: 2026-11-23T05:28:54.596+00:00
  duration: 0.041
  transformation: "work"
  derivation: "w00002"
  resource: "condorpool"
  hostname: "node7"
  hostaddr: 192.0.2.2
  user: scientist
  mainjob:
    start: 2026-11-23T05:28:54.625+00:00
    duration: 0.011
    usage:
      utime: 0.002
      stime: 0.001
      maxrss: 3220
    status:
      raw: {raw}
      regular_exitcode: 0
    executable:
      file_name: /opt/pegasus/bin/pegasus-keg
  cwd: /scratch
  machine:
    uname_system: linux
    uname_nodename: vm
    uname_release: 6.18
    uname_machine: x86_64
    ram_total: 24684092
  files:
    out put.dat:
      lfn: "out put.dat"
      size: 177
      ctime: 2026-11-23T05:28:54+00:00
      user: scientist
      output: True
      sha256: daa18a05
      checksum_timing: 0.00
    in.dat:
      lfn: "in.dat"
      size: 9
    stdout:
      descriptor: 4
      data_truncated: false
      data: |
{stdout}
    stderr:
      descriptor: 5
      size: 0
    metadata:
      descriptor: 6
      size: 0
"""


def record(stdout: str = "hello\n", raw: int = 0) -> bytes:
    """A whole record; the output is indented as kickstart does it."""
    indented = "\n".join(" " * 8 + line for line in stdout.split("\n"))
    return RECORD.format(raw=raw, stdout=indented).encode()


def one(data: bytes) -> Invocation:
    """The only record in some output."""
    (found,) = parse_output(data)
    assert isinstance(found, Invocation)
    return found


def test_every_field():
    found = one(record())
    assert (found.transformation, found.derivation, found.resource) == ("work", "w00002", "condorpool")
    assert (found.hostname, found.node_name, found.hostaddr) == ("node7", "vm", "192.0.2.2")
    assert (found.start, found.duration, found.utime, found.stime) == (1795411734.625, 0.011, 0.002, 0.001)
    assert (found.maxrss, found.raw, found.ram_total, found.uname) == (3220, 0, 24684092, "linux-6.18-x86_64")
    assert (found.executable, found.cwd, found.user) == (
        "/opt/pegasus/bin/pegasus-keg",
        "/scratch",
        "scientist",
    )
    assert found.stdout == "hello\n"
    assert found.stderr is None
    (output,) = found.outputs
    assert output.lfn == "out put.dat"
    assert dict(output.attributes) == {
        "user": "scientist",
        "size": "177",
        "ctime": "2026-11-23T05:28:54+00:00",
        "checksum.type": "sha256",
        "checksum.value": "daa18a05",
        "checksum.timing": "0.0",
    }


@pytest.mark.parametrize(
    "stdout",
    [
        "status:\n  raw: 7\n",
        "    raw: 7\n      regular_exitcode: 7\n",
        "- invocation: True\n[cluster-summary stat=1]\n",
        "   leading blanks\nand none\n",
        "\n\nempty lines first\n",
        "\x1b[31mred\x1b[0m \x00 \x7f\n",
        "carriage\rreturn\r\n",
        "line\u2028paragraph\u2029next\x85line\ufeff\n",
        "--- # not YAML: {[\n...\n",
        "tab\tand\ttabs\n\t\n",
        "quotes \" and ' and % and \\ \n",
        "emoji \U0001f600\n",
    ],
)
def test_what_an_application_prints_stays_what_it_printed(stdout):
    found = one(record(stdout))
    assert found.stdout == stdout
    assert found.raw == 0


@given(st.text(st.characters(blacklist_categories=["Cs"], max_codepoint=0xDFFF)))
def test_any_output_comes_back(stdout):
    # Of newlines at the end, kickstart's own block style keeps only one.
    text = stdout.rstrip("\n") + "\n"
    assume(text.strip("\n") and not text.startswith("\n"))
    assert one(record(text)).stdout == text


def test_bytes_that_are_no_utf8_are_shown_not_fatal():
    data = record("caf\u00e9\n").replace("caf\u00e9".encode(), b"caf\xe9")
    assert one(data).stdout == "caf\\xe9\n"


@given(st.binary())
def test_no_bytes_raise(data):
    assert isinstance(parse_output(data), tuple)


@given(st.integers(1, len(record(raw=0)) - 1))
def test_a_cut_record_is_damage_or_says_less_but_never_lies(cut):
    for found in parse_output(record(raw=256)[:cut]):
        if isinstance(found, Invocation):
            assert found.raw in (256, None)
        else:
            assert isinstance(found, Damage)


def test_a_record_that_is_cut_in_a_line_is_damage():
    (found,) = parse_output(record()[:300])
    assert isinstance(found, Damage)
    assert found.reason == "the record is cut off"
    assert found.offset == 0


def test_two_records_with_nothing_between_them_are_two():
    first, second = parse_output(record(raw=0) + record(raw=256))
    assert isinstance(first, Invocation)
    assert isinstance(second, Invocation)
    assert (first.raw, second.raw) == (0, 256)
    assert second.offset == len(record(raw=0))


def test_a_cluster_with_a_damaged_record_keeps_the_others():
    task = b'[cluster-task id=%d, start="2026-11-23T05:28:54.594+00:00", duration=0.045, status=0, app="/bin/x y"]\n'
    summary = (
        b'[cluster-summary stat="ok", lines=6, tasks=3, succeeded=3, failed=0, extra=0, duration=0.203]\n'
    )
    broken = record().replace(b"  cwd: /scratch", b"  cwd: [")
    data = (
        record() + task % 1 + broken + task % 2 + b"pegasus-cluster: noise\n" + record() + task % 3 + summary
    )
    kinds = [type(found) for found in parse_output(data)]
    assert kinds == [Invocation, ClusterLine, Damage, ClusterLine, Invocation, ClusterLine, ClusterLine]
    last = parse_output(data)[-1]
    assert isinstance(last, ClusterLine)
    assert last.is_summary
    assert last.fields["stat"] == "ok"
    second = parse_output(data)[3]
    assert isinstance(second, ClusterLine)
    assert second.fields == {
        "id": "2",
        "start": "2026-11-23T05:28:54.594+00:00",
        "duration": "0.045",
        "status": "0",
        "app": "/bin/x y",
    }


def test_integrity_of_inputs():
    data = record() + (
        b'---------------pegasus-multipart\n- integrity_verification_attempts:\n  - lfn: "f.b1"\n    success: True\n'
        b"- integrity_summary:\n    succeeded: 1\n    failed: 2\n    duration: 0.051\n"
    )
    _, found = parse_output(data)
    marker = len(b"---------------pegasus-multipart\n")
    assert found == IntegritySummary(len(record()) + marker, 1, 2, 0.051)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no zone"):
        epoch("2026-11-23T05:28:54")


@pytest.mark.parametrize("opener", ["[", "{a: ", "- ", "? ", "[{a: "])
@pytest.mark.parametrize(
    "start", ["- invocation: ", "- invocation:\n  - ", "---------------pegasus-multipart\n- "]
)
def test_no_depth_ends_the_process(start, opener):
    """Deep enough to overflow the stack of the YAML library, which is C and cannot be caught."""
    (found,) = parse_output((start + opener * 100_000 + "\n").encode())
    assert isinstance(found, Damage)


def test_brackets_in_what_was_printed_are_no_depth():
    printed = "[{- ? " * 100_000 + "\n"
    assert one(record(printed)).stdout == printed
