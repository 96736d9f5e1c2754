"""A run of a DAG as it could go, event by event: nodes wait for parents, throttles, slots, and for the submit host's
link. Pure.

A node is submitted when all its parents have ended and DAGMan's throttles let it, the highest PRIORITY first. It waits
for a slot, gets its input, runs, sends its output, and leaves. Transfers wait in the schedd's queue, first come first
served, and share the link evenly (each direction has its own). Nothing fails, DAGMan and the negotiator take no time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

_NEVER = float("inf")


class Task(NamedTuple):
    """A node. Bytes, seconds."""

    sent: int
    """from the submit host"""
    returned: int
    run: float
    needs_slot: bool = True
    category: str | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The nodes by number, and their dependencies."""

    tasks: Sequence[Task]
    children: Sequence[Sequence[int]]
    """of each node"""

    @classmethod
    def of(cls, tasks: Sequence[Task], edges: Iterable[tuple[int, int]]) -> Plan:
        """From (parent, child) of each dependency."""
        children: list[list[int]] = [[] for _ in tasks]
        for parent, child in edges:
            children[parent].append(child)
        return cls(tasks, children)


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds nodes and transfers back. A number of 0 is no limit."""

    categories: Mapping[str, int] = field(default_factory=dict)
    """MAXJOBS of DAGMan"""
    max_jobs: int = 0
    """DAGMAN_MAX_JOBS_SUBMITTED"""
    max_idle: int = 0
    """DAGMAN_MAX_JOBS_IDLE"""
    slots: int = 0
    uploads: int = 0
    """MAX_CONCURRENT_UPLOADS of the schedd: transfers to jobs at a time"""
    downloads: int = 0
    """MAX_CONCURRENT_DOWNLOADS: from jobs"""
    rate: float = 125e6
    """bytes per second that the submit host can send, and as many that it can take"""


@dataclass(frozen=True, slots=True)
class Side:
    """What one direction of the link did."""

    moved: int
    """bytes"""
    peak: int
    """most transfers at a time"""
    peak_at: float
    """seconds after the start when they first were that many"""
    peak_bytes: int
    """most bytes of transfers at a time"""
    peak_waiting: int
    """most transfers in the queue"""
    waited: float
    """seconds that all transfers spent there"""
    busy: float
    """seconds in which anything moved"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that was simulated."""

    makespan: float
    """seconds"""
    up: Side
    """from the submit host to jobs"""
    down: Side
    most_jobs: int
    """most jobs in slots at a time"""
    ended: int
    """nodes; fewer than there are in a graph with a cycle"""


class _Link:
    """One direction: `limit` transfers at a time, which share the rate evenly.

    All that move have got the same bytes since a transfer began: `_given` counts them for one of them, and a transfer
    ends when it has grown by its size (processor sharing in virtual time).
    """

    def __init__(self, rate: float, limit: int) -> None:
        self._rate = rate
        self._limit = limit or _NEVER
        self._given = 0.0
        self._since = 0.0
        self._moving: list[tuple[float, int, int]] = []
        self._queue: deque[tuple[int, int, float]] = deque()
        self._bytes = 0
        self._moved = self._peak = self._peak_bytes = self._peak_waiting = 0
        self._peak_at = self._waited = self._busy = 0.0

    def add(self, now: float, node: int, size: int) -> None:
        if len(self._moving) < self._limit:
            self._begin(now, node, size)
        else:
            self._queue.append((node, size, now))
            if len(self._queue) > self._peak_waiting:
                self._peak_waiting = len(self._queue)

    def _begin(self, now: float, node: int, size: int) -> None:
        self._advance(now)
        heappush(self._moving, (self._given + size, node, size))
        self._bytes += size
        self._moved += size
        if len(self._moving) > self._peak:
            self._peak, self._peak_at = len(self._moving), now
        if self._bytes > self._peak_bytes:
            self._peak_bytes = self._bytes

    def _advance(self, now: float) -> None:
        if self._moving:
            self._given += (now - self._since) * self._rate / len(self._moving)
            self._busy += now - self._since
        self._since = now

    def next_end(self) -> float:
        if not self._moving:
            return _NEVER
        left = self._moving[0][0] - self._given
        return self._since + left * len(self._moving) / self._rate if left > 0 else self._since

    def end(self, now: float) -> int:
        """The node whose transfer ends now; one that waits begins."""
        self._advance(now)
        given, node, size = heappop(self._moving)
        self._given = max(self._given, given)
        self._bytes -= size
        if self._queue:
            following, its_size, since = self._queue.popleft()
            self._waited += now - since
            self._begin(now, following, its_size)
        if not self._moving:
            self._given = 0.0
        return node

    def side(self) -> Side:
        return Side(
            self._moved,
            self._peak,
            self._peak_at,
            self._peak_bytes,
            self._peak_waiting,
            self._waited,
            self._busy,
        )


