"""Reads the job event log of a DAG's nodes, for what the JOBSTATE_LOG leaves out.

Source of the format: HTCondor's condor_event.cpp; 23.x and 25.x differ only in the note of the submit event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from monitord_job.logs.events import NodeLogEvent, NodeLogKind

_HEADER = re.compile(rb"^(\d{3}) \((-?\d+)\.(-?\d+)\.-?\d+\) ")
_KINDS = {b"%03d" % kind.value: kind for kind in NodeLogKind}
_SLOT = re.compile(rb"^\tSlotName: (?:[^@\n]*@)?(\S+)", re.MULTILINE)
_ALIAS = re.compile(rb"[?&]alias=([^&>]+)")
_ADDRESS = re.compile(rb"<([^:>]+):")
_RETURNED = re.compile(rb"\(return value (-?\d+)\)")
_SIGNALLED = re.compile(rb"\(signal (\d+)\)")
_DAG_NODE = re.compile(rb"^    DAG Node: (.+)$", re.MULTILINE)

EVENT_END = b"\n...\n"
"""What closes every event: its last line's newline, and a line of its own."""


def parse(event: bytes) -> NodeLogEvent | None:
    """What one event (without its closing line) adds to the JOBSTATE_LOG, or None if it adds nothing.

    >>> parse(b"016 (798.000.000) 2026-11-23 05:28:39 POST Script terminated.\\n"
    ...       b"\\t(1) Normal termination (return value 3)\\n    DAG Node: A").value
    '3'
    """
    kind = _KINDS.get(event[:3])
    header = _HEADER.match(event) if kind else None
    if header is None or kind is None:
        return None
    value = _VALUE[kind](event)
    if value is None:
        return None
    return NodeLogEvent(kind, _job(event, header), value)


def parse_all(events: Iterable[bytes]) -> Iterator[NodeLogEvent]:
    """Those of the events that add something, in their order."""
    for event in events:
        parsed = parse(event)
        if parsed is not None:
            yield parsed


def _job(event: bytes, header: re.Match[bytes]) -> str:
    cluster = int(header[2])
    if cluster > 0:
        return f"{cluster}.{int(header[3])}"
    # A POST script after a PRE script that failed, and a NOOP node, have no job: only the node's name tells.
    node = _DAG_NODE.search(event)
    return _text(node[1]) if node else f"{cluster}.{int(header[3])}"


def _host(event: bytes) -> str | None:
    found = _SLOT.search(event) or _ALIAS.search(event) or _ADDRESS.search(event)
    return _text(found[1]) if found else None


def _hold_reason(event: bytes) -> str | None:
    lines = event.split(b"\n")
    return _text(lines[1]).strip() if len(lines) > 1 else None


def _script_exit(event: bytes) -> str | None:
    returned = _RETURNED.search(event)
    if returned:
        return _text(returned[1])
    signalled = _SIGNALLED.search(event)
    return f"-{_text(signalled[1])}" if signalled else None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


_VALUE = {
    NodeLogKind.EXECUTE: _host,
    NodeLogKind.JOB_HELD: _hold_reason,
    NodeLogKind.POST_SCRIPT_TERMINATED: _script_exit,
}
