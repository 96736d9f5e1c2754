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
    found = sorted(figures)
    if not found:
        return None
    return Distribution(
        len(found), sum(found), found[0], _below(found, 1), _below(found, 2), _below(found, 3), found[-1]
    )


def _below(found: list[float], quarters: int) -> float:
    """Between two figures, in proportion."""
    whole, rest = divmod((len(found) - 1) * quarters, 4)
    if not rest:
        return found[whole]
    return found[whole] + (found[whole + 1] - found[whole]) * rest / 4
