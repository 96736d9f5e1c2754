"""How a run that somebody watches or waits for is shown: a screen on a terminal, lines in a log."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from rich.live import Live
from rich.text import Text

from condor_templates.printable_console import PrintableConsole
from monitord_job.watch.moment import Moment
from monitord_job.watch.news import News
from monitord_job.watch.screen import Shown, screen


def display_on(console: PrintableConsole, *, stays: bool) -> Display:
    """A screen if it is a terminal; with `stays`, what it showed last is there when the block is left."""
    console.soft_wrap = not console.is_terminal
    return Screen(console, stays=stays) if console.is_terminal else Lines(console)


class Display(Protocol):
    """Something that shows a run while a block runs."""

    def __enter__(self) -> Display: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, moment: Moment, shown: Shown) -> None:
        """Show what is seen now."""

    def note(self, line: str) -> None:
        """Tell something that the queue says, if it was not told before."""


class Screen:
    """In place."""

    def __init__(self, console: PrintableConsole, *, stays: bool) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=not stays)
        self._console = console
        self._news = News()
        self._last: tuple[Moment, Shown] | None = None

    def __enter__(self) -> Screen:
        self._live.start()
        self._live.update(Text("waiting for DAGMan"), refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, moment: Moment, shown: Shown) -> None:
        """Draw it anew, if it is another than before."""
        if self._last is not None and self._last[0] is moment and self._last[1] == shown:
            return
        self._last = moment, shown
        list(self._news.of(moment))  # what is on the screen need not be told once more
        self._live.update(screen(moment, shown, self._console.size.height), refresh=True)

    def note(self, line: str) -> None:
        """Print it above."""
        if not self._news.is_told(line):
            self._console.print(Text(line))


class Lines:
    """A line for each change."""

    def __init__(self, console: PrintableConsole) -> None:
        self._console = console
        self._news = News()
        self._notes: tuple[str, ...] = ()
        self._moment: Moment | None = None

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, moment: Moment, shown: Shown) -> None:
        """Print what is new."""
        for line in self._news.of(moment) if moment is not self._moment else ():
            self._say(line)
        self._moment = moment
        for note in shown.notes:
            if note not in self._notes:
                self._say(note)
        self._notes = shown.notes

    def note(self, line: str) -> None:
        """Print it."""
        if not self._news.is_told(line):
            self._say(line)

    def _say(self, line: str) -> None:
        self._console.print(Text(line))
        self._console.file.flush()
