"""histogram.py PICTURE PNG REPORT: how much of the picture is how bright, as a chart and as text."""

import sys

from raster import read_png, write_png

BINS, HEIGHT, WIDTH = 32, 160, 10
GROUND, BAR = bytes((250, 247, 240)), bytes((34, 120, 150))


def main(picture: str, chart: str, report: str) -> None:
    """Write the chart as PNG and the report as text."""
    counts = [0] * BINS
    pixels = b"".join(read_png(picture))
    for red, green, blue in zip(pixels[0::3], pixels[1::3], pixels[2::3], strict=True):
        counts[(2 * red + 7 * green + blue) * BINS // 2560] += 1
    write_png(chart, _chart(counts))
    total = sum(counts)
    lines = [f"brightness of {picture}, {total} pixels", ""]
    lines += [
        f"{i * 8:3d}..{i * 8 + 7:3d}  {count:7d}  {'#' * (count * 240 // total)}"
        for i, count in enumerate(counts)
    ]
    with open(report, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    print("\n".join(lines))


def _chart(counts: list[int]) -> list[bytes]:
    heights = [count * HEIGHT // max(counts) for count in counts]
    return [
        b"".join((BAR if height > level else GROUND) * (WIDTH - 2) + GROUND * 2 for height in heights)
        for level in range(HEIGHT, -1, -1)
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
