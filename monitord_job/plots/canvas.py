"""What all pictures have in common: size, colours, axes of time, and how they are written."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, StrMethodFormatter

from condor_templates.state_words import StateWord
from monitord_job.outcome.phases import Phase

INCH = 72.0
BLUE, RED, GREEN, INK, FAINT = "#0072b2", "#b3261e", "#009e73", "#1b1f24", "#57606a"
PHASE_COLOURS = {
    Phase.PRE: "#cc79a7",
    Phase.QUEUED: "#c9d1d9",
    Phase.DELAY: "#e69f00",
    Phase.RUNNING: BLUE,
    Phase.SUSPENDED: "#8c8c8c",
    Phase.HELD: "#d55e00",
    Phase.POST: GREEN,
}
"""After Okabe and Ito, who chose them so that people with colour blindness tell them apart."""
STATE_COLOURS = {
    StateWord.DONE.value: "#a7dbc8",
    StateWord.RUNNING.value: "#9fd0ee",
    StateWord.POST_SCRIPT.value: "#9fd0ee",
    StateWord.PRE_SCRIPT.value: "#9fd0ee",
    StateWord.QUEUED.value: "#d5dbe1",
    StateWord.HELD.value: "#f0c27a",
    StateWord.FAILED.value: "#f2a097",
    StateWord.NOT_STARTED.value: "#ffffff",
}
_SETTINGS: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "bridle",  # the same picture has the same bytes
    "text.parse_math": False,  # a $ in the name of a job is a $
}
_STEPS = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
    172800,
    604800,
)
"""Seconds between two ticks of time."""
_MOST_TICKS = 8
_MOST_POINTS = 20_000
"""A picture has at most so many pixels a side."""


def new_figure(width: float, height: float, title: str) -> Figure:
    """Inches."""
    mpl.rcParams.update(_SETTINGS)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def in_time(axes: Axes, seconds: float) -> None:
    """The x axis is time since the beginning of the run."""
    axes.set_xlim(0, max(seconds, 1))
    step = next((one for one in _STEPS if seconds / one <= _MOST_TICKS), _STEPS[-1] * -(-seconds // 604800))
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: elapsed(value)))
    axes.set_xlabel("time since the first event (h:mm:ss)")


def in_numbers(axes: Axes) -> None:
    """The y axis counts: from 0, in whole numbers."""
    axes.set_ylim(0)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def elapsed(seconds: float) -> str:
    """As a clock.

    >>> elapsed(75), elapsed(90061)
    ('0:01:15', '25:01:01')
    """
    whole = round(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def legend(axes: Axes, entries: Iterable[tuple[str, str]]) -> None:
    """(colour, word), beside the picture."""
    handles = [Patch(facecolor=colour, edgecolor=FAINT, label=word) for colour, word in entries]
    if handles:
        axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def written(figure: Figure, form: str) -> bytes:
    """The bytes of a file: png or svg."""
    out = io.BytesIO()
    dots = min(110.0, _MOST_POINTS / max(figure.get_size_inches()))
    figure.savefig(out, format=form, dpi=dots, metadata={"Date": None} if form == "svg" else None)
    return out.getvalue()
