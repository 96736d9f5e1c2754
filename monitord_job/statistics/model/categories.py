"""How full categories were, and what their jobs waited for. Pure; seconds since the epoch, and seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


class Stay(NamedTuple):
    """An attempt that a category counts: from its submit until it left the queue."""

    job: str
    submitted: float
    executed: float | None
    left: float
    ready: float | None = None
    """when nothing but DAGMan kept it from being submitted; None where that is not known"""


@dataclass(frozen=True, slots=True)
class CategoryUse:
    """A category of one workflow's DAG, or of several. What is counted adds up."""

    name: str
    limits: tuple[int, ...]
    """of its DAGs, as these have it now; none where there is no limit"""
    jobs: int
    attempts: int = 0
    most: int = 0
    """that were in the queue of one DAGMan at once"""
    queued: float = 0.0
    """seconds of all attempts from the submit to the end"""
    used: float = 0.0
    """seconds in which any was in the queue"""
    capacity: float = 0.0
    """what `queued` would be had it been full while it was used; 0 without a limit"""
    full: float = 0.0
    """seconds in which as many as may be were in the queue"""
    held_back: float = 0.0
    """seconds that jobs which could have been submitted waited while it was full"""
    waited: float = 0.0
    """seconds from the submit to the start"""
    ran: float = 0.0
    """seconds from the start to the end"""

    def __add__(self, other: CategoryUse) -> CategoryUse:
        return CategoryUse(
            self.name,
            tuple(sorted({*self.limits, *other.limits})),
            self.jobs + other.jobs,
            self.attempts + other.attempts,
            max(self.most, other.most),
            self.queued + other.queued,
            self.used + other.used,
            self.capacity + other.capacity,
            self.full + other.full,
            self.held_back + other.held_back,
            self.waited + other.waited,
            self.ran + other.ran,
        )

    @property
    def fullness(self) -> float | None:
        """Which share of the limit was taken while any job was in the queue; None without a limit."""
        return self.queued / self.capacity if self.capacity else None


def category_use(name: str, limit: int | None, jobs: int, stays: Sequence[Stay]) -> CategoryUse:
    """The attempts of one category of one DAG.

    >>> stays = [Stay("a", 0, 2, 10, 0), Stay("b", 10, 11, 20, 0)]
    >>> use = category_use("c", 1, 2, stays)
    >>> use.most, use.full, use.held_back, use.fullness
    (1, 20.0, 10.0, 1.0)
    """
    levels = list(_levels(stays))
    full = [(begin, end) for begin, end, level in levels if limit and level >= limit]
    used = float(sum(end - begin for begin, end, level in levels if level))
    started = [(stay, stay.executed) for stay in stays if stay.executed is not None]
    return CategoryUse(
        name,
        (limit,) if limit else (),
        jobs,
        attempts=len(stays),
        most=max((level for *_, level in levels), default=0) or min(len(stays), 1),
        queued=float(sum(stay.left - stay.submitted for stay in stays)),
        used=used,
        capacity=used * limit if limit else 0.0,
        full=float(sum(end - begin for begin, end in full)),
        held_back=_held_back(stays, full),
        waited=float(sum(executed - stay.submitted for stay, executed in started)),
        ran=float(sum(stay.left - executed for stay, executed in started)),
    )


def _levels(stays: Iterable[Stay]) -> Iterator[tuple[float, float, int]]:
    """(begin, end, how many were in the queue); one that comes as another leaves is not beside it."""
    changes: dict[float, int] = {}
    for stay in stays:
        changes[stay.submitted] = changes.get(stay.submitted, 0) + 1
        changes[stay.left] = changes.get(stay.left, 0) - 1
    level = 0
    for begin, end in pairwise(sorted(changes)):
        level += changes[begin]
        yield begin, end, level


def _held_back(stays: Iterable[Stay], full: Sequence[tuple[float, float]]) -> float:
    """`full`: when the category was, one after the other."""
    begins = [begin for begin, _ in full]
    before = [0.0]
    for begin, end in full:
        before.append(before[-1] + end - begin)

    def until(time: float) -> float:
        at = bisect_right(begins, time)
        return before[at] - max(full[at - 1][1] - time, 0.0) if at else 0.0

    waits = ((stay.ready, stay.submitted) for stay in stays)
    return float(sum(until(end) - until(begin) for begin, end in waits if begin is not None and begin < end))


def by_category(uses: Iterable[CategoryUse]) -> list[CategoryUse]:
    """One for each name, sorted."""
    sums: dict[str, CategoryUse] = {}
    for one in uses:
        sums[one.name] = sums[one.name] + one if one.name in sums else one
    return [sums[name] for name in sorted(sums)]
