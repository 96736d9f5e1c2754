"""What holds for every parser and every input: its documented errors and no other, time and result by the length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from time import process_time

from tests.fuzz.targets import Target

SECONDS, SECONDS_PER_BYTE = 1.0, 60e-6
"""CPU time: on a slow machine some 10 microseconds a byte. The square of 64 kB takes hours."""
WEIGHT, WEIGHT_PER_BYTE = 100_000, 400
"""Characters and values in what comes of it."""


class BrokenPromiseError(AssertionError):
    """What was not kept."""


def hold(target: Target, data: bytes) -> None:
    """Feed the parser. Raises BrokenPromiseError, or whatever it raises beside its documented errors."""
    result, seconds = _timed(target, data)
    longest = SECONDS + target.costs + len(data) * SECONDS_PER_BYTE
    if seconds > longest:
        seconds = _timed(target, data)[1]  # a first import, or a busy machine, does not take long twice
    if seconds > longest:
        raise BrokenPromiseError(f"{len(data)} bytes took {seconds:.1f} s")
    most = WEIGHT + len(data) * WEIGHT_PER_BYTE
    if weight(result, most) > most:
        raise BrokenPromiseError(f"of {len(data)} bytes came more than {most} values and characters")


def weight(value: object, most: int) -> int:
    """Values, and characters in them, counted until they are too many; what stands there twice counts twice."""
    total, left = 0, [value]
    while left and total <= most:
        one = left.pop()
        total += 1
        if isinstance(one, str | bytes):
            total += len(one)
        elif isinstance(one, Mapping):
            left += one.keys()
            left += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            left += one
        elif is_dataclass(one):
            left += [getattr(one, field.name) for field in fields(one)]
    return total


def _timed(target: Target, data: bytes) -> tuple[object, float]:
    begin = process_time()
    try:
        result = target.read(data)
    except target.errors as error:
        result = str(error)
    return result, process_time() - begin
