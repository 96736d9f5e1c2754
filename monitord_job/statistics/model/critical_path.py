"""The chain of jobs that made a run as long as it was: each waited for the one before it. Pure; seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Phases:
    """Where the time of a link went, from the end of the link before it to its own."""

    pause: float = 0.0
    """no DAGMan was at work: between a run and the next one from a rescue DAG"""
    dagman: float = 0.0
    """DAGMan had not submitted it yet: throttles, categories, DEFER, its own cycle"""
    pre: float = 0.0
    retries: float = 0.0
    """attempts before the last one"""
    queue: float = 0.0
    run: float = 0.0
    post: float = 0.0

    def __add__(self, other: Phases) -> Phases:
        return Phases(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def total(self) -> float:
        return float(sum(getattr(self, one.name) for one in fields(self)))

    def named(self) -> dict[str, float]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class Link:
    """One job of the chain."""

    job: str
    kind: str
    attempts: int
    host: str | None
    phases: Phases
    ended: float
    below: tuple[Link, ...] = ()
    """the chain of the sub-workflow that it ran"""


@dataclass(frozen=True, slots=True)
class Times:
    """When the attempts of a job went through what; None for what they did not."""

    began: float
    """its first state, of all attempts"""
    last_began: float
    submit: float | None
    execute: float | None
    terminated: float | None
    ended: float


def chain(ends: Mapping[int, float], parents: Mapping[int, int]) -> list[int]:
    """The jobs from the first to the one that ended last. `parents`: of each, the one that ended last."""
    if not ends:
        return []
    job: int | None = max(ends, key=lambda one: (ends[one], one))
    path: dict[int, None] = {}
    while job is not None and job not in path:
        path[job] = None
        job = parents.get(job)
    return list(reversed(path))


def latest_parents(ends: Mapping[int, float], edges: Iterable[Sequence[int]]) -> dict[int, int]:
    """Of each job that has parents which have ended, the one that ended last; of several, that of the lowest number.

    `edges`: (parent, child), in the order that a database happens to have them.

    This, and going back from the last job, is all that a critical path over real times takes; a graph of a million
    jobs in networkx would take half a minute and a gigabyte.
    """
    latest: dict[int, int] = {}
    for parent, child in edges:
        end = ends.get(parent)
        if end is None:
            continue
        known = latest.get(child)
        if known is None or end > ends[known] or (end == ends[known] and parent < known):
            latest[child] = parent
    return latest


def phases(times: Times, ready: float, periods: Sequence[tuple[float, float]]) -> Phases:
    """Where the time of a job went that could begin at `ready`; `periods` are those in which a DAGMan was at work.

    >>> phases(Times(12, 12, 12, 17, 60, 61), 10, [(0, 100)]).named()
    {'pause': 0.0, 'dagman': 2.0, 'pre': 0.0, 'retries': 0.0, 'queue': 5.0, 'run': 43.0, 'post': 1.0}
    """
    # A clock that goes wrong does not make the chain longer than the run was.
    began, last = max(times.began, ready), max(times.last_began, ready)
    submit = max(last, times.submit or last)
    execute = max(submit, times.execute or submit)
    ended = max(execute, times.ended)
    terminated = min(max(execute, times.terminated or ended), ended)
    before, between = _outside(ready, began, periods), _outside(began, last, periods)
    return Phases(
        pause=before + between,
        dagman=float(began - ready - before),
        pre=float(submit - last),
        retries=float(last - began - between),
        queue=float(execute - submit),
        run=float(terminated - execute),
        post=float(ended - terminated),
    )


def _outside(begin: float, end: float, periods: Sequence[tuple[float, float]]) -> float:
    inside = sum(max(min(end, to) - max(begin, since), 0.0) for since, to in periods)
    return float(max(end - begin - inside, 0.0)) if periods else 0.0


def summed(links: Iterable[Link]) -> Phases:
    """Where the time of a whole chain went."""
    return sum((one.phases for one in links), Phases())
