"""strip.py OUT TILE...: tiles side by side."""

import sys

from raster import read_ppm, write_ppm


def main(out: str, *tiles: str) -> None:
    """Write the strip as PPM."""
    pictures = [read_ppm(tile) for tile in tiles]
    write_ppm(out, [b"".join(parts) for parts in zip(*pictures, strict=True)])
    print(f"{len(tiles)} tiles in a row of {len(pictures[0])} lines")


if __name__ == "__main__":
    main(*sys.argv[1:])
