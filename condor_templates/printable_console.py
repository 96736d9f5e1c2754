"""The console for tables and bars: as `condor_templates.terminal`, it shows nothing that moves a cursor."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from condor_templates.terminal import printable

_ANY_WIDTH = 10_000
"""Columns of a file or a pipe: whatever COLUMNS says, no table is made narrower there."""


class PrintableConsole(Console):
    """rich leaves escape sequences and bidi characters in a text as they are, and obeys [brackets] in one."""

    def __init__(self, *, stderr: bool = False, quiet: bool = False) -> None:
        super().__init__(stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False)
        if not self.is_terminal:
            self.width = _ANY_WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What rich itself adds (colours, cursor movements of a bar) are styles and controls, and stay."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)
