"""The lines that DAGMan writes, and those that it does not."""

from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.logs.events import DagmanEvent, DagmanState, Malformed, NodeEvent
from dag_rewriter.logs.jobstate_log import parse

NAME = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1).filter(
    lambda name: name != "INTERNAL"
)
INFO = NAME.filter(lambda name: len(name) < 12)


def test_what_dagman_25_writes():
    lines = [
        b"1795423625 INTERNAL *** DAGMAN_STARTED 1.0 ***",
        b"1795423626 create_dir SUBMIT 2.0 local - 1",
        b"1795423627 create_dir JOB_FAILURE -1002 - - 1",
        b"1795423628 create_dir PRE_SCRIPT_STARTED - local - 1",
        b"1795423653 INTERNAL *** RECOVERY_STARTED ***",
        b"1795423653 INTERNAL *** DAGMAN_FINISHED 3 ***",
    ]
    assert [parse(line) for line in lines] == [
        DagmanEvent(1795423625, DagmanState.STARTED, "1.0"),
        NodeEvent(1795423626, "create_dir", "SUBMIT", "2.0", 1),
        NodeEvent(1795423627, "create_dir", "JOB_FAILURE", "-1002", 1),
        NodeEvent(1795423628, "create_dir", "PRE_SCRIPT_STARTED", "-", 1),
        DagmanEvent(1795423653, DagmanState.RECOVERY_STARTED, ""),
        DagmanEvent(1795423653, DagmanState.FINISHED, "3"),
    ]


@given(st.binary())
def test_no_line_raises_and_what_is_not_read_is_kept(line):
    event = parse(line)
    if isinstance(event, Malformed):
        assert event.text.encode() == line.decode("utf-8", "backslashreplace").encode()
    else:
        assert isinstance(event, NodeEvent | DagmanEvent)


@given(time=st.integers(0, 2**33), node=NAME, state=NAME, info=INFO, attempt=st.integers(0, 2**29))
def test_every_node_line_comes_back_field_by_field(time, node, state, info, attempt):
    line = f"{time} {node} {state} {info} - - {attempt}".encode()
    assert parse(line) == NodeEvent(time, node, state, info, attempt)


@given(cut=st.integers(0, 40))
def test_a_cut_line_is_never_taken_for_a_shorter_event(cut):
    whole = b"1795423626 work_w00001 SUBMIT 12.0 local - 14"
    event = parse(whole[: min(cut, len(whole) - 3)])
    assert isinstance(event, Malformed)
