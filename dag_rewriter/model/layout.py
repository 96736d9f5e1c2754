"""Where the nodes of a graph stand in a picture, level by level, and how its edges go around the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

HEIGHT, GAP_X, GAP_Y, MARGIN = 24.0, 16.0, 40.0, 12.0
"""Of a box; between two boxes; between two levels; around it all."""
_LANE = 6.0
"""Width of the place that an edge has in a level which it passes."""
_SWEEPS = 4
_Point = tuple[float, float]
_Slot = str | tuple[str, int]
"""A node, or the edges of one node on their way through a level."""


@dataclass(frozen=True, slots=True)
class Box:
    """Of a node: its left upper corner, and its width."""

    left: float
    top: float
    width: float

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture of a graph. The line of an edge runs through no box."""

    boxes: Mapping[str, Box]
    lines: Mapping[tuple[str, str], tuple[_Point, ...]]
    width: float
    height: float


def lay_out(
    levels: Sequence[Sequence[str]], edges: Iterable[tuple[str, str]], widths: Mapping[str, float]
) -> Layout:
    """A row for each level. An edge that passes levels has a lane of its own in each, which edges of one node share.

    >>> layout = lay_out([["a"], ["b"], ["c"]], [("a", "b"), ("b", "c"), ("a", "c")], dict.fromkeys("abc", 50.0))
    >>> len(layout.lines["a", "b"]), len(layout.lines["a", "c"])
    (2, 4)
    """
    edges = list(edges)
    level = {name: at for at, names in enumerate(levels) for name in names}
    deepest: dict[str, int] = {}
    for parent, child in edges:
        deepest[parent] = max(deepest.get(parent, 0), level[child])
    rows: list[list[_Slot]] = [list(names) for names in levels]
    for name, down_to in deepest.items():
        for at in range(level[name] + 1, down_to):
            rows[at].append((name, at))
    ways = {edge: _way(edge, level) for edge in edges}
    _order(rows, ways.values())
    return _placed(rows, ways, widths)


def _way(edge: tuple[str, str], level: Mapping[str, int]) -> tuple[_Slot, ...]:
    parent, child = edge
    return (parent, *((parent, at) for at in range(level[parent] + 1, level[child])), child)


def _order(rows: list[list[_Slot]], ways: Iterable[Sequence[_Slot]]) -> None:
    """Each row in the order of its neighbours' places above and below, so that few edges cross."""
    links = {pair for way in ways for pair in pairwise(way)}
    above: dict[_Slot, list[_Slot]] = {slot: [] for row in rows for slot in row}
    below: dict[_Slot, list[_Slot]] = {slot: [] for row in rows for slot in row}
    for upper, lower in sorted(links, key=str):
        above[lower].append(upper)
        below[upper].append(lower)
    for sweep in range(_SWEEPS):
        neighbours, order = (above, rows) if sweep % 2 == 0 else (below, rows[::-1])
        place = {slot: at / max(1, len(row) - 1) for row in rows for at, slot in enumerate(row)}
        for row in order:
            row.sort(key=lambda slot: _middle(neighbours[slot], place, place[slot]))
            place.update((slot, at / max(1, len(row) - 1)) for at, slot in enumerate(row))


def _middle(slots: Sequence[_Slot], place: Mapping[_Slot, float], otherwise: float) -> float:
    return sum(place[slot] for slot in slots) / len(slots) if slots else otherwise


def _placed(
    rows: Sequence[Sequence[_Slot]],
    ways: Mapping[tuple[str, str], Sequence[_Slot]],
    widths: Mapping[str, float],
) -> Layout:
    def wide(slot: _Slot) -> float:
        return widths[slot] if isinstance(slot, str) else _LANE

    lengths = [sum(map(wide, row)) + GAP_X * (len(row) - 1) for row in rows]
    width = max(lengths, default=0.0) + 2 * MARGIN
    boxes: dict[_Slot, Box] = {}
    for at, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        left = (width - length) / 2
        for slot in row:
            boxes[slot] = Box(left, MARGIN + at * (HEIGHT + GAP_Y), wide(slot))
            left += wide(slot) + GAP_X
    height = len(rows) * (HEIGHT + GAP_Y) - (GAP_Y if rows else 0) + 2 * MARGIN
    lines = {edge: _line([boxes[slot] for slot in way]) for edge, way in ways.items()}
    return Layout({slot: box for slot, box in boxes.items() if isinstance(slot, str)}, lines, width, height)


def _line(way: Sequence[Box]) -> tuple[_Point, ...]:
    """From below the first box to above the last, straight down in between where it passes a level."""
    first, *passed, last = way
    through = [
        point for lane in passed for point in ((lane.middle, lane.top), (lane.middle, lane.top + HEIGHT))
    ]
    return ((first.middle, first.top + HEIGHT), *through, (last.middle, last.top))