class _Throttles:
    """Which of the ready nodes DAGMan submits next."""

    def __init__(self, tasks: Sequence[Task], limits: Limits) -> None:
        self._tasks = tasks
        self._limits = {name: limit for name, limit in limits.categories.items() if limit > 0}
        self._ready: list[tuple[int, int]] = []
        self._held: dict[str, list[tuple[int, int]]] = {name: [] for name in self._limits}
        self._used: dict[str, int] = dict.fromkeys(self._limits, 0)

    def put(self, node: int) -> None:
        heappush(self._ready, (-self._tasks[node].priority, node))

    def take(self) -> int | None:
        """The ready node of the highest priority whose category is not full."""
        while self._ready:
            first = heappop(self._ready)
            category = self._tasks[first[1]].category
            if category is None or category not in self._limits:
                return first[1]
            if self._used[category] < self._limits[category]:
                self._used[category] += 1
                return first[1]
            heappush(self._held[category], first)
        return None

    def left(self, node: int) -> None:
        """Its place in the category is free again."""
        category = self._tasks[node].category
        if category is not None and category in self._limits:
            self._used[category] -= 1
            if self._held[category]:
                heappush(self._ready, heappop(self._held[category]))


class _Run:
    """The state of the whole, at a moment."""

    def __init__(self, plan: Plan, limits: Limits) -> None:
        self._tasks, self._children = plan.tasks, plan.children
        self._limits = limits
        self._up = _Link(limits.rate, limits.uploads)
        self._down = _Link(limits.rate, limits.downloads)
        self._throttles = _Throttles(plan.tasks, limits)
        self._parents = [0] * len(plan.tasks)
        for children in plan.children:
            for child in children:
                self._parents[child] += 1
        self._running: list[tuple[float, int]] = []
        self._idle: list[tuple[int, int, int]] = []
        self._now = 0.0
        self._submitted = self._in_queue = self._in_slots = self._most_jobs = self._ended = 0

    def outcome(self) -> Outcome:
        for node, parents in enumerate(self._parents):
            if not parents:
                self._throttles.put(node)
        self._submit()
        while (then := self._next()) != _NEVER:
            self._now = max(self._now, then)
            self._happen()
            self._submit()
        return Outcome(self._now, self._up.side(), self._down.side(), self._most_jobs, self._ended)

    def _next(self) -> float:
        running = self._running[0][0] if self._running else _NEVER
        return min(running, self._up.next_end(), self._down.next_end())

    def _happen(self) -> None:
        """All that ends now."""
        while self._running and self._running[0][0] <= self._now:
            self._ran(heappop(self._running)[1])
        while self._up.next_end() <= self._now:
            self._run(self._up.end(self._now))
        while self._down.next_end() <= self._now:
            self._leave(self._down.end(self._now))

    def _submit(self) -> None:
        """DAGMan submits what it may, and slots that are free take jobs."""
        limits = self._limits
        self._fill_slots()
        while not (limits.max_jobs and self._in_queue >= limits.max_jobs):
            if limits.max_idle and len(self._idle) >= limits.max_idle:
                return
            node = self._throttles.take()
            if node is None:
                return
            self._in_queue += 1
            if not self._tasks[node].needs_slot:
                self._begin(node)
                continue
            self._submitted += 1
            heappush(self._idle, (-self._tasks[node].priority, self._submitted, node))
            self._fill_slots()

    def _fill_slots(self) -> None:
        slots = self._limits.slots or _NEVER
        while self._idle and self._in_slots < slots:
            self._in_slots += 1
            if self._in_slots > self._most_jobs:
                self._most_jobs = self._in_slots
            self._begin(heappop(self._idle)[2])

    def _begin(self, node: int) -> None:
        sent = self._tasks[node].sent
        if sent:
            self._up.add(self._now, node, sent)
        else:
            self._run(node)

    def _run(self, node: int) -> None:
        heappush(self._running, (self._now + self._tasks[node].run, node))

    def _ran(self, node: int) -> None:
        returned = self._tasks[node].returned
        if returned:
            self._down.add(self._now, node, returned)
        else:
            self._leave(node)

    def _leave(self, node: int) -> None:
        self._ended += 1
        self._in_queue -= 1
        self._in_slots -= self._tasks[node].needs_slot
        self._throttles.left(node)
        for child in self._children[node]:
            self._parents[child] -= 1
            if not self._parents[child]:
                self._throttles.put(child)


def simulate(plan: Plan, limits: Limits) -> Outcome:
    """How a run of the plan goes under these limits.

    >>> plan = Plan.of([Task(100, 50, 2.0), Task(100, 0, 1.0)], [])
    >>> end = simulate(plan, Limits(rate=100.0))
    >>> end.makespan, end.up.peak, end.up.moved
    (4.5, 2, 200)
    """
    return _Run(plan, limits).outcome()
