"""How jobs left the queue whose DAGMan had left before: it writes nothing of them, their own log does. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from mmap import mmap
from typing import TypeGuard

from monitord_job.logs.events import DagmanEvent, DagmanState, JobstateLine, NodeEvent
from monitord_job.stampede.state import NodeState

_LEFT = re.compile(
    rb"^(?P<number>005|009) \((?P<cluster>\d+)\.(?P<proc>\d+)\.\d+\) (?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[^\n]*\n"
    rb"(?P<text>[^\n]*)\n",
    re.MULTILINE,
)
_CODE = re.compile(rb"\((return value|signal) (\d+)\)")


def in_queue_yet(nodes: Iterable[tuple[str, NodeState]]) -> dict[str, str]:
    """The jobs (`cluster.proc`) that were submitted and have not left, as far as DAGMan has said, and their nodes."""
    return {
        node.sched_id: name
        for name, node in nodes
        if node.sched_id
        and node.ended is None
        and node.exitcode is None
        and not node.sched_id.startswith("0.")
    }


def begins_anew(event: JobstateLine, then: JobstateLine | None) -> TypeGuard[DagmanEvent]:
    """Whether a DAGMan starts that does not recover, as the event after its start says: the jobs before it are left.

    One that recovers adopts them, and says itself how they leave.
    """
    starts = isinstance(event, DagmanEvent) and event.state is DagmanState.STARTED
    recovers = isinstance(then, DagmanEvent) and then.state is DagmanState.RECOVERY_STARTED
    return starts and then is not None and not recovers


def late_events(log: bytes | mmap, jobs: Mapping[str, str], zone: tzinfo | None) -> Iterator[NodeEvent]:
    """What DAGMan would have said of these jobs, from a log in which they left; times there are local to `zone`.

    >>> log = (b"009 (21.000.000) 2026-11-29 01:04:04 Job was aborted.\\n\\tvia condor_rm (by user ada)\\n...\\n")
    >>> [(event.node, event.state, event.reason) for event in late_events(log, {"21.0": "A"}, None)]
    [('A', 'JOB_ABORTED', 'via condor_rm (by user ada)')]
    """
    seen = set()
    for found in _LEFT.finditer(log):
        job = f"{int(found['cluster'])}.{int(found['proc'])}"
        node = jobs.get(job)
        if node is None or job in seen:
            continue
        seen.add(job)
        time = int(datetime.fromisoformat(found["when"].decode()).replace(tzinfo=zone).timestamp())
        text = found["text"].decode("utf-8", "backslashreplace").strip()
        if found["number"] == b"009":
            yield NodeEvent(time, node, "JOB_ABORTED", job, 0, text or None)
            continue
        yield NodeEvent(time, node, "JOB_TERMINATED", job, 0)
        code = _CODE.search(found["text"])
        value = int(code[2]) * (-1 if code[1] == b"signal" else 1) if code else 1
        yield NodeEvent(time, node, "JOB_FAILURE" if value else "JOB_SUCCESS", str(value), 0)
