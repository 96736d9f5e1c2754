"""What is stored of a workflow before it runs: the rows of its plan, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.language.text import show_bytes
from monitord_job.logs.tail import TOO_LONG, Cursor, read_new_lines
from monitord_job.recording.metrics_reader import planned_metrics
from monitord_job.recording.quarantine import bounded
from monitord_job.recording.store import Changes
from monitord_job.stampede.rows import QuarantineRow
from monitord_job.stampede.state import JobPlan
from monitord_job.stampede.static_rows import Describe, dag_rows, static_rows, workflow_row

_PIECE_BYTES = 1 << 16
"""Bytes of a static.bp that are read at once: most of these pieces have lines of one kind alone."""


def plan_changes(
    submit_dir: SubmitDir, plans: Mapping[str, JobPlan], describe: Describe, parent: str | None
) -> Changes:
    """The plan as one transaction; `parent` is the uuid of the workflow that runs this one as a node.

    The rows are made, and the cursor moves on, while they are written: the plan of a large workflow is never in memory
    as a whole.
    """
    static = submit_dir.static_bp
    cursors = {static.name: Cursor()}
    passed_over: list[QuarantineRow] = []
    if static.exists():
        rows = bounded(static_rows(_pieces(static, cursors, passed_over), static.name, plans))
    else:
        # Read once more: kept from the beginning, the DAG would take more memory than all that is made of it.
        edges = ((show_bytes(parent), show_bytes(child)) for parent, child in read_whole(submit_dir).edges())
        rows = dag_rows(plans, edges, describe)
    workflow = workflow_row(submit_dir.braindump, submit_dir.dag, parent)
    return Changes(chain([workflow], rows, passed_over, planned_metrics(submit_dir)), cursors)


def _pieces(
    path: Path, cursors: dict[str, Cursor], passed_over: list[QuarantineRow]
) -> Iterator[list[bytes]]:
    while True:
        reading = read_new_lines(path, cursors[path.name], _PIECE_BYTES)
        cursors[path.name] = reading.cursor
        if reading.too_long is not None:
            passed_over.append(QuarantineRow(path.name, reading.too_long, TOO_LONG, ""))
        if reading.lines:
            yield reading.lines
        if reading.at_end:
            return
