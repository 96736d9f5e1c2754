"""What `bridle statistics` shows: one screen. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitord_job.statistics.figures import Statistics
from monitord_job.statistics.text_files import summary_tables


def screen(found: Statistics, *, several: bool) -> Iterator[str]:
    """Its text in pieces. The first line says what the figures lack, if anything."""
    if found.incomplete:
        yield f"incomplete: {'; '.join(found.incomplete)}\n"
    yield from summary_tables(found, several=several, with_legends=False)
    yield "\n"
