"""How well transformations used what they had: processors against time and request, memory against request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from monitord_job.statistics.model.figures import Statistics
from monitord_job.statistics.model.requests import Requests

_MB = 1024.0


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Of one transformation: what kickstart measured of its tasks, and what HTCondor says of the jobs they were in."""

    asked: Requests
    count: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    task_memory: float | None = None
    """MB that one task had resident at most; None where nobody measured it"""

    @property
    def transformation(self) -> str:
        return self.asked.transformation

    @property
    def cpu_share(self) -> float | None:
        """Of the time that tasks ran."""
        return self.cpu_seconds / self.seconds if self.seconds else None

    @property
    def request_share(self) -> float | None:
        """Of the processors that were asked for."""
        processors = self.asked.mean_processors
        return None if self.cpu_share is None or processors is None else self.cpu_share / processors

    @property
    def suffices(self) -> int | None:
        """The request of memory, in whole MB, that would have sufficed for each of these jobs.

        HTCondor looks only now and then, kickstart only at its tasks: it is the larger of what both have seen.
        """
        seen = [mb for mb in (self.task_memory, self.asked.used_memory) if mb is not None]
        return max(1, ceil(max(seen))) if seen else None


def efficiencies(statistics: Statistics) -> list[Efficiency]:
    """One for each transformation that was measured or asked for something; DAGMan's scripts are neither."""
    asked = statistics.requests
    measured: dict[str, Efficiency] = {}
    for row in statistics.breakdown:
        if not row.measured:
            continue
        before = measured.get(row.transformation, Efficiency(Requests(row.transformation)))
        peaks = [before.task_memory, None if row.memory is None else row.memory.most / _MB]
        measured[row.transformation] = Efficiency(
            asked.get(row.transformation, before.asked),
            before.count + row.count,
            before.seconds + row.measured,
            before.cpu_seconds + row.cpu_seconds,
            max((mb for mb in peaks if mb is not None), default=None),
        )
    return [measured.get(name) or Efficiency(asked[name]) for name in sorted({*asked, *measured})]
