"""tile.py SCENE PALETTE SURVEY COLUMN ROW OUT: paint one tile."""

import json
import sys

from art import escape_times, paint, read_palette, read_scene, tile_window
from raster import write_ppm


def main(scene_path: str, palette_path: str, survey_path: str, column: str, row: str, out: str) -> None:
    """Write the tile as PPM."""
    scene, palette = read_scene(scene_path), read_palette(palette_path)
    with open(survey_path, encoding="utf-8") as stream:
        limits = json.load(stream)["limits"]
    times = escape_times(scene, tile_window(scene, int(column), int(row)))
    write_ppm(out, paint(scene, palette, limits, times))
    print(f"tile {column},{row}: {len(times) * len(times[0])} samples")


if __name__ == "__main__":
    main(*sys.argv[1:])
