"""Takes the pictures of the docs (docs/images/*.png) of the run of the example, with the Chromium in build/chromium."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from example_run import unpacked

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / "docs" / "images"
_BRIDLE = Path(sys.executable).with_name("bridle")
_CHROMIUM = CHECKOUT / "build" / "chromium" / "bin" / "chromium"
_SIZE = "1100,900"


def take(folder: Path) -> Iterator[Path]:
    """The report, and what `bridle plots` draws of the same run."""
    run = unpacked(folder)
    # Its rules of notification are not confirmed here, and nothing is to be said of them.
    subprocess.run([_BRIDLE, "monitord", "--catch-up", run], check=True, capture_output=True)
    page = folder / "report.html"
    subprocess.run([_BRIDLE, "report", run, "-o", page], check=True, stdout=subprocess.DEVNULL)
    page.write_text(page.read_text().replace(str(folder), "/runs"))
    shot = FOLDER / "report.png"
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={_SIZE}"]
    subprocess.run(
        [_CHROMIUM, *options, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True
    )
    yield shot
    plots = folder / "plots"
    words = ["--only", "gantt", "--output", str(plots), "--form", "png"]
    subprocess.run([_BRIDLE, "plots", run, *words], check=True, stdout=subprocess.DEVNULL)
    for picture in sorted(plots.glob("*.png")):
        yield (FOLDER / picture.name).with_name("gantt.png")
        (FOLDER / "gantt.png").write_bytes(picture.read_bytes())


if __name__ == "__main__":
    os.environ |= {"TZ": "UTC", "CONDOR_CONFIG": os.devnull}
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CHECKOUT / "build") as place:
        for made in take(Path(place)):
            sys.stdout.write(f"{made.relative_to(CHECKOUT)}\n")
