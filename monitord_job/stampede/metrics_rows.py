"""The numbers of the planner, of bridle and of DAGMan about a workflow, as rows with flat keys that SQL can ask for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from enum import Enum
from typing import Any

from monitord_job.stampede.rows import MetricRow, QuarantineRow, Row


class MetricSource(Enum):
    """Who counted: X.metrics, X.bridle.metrics, X.dag.metrics."""

    PLANNER = "planner"
    BRIDLE = "bridle"
    DAGMAN = "dagman"


def metric_rows(source: MetricSource, file: str, data: bytes) -> list[Row]:
    """The rows of a metrics file; what cannot be read is one quarantine row.

    >>> metric_rows(MetricSource.PLANNER, "X.metrics", b'{"wf_metrics": {"total_jobs": 13}}')
    [MetricRow(source='planner', key='wf_metrics.total_jobs', value='13', number=13.0)]
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        return [unreadable(file, f"it is no JSON: {error}", data)]
    if not isinstance(value, dict):
        return [unreadable(file, "it is no JSON object", data)]
    return [MetricRow(source.value, *metric) for metric in _flat("", value)]


def unreadable(file: str, reason: str, data: bytes = b"") -> QuarantineRow:
    """A metrics file that is there and cannot be used."""
    return QuarantineRow(file, 0, reason[:255], data[:200].decode("utf-8", "backslashreplace"))


def _flat(prefix: str, value: dict[str, Any]) -> Iterator[tuple[str, str | None, float | None]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and item:
            yield from _flat(f"{name}.", item)
        else:
            yield name, _text(item), _number(item)


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _number(value: object) -> float | None:
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
