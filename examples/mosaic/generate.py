"""Writes workflow.yml, the abstract workflow of the mosaic: python generate.py > workflow.yml"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from planner.abstract import AbstractWorkflow, FileUse, Hook, Task, render

COLUMNS, ROWS = 6, 5
CLUSTERED_ROW = 0  # the tiles of this row go as one clustered job
LABEL = f"row{CLUSTERED_ROW}"


def note(text: str) -> str:
    """A hook that adds a line to notes.txt in the submit directory; it needs no program of its own."""
    return f"""/bin/sh -c 'echo "$PEGASUS_EVENT {text} $PEGASUS_STATUS" >> "$PEGASUS_SUBMIT_DIR/notes.txt"'"""


def read(*lfns: str) -> tuple[FileUse, ...]:
    """Files that a task reads."""
    return tuple(FileUse(lfn, is_input=True) for lfn in lfns)


def made(*lfns: str) -> tuple[FileUse, ...]:
    """Files that a task makes and nobody keeps."""
    return tuple(FileUse(lfn, is_input=False) for lfn in lfns)


def kept(*lfns: str) -> tuple[FileUse, ...]:
    """Files that a task makes, that are brought home and registered."""
    return tuple(FileUse(lfn, is_input=False, stage_out=True, register=True) for lfn in lfns)


def task(name: str, number: str, words: tuple[str, ...], uses: tuple[FileUse, ...], **more: object) -> Task:
    """A task of the namespace mosaic."""
    return Task(number, name, words, uses, namespace="mosaic", **more)  # type: ignore[arg-type]


def tile(column: int, row: int) -> Task:
    """The tile in a column and row; the top left one is number 0."""
    words = ("scene.json", "palette.json", "survey.json", str(column), str(row), f"tile_{column}_{row}.ppm")
    hooks = {
        (0, CLUSTERED_ROW): (Hook("end", note("first tile")),),
        (3, 2): (Hook("error", note("a middle tile")),),
    }
    return task(
        "tile",
        f"t{row}{column}",
        words,
        (*read(*words[:3]), *made(words[5])),
        profiles={"pegasus": {"label": LABEL}} if row == CLUSTERED_ROW else {},
        metadata={"column": str(column), "row": str(row)},
        hooks=hooks.get((column, row), ()),
    )


def strip(row: int) -> Task:
    """The tiles of a row side by side."""
    tiles = tuple(f"tile_{column}_{row}.ppm" for column in range(COLUMNS))
    out = f"strip_{row}.ppm"
    return task("strip", f"s{row}", (out, *tiles), (*read(*tiles), *made(out)))


def finish() -> tuple[Task, ...]:
    """The picture, and what is made of it; before it a PRE script looks how much room the disk has."""
    strips = tuple(f"strip_{row}.ppm" for row in range(ROWS))
    preview, charts = ("mosaic.png", "preview.png"), ("mosaic.png", "histogram.png", "histogram.txt")
    return (
        task(
            "picture",
            "picture",
            ("mosaic.png", *strips),
            (*read(*strips), *kept("mosaic.png")),
            profiles={"dagman": {"PRE": "/bin/df", "PRE.ARGUMENTS": "-Pk ."}},
            hooks=(Hook("start", note("picture")), Hook("success", note("picture"))),
        ),
        task(
            "preview",
            "preview",
            preview,
            (*read("mosaic.png"), *kept("preview.png")),
            profiles={"condor": {"universe": "local"}},
        ),
        task(
            "histogram",
            "histogram",
            charts,
            (*read("mosaic.png"), *kept(*charts[1:])),
            profiles={"condor": {"universe": "scheduler"}},
            hooks=(Hook("all", note("histogram")),),
        ),
    )


def workflow() -> AbstractWorkflow:
    """The whole: survey -> tiles -> strips -> picture -> preview and histogram."""
    survey = task(
        "survey", "survey", ("scene.json", "survey.json"), (*read("scene.json"), *made("survey.json"))
    )
    tiles = [tile(column, row) for row in range(ROWS) for column in range(COLUMNS)]
    strips = [strip(row) for row in range(ROWS)]
    picture, preview, histogram = finish()
    return AbstractWorkflow(
        name="mosaic",
        tasks=(survey, *tiles, *strips, picture, preview, histogram),
        dependencies=(
            ("survey", tuple(each.id for each in tiles)),
            *((each.id, (f"s{each.id[1]}",)) for each in tiles),
            *((each.id, ("picture",)) for each in strips),
            ("picture", ("preview", "histogram")),
        ),
        hooks=(
            Hook("start", note("workflow")),
            Hook("end", note("workflow")),
            Hook("error", note("workflow failed")),
        ),
        metadata={"title": "A Julia set in tiles"},
    )


if __name__ == "__main__":
    sys.stdout.write(render(workflow()))
