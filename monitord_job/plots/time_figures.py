"""What happened when: Gantt chart, hosts, states, what began."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from monitord_job.outcome.node_status import NodeStatus
from monitord_job.outcome.phases import Phase
from monitord_job.plots.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    PHASE_COLOURS,
    RED,
    in_numbers,
    in_time,
    legend,
    new_figure,
)
from monitord_job.report.run_data import Attempt, RunData
from monitord_job.text.display import one_line

MOST_NAMED, MOST_BARS = 60, 1500
"""Attempts that are named; that have bars of their own."""
_ROWS, _COLUMNS = 700, 1400
"""Of the picture in which there are more."""
_MOST_HOSTS = 40
_STACK = (Phase.RUNNING, Phase.SUSPENDED, Phase.DELAY, Phase.QUEUED, Phase.HELD, Phase.PRE, Phase.POST)


def gantt(run: RunData) -> Figure:
    """Each attempt with its phases: bars of their own, or, of many, the phase that fills most of a point."""
    rows = sorted(
        (one for one in run.attempts if one.segments), key=lambda one: (one.begin or 0, one.instance)
    )
    figure = new_figure(
        12, min(max(2.5, 1.3 + 0.17 * len(rows)), 9), f"{one_line(run.title, 60)}: Gantt chart"
    )
    axes = figure.subplots()
    if len(rows) <= MOST_BARS:
        _bars(axes, rows, run.begin)
    else:
        _points(axes, rows, run)
    failed = [at for at, one in enumerate(rows) if one.status is NodeStatus.FAILED]
    ends = [(rows[at].end or 0) - run.begin for at in failed]
    axes.scatter(ends, failed, s=6, marker="s", color=RED, zorder=3, linewidths=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    in_time(axes, (run.end - run.begin) * 1.01)
    if len(rows) <= MOST_NAMED:
        axes.set_yticks(range(len(rows)), [_name(one) for one in rows], fontsize=7)
    else:
        axes.set_ylabel(f"{len(rows):,} attempts, in the order in which they began")
    used = {segment.phase for one in rows for segment in one.segments}
    marks = [(RED, "failed")] if failed else []
    measured = [(INK, "measured by kickstart")] if len(rows) <= MOST_NAMED else []
    legend(axes, [*((PHASE_COLOURS[one], one.value) for one in Phase if one in used), *measured, *marks])
    return figure


def _name(one: Attempt) -> str:
    again = f" ({one.number})" if one.number > 1 else ""
    return one_line(one.job, 36) + again


def _bars(axes: Axes, rows: Sequence[Attempt], begin: float) -> None:
    for phase in Phase:
        spans = [
            (at, segment.begin - begin, segment.seconds)
            for at, one in enumerate(rows)
            for segment in one.segments
            if segment.phase is phase
        ]
        if spans:
            places, begins, seconds = zip(*spans, strict=True)
            axes.barh(places, seconds, left=begins, height=0.8, color=PHASE_COLOURS[phase], linewidth=0)
    if len(rows) <= MOST_NAMED:
        inner = [(at, one.kickstart) for at, one in enumerate(rows) if one.kickstart is not None]
        axes.barh(
            [at for at, _ in inner],
            [measured[1] for _, measured in inner],
            left=[measured[0] - begin for _, measured in inner],
            height=0.12,
            color=INK,
        )


def occupancy(rows: Sequence[Attempt], begin: float, end: float) -> np.ndarray:
    """[phase, row, column]: how many attempts of a row of points were at that, summed over the attempts in it."""
    cells = np.zeros((len(Phase), _ROWS, _COLUMNS), dtype=np.float32)
    order = list(Phase)
    wide = max(end - begin, 1.0) / _COLUMNS
    for at, one in enumerate(rows):
        row = at * _ROWS // len(rows)
        for segment in one.segments:
            first = min(int((segment.begin - begin) / wide), _COLUMNS - 1)
            last = min(int((segment.end - begin) / wide), _COLUMNS - 1)
            cells[order.index(segment.phase), row, first : last + 1] += 1
    return cells


def _points(axes: Axes, rows: Sequence[Attempt], run: RunData) -> None:
    there = occupancy(rows, run.begin, run.end)
    colours = np.array([to_rgb(PHASE_COLOURS[phase]) for phase in Phase])
    most, sums = there.argmax(axis=0), there.sum(axis=0)
    deep = np.minimum(sums / max(len(rows) / _ROWS, 1.0), 1.0)[..., None] ** 0.5
    picture = 1 - deep * (1 - colours[most])
    where = (0.0, run.end - run.begin, len(rows) - 0.5, -0.5)
    axes.imshow(picture, extent=where, aspect="auto", interpolation="nearest")


def hosts(run: RunData) -> Figure:
    """How many jobs ran on each host over time."""
    shown = run.hosts[:_MOST_HOSTS]
    figure = new_figure(
        12, max(2.5, 1.5 + 0.2 * len(shown)), f"{one_line(run.title, 60)}: jobs on hosts over time"
    )
    axes = figure.subplots()
    if shown:
        busy = np.array([one.busy for one in shown])
        where = (0.0, run.end - run.begin, len(shown) - 0.5, -0.5)
        image = axes.imshow(busy, extent=where, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0)
        figure.colorbar(image, label="jobs running", pad=0.01)
        words = [f"{one_line(one.name, 36)} ({one.attempts:,})" for one in shown]
        axes.set_yticks(range(len(shown)), words, fontsize=7)
    others = len(run.hosts) - len(shown)
    in_time(axes, run.end - run.begin)
    if others:
        axes.set_xlabel(f"{axes.get_xlabel()}; {others:,} hosts that ran less are not shown")
    return figure


def states(run: RunData) -> Figure:
    """How many attempts were at what, and how many had succeeded and failed by then."""
    over = run.over_time
    figure = new_figure(12, 6.5, f"{one_line(run.title, 60)}: attempts in each state over time")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    edges = np.arange(len(over.done) + 1) * over.width
    there = [phase for phase in _STACK if phase in over.phases]
    floor = np.zeros(len(over.done))
    for phase in there:
        top = floor + np.array(over.phases[phase])
        above.stairs(top, edges, baseline=floor, fill=True, color=PHASE_COLOURS[phase], linewidth=0)
        floor = top
    above.set_ylabel("attempts")
    in_numbers(above)
    legend(above, [(PHASE_COLOURS[phase], phase.value) for phase in there])
    for values, colour in ((over.done, GREEN), (over.failed, RED)):
        below.stairs(values, edges, color=colour, linewidth=1.8, baseline=None)
    below.set_ylabel("by then")
    in_numbers(below)
    legend(below, [(GREEN, f"{over.done[-1]:,} succeeded"), (RED, f"{over.failed[-1]:,} failed")])
    in_time(below, run.end - run.begin)
    return figure


def time_chart(run: RunData) -> Figure:
    """Jobs and invocations by when they began: how many, and how long they took."""
    over = run.over_time
    figure = new_figure(12, 6, f"{one_line(run.title, 60)}: what began when")
    (jobs, invocations), (job_time, invocation_time) = figure.subplots(2, 2, sharex=True)
    edges = np.arange(len(over.done) + 1) * over.width
    for axes, values, title, colour in (
        (jobs, over.jobs, "jobs", BLUE),
        (invocations, over.invocations, "invocations", GREEN),
        (job_time, over.job_seconds, "seconds of these jobs", BLUE),
        (invocation_time, over.invocation_seconds, "seconds of these invocations", GREEN),
    ):
        axes.stairs(values, edges, fill=True, color=colour)
        in_numbers(axes)
        axes.set_title(f"{title}: {sum(values):,.0f}", loc="left", fontsize=9, color=FAINT)
    for axes in (job_time, invocation_time):
        in_time(axes, run.end - run.begin)
        axes.tick_params(axis="x", labelrotation=20)
    return figure
