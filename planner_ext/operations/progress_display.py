"""How a run that somebody waits for is shown: a bar on a terminal, lines in a log."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from monitord_job.database.run_values import NodeStatus

_SHOWN = (NodeStatus.RUNNING, NodeStatus.QUEUED, NodeStatus.POST, NodeStatus.HELD, NodeStatus.FAILED)


def describe(counts: Counter[NodeStatus]) -> str:
    """What is under way, in words.

    >>> describe(Counter({NodeStatus.RUNNING: 3, NodeStatus.FAILED: 1, NodeStatus.SUCCEEDED: 2}))
    '3 running, 1 failed'
    """
    return ", ".join(f"{counts[status]} {status.value}" for status in _SHOWN if counts[status])


class Display(Protocol):
    """Something that shows progress while a block runs."""

    def __enter__(self) -> Display: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, total: int, counts: Counter[NodeStatus]) -> None:
        """Show the counts of now."""


class Bar:
    """A live progress bar."""

    def __init__(self, console: Console) -> None:
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

    def update(self, total: int, counts: Counter[NodeStatus]) -> None:
        """Show the counts of now."""
        done = counts[NodeStatus.SUCCEEDED]
        self._progress.update(self._task, total=total, completed=done, doing=describe(counts))


class Lines:
    """A line whenever the number of finished jobs has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = -1

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, total: int, counts: Counter[NodeStatus]) -> None:
        """Print a line if there is news."""
        done = counts[NodeStatus.SUCCEEDED]
        if done != self._last:
            self._last = done
            doing = describe(counts)
            self._console.print(f"{done} of {total} jobs done" + (f" ({doing})" if doing else ""))
