"""What jobs asked HTCondor for, and what of it they used. Pure; MB of memory, processors, seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """What one attempt asked for; None where HTCondor's log does not say."""

    memory: float | None
    used_memory: float | None
    processors: float | None


@dataclass(frozen=True, slots=True)
class Requests:
    """Of the attempts at one transformation that HTCondor's log tells of."""

    transformation: str
    attempts: int = 0
    least_memory: float | None = None
    most_memory: float | None = None
    used_memory: float | None = None
    """the most that one used"""
    processors: float | None = None
    """the most that one asked for"""
    processor_seconds: float = 0.0
    """that were asked for while they ran"""
    ran: float = 0.0

    @property
    def mean_processors(self) -> float | None:
        """Over the time that they ran."""
        return self.processor_seconds / self.ran if self.ran and self.processor_seconds else None

    def __add__(self, other: Requests) -> Requests:
        return Requests(
            self.transformation,
            self.attempts + other.attempts,
            _of(min, self.least_memory, other.least_memory),
            _of(max, self.most_memory, other.most_memory),
            _of(max, self.used_memory, other.used_memory),
            _of(max, self.processors, other.processors),
            self.processor_seconds + other.processor_seconds,
            self.ran + other.ran,
        )


def _of(choose: Callable[[float, float], float], one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def request(transformation: str, asked: Asked, ran: float | None) -> Requests:
    """One attempt as a sum; `ran`: the seconds that it did.

    >>> both = request("a", Asked(64.0, 16.2, 2.0), 10.0) + request("a", Asked(128.0, None, 1.0), 5.0)
    >>> both.attempts, both.least_memory, both.most_memory, both.used_memory, both.processor_seconds
    (2, 64.0, 128.0, 16.2, 25.0)
    """
    seconds = ran or 0.0
    memory, used, processors = asked.memory, asked.used_memory, asked.processors
    return Requests(
        transformation, 1, memory, memory, used, processors, (processors or 0.0) * seconds, seconds
    )


def by_request(rows: Iterable[Requests]) -> dict[str, Requests]:
    """One for each transformation."""
    sums: dict[str, Requests] = {}
    for one in rows:
        name = one.transformation
        sums[name] = sums[name] + one if name in sums else one
    return sums
