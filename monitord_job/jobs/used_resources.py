"""What a job used of machines against what it asked for: only HTCondor's own log has it."""

from __future__ import annotations

from pathlib import Path

from monitord_job.logs.resource_table import Resource, tables_in
from monitord_job.logs.tail import whole_events


def resources_of(log: Path, job: str) -> tuple[Resource, ...]:
    """The table of the last event that has one, of a job `cluster.proc`; nothing where the log is not there."""
    found: tuple[Resource, ...] = ()
    try:
        for events in whole_events(log):
            for other, table in tables_in(events):
                found = table if other == job else found
    except OSError:
        return ()
    return found
