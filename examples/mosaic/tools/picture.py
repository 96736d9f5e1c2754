"""picture.py OUT STRIP...: strips below each other make the picture."""

import sys

from raster import read_ppm, write_png


def main(out: str, *strips: str) -> None:
    """Write the picture as PNG."""
    rows = [row for strip in strips for row in read_ppm(strip)]
    write_png(out, rows)
    print(f"{out}: {len(rows[0]) // 3} x {len(rows)} pixels")


if __name__ == "__main__":
    main(*sys.argv[1:])
