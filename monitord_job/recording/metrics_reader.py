"""Reads the metrics files of a submit directory for the database."""

from __future__ import annotations

from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from monitord_job.stampede.metrics_rows import MetricSource, metric_rows, unreadable
from monitord_job.stampede.rows import MetricRow, Row


def planned_metrics(submit_dir: SubmitDir) -> list[Row]:
    """What is known before the run: the planner's numbers and bridle's own."""
    rows: list[Row] = []
    for source, path in (
        (MetricSource.PLANNER, submit_dir.metrics),
        (MetricSource.BRIDLE, submit_dir.bridle_metrics),
    ):
        data = _read(path)
        if data is not None:
            rows += [data] if not isinstance(data, bytes) else metric_rows(source, path.name, data)
    return rows


def dagman_metrics(submit_dir: SubmitDir, dagman_id: str | None) -> list[Row]:
    """What DAGMan wrote when it ended; nothing as long as the file is not there, not whole, or another DAGMan's."""
    path = submit_dir.path / f"{submit_dir.dag}.metrics"
    data = _read(path)
    if not isinstance(data, bytes):
        return [] if data is None else [data]
    # DAGMan writes it right after its last line in the JOBSTATE_LOG, in pieces.
    if not data.rstrip().endswith(b"}"):
        return []
    rows = metric_rows(MetricSource.DAGMAN, path.name, data)
    writers = [row.value for row in rows if isinstance(row, MetricRow) and row.key == "dagman_id"]
    cluster = cluster_of(dagman_id)
    return [] if writers and cluster and writers[0] != cluster else rows


def cluster_of(dagman_id: str | None) -> str:
    """DAGMan's job as its metrics name it; empty if the log does not say which one it was.

    >>> cluster_of("724.0"), cluster_of("None")
    ('724', '')
    """
    cluster = (dagman_id or "").partition(".")[0]
    return cluster if cluster.isdecimal() else ""


def _read(path: Path) -> bytes | Row | None:
    try:
        return files.read_if_there(path, files.SMALL)
    except (RewriterError, OSError) as error:
        return unreadable(path.name, f"it cannot be read: {error}")
