"""How a run that somebody waits for is shown: a bar on a terminal, lines in a log."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from condor_templates.printable_console import PrintableConsole
from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus

_SHOWN = (NodeStatus.RUNNING, NodeStatus.QUEUED, NodeStatus.POST, NodeStatus.HELD, NodeStatus.FAILED)


def describe(counts: Counter[NodeStatus], held_below: int = 0) -> str:
    """What is under way, in words; `held_below` are jobs of sub-workflows.

    >>> describe(Counter({NodeStatus.RUNNING: 3, NodeStatus.FAILED: 1, NodeStatus.SUCCEEDED: 2}))
    '3 running, 1 failed'
    """
    said = [f"{counts[status]} {NODE_WORDS[status].value}" for status in _SHOWN if counts[status]]
    return ", ".join([*said, f"{held_below} held in sub-workflows"] if held_below else said)


class Display(Protocol):
    """Something that shows progress while a block runs."""

    def __enter__(self) -> Display: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, total: int, counts: Counter[NodeStatus], held_below: int = 0) -> None:
        """Show the counts of now."""

    def note(self, line: str) -> None:
        """Show a line that stays."""


class Bar:
    """A live progress bar."""

    def __init__(self, console: PrintableConsole) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("jobs"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}"),
            console=console,
        )
        self._task = self._progress.add_task("running", total=None, doing="waiting for DAGMan")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, total: int, counts: Counter[NodeStatus], held_below: int = 0) -> None:
        """Show the counts of now."""
        done = counts[NodeStatus.SUCCEEDED]
        self._progress.update(self._task, total=total, completed=done, doing=describe(counts, held_below))

    def note(self, line: str) -> None:
        """Print it above the bar."""
        self._progress.console.print(Text(line))


class Lines:
    """A line whenever the number of jobs that are done, or held, has changed."""

    def __init__(self, console: PrintableConsole) -> None:
        self._console = console
        self._last = (-1, 0)

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, total: int, counts: Counter[NodeStatus], held_below: int = 0) -> None:
        """Print a line if there is news."""
        done = counts[NodeStatus.SUCCEEDED]
        now = (done, counts[NodeStatus.HELD] + held_below)
        if now != self._last:
            self._last = now
            doing = describe(counts, held_below)
            self._console.print(f"{done} of {total} jobs done" + (f" ({doing})" if doing else ""))

    def note(self, line: str) -> None:
        """Print it."""
        self._console.print(Text(line))
