"""What page and text have in common: which states are named, the critical path as a list, figures and sizes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitord_job.messages.render import duration
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.report.run_data import RunData
from monitord_job.statistics.model.critical_path import Link, summed

MOST_GROUPS = 20
"""Of failures that are alike."""
PATH_WORDS = {
    "pause": "pause",
    "dagman": "not submitted yet",
    "pre": "PRE script",
    "retries": "attempts before",
    "queue": "queued",
    "run": "running",
    "post": "POST script",
}
"""What a person is told of the fields of `Phases`."""


def shown_statuses(run: RunData) -> list[NodeStatus]:
    """Those that jobs are in, the most telling first; done and failed whether or not there are any."""
    always = (NodeStatus.SUCCEEDED, NodeStatus.FAILED)
    return [*always, *(one for one in NodeStatus if run.status_counts[one] and one not in always)]


def flat(links: Sequence[Link], depth: int = 0) -> Iterator[tuple[int, Link]]:
    """The links of a critical path with those of sub-workflows below theirs, and how deep they are."""
    for link in links:
        yield depth, link
        yield from flat(link.below, depth + 1)


def path_sum(links: Sequence[Link]) -> str:
    """Where the time of the whole chain went, in words."""
    whole = summed(links)
    parts = [f"{PATH_WORDS[name]} {duration(seconds)}" for name, seconds in whole.named().items() if seconds]
    return f"Of {duration(whole.total)}: {', '.join(parts)}." if parts else ""


def figure(value: float) -> str:
    """With three digits that mean something.

    >>> figure(0.01234), figure(12.345), figure(123456.7), figure(7)
    ('0.0123', '12.3', '123,457', '7')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def in_bytes(value: float, unit: int = 1) -> str:
    """A size; `unit` is what the value counts.

    >>> in_bytes(2048), in_bytes(2048, 1024), in_bytes(0)
    ('2 kB', '2 MB', '0 B')
    """
    size = value * unit
    for name in ("B", "kB", "MB", "GB", "TB"):
        if size < 1024 or name == "TB":
            break
        size /= 1024
    return f"{figure(size)} {name}"
