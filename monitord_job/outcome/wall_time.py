"""How long a run was at work, with the pauses between its DAGMans and without. Pure; seconds since the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class State:
    """A DAGMan started, or ended."""

    started: bool
    at: float
    restarts: int = 0
    status: int | None = None
    reason: str | None = None


def periods(states: Sequence[State], until: float | None) -> list[tuple[float, float]]:
    """When a DAGMan was at work. One whose end was never told (it was killed, or is at work) was until the last event
    that was, at most until the next one started.

    >>> periods([State(True, 10), State(False, 20), State(True, 50)], 70)
    [(10, 20), (50, 70)]
    """
    spans: list[tuple[float, float]] = []
    begun: float | None = None
    for state in sorted(states, key=lambda one: (one.restarts, one.at, not one.started)):
        if begun is not None:
            spans.append((begun, state.at))
        begun = state.at if state.started else None
    if begun is not None and until is not None:
        spans.append((begun, max(begun, until)))
    return spans


def wall_time(states: Sequence[State], until: float | None) -> float | None:
    """The seconds in which a DAGMan was at work; None if none ever was."""
    spans = periods(states, until)
    return float(sum(Decimal(str(end)) - Decimal(str(begin)) for begin, end in spans)) if spans else None


def elapsed(states: Sequence[State], until: float | None) -> float | None:
    """The seconds from the first start to the last end, with all pauses; None if none ever started."""
    spans = periods(states, until)
    return spans[-1][1] - spans[0][0] if spans else None
