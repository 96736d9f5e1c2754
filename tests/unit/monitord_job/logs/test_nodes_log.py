"""Events of a job event log, as HTCondor 25 and 23 write them."""

from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.logs.events import NodeLogEvent, NodeLogKind
from dag_rewriter.logs.user_log import EVENT_END
from monitord_job.logs.nodes_log import parse, parse_all
from monitord_job.logs.tail import Cursor, read_new_lines

VANILLA = b"""001 (877.000.000) 2026-11-23 05:28:51 Job executing on host: <127.0.0.1:3?addrs=1&alias=a.pool&sock=s>
\tSlotName: slot1_4@node7.example.org
\tCpus = 1"""
LOCAL = (
    b"001 (798.000.000) 2026-11-23 05:28:36 Job executing on host: <127.0.0.1:3?addrs=1&alias=a.pool&sock=s>"
)
OLD = b"001 (798.000.000) 11/23 05:28:36 Job executing on host: <192.0.2.7:9618>"
HELD = b"""012 (5.001.000) 2026-11-23 05:28:36 Job was held.
\tError from slot1: out of cheese
\tCode 34 Subcode 0"""
POST = b"""016 (798.000.000) 2026-11-23 05:28:39 POST Script terminated.
\t(1) Normal termination (return value 1)
    DAG Node: create_dir"""
POST_KILLED = b"""016 (798.000.000) 2026-11-23 05:28:39 POST Script terminated.
\t(0) Abnormal termination (signal 9)
    DAG Node: create_dir"""
POST_WITHOUT_JOB = b"""016 (-1.-1.-1) 2026-11-23 05:28:39 POST Script terminated.
\t(1) Normal termination (return value 0)
    DAG Node: A.b+c"""


def test_hosts_reasons_and_exit_codes():
    events = [VANILLA, LOCAL, OLD, HELD, POST, POST_KILLED, POST_WITHOUT_JOB]
    assert list(parse_all(events)) == [
        NodeLogEvent(NodeLogKind.EXECUTE, "877.0", "node7.example.org"),
        NodeLogEvent(NodeLogKind.EXECUTE, "798.0", "a.pool"),
        NodeLogEvent(NodeLogKind.EXECUTE, "798.0", "192.0.2.7"),
        NodeLogEvent(NodeLogKind.JOB_HELD, "5.1", "Error from slot1: out of cheese"),
        NodeLogEvent(NodeLogKind.POST_SCRIPT_TERMINATED, "798.0", "1"),
        NodeLogEvent(NodeLogKind.POST_SCRIPT_TERMINATED, "798.0", "-9"),
        NodeLogEvent(NodeLogKind.POST_SCRIPT_TERMINATED, "A.b+c", "0"),
    ]


def test_events_that_add_nothing_are_passed_over():
    submitted = b"000 (1.000.000) 2026-11-23 05:28:35 Job submitted from host: <127.0.0.1:3>\n    pool:local"
    assert list(parse_all([submitted, b"", b"garbage"])) == []


@given(st.binary())
def test_no_bytes_raise(event):
    assert parse(event) is None or isinstance(parse(event), NodeLogEvent)


# An event's own lines hold no "..." alone, and HTCondor writes at least one.
LINES = st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and line != b"..."), min_size=1)


@given(st.lists(LINES, min_size=1), st.integers(1, 50))
def test_events_are_read_whole_and_once_however_the_log_grows(tmp_path_factory, events, limit):
    log = tmp_path_factory.mktemp("log") / "x.dag.nodes.log"
    log.write_bytes(b"".join(b"\n".join(event) + EVENT_END for event in events) + b"001 (1.0.0) not yet")
    found, cursor = [], Cursor()
    while (reading := read_new_lines(log, cursor, limit, EVENT_END)).lines:
        found += reading.lines
        cursor = reading.cursor
    assert found == [b"\n".join(event) for event in events]
