"""preview.py PICTURE OUT: the picture at a quarter of its size, each pixel the mean of sixteen."""

import sys

from raster import read_png, write_png

SIDE = 4


def main(picture: str, out: str) -> None:
    """Write the preview as PNG."""
    rows = read_png(picture)
    small = [_mean(rows[y : y + SIDE]) for y in range(0, len(rows) - SIDE + 1, SIDE)]
    write_png(out, small)
    print(f"{out}: {len(small[0]) // 3} x {len(small)} pixels")


def _mean(rows: list[bytes]) -> bytes:
    sums = [sum(column) for column in zip(*rows, strict=True)]
    return bytes(
        sum(sums[x + 3 * i + channel] for i in range(SIDE)) // (SIDE * SIDE)
        for x in range(0, len(sums) - 3 * SIDE + 1, 3 * SIDE)
        for channel in range(3)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
