"""The commands that README and docs show, and what they print: taken from the pages, run in a shell, compared.

BRIDLE_WRITE_SHOWN=1 puts what was printed into the pages, where it is not what they show.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.support.places import CHECKOUT

_FENCED = re.compile(r"^```(console|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_MARK = "--end of a command--"
HOME = "/home/me"
"""Where all that is shown happens."""
ANOTHER_EACH_TIME = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"\d+", "N"),
    (r"[ \t]+", " "),
)
"""What a run on a pool prints otherwise each time, and what is compared instead. A recorded run has none of it."""


class Block(NamedTuple):
    """A fenced block of commands: `console` with prompts and what they print, `sh` as it is typed into a script."""

    page: str
    language: str
    text: str

    @property
    def name(self) -> str:
        """Its first line, as it is typed."""
        return self.text.partition("\n")[0].removeprefix("$ ").partition("  #")[0].rstrip()


class Command(NamedTuple):
    """As it is typed, maybe in several lines, and what the page shows after it."""

    typed: str
    shown: str


@dataclass(frozen=True)
class Scene:
    """Where a block is run."""

    folder: Path
    """Where the shell is, and its HOME, unless `environment` has another one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """What the run or the place is called here -> on the page."""
    codes: Mapping[str, int] = field(default_factory=dict)
    """How a command begins -> its exit code, where that is not 0."""
    another_each_time: Sequence[tuple[str, str]] = ()
    left_out: Sequence[str] = ()
    """How commands begin that the test itself stands for."""


def pages() -> list[Path]:
    return [
        *sorted(CHECKOUT.glob("*.md")),
        *sorted((CHECKOUT / "docs").glob("*.md")),
        CHECKOUT / "examples" / "README.md",
    ]


def blocks(page: Path) -> list[Block]:
    name = os.fspath(page.relative_to(CHECKOUT))
    return [Block(name, *found) for found in _FENCED.findall(page.read_text())]


def block_of(page: str, name: str) -> Block:
    """The block of a page that begins with a command."""
    (found,) = (block for block in blocks(CHECKOUT / page) if block.name == name)
    return found


def commands(block: Block) -> list[Command]:
    return list(_with_prompts(block.text) if block.language == "console" else _without_prompts(block.text))


def _with_prompts(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        count = next((at for at, line in enumerate(lines[1:], 1) if not line.startswith("> ")), len(lines))
        typed = [lines[0], *(line.removeprefix("> ") for line in lines[1:count])]
        yield Command("\n".join(typed), "".join(f"{line}\n" for line in lines[count:]))


def _without_prompts(text: str) -> Iterator[Command]:
    for line in text.splitlines():
        if line:
            yield Command(line, "")


class Printed(NamedTuple):
    text: str
    code: int


def run(block: Block, scene: Scene) -> list[Printed]:
    """What each command prints, and its exit code, in one shell."""
    environment = {**os.environ, "TZ": "UTC", "HOME": str(scene.folder), **scene.environment}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    typed = [
        ":" if command.typed.startswith(tuple(scene.left_out)) else command.typed
        for command in commands(block)
    ]
    script = "".join(f"{one}\necho '{_MARK}'$?\n" for one in typed).replace(HOME, environment["HOME"])
    done = subprocess.run(
        ["bash", "--norc"],
        input=script,
        cwd=scene.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    said = re.sub(r"[ \t]+$", "", _as_shown(done.stdout, scene), flags=re.MULTILINE)
    parts = re.split(rf"{_MARK}(\d+)\n", said)
    return [Printed(text, int(code)) for text, code in zip(parts[:-1:2], parts[1::2], strict=True)]


def _as_shown(text: str, scene: Scene) -> str:
    for here, there in {**scene.names, str(scene.folder): HOME}.items():
        text = text.replace(here, there)
    return text


def is_as_shown(shown: str, printed: str, another_each_time: Sequence[tuple[str, str]] = ()) -> bool:
    """Whether a command printed what is shown; `...` stands for anything: in a line, or for lines."""
    for pattern, instead in another_each_time:
        shown, printed = re.sub(pattern, instead, shown), re.sub(pattern, instead, printed)
    lines = [_line_pattern(line.rstrip()) for line in shown.splitlines()]
    return re.fullmatch("".join(lines), printed) is not None


def _line_pattern(line: str) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)*"
    return ".*".join(map(re.escape, line.split("..."))) + r"[ \t]*\n"


def wrong(block: Block, scene: Scene) -> list[str]:
    """Commands that print something else than the page shows, or that end otherwise than they should."""
    printed = run(block, scene)
    is_written = "BRIDLE_WRITE_SHOWN" in os.environ
    found, outputs = [], []
    for command, said in zip(commands(block), printed, strict=True):
        tells = block.language == "console"
        good = not tells or is_as_shown(command.shown, said.text, scene.another_each_time)
        shown = said.text if is_written and not good else command.shown
        expected = next((code for begin, code in scene.codes.items() if command.typed.startswith(begin)), 0)
        if not (good or is_written) or said.code != expected:
            found.append(
                f"{block.page}: $ {command.typed}\n{command.shown}--- printed, with {said.code}:\n{said.text}"
            )
        outputs.append(shown)
    if is_written:
        _write(block, outputs)
    return found


def _write(block: Block, outputs: Sequence[str]) -> None:
    if block.language == "console":
        page = CHECKOUT / block.page
        page.write_text(page.read_text().replace(block.text, with_outputs(block, outputs)))


def with_outputs(block: Block, outputs: Sequence[str]) -> str:
    """The block with other outputs."""
    shown = []
    for command, output in zip(commands(block), outputs, strict=True):
        first, *more = command.typed.split("\n")
        shown += [f"$ {first}\n", *(f"> {line}\n" for line in more), output]
    return "".join(shown)
