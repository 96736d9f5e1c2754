"""What Pegasus's own programs report inside a stdout or stderr: JSON between two marks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from monitord_job.kickstart.records import decimal

_START = "@@@MONITORING_PAYLOAD - START@@@"
_END = "@@@MONITORING_PAYLOAD - END@@@"
_MOST = 10**15
"""Files that one metric may tell of: their sums have to fit a database's column."""


class Metric(NamedTuple):
    """How many files were checked against a checksum (`check`) or got one (`compute`), in how many seconds."""

    type: str
    file_type: str
    files: int
    failed: int
    duration: float


def without_payloads(text: str) -> str:
    """The text as the application wrote it."""
    if _START not in text:
        return text
    kept, position = [], 0
    for start, end in _payloads(text):
        kept.append(text[position:start])
        position = end
    return "".join((*kept, text[position:]))


def integrity_metrics(text: str) -> Iterator[Metric]:
    """The integrity metrics reported in a text; payloads of other kinds, and broken ones, are passed over."""
    if _START not in text:
        return
    for start, end in _payloads(text):
        try:
            yield from _metrics(json.loads(text[start + len(_START) : end - len(_END)]))
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
            continue


def _payloads(text: str) -> Iterator[tuple[int, int]]:
    """Where each begins and ends, with its marks. A pattern would look for the end once for each beginning."""
    position = 0
    while (start := text.find(_START, position)) >= 0:
        end = text.find(_END, start + len(_START))
        if end < 0:
            return
        position = end + len(_END)
        yield start, position


def _metrics(event: Any) -> list[Metric]:
    if not isinstance(event, dict) or event.get("monitoring_event") != "int.metric":
        return []
    return [_metric(part) for part in event["payload"] if isinstance(part, dict)]


def _metric(part: dict[str, Any]) -> Metric:
    """Raises ValueError, also for numbers that no database can hold."""
    failed = int(part.get("failed", 0))
    count = int(part.get("count", 0)) or int(part.get("succeeded", 0)) + failed
    if max(abs(failed), abs(count)) > _MOST:
        raise ValueError("more files than there are")
    duration = decimal(str(part.get("duration", 0.0))) or 0.0
    return Metric(str(part.get("event")), str(part.get("file_type")), count, failed, duration)


def summed(metrics: Iterable[Metric]) -> list[Metric]:
    """One metric for each type of check and of file.

    >>> summed([Metric("check", "input", 1, 0, 0.5), Metric("check", "input", 2, 1, 0.25)])
    [Metric(type='check', file_type='input', files=3, failed=1, duration=0.75)]
    """
    metrics = list(metrics)
    if len(metrics) < 2:
        return metrics
    sums: dict[tuple[str, str], Metric] = {}
    for metric in metrics:
        key = (metric.type, metric.file_type)
        last = sums.get(key, Metric(*key, 0, 0, 0.0))
        count, failed = last.files + metric.files, last.failed + metric.failed
        sums[key] = Metric(*key, count, failed, last.duration + metric.duration)
    return list(sums.values())
