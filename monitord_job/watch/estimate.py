"""When a run may end: from how long its jobs took so far, and what is left of it. Pure; seconds.

Two bounds: the longest chain of jobs that are left, each as long as those of its kind took; and the work that is
left, done by as many jobs at once as lately. Nothing is said before that means something.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, pstdev

from monitord_job.watch.moment import Estimate

_FEWEST = 3
"""Jobs of a kind that have to be done before they tell how long one takes."""
_KNOWN = 0.8
"""Of the jobs that are left: how many have to be of a kind that is known."""
_SURE = 0.5
"""Beyond that part of what is left, to be off is to know nothing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How long jobs of a kind took, from submission to the end of the POST script."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a workflow: each job's kind and how long it has been going on (0: not yet); who waits for it."""

    jobs: Mapping[str, tuple[str, float]]
    children: Mapping[str, Sequence[str]]
    at_once: float
    """jobs that were under way at a time, lately"""


def kinds_of(took: Iterable[tuple[str, float]]) -> dict[str, Kind]:
    """By kind, from jobs that are done.

    >>> kinds_of([("fit", 9), ("fit", 10), ("fit", 11), ("add", 3)])
    {'fit': Kind(mean=10.0, deviation=0.816496580927726)}
    """
    by_kind: defaultdict[str, list[float]] = defaultdict(list)
    for kind, seconds in took:
        by_kind[kind].append(seconds)
    return {
        kind: Kind(fmean(times), pstdev(times)) for kind, times in by_kind.items() if len(times) >= _FEWEST
    }


def estimate(now: float, left: Left, kinds: Mapping[str, Kind]) -> Estimate | None:
    """When all that is left may be done; None where that would be a guess."""
    if not left.jobs or not kinds:
        return None
    known = sum(kind in kinds for kind, _ in left.jobs.values())
    if known < _KNOWN * len(left.jobs):
        return None
    unknown = Kind(fmean(kind.mean for kind in kinds.values()), max(kind.mean for kind in kinds.values()))
    took = {name: _rest(kinds.get(kind, unknown), begun) for name, (kind, begun) in left.jobs.items()}
    chain, chain_variance = _longest_chain(took, left.children)
    work = sum(kind.mean for kind in took.values()) / max(left.at_once, 1.0)
    work_variance = sum(kind.deviation**2 for kind in took.values()) / max(left.at_once, 1.0) ** 2
    seconds, variance = max((chain, chain_variance), (work, work_variance))
    # The mean of a kind is itself not certain, and that is the same for all jobs of it.
    off = sqrt(variance) + seconds / sqrt(max(known, 1)) * 0.5 + abs(chain - work) * 0.1
    return Estimate(now + seconds, off) if off <= _SURE * seconds or seconds < 60 else None


def _rest(kind: Kind, begun: float) -> Kind:
    """What is left of a job that goes on: one that takes longer than its kind may end at any time."""
    return Kind(max(kind.mean - begun, 0.0), kind.deviation)


def _longest_chain(took: Mapping[str, Kind], children: Mapping[str, Sequence[str]]) -> tuple[float, float]:
    """The longest way through what is left, and its variance. What would wait for itself is left out."""
    waits: defaultdict[str, int] = defaultdict(int)
    for name in took:
        for child in children.get(name, ()):
            waits[child] += child in took
    reached: dict[str, tuple[float, float]] = {}
    ready = [name for name in took if not waits[name]]
    longest = (0.0, 0.0)
    while ready:
        name = ready.pop()
        before, variance = reached.get(name, (0.0, 0.0))
        end = (before + took[name].mean, variance + took[name].deviation ** 2)
        longest = max(longest, end)
        for child in children.get(name, ()):
            if child in took:
                reached[child] = max(reached.get(child, (0.0, 0.0)), end)
                waits[child] -= 1
                if not waits[child]:
                    ready.append(child)
    return longest
