"""survey.py SCENE OUT: the quantiles of the escape times, from each sixth sample; they set the colours."""

import json
import sys

from art import Window, escape_times, quantiles, read_scene


def main(scene_path: str, out: str) -> None:
    """Write the limits as JSON."""
    scene = read_scene(scene_path)
    whole = Window(0, 0, scene.pixels[0] * scene.samples, scene.pixels[1] * scene.samples)
    times = escape_times(scene, whole, every=6)
    with open(out, "w", encoding="utf-8") as stream:
        json.dump({"limits": quantiles(times)}, stream)
    print(f"surveyed {sum(map(len, times))} samples")


if __name__ == "__main__":
    main(*sys.argv[1:])
