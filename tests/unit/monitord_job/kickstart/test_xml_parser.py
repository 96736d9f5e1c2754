"""Records of Pegasus 4: XML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitord_job.kickstart.job_output import parse_output
from monitord_job.kickstart.records import ClusterLine, Damage, Invocation

RECORD = """\
<?xml version="1.0" encoding="UTF-8"?>
<invocation xmlns="http://pegasus.isi.edu/schema/invocation" version="2.3" start="2019-02-19T16:42:52.001-08:00" \
duration="1.5" transformation="diamond::preprocess:4.0" derivation="ID0000001" resource="condorpool" \
hostaddr="192.0.2.2" hostname="node7" user="scientist">
  <mainjob start="2019-02-19T16:42:52.100-08:00" duration="1.25" pid="7">
    <usage utime="0.5" stime="0.25" maxrss="3344"/>
    {status}
    <statcall error="0"><!-- deferred flag: 0 --><file name="/bin/keg">7F45</file><statinfo size="1"/></statcall>
    <argument-vector><arg nr="1">&lt;status raw="7"/></arg></argument-vector>
  </mainjob>
  <cwd>/scratch</cwd>
  <usage utime="9" stime="9" maxrss="9"/>
  <machine page-size="4096"><uname system="linux" nodename="vm" release="3.10" machine="x86_64">#1</uname>
    <linux><ram total="96504804" free="1"/></linux></machine>
  <statcall error="0" id="final" lfn="f.b1"><file name="f.b1"/>
    <statinfo size="82" ctime="2019-02-19T16:42:53-08:00" user="scientist"/>
    <checksum type="sha256" value="4a77bee2" timing="0.144"/></statcall>
  <statcall error="0" id="initial" lfn="f.a"><file name="f.a"/><statinfo size="8"/></statcall>
  <statcall error="2" id="final" lfn="lost"><file name="lost"/></statcall>
  <statcall error="0" id="stdout"><temporary name="x"/><statinfo size="9"/><data>{stdout}</data></statcall>
  <statcall error="0" id="stderr"><temporary name="x"/><statinfo size="0"/></statcall>
</invocation>
"""
REGULAR = '<status raw="{}"><regular exitcode="0"/></status>'


def record(stdout: str = "hello\n", status: str = REGULAR.format(0)) -> bytes:
    """A whole record; what was printed goes in as XML has it."""
    return RECORD.format(stdout=stdout, status=status).encode()


def one(data: bytes) -> Invocation:
    """The only record in some output."""
    (found,) = parse_output(data)
    assert isinstance(found, Invocation)
    return found


def escaped(text: str) -> str:
    """As kickstart quotes what an application printed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_every_field():
    found = one(record())
    assert (found.transformation, found.derivation, found.resource) == (
        "diamond::preprocess:4.0",
        "ID0000001",
        "condorpool",
    )
    assert (found.hostname, found.node_name, found.hostaddr, found.user) == (
        "node7",
        "vm",
        "192.0.2.2",
        "scientist",
    )
    assert (found.start, found.duration, found.utime, found.stime, found.maxrss) == (
        1550623372.1,
        1.25,
        0.5,
        0.25,
        3344,
    )
    assert (found.raw, found.signal, found.executable, found.cwd) == (0, None, "/bin/keg", "/scratch")
    assert (found.uname, found.ram_total) == ("linux-3.10-x86_64", 96504804)
    assert (found.stdout, found.stderr) == ("hello\n", None)
    (output,) = found.outputs
    assert (output.lfn, output.checksum_seconds) == ("f.b1", 0.144)
    assert dict(output.attributes) == {
        "user": "scientist",
        "size": "82",
        "ctime": "2019-02-19T16:42:53-08:00",
        "checksum.type": "sha256",
        "checksum.value": "4a77bee2",
        "checksum.timing": "0.144",
    }


def test_a_signal_has_its_name():
    status = (
        '<status raw="139"><signalled signal="11" corefile="true">Segmentation fault</signalled></status>'
    )
    found = one(record(status=status))
    assert (found.raw, found.signal) == (139, "Segmentation fault with signal 11")


def test_several_records_of_a_cluster():
    line = b'[seqexec-task id=%d, start="2019-02-19T16:42:52.100-08:00", duration=1.0, status=%d, app="/bin/keg"]\n'
    data = b"talk" + record() + line % (1, 0) + record(status=REGULAR.format(256)) + line % (2, 256)
    data += b'[seqexec-summary stat="ok", lines=2, tasks=2, succeeded=1, failed=1, extra=0, duration=2.0]\n'
    found = parse_output(data)
    assert [type(item) for item in found] == [Invocation, ClusterLine, Invocation, ClusterLine, ClusterLine]
    assert [item.raw for item in found if isinstance(item, Invocation)] == [0, 256]
    assert [data[item.offset :][:11] for item in found if isinstance(item, Invocation)] == 2 * [
        b"<invocation"
    ]


def test_a_record_that_is_cut_off_costs_the_next_one_nothing():
    cut, second = parse_output(record()[:900] + b"\n" + record()[39:])
    assert isinstance(cut, Damage)
    assert cut.reason == "the record is cut off"
    assert isinstance(second, Invocation)
    (last,) = parse_output(record()[:900])
    assert isinstance(last, Damage)


@given(st.text(st.characters(blacklist_categories=["Cs"], max_codepoint=0x10EFFF)))
def test_what_is_printed_comes_back(printed):
    assert one(record(stdout=escaped(printed))).stdout == (printed or None)


def test_lines_that_look_like_other_records_are_what_was_printed():
    printed = "\n- invocation: True\n[cluster-summary stat=1]\n---------------pegasus-multipart\nx: y\n"
    assert one(record(stdout=printed)).stdout == printed


@given(st.binary(max_size=300), st.integers(0, len(record())))
def test_no_bytes_raise(noise, cut):
    for output in (b"<invocation " + noise, record()[:cut] + noise + record()[cut:]):
        offsets = [found.offset for found in parse_output(output)]
        assert offsets == sorted(offsets)
        assert all(0 <= offset < len(output) for offset in offsets)


def test_latin_1_is_read_as_it_was_declared():
    assert one(record(stdout="caf\u00e9").replace("caf\u00e9".encode(), b"caf\xe9")).stdout == "caf\u00e9"


@pytest.mark.parametrize(
    "inserted",
    [
        '<!DOCTYPE x [<!ENTITY e "boom">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><cwd>&e;</cwd>',
        "<cwd>&undefined;</cwd>",
        "<a>" * 300 + "</a>" * 300,
        "<cwd>",
    ],
)
def test_what_is_no_plain_xml_is_damage(inserted):
    (found,) = parse_output(record().replace(b"  <cwd>/scratch</cwd>", inserted.encode()))
    assert isinstance(found, Damage)


def test_a_document_type_before_the_record_is_not_read():
    entities = b'<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>\n'
    head, rest = record(stdout="&b;").split(b"\n", 1)
    (found,) = parse_output(head + b"\n" + entities + rest)
    assert isinstance(found, Damage)
    assert "Entity 'b' not defined" in found.reason


def test_numbers_that_are_none_are_damage():
    for wrong in ("x", "9" * 30, "1.5"):
        (found,) = parse_output(record(status=REGULAR.format(wrong)))
        assert isinstance(found, Damage)


def test_a_status_in_words_of_the_application_is_none():
    assert one(record(stdout='&lt;status raw="7"&gt;')).raw == 0
