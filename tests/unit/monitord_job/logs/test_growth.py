"""What HTCondor, DAGMan and the planner write costs time in proportion to its length, whatever stands there."""

from collections.abc import Callable

import pytest

from dag_rewriter.logs import dagman_log, jobstate_log
from monitord_job.kickstart import regex_multipart, regex_parser, xml_parser, yaml_parser
from monitord_job.logs import dagman_out, nodes_log
from monitord_job.logs.dagman_out_state import DagmanOutState
from monitord_job.logs.dagman_out_summary import last_word, node_counts, version_in
from monitord_job.stampede.static_rows import rows_of_lines
from tests.support.growth import assert_linear

OUT = b"11/23/26 05:28:03 "
UNITS = [b" ", b"a", b'"', b"a=", b"(", b"9", b"\0", b"\\", b"<a", b"a \n"]
PARSERS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "dagman.out": (
        lambda data: dagman_out.parse_lines(DagmanOutState(), data.split(b"\n")),
        [
            OUT,
            OUT + b"Event: ULOG_SUBMIT for Node ",
            OUT + b"Event: ULOG_SUBMIT for Node a (1.0.0) {",
            OUT + b"PRE Script of node ",
            OUT + b"ERROR: condor_submit_dag -no_submit failed for node ",
            OUT + b"Lock file ",
        ],
    ),
    "its end": (
        lambda data: (last_word(data), node_counts(data), version_in(data)),
        [b"", b"Of 1 nodes total:\n Done"],
    ),
    "nodes.log": (
        lambda data: (nodes_log.parse(data), list(nodes_log.leftover_events(data, {"7.0": "A"}, None))),
        [b"001 (1.0.0) ", b"012 (1.0.0) x\n", b"016 (-1.0.0) x\n    DAG Node: ", b"005 (7.0.0) "],
    ),
    "dagman.log": (lambda data: (dagman_log.parse(data), dagman_log.queued(data)), [b"005 (7.0.0) "]),
    "jobstate.log": (
        lambda data: [jobstate_log.parse(line) for line in data.split(b"\n")],
        [b"", b"1795410615 ", b"1795410615 INTERNAL *** "],
    ),
    "static.bp": (
        lambda data: list(rows_of_lines(data.split(b"\n"), "w.static.bp")),
        [b"", b"ts=1 event=job.info level=Info ", b'ts=1 event=job.info job.id="'],
    ),
    "kickstart, YAML": (
        lambda data: (
            yaml_parser.read_record(0, data.decode()),
            regex_parser.scan(0, data.decode()),
            list(yaml_parser.read_multipart(0, data.decode())),
            regex_multipart.scan(0, data.decode()),
        ),
        [
            b"- invocation: True\n  version: ",
            b"- invocation: ",
            b"location:\n    ip: ",
            b'- transfer_attempts:\n  - lfn: "a"\n    pfn: ',
        ],
    ),
    "kickstart, XML": (
        lambda data: xml_parser.read_record(0, data),
        [b"<invocation ", b"<invocation xmlns='x'>"],
    ),
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    ("parser", "begin"), [(name, begin) for name, (_, begins) in PARSERS.items() for begin in begins]
)
def test_a_log_or_a_record(parser, begin, unit):
    parse, _ = PARSERS[parser]
    assert_linear(parse, lambda size: begin + unit * (size // len(unit)) + b"\n", 4_000)


@pytest.mark.parametrize("unit", [b"Of 1 nodes total: Done P", b"Of 1 nodes total:\n", b" STARTING UP"])
def test_the_table_of_nodes(unit):
    assert_linear(PARSERS["its end"][0], lambda size: unit * (size // len(unit)), 16_000)
