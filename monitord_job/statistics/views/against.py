"""One run beside another one: what took longer, what failed more often. Pure; seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from monitord_job.statistics.model.critical_path import summed
from monitord_job.statistics.model.figures import Spread, Statistics
from monitord_job.statistics.model.usage import Loss, Lost
from monitord_job.statistics.views import words
from monitord_job.statistics.views.use_tables import Table, share_of
from monitord_job.text.display import one_line


class Compared(NamedTuple):
    """One figure of both runs; None where one of them has none."""

    what: str
    here: float | None
    there: float | None

    @property
    def change(self) -> float | None:
        """As a share of the other run's."""
        if self.here is None or not self.there:
            return None
        return self.here / self.there - 1


def compared(here: Statistics, there: Statistics) -> Iterator[Compared]:
    """The figures of a run beside those of another one: counts, seconds, then the mean runtime of transformations."""
    for what, one, other in (
        ("Tasks", here.counts.tasks, there.counts.tasks),
        ("Jobs", here.counts.jobs, there.counts.jobs),
        ("Sub-Workflows", here.counts.subworkflows, there.counts.subworkflows),
    ):
        yield Compared(f"{what}: total", one.total, other.total)
        yield Compared(f"{what}: failed", one.failed, other.failed)
        yield Compared(f"{what}: retries", one.retries, other.retries)
    yield Compared("Workflow wall time", here.wall_time, there.wall_time)
    yield Compared("with the pauses between its runs", here.elapsed, there.elapsed)
    yield Compared("Cumulative job wall time", here.kickstart.total, there.kickstart.total)
    yield Compared("... as seen from submit side", here.submit_side.total, there.submit_side.total)
    yield Compared("Cumulative job badput wall time", here.kickstart.badput, there.kickstart.badput)
    yield from _use(here, there)
    yield from _categories(here, there)
    for name, kind in summed(here.path).named().items():
        yield Compared(f"Critical path: {name}", kind, summed(there.path).named()[name])
    yield from _transformations(here, there)


def _use(here: Statistics, there: Statistics) -> Iterator[Compared]:
    yield Compared("Waited in the queue", here.usage.waited, there.usage.waited)
    for why in Loss:
        one, other = (run.usage.lost.get(why, Lost()).seconds for run in (here, there))
        if one or other:
            yield Compared(f"Lost work: {why.value}", one, other)


def _categories(here: Statistics, there: Statistics) -> Iterator[Compared]:
    one, other = ({row.name: row for row in run.categories} for run in (here, there))
    for name in sorted(one.keys() | other.keys()):
        here_use, there_use = one.get(name), other.get(name)
        yield Compared(
            f"Held back by category {one_line(name)}",
            None if here_use is None else here_use.held_back,
            None if there_use is None else there_use.held_back,
        )


def _transformations(here: Statistics, there: Statistics) -> Iterator[Compared]:
    one, other = _means(here), _means(there)
    for name in sorted(one.keys() | other.keys()):
        yield Compared(f"Mean of {one_line(name)}", one.get(name), other.get(name))


def _means(run: Statistics) -> dict[str, float]:
    spreads: dict[str, Spread] = {}
    for row in run.breakdown:
        if row.runtime is not None and row.measured:
            before = spreads.get(row.transformation)
            spreads[row.transformation] = row.runtime if before is None else before + row.runtime
    return {name: spread.mean for name, spread in spreads.items()}


def against_table(rows: Sequence[Compared]) -> Table:
    """The same as text; what is nothing in both is left out."""
    shown = (row for row in rows if row.here or row.there)
    return Table(
        "Against the other run",
        ("Figure", "This", "Other", "Change"),
        tuple(
            (row.what, words.number(row.here), words.number(row.there), _change(row.change)) for row in shown
        ),
    )


def _change(value: float | None) -> str:
    return "-" if value is None else f"{'+' if value > 0 else ''}{share_of(value)}"
