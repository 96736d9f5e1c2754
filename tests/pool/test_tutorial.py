"""The tutorial's commands, one after the other, on a pool: they print what the page shows.

BRIDLE_WRITE_TUTORIAL=1 puts what they print into the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner_ext.pool.pool import Pool
from tests.support.places import CHECKOUT

PAGE = CHECKOUT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_MARK = "--end of a command--"
_SHOWN_PLACE = "/home/you/tutorial"


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a block as it is typed, and what the page shows after it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        count = next((at for at, line in enumerate(lines[1:], 1) if not line.startswith("> ")), len(lines))
        typed = [lines[0], *(line.removeprefix("> ") for line in lines[1:count])]
        yield "\n".join(typed), "".join(f"{line}\n" for line in lines[count:])


def printed(block: str, pool: Pool, folder: Path) -> list[str]:
    """What each command of a block prints, in one shell."""
    script = "".join(f"{typed}\necho '{_MARK}'\n" for typed, _ in commands(block))
    environment = pool.environment()
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "--norc"],
        input=script,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    said = re.sub(r"[ \t]+$", "", done.stdout.replace(str(folder), _SHOWN_PLACE), flags=re.MULTILINE)
    return said.split(f"{_MARK}\n")[:-1]


def told(text: str) -> str:
    """Without what is another one each time."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    return re.sub(r"[ \t]+", " ", re.sub(r"\d+", "N", text))


def with_outputs(block: str, outputs: list[str]) -> str:
    shown = []
    for (typed, _), output in zip(commands(block), outputs, strict=True):
        first, *more = typed.split("\n")
        shown += [f"$ {first}\n", *(f"> {line}\n" for line in more), output]
    return "".join(shown)


@pytest.mark.timeout(1200)  # seven exercises, one after the other
def test_the_commands_print_what_the_page_shows(pool: Pool, work_dir: Path) -> None:
    text = PAGE.read_text()
    wrong = []
    for block in _BLOCK.findall(text):
        outputs = printed(block, pool, work_dir)
        text = text.replace(block, with_outputs(block, outputs))
        wrong += [
            (typed, shown, output)
            for (typed, shown), output in zip(commands(block), outputs, strict=True)
            if told(shown) != told(output)
        ]
    if os.environ.get("BRIDLE_WRITE_TUTORIAL"):
        PAGE.write_text(text)
    else:
        assert wrong == []
