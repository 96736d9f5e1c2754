"""How many of something there were at a time, in equal steps. Pure; seconds."""

from __future__ import annotations

from array import array
from itertools import accumulate

STEPS = 240
"""As many as a picture has room for."""


class Steps:
    """A stretch of time, cut into equal steps.

    >>> steps = Steps(100, 140, 4)
    >>> steps.width, steps.at(109), steps.at(140), steps.at(7)
    (10.0, 0, 3, 0)
    """

    def __init__(self, begin: float, end: float, count: int = STEPS) -> None:
        self.begin = begin
        self.count = count
        self.width = max(end - begin, 1.0) / count

    def at(self, moment: float) -> int:
        """The step that a moment is in; outside, the nearest one."""
        return min(max(int((moment - self.begin) / self.width), 0), self.count - 1)


class Level:
    """How many there were in each step, on average, of things that begin and end.

    >>> level = Level(Steps(0, 40, 4))
    >>> level.add(5, 30)
    >>> level.values()
    [0.5, 1.0, 1.0, 0.0]
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._partly = array("d", bytes(8 * steps.count))
        self._wholly = array("d", bytes(8 * (steps.count + 1)))

    def add(self, begin: float, end: float) -> None:
        """One that was there from `begin` to `end`."""
        steps = self._steps
        begin, end = (
            (min(max(one, steps.begin), steps.begin + steps.width * steps.count)) for one in (begin, end)
        )
        if end <= begin:
            return
        first, last = steps.at(begin), steps.at(end)
        if first == last:
            self._partly[first] += (end - begin) / steps.width
            return
        self._partly[first] += first + 1 - (begin - steps.begin) / steps.width
        self._partly[last] += (end - steps.begin) / steps.width - last
        self._wholly[first + 1] += 1
        self._wholly[last] -= 1

    def values(self) -> list[float]:
        """One for each step."""
        whole = accumulate(self._wholly)
        return [round(one + other, 3) for one, other in zip(self._partly, whole, strict=False)]


class Count:
    """How many had happened by the end of each step.

    >>> count = Count(Steps(0, 40, 4))
    >>> count.add(5), count.add(31)
    (None, None)
    >>> count.values()
    [1, 1, 1, 2]
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._new = array("q", bytes(8 * steps.count))

    def add(self, moment: float) -> None:
        """One that happened then."""
        self._new[self._steps.at(moment)] += 1

    def values(self) -> list[int]:
        """One for each step."""
        return list(accumulate(self._new))
