"""What would be different: with a category of transferring jobs, a shorter transfer queue, a staging site. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from planner_ext.condorio.schedule import Limits, Outcome, Plan, simulate


class Change(Enum):
    """What is changed; `.value` is its word."""

    NONE = "today"
    CATEGORY = "category"
    """all jobs whose files HTCondor moves are in one DAGMan category with MAXJOBS N"""
    QUEUE = "queue"
    """the schedd's transfer queue lets N transfers each way move at a time"""
    STAGING = "staging"
    """data moves between jobs and a staging site, and takes no time"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A change, its number (0 where it has none), and how the run would go."""

    change: Change
    limit: int
    outcome: Outcome


_CATEGORY = "\0transfer"
"""No name of a category can be equal."""


def scenarios(
    plan: Plan, limits: Limits, numbers: Sequence[int], data: Sequence[tuple[int, int]]
) -> Iterator[Scenario]:
    """Today's run first. `data` is what a staging site would take of each task's bytes: (sent, returned)."""
    today = simulate(plan, limits)
    yield Scenario(Change.NONE, 0, today)
    if not any(task.sent or task.returned for task in plan.tasks):
        return
    together = _in_one_category(plan)
    for number in numbers:
        narrow = replace(limits, categories={**limits.categories, _CATEGORY: number})
        yield Scenario(Change.CATEGORY, number, simulate(together, narrow))
    for number in numbers:
        queue = replace(limits, uploads=number, downloads=number)
        outcome = today if _fits(today, number) else simulate(plan, queue)
        yield Scenario(Change.QUEUE, number, outcome)
    if any(sent or returned for sent, returned in data):
        yield Scenario(Change.STAGING, 0, simulate(_without(plan, data), limits))


def _fits(today: Outcome, number: int) -> bool:
    """Whether a queue of that number changes nothing: no transfer has waited, and no more were at work."""
    sides = today.up, today.down
    return all(not side.peak_waiting and side.peak <= number for side in sides)


def _in_one_category(plan: Plan) -> Plan:
    """A node has one category: it leaves the one that it was in."""
    moves = (task._replace(category=_CATEGORY) if task.sent or task.returned else task for task in plan.tasks)
    return replace(plan, tasks=tuple(moves))


def _without(plan: Plan, data: Sequence[tuple[int, int]]) -> Plan:
    tasks = (
        task._replace(sent=max(0, task.sent - sent), returned=max(0, task.returned - returned))
        for task, (sent, returned) in zip(plan.tasks, data, strict=True)
    )
    return replace(plan, tasks=tuple(tasks))
