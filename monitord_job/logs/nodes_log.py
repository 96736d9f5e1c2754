"""Reads the user logs of a DAG's nodes, for what the JOBSTATE_LOG leaves out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from mmap import mmap

from dag_rewriter.logs.events import NodeEvent, NodeLogEvent, NodeLogKind, new
from dag_rewriter.logs.user_log import HEADER, WHEN, Number, exit_in, host_in, job_of, seconds_of
from monitord_job.text.unprintable import text_of

_HEADER = re.compile(HEADER)
_SLOT = re.compile(rb"^\tSlotName: (?:[^@\n]*@)?(\S+)", re.MULTILINE)
_DAG_NODE = re.compile(rb"^    DAG Node: (.+)$", re.MULTILINE)
_SUBMITTED = re.compile(HEADER.replace(rb"\d{3}", Number.SUBMIT.value), re.MULTILINE)
_LEFT = re.compile(
    HEADER.replace(rb"\d{3}", Number.TERMINATED.value + b"|" + Number.ABORTED.value)
    + rb"(?P<when>"
    + WHEN
    + rb")[^\n]*\n(?P<text>[^\n]*)\n",
    re.MULTILINE,
)


def parse(event: bytes) -> NodeLogEvent | None:
    """What one event (without its closing line) adds to the JOBSTATE_LOG, or None if it adds nothing.

    >>> parse(b"016 (798.000.000) 2026-11-23 05:28:39 POST Script terminated.\\n"
    ...       b"\\t(1) Normal termination (return value 3)\\n    DAG Node: A").value
    '3'
    """
    adds = _ADDS.get(event[:3])
    if adds is None:
        return None
    header = _HEADER.match(event)
    if header is None:
        return None
    kind, value_in = adds
    value = value_in(event)
    return None if value is None else new(NodeLogEvent, (kind, _job(event, header), value))


def parse_all(events: Iterable[bytes]) -> Iterator[NodeLogEvent]:
    """Those of the events that add something, in their order."""
    return filter(None, map(parse, events))


def leftover_events(
    log: bytes | mmap, jobs: Mapping[str, str], zone: tzinfo | None, near: float = 0.0
) -> Iterator[NodeEvent]:
    """What DAGMan would have said of these jobs (`cluster.proc` -> node), from a log in which they left.

    Times there are local to `zone`, and `near` this one where they have no year.

    >>> log = (b"009 (21.000.000) 2026-11-29 01:04:04 Job was aborted.\\n\\tvia condor_rm (by user ada)\\n...\\n")
    >>> [(event.node, event.state, event.reason) for event in leftover_events(log, {"21.0": "A"}, None)]
    [('A', 'JOB_ABORTED', 'via condor_rm (by user ada)')]
    """
    seen = set()
    for event in _LEFT.finditer(log):
        job = job_of(event)
        node = jobs.get(job)
        if node is None or job in seen:
            continue
        try:
            time = seconds_of(event["when"].decode(), zone, near)
        except (ValueError, OverflowError, OSError):
            continue  # a torn line; the job is looked for further on
        seen.add(job)
        if event["number"] == Number.ABORTED.value:
            yield NodeEvent(time, node, "JOB_ABORTED", job, 0, text_of(event["text"]).strip() or None)
            continue
        yield NodeEvent(time, node, "JOB_TERMINATED", job, 0)
        code = exit_in(event["text"])
        value = 1 if code is None else code
        yield NodeEvent(time, node, "JOB_FAILURE" if value else "JOB_SUCCESS", str(value), 0)


def ends_of_clusters(
    log: bytes | mmap, jobs: Mapping[str, str], zone: tzinfo | None, near: float = 0.0
) -> Iterator[NodeEvent]:
    """What DAGMan would have said at the end of clusters, of each of which one job is named, as `leftover_events` does.

    Nothing of one of which a job has not left.

    >>> log = b"".join(b"000 (21.%03d.000) 2026-11-29 01:04:04 Job submitted\\n...\\n" % proc for proc in (0, 1))
    >>> log += b"005 (21.000.000) 2026-11-29 01:04:05 Job terminated.\\n\\t(1) Normal (return value 3)\\n...\\n"
    >>> list(ends_of_clusters(log, {"21.0": "A"}, None))
    []
    >>> log += b"009 (21.001.000) 2026-11-29 01:04:06 Job was aborted.\\n\\tvia condor_rm (by user ada)\\n...\\n"
    >>> [(event.node, event.state, event.info) for event in ends_of_clusters(log, {"21.0": "A"}, None)]
    [('A', 'JOB_FAILURE', '3')]
    """
    nodes = {job.partition(".")[0]: node for job, node in jobs.items()}
    left: dict[str, set[str]] = {cluster: set() for cluster in nodes}
    for event in _SUBMITTED.finditer(log):
        job = job_of(event)
        left.get(job.partition(".")[0], set()).add(job)
    failed: dict[str, NodeEvent] = {}
    everything = {job: nodes[cluster] for cluster, each in left.items() for job in each}
    cluster = ""
    for told in leftover_events(log, everything, zone, near):
        if told.state in ("JOB_TERMINATED", "JOB_ABORTED"):
            cluster = told.info.partition(".")[0]
            left[cluster].discard(told.info)
        if told.state in ("JOB_FAILURE", "JOB_ABORTED"):
            failed.setdefault(cluster, told)
        if not left[cluster] and told.state != "JOB_TERMINATED":
            first = failed.get(cluster)
            yield told if first is None else first._replace(time=told.time)


def _job(event: bytes, header: re.Match[bytes]) -> str:
    job = job_of(header)
    if not job.startswith(("0", "-")):
        return job
    # A POST script after a PRE script that failed, and a NOOP node, have no job: only the node's name tells.
    node = _DAG_NODE.search(event)
    return text_of(node[1]) if node else job


def _host(event: bytes) -> str | None:
    slot = _SLOT.search(event)
    host = slot[1] if slot else host_in(event)
    return None if host is None else text_of(host)


def _reason(event: bytes) -> str | None:
    lines = event.split(b"\n")
    return text_of(lines[1]).strip() if len(lines) > 1 else None


def _script_exit(event: bytes) -> str | None:
    code = exit_in(event)
    return None if code is None else str(code)


_ADDS: dict[bytes, tuple[NodeLogKind, Callable[[bytes], str | None]]] = {
    Number.EXECUTE.value: (NodeLogKind.EXECUTE, _host),
    Number.ABORTED.value: (NodeLogKind.JOB_ABORTED, _reason),
    Number.HELD.value: (NodeLogKind.JOB_HELD, _reason),
    Number.POST_SCRIPT_TERMINATED.value: (NodeLogKind.POST_SCRIPT_TERMINATED, _script_exit),
}
"""The events that add something, and what finds it in them."""
