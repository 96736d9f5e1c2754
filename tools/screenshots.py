"""Takes the pictures of the docs (docs/images/*.png) of a recorded run, with the Chromium in build/chromium."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / "docs" / "images"
_RUN = CHECKOUT / "tests" / "fixtures" / "recorded" / "failing-condorio.tar.xz"
_BRIDLE = Path(sys.executable).with_name("bridle")
_CHROMIUM = CHECKOUT / "build" / "chromium" / "bin" / "chromium"
_SIZE = "1100,900"


def unpacked(folder: Path) -> Path:
    """The submit directory in the archive."""
    with tarfile.open(_RUN) as archive:
        # Python 3.12 wants it said, 3.11.2 does not know it.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    return next(path.parent for path in folder.rglob("braindump.yml"))


def take(folder: Path) -> Iterator[Path]:
    """The report, and what `bridle plots` draws of the same run."""
    run = unpacked(folder)
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
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CHECKOUT / "build") as place:
        for made in take(Path(place)):
            sys.stdout.write(f"{made.relative_to(CHECKOUT)}\n")
