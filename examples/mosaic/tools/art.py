"""The mathematics of the picture: escape times of a Julia set, colours by quantile, light on the relief."""

from __future__ import annotations

import json
import math
from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

NEVER = -1.0  # the escape time of a point that stays
_LOG2 = math.log(2.0)
_COLOURS = 1024


class Scene(NamedTuple):
    """What to paint; `samples` is the side of the square of samples in each pixel."""

    c: complex
    center: complex
    width: float
    pixels: tuple[int, int]
    tiles: tuple[int, int]
    samples: int
    max_iterations: int
    relief: float
    light: tuple[float, float, float]


class Palette(NamedTuple):
    """Colours by quantile (three integers each), and the colour of points that never leave."""

    colours: tuple[tuple[float, float, float], ...]
    never: tuple[float, float, float]


class Window(NamedTuple):
    """A rectangle of samples: first column and row, and how many."""

    column: int
    row: int
    columns: int
    rows: int


def read_scene(path: str) -> Scene:
    """scene.json as a value."""
    with open(path, encoding="utf-8") as stream:
        given = json.load(stream)
    return Scene(
        complex(*given["c"]),
        complex(*given["center"]),
        given["width"],
        tuple(given["pixels"]),
        tuple(given["tiles"]),
        given["samples"],
        given["max_iterations"],
        given["relief"],
        tuple(given["light"]),
    )


def read_palette(path: str) -> Palette:
    """palette.json, its stops blended into a table."""
    with open(path, encoding="utf-8") as stream:
        given = json.load(stream)
    stops = [(place, tuple(colour)) for place, colour in given["stops"]]
    return Palette(tuple(_blend(stops, i / (_COLOURS - 1)) for i in range(_COLOURS)), tuple(given["never"]))


def _blend(stops: list[tuple[float, tuple[float, ...]]], place: float) -> tuple[float, float, float]:
    for (low, first), (high, second) in pairwise(stops):
        if place <= high:
            part = (place - low) / (high - low)
            part = part * part * (3 - 2 * part)
            red, green, blue = (a + (b - a) * part for a, b in zip(first, second, strict=True))
            return red, green, blue
    red, green, blue = stops[-1][1]
    return red, green, blue


def escape_times(scene: Scene, window: Window, every: int = 1) -> list[list[float]]:
    """Smooth escape times of a window's samples (of each `every`-th in both directions), row by row."""
    step = scene.width / (scene.pixels[0] * scene.samples)
    left = scene.center.real - scene.width / 2 + step / 2
    top = scene.center.imag + step * (scene.pixels[1] * scene.samples - 1) / 2
    return [
        [
            _escape_time(complex(left + x * step, top - y * step), scene.c, scene.max_iterations)
            for x in range(window.column, window.column + window.columns, every)
        ]
        for y in range(window.row, window.row + window.rows, every)
    ]


def _escape_time(z: complex, c: complex, most: int) -> float:
    """Iterations until |z| is large, with a fraction, so that colours do not come in bands.

    Looking only at each fourth iteration is quicker and changes nothing: the fraction makes up for it.
    """
    for n in range(0, most, 4):
        z = z * z + c
        z = z * z + c
        z = z * z + c
        z = z * z + c
        size = abs(z)
        if size > 100.0:
            return n + 4 - math.log(math.log(size)) / _LOG2
    return NEVER


def quantiles(times: Sequence[Sequence[float]], count: int = _COLOURS - 1) -> list[float]:
    """`count` limits that part the escaped samples into equal shares: every colour gets the same room."""
    values = sorted(value for row in times for value in row if value != NEVER)
    return [values[(i + 1) * len(values) // (count + 1)] for i in range(count)]


def paint(scene: Scene, palette: Palette, limits: Sequence[float], times: list[list[float]]) -> list[bytes]:
    """Rows of RGB pixels. `times` has one sample more to the left and above, for the slope there."""
    side = scene.samples
    rows = []
    for y in range(1, len(times), side):
        row = bytearray()
        for x in range(1, len(times[0]), side):
            red = green = blue = 0.0
            for sample_y in range(y, y + side):
                for sample_x in range(x, x + side):
                    r, g, b = _colour(scene, palette, limits, times, sample_x, sample_y)
                    red, green, blue = red + r, green + g, blue + b
            share = side * side
            row += bytes((int(red / share), int(green / share), int(blue / share)))
        rows.append(bytes(row))
    return rows


def _colour(
    scene: Scene, palette: Palette, limits: Sequence[float], times: list[list[float]], x: int, y: int
) -> tuple[float, float, float]:
    """A sample's colour under a light that comes over the relief of the field; never above 255."""
    here = times[y][x]
    if here == NEVER:
        return palette.never
    left, above = times[y][x - 1], times[y - 1][x]
    slope_x = (here - left) * scene.relief if left != NEVER else 0.0
    slope_y = (here - above) * scene.relief if above != NEVER else 0.0
    lit = (scene.light[0] * slope_x + scene.light[1] * slope_y + scene.light[2]) / math.sqrt(
        1.0 + slope_x * slope_x + slope_y * slope_y
    )
    strength = 0.62 + 0.55 * max(lit, -0.4)
    gloss = 60.0 * lit**24 if lit > 0.5 else 0.0
    red, green, blue = palette.colours[bisect(limits, here)]
    return (
        min(255.0, red * strength + gloss),
        min(255.0, green * strength + gloss),
        min(255.0, blue * strength + gloss),
    )


def tile_window(scene: Scene, column: int, row: int) -> Window:
    """The samples of a tile with one more to the left and above."""
    columns = scene.pixels[0] // scene.tiles[0] * scene.samples
    rows = scene.pixels[1] // scene.tiles[1] * scene.samples
    return Window(column * columns - 1, row * rows - 1, columns + 1, rows + 1)
