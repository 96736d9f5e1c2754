"""`bridle list`, for people and as JSON. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from monitord_job.outcome.node_status import NodeStatus
from monitord_job.runs.listing import ListedRun, Listing
from monitord_job.runs.run_condition import is_live, word_of
from monitord_job.text.display import one_line

VERSION = 1
_HEAD = ("name", "state", "done", "failed", "held", "since", "monitor", "where")
_RIGHT = frozenset({2, 3, 4})


def lines(runs: Sequence[ListedRun], *, with_user: bool = False) -> Iterator[str]:
    """A table: a line for each run, never folded."""
    head = (*_HEAD[:1], "user", *_HEAD[1:]) if with_user else _HEAD
    rows = [head, *(_row(run, with_user=with_user) for run in runs)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head) - 1)]
    right = {at + with_user for at in _RIGHT}
    for row in rows:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join((*cells, row[-1]))


def _row(run: ListedRun, *, with_user: bool) -> tuple[str, ...]:
    record = run.record
    counts = record.counts
    done = f"{counts.get(NodeStatus.SUCCEEDED.value, 0)}/{record.total}" if record.total and counts else "-"
    held = counts.get(NodeStatus.HELD.value, 0) + record.held_below
    user = (record.user or "-",) if with_user else ()
    return (
        one_line(record.name),
        *user,
        word_of(run.condition) if not record.unread else "not readable",
        done,
        str(counts.get(NodeStatus.FAILED.value, 0) or "-"),
        str(held or "-"),
        "-" if run.since is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(run.since)),
        "-" if run.monitor is None else run.monitor.value,
        one_line(record.unread or record.directory),
    )


def as_mapping(listing: Listing, runs: Sequence[ListedRun]) -> dict[str, Any]:
    """For --json; times are seconds since the epoch. `version` counts when a key changes its meaning or goes."""
    return {"version": VERSION, "queue": listing.silence or None, "runs": [_mapping(run) for run in runs]}


def _mapping(run: ListedRun) -> dict[str, Any]:
    record = run.record
    unknown = bool(record.total) and not record.counts
    return {
        "name": record.name,
        "directory": record.directory,
        "dag": record.dag_file,
        "wf_uuid": record.wf_uuid,
        "label": record.label,
        "user": record.user,
        "state": word_of(run.condition),
        "live": is_live(run.condition),
        "job": run.job,
        "jobs": {
            "total": record.total,
            **{each.value: None if unknown else record.counts.get(each.value, 0) for each in NodeStatus},
        },
        "held_below": record.held_below,
        "since": run.since,
        "started": record.started,
        "ended": record.ended,
        "monitor": None if run.monitor is None else run.monitor.value,
        "unreadable": record.unread or None,
    }
