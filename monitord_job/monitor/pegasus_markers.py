"""The marks by which Pegasus's own tools tell whether a run's database is whole.

pegasus-statistics refuses to work without `monitord.started` and `monitord.done`; scripts of users read
`jobstate.log`. Formats: Pegasus 5.1.3, monitoring/workflow.py.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from dag_rewriter import files

_STARTED, _DONE, _JOBSTATE_LOG = "monitord.started", "monitord.done", "jobstate.log"


def mark_started(directory: Path, pid: int, now: datetime) -> None:
    """A monitor is at work: what is there of an earlier one is no longer true."""
    (directory / _DONE).unlink(missing_ok=True)
    files.replace(directory / _STARTED, f"pid {pid}\ntimestamp {_iso(now)}\n".encode())


def mark_done(directory: Path, jobstate_log: Path, started: datetime, now: datetime) -> None:
    """The database holds all of the run."""
    seconds = (now - started).total_seconds()
    if not (directory / _STARTED).exists():
        mark_started(directory, os.getpid(), started)
    files.replace(directory / _DONE, f"{_iso(now)} {seconds:.3f}\n".encode())
    link = directory / _JOBSTATE_LOG
    if not os.path.lexists(link) and jobstate_log.exists():
        files.make_link(link, os.path.relpath(jobstate_log, directory))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
