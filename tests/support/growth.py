"""Tells work that grows with the size of its input from work that grows with its square, on a busy machine too."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

_TIMES = 8
_MOST = 24
"""Eight times the input may take three times its share: the square would be 64 times."""
_TRIES = 4
_MEASURABLE = 0.002


def assert_linear(
    parse: Callable[[Any], object], make: Callable[[int], Any], size: int, largest: float = 20.0
) -> None:
    """`parse(make(n))` takes CPU time in proportion to n, measured at `size` and at eight times that.

    An input that takes less than 2 ms even then is small enough; one that takes more than `largest` seconds is not.
    """
    ratios = []
    small, large = make(size), make(size * _TIMES)
    for _ in range(_TRIES):
        before, after = _seconds(parse, small), _seconds(parse, large)
        if after < max(_MEASURABLE, before) * _MOST and after < largest:
            return
        ratios.append(f"{before:.4f} s to {after:.4f} s")
        if after > largest * 4:
            break
    raise AssertionError(f"{size} to {size * _TIMES} took {', '.join(ratios)}")


def _seconds(parse: Callable[[Any], object], value: Any) -> float:
    begin = process_time()
    parse(value)
    return process_time() - begin
