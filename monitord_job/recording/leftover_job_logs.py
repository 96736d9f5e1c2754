"""Looks for jobs that left the queue after their DAGMan, in the logs that HTCondor writes for them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.logs.events import NodeEvent
from monitord_job.recording.log_source import zone_of
from monitord_job.stampede.leftover_jobs import late_events


def left_since(submit_dir: SubmitDir, jobs: Mapping[str, str]) -> Iterator[NodeEvent]:
    """How some of these jobs (`cluster.proc` -> node) left. Pegasus gives all jobs one log, which no DAGMan empties."""
    zone = zone_of(submit_dir.braindump.get("timestamp"))
    waiting = dict(jobs)
    for path in (submit_dir.condor_log, submit_dir.nodes_log):
        if not waiting or not _has_bytes(path):
            continue
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as log:
            found = list(late_events(log, waiting, zone))
        nodes = {event.node for event in found}
        waiting = {job: node for job, node in waiting.items() if node not in nodes}
        yield from found


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
