"""`bridle site prune`, for people and as JSON. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from monitord_job.pruning.model import Pruned, Verdict
from monitord_job.runs.run_condition import word_of
from monitord_job.text.display import one_line

VERSION = 1


def lines(pruned: Pruned, room_hint: str, *, dry_run: bool) -> Iterator[str]:
    """A line for each run, and the sum; `room_hint` says what becomes of the room."""
    for verdict in pruned.verdicts:
        yield _line(verdict, dry_run=dry_run)
    for uuid in pruned.resumed:
        yield f"{uuid}  {'to be ' if dry_run else ''}taken out to its end: a prune was cut off"
    if pruned.indexes:
        yield f"{'to be made' if dry_run else 'made'} first: {', '.join(pruned.indexes)}"
    if pruned.unnamed_files is not None:
        went = "would go" if dry_run else "went"
        yield f"{pruned.unnamed_files:,} files that no task names {went}"
    gone, jobs = len(pruned.gone), sum(verdict.run.jobs for verdict in pruned.gone)
    stay = len(pruned.verdicts) - gone
    what = f"{gone} runs of {jobs:,} jobs"
    if dry_run:
        yield f"{what} would be pruned, {stay} stay; nothing was written"
        return
    yield f"{what} pruned ({pruned.rows:,} rows), {stay} stay"
    if pruned.rows:
        yield room_hint


def _line(verdict: Verdict, *, dry_run: bool) -> str:
    record = verdict.listed.record
    went = "would go" if dry_run else "pruned"
    return "  ".join(
        (
            one_line(record.name),
            one_line(record.user or "-"),
            word_of(verdict.listed.condition),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(verdict.run.newest)),
            f"{verdict.run.jobs:,} jobs",
            f"stays: {verdict.stays}" if verdict.stays else went,
        )
    )


def as_mapping(pruned: Pruned, before: float, *, dry_run: bool) -> dict[str, Any]:
    """For --json; times are seconds since the epoch. `version` counts when a key changes its meaning or goes."""
    return {
        "version": VERSION,
        "dry_run": dry_run,
        "before": before,
        "queue": pruned.silence or None,
        "runs": [_mapping(verdict) for verdict in pruned.verdicts],
        "resumed": list(pruned.resumed),
        "indexes": list(pruned.indexes),
        "unnamed_files": pruned.unnamed_files,
        "rows": pruned.rows,
    }


def _mapping(verdict: Verdict) -> dict[str, Any]:
    record = verdict.listed.record
    return {
        "wf_uuid": verdict.run.wf_uuid,
        "name": record.name,
        "directory": record.directory,
        "user": record.user,
        "state": word_of(verdict.listed.condition),
        "last_event": verdict.run.newest,
        "workflows": verdict.run.workflows,
        "jobs": verdict.run.jobs,
        "goes": not verdict.stays,
        "stays": verdict.stays or None,
    }
