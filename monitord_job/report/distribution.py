"""How figures are spread. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distribution:
    """Of some figures: how many, the sum, and where a part of them lies below."""

    count: int
    total: float
    least: float
    lower: float
    """a quarter is below"""
    middle: float
    """half is below: the median"""
    upper: float
    """three quarters are below"""
    most: float

    @property
    def mean(self) -> float:
        return self.total / self.count


def distribution(figures: Iterable[float]) -> Distribution | None:
    """None of nothing.

    >>> distribution([4, 1, 3, 2, 5])
    Distribution(count=5, total=15, least=1, lower=2, middle=3, upper=4, most=5)
    """
    ordered = sorted(figures)
    if not ordered:
        return None
    return Distribution(
        len(ordered),
        sum(ordered),
        ordered[0],
        _below(ordered, 1),
        _below(ordered, 2),
        _below(ordered, 3),
        ordered[-1],
    )


def _below(ordered: list[float], quarters: int) -> float:
    """Between two figures, in proportion."""
    whole, rest = divmod((len(ordered) - 1) * quarters, 4)
    if not rest:
        return ordered[whole]
    return ordered[whole] + (ordered[whole + 1] - ordered[whole]) * rest / 4
